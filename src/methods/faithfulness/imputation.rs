//! Missing pixels from those around them, by the linear system of ROAD.
//!
//! Every missing pixel is the weighted mean of its eight neighbours, 1/6 for those beside it and 1/12 for those across corners, missing ones
//! among them; neighbours beyond the border do not count. So all missing pixels together solve `(D − W) x = b`, with W the weights
//! between missing pixels, b what the known ones give, and D the sum of the weights within the picture. The matrix is
//! symmetric and, as long as one pixel is known, positive definite: it is solved in double precision by the method of
//! conjugate gradients until the residual is 1e-12 of b, preconditioned by an incomplete Cholesky factor whose diagonal alone
//! differs from the matrix (Gustafsson's modified factorisation, 1978), which takes tens of steps for 224×224 pixels. The reference
//! solves the same system by SuperLU; the two differ by less than float32 can tell.

use crate::engine::{Cancel, EngineError};
use crate::methods::MethodError;

use super::FaithfulnessError;

const BESIDE: f64 = 1.0 / 6.0;
const ACROSS: f64 = 1.0 / 12.0;

/// Rows and columns to each neighbour that comes before a pixel in reading order, with its weight. The others lie opposite.
const BEFORE: [(isize, isize, f64); 4] = [(-1, -1, ACROSS), (-1, 0, BESIDE), (-1, 1, ACROSS), (0, -1, BESIDE)];

/// Residual at which the system counts as solved, as a share of the right-hand side.
const TOLERANCE: f64 = 1e-12;

/// Steps after which it will never be solved: many times what the largest pictures take.
const MOST_STEPS: usize = 20_000;

/// How much of what the factor leaves out goes to its diagonal: all of it is at times too much for the last rows.
const MODIFIED: f64 = 0.97;

/// Makes the missing pixels of a picture, C×H×W with `columns` columns, from the known ones.
///
/// # Errors
/// When no pixel is known, a number is not finite, or the work was stopped.
pub fn impute(picture: &[f32], known: &[bool], columns: usize, cancel: &Cancel) -> Result<Vec<f32>, MethodError> {
    let mut made = picture.to_vec();
    if known.iter().all(|&known| known) {
        return Ok(made);
    }
    if !known.contains(&true) {
        return Err(FaithfulnessError::Flat("road").into());
    }
    let system = System::of(known, columns);
    for channel in made.chunks_exact_mut(known.len()) {
        let right = system.right_side(channel, known, columns);
        let solution = system.solve(&right, cancel)?;
        for (&pixel, value) in system.pixels.iter().zip(solution) {
            channel[pixel] = value as f32;
        }
    }
    Ok(made)
}

/// The system of the missing pixels.
struct System {
    /// Where each unknown lies in the picture.
    pixels: Vec<usize>,
    /// For each unknown the four neighbours before it, and for each the four behind it: numbers of unknowns, or one more than
    /// the last, where a zero stands.
    before: Vec<[usize; 4]>,
    behind: Vec<[usize; 4]>,
    diagonal: Vec<f64>,
    /// The diagonal of the incomplete factor.
    factor: Vec<f64>,
}

impl System {
    fn of(known: &[bool], columns: usize) -> Self {
        let pixels: Vec<usize> = (0..known.len()).filter(|&pixel| !known[pixel]).collect();
        let none = pixels.len();
        let mut unknown = vec![none; known.len()];
        pixels.iter().enumerate().for_each(|(number, &pixel)| unknown[pixel] = number);
        let neighbours = |pixel: usize, sign: isize| {
            BEFORE.map(|(down, across, _)| {
                neighbour(pixel, (sign * down, sign * across), columns, known.len())
                    .map_or(none, |other| unknown[other])
            })
        };
        let before: Vec<[usize; 4]> = pixels.iter().map(|&pixel| neighbours(pixel, 1)).collect();
        let behind: Vec<[usize; 4]> = pixels.iter().map(|&pixel| neighbours(pixel, -1)).collect();
        let diagonal: Vec<f64> =
            pixels.iter().map(|&pixel| around(pixel, columns, known.len()).map(|(_, weight)| weight).sum()).collect();
        let mut factor: Vec<f64> = Vec::with_capacity(none);
        for (row, earlier) in before.iter().enumerate() {
            let mut left = diagonal[row];
            for (&column, (_, _, weight)) in earlier.iter().zip(BEFORE) {
                if column == none {
                    continue;
                }
                let later = behind[column].iter().zip(BEFORE).filter(|(other, _)| **other != none);
                let all: f64 = later.map(|(_, (_, _, weight))| weight).sum();
                left -= weight * (weight + MODIFIED * (all - weight)) / factor[column];
            }
            // Never far below the matrix's own.
            factor.push(if left < diagonal[row] / 4.0 { diagonal[row] } else { left });
        }
        Self { pixels, before, behind, diagonal, factor }
    }

    /// What the known neighbours give to each missing pixel.
    fn right_side(&self, channel: &[f32], known: &[bool], columns: usize) -> Vec<f64> {
        let given = |&pixel: &usize| {
            let around = around(pixel, columns, known.len()).filter(|(other, _)| known[*other]);
            around.map(|(other, weight)| weight * f64::from(channel[other])).sum()
        };
        self.pixels.iter().map(given).collect()
    }

    fn solve(&self, right: &[f64], cancel: &Cancel) -> Result<Vec<f64>, MethodError> {
        let count = right.len();
        let enough = TOLERANCE * dot(right, right).sqrt();
        let mut solution = vec![0.0; count];
        let mut residual = right.to_vec();
        // One more, for neighbours that there are not.
        let (mut direction, mut product, mut better) = (vec![0.0; count + 1], vec![0.0; count], vec![0.0; count + 1]);
        let mut before = 0.0;
        for step in 0..MOST_STEPS {
            if dot(&residual, &residual).sqrt() <= enough {
                return Ok(solution);
            }
            if cancel.is_raised() {
                return Err(EngineError::Cancelled.into());
            }
            self.precondition(&residual, &mut better);
            let now = dot(&residual, &better);
            let turn = if step == 0 { 0.0 } else { now / before };
            for (direction, better) in direction.iter_mut().zip(&better[..count]) {
                *direction = better + turn * *direction;
            }
            self.multiply(&direction, &mut product);
            let length = now / dot(&product, &direction);
            if !length.is_finite() {
                break;
            }
            for at in 0..count {
                solution[at] += length * direction[at];
                residual[at] -= length * product[at];
            }
            before = now;
        }
        Err(FaithfulnessError::Unsolved.into())
    }

    /// `(D − W) x`
    fn multiply(&self, vector: &[f64], product: &mut [f64]) {
        for (row, result) in product.iter_mut().enumerate() {
            *result = self.diagonal[row] * vector[row]
                - weighted(&self.before[row], vector)
                - weighted(&self.behind[row], vector);
        }
    }

    /// Solves with the incomplete factor: forwards and backwards.
    fn precondition(&self, residual: &[f64], result: &mut [f64]) {
        // What stands behind the last row is no neighbour's.
        let none = residual.len();
        result[none] = 0.0;
        for row in 0..none {
            result[row] = (residual[row] + weighted(&self.before[row], result)) / self.factor[row];
        }
        for row in (0..none).rev() {
            result[row] += weighted(&self.behind[row], result) / self.factor[row];
        }
    }
}

/// The sum of a row's neighbours on one side, each by its weight.
fn weighted(neighbours: &[usize; 4], vector: &[f64]) -> f64 {
    neighbours.iter().zip(BEFORE).map(|(&other, (_, _, weight))| weight * vector[other]).sum()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// All neighbours of a pixel within the picture, with their weights.
fn around(pixel: usize, columns: usize, pixels: usize) -> impl Iterator<Item = (usize, f64)> {
    BEFORE.into_iter().flat_map(move |(down, across, weight)| {
        let both = [(down, across), (-down, -across)];
        both.into_iter().filter_map(move |step| Some((neighbour(pixel, step, columns, pixels)?, weight)))
    })
}

/// The pixel some rows and columns away, if the picture has it.
fn neighbour(pixel: usize, (down, across): (isize, isize), columns: usize, pixels: usize) -> Option<usize> {
    let row = (pixel / columns).checked_add_signed(down)?;
    let column = (pixel % columns).checked_add_signed(across)?;
    (column < columns && row * columns < pixels).then_some(row * columns + column)
}
