//! Random shifts, scales and rotations that a pattern must survive, so that it cannot live on high frequencies.
//!
//! Lucid's `standard_transforms` (`lucid/optvis/transform.py`): a border of 12 pixels of grey 0.5; a crop that leaves out 8 rows
//! and columns at random; a scale of 0.9 to 1.1; a rotation by −10 to 10 degrees, none in 6 of 26 cases; a crop that leaves out
//! 4. What the network sees is therefore larger or smaller than the pattern and of another size at every step.
//!
//! Lucid's own sampling is kept: the scale is TensorFlow's old bilinear one, whose first pixel lies on the first; the rotation
//! takes the nearest pixel, black beyond the border, with π taken as 3.14. Its gradient here is that of the picture as it was
//! sampled, where TensorFlow rotates the gradient back. Lucent's crops shift and fill with black, its scale fills up with black
//! to the size before and its rotation is bilinear: its patterns differ at the border.
//!
//! Lucid draws one transform for the whole batch. Here each pattern has its own shifts and rotation, drawn from its own seed, and
//! only the scale, which decides the size of what is fed, is shared by all patterns at a step: so a pattern does not depend
//! on the batch that it grows in.

use tch::{Kind, Tensor};

use super::random::{Lane, Purpose, Random};
use crate::methods::MethodError;

/// Width of the border, in pixels.
const BORDER: usize = 12;
/// Grey of the border.
const GREY: f64 = 0.5;
/// Rows and columns that the first crop leaves out.
const FIRST: usize = 8;
/// Rows and columns that the last crop leaves out.
const LAST: usize = 4;
/// Scales: 1 + (i − 5) / 50.
const SCALES: usize = 11;
/// Rotations: −10 to 10 degrees, and five times none.
const ANGLES: usize = 26;
/// Lucid's π.
#[allow(clippy::approx_constant, reason = "the patterns are Lucid's only with Lucid's own")]
const PI: f32 = 3.14;

/// The longest that a side becomes.
pub(super) fn largest(side: usize) -> usize {
    let scale = 1.0 + (SCALES - 1) as f64 / 100.0;
    ((side + 2 * BORDER - FIRST) as f64 * scale) as usize - LAST
}

/// The shifts and the rotation of one pattern at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transform {
    /// Rows and columns that the first crop leaves out before it: 0 to 8.
    pub first: (usize, usize),
    /// Degrees, counter-clockwise: −10 to 10.
    pub angle: i32,
    /// Rows and columns that the last crop leaves out before it: 0 to 4.
    pub last: (usize, usize),
}

/// The transforms of a batch at one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transforms {
    /// The scale's number, 0 to 10: 1 + (i − 5) / 50.
    pub scale: usize,
    /// Of each pattern.
    pub each: Vec<Transform>,
}

impl Transforms {
    /// Draws those of a step.
    pub fn drawn(seed: u64, lanes: &[Lane], step: usize) -> Self {
        let everyone = Lane { channel: usize::MAX, copy: usize::MAX };
        let scale = Random::new(seed, everyone, Purpose::Scale, step).below(SCALES);
        let each = lanes.iter().map(|&lane| {
            let mut random = Random::new(seed, lane, Purpose::Transforms, step);
            let first = (random.below(FIRST + 1), random.below(FIRST + 1));
            let angle = random.below(ANGLES) as i32 - 10;
            let last = (random.below(LAST + 1), random.below(LAST + 1));
            Transform { first, angle: if angle > 10 { 0 } else { angle }, last }
        });
        Self { scale, each: each.collect() }
    }

    /// Pictures K×C×H×W from 0 to 1 as the network is to see them, of another size.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn of(&self, pictures: &Tensor) -> Result<Tensor, MethodError> {
        let (_, _, height, width) = pictures.size4()?;
        let scaled = self.cropped_and_scaled(pictures, (height, width))?;
        self.rotated_and_cropped(&scaled)
    }

    /// Border, first crop and scale in one sampling.
    fn cropped_and_scaled(&self, pictures: &Tensor, (height, width): (i64, i64)) -> Result<Tensor, MethodError> {
        // As Lucid computes it: a product of 32-bit floats, rounded down.
        let scale = 1.0 + (self.scale as f32 - 5.0) / 50.0;
        let positions = |side: i64, first: &dyn Fn(&Transform) -> usize| -> Result<Tensor, MethodError> {
            let cropped = side + (2 * BORDER - FIRST) as i64;
            let scaled = ((scale * cropped as f32) as i64).max(1);
            let ratio = cropped as f64 / scaled as f64;
            let all: Vec<f32> = (self.each.iter())
                .flat_map(|transform| {
                    let shift = first(transform) as f64 - BORDER as f64;
                    // Where TensorFlow would look beyond the last row, it looks at the last.
                    (0..scaled).map(move |at| (at as f64 * ratio).min((cropped - 1) as f64) + shift)
                })
                .map(|at| normalised(at, side))
                .collect();
            Ok(Tensor::f_from_slice(&all)?
                .f_reshape([self.each.len() as i64, scaled])?
                .f_to_device(pictures.device())?)
        };
        let rows = positions(height, &|transform| transform.first.0)?;
        let columns = positions(width, &|transform| transform.first.1)?;
        let sizes = [self.each.len() as i64, rows.size2()?.1, columns.size2()?.1];
        let grid = Tensor::f_stack(
            &[columns.f_unsqueeze(1)?.f_expand(sizes, false)?, rows.f_unsqueeze(2)?.f_expand(sizes, false)?],
            -1,
        )?;
        // What lies beyond the picture is sampled as 0: the border's grey, when that is taken away before.
        let bilinear = 0;
        Ok(pictures.f_sub_scalar(GREY)?.f_grid_sampler(&grid, bilinear, 0, false)?.f_add_scalar(GREY)?)
    }

    /// Rotation and last crop in one sampling.
    fn rotated_and_cropped(&self, pictures: &Tensor) -> Result<Tensor, MethodError> {
        let (count, _, height, width) = pictures.size4()?;
        let (rows, columns) = ((height - LAST as i64).max(1), (width - LAST as i64).max(1));
        let (down, across) = ((height - 1) as f32, (width - 1) as f32);
        // For each pattern: x and y in the picture as 1, row and column of the result.
        let affine: Vec<f32> = (self.each.iter())
            .flat_map(|transform| {
                let (sine, cosine) = (PI * transform.angle as f32 / 180.0).sin_cos();
                let (x, y) =
                    ((across - (cosine * across - sine * down)) / 2.0, (down - (sine * across + cosine * down)) / 2.0);
                let (row, column) = (transform.last.0 as f32, transform.last.1 as f32);
                // The last crop moves where the rotation looks.
                let (x, y) = (x + cosine * column - sine * row, y + sine * column + cosine * row);
                [x, -sine, cosine, y, cosine, sine]
            })
            .collect();
        let affine = Tensor::f_from_slice(&affine)?.f_reshape([count, 2, 3, 1, 1])?.f_to_device(pictures.device())?;
        let options = (Kind::Float, pictures.device());
        let (row, column) =
            (Tensor::f_arange(rows, options)?.f_reshape([1, rows, 1])?, Tensor::f_arange(columns, options)?);
        let at = |axis: i64, side: i64| -> Result<Tensor, MethodError> {
            let part = |index: i64| Ok::<_, MethodError>(affine.f_select(1, axis)?.f_select(1, index)?);
            let pixel = part(1)?.f_mul(&row)?.f_add(&part(2)?.f_mul(&column)?)?.f_add(&part(0)?)?;
            Ok(pixel.f_mul_scalar(2.0)?.f_add_scalar(1.0)?.f_div_scalar(side as f64)?.f_sub_scalar(1.0)?)
        };
        let grid = Tensor::f_stack(&[at(0, width)?, at(1, height)?], -1)?;
        let nearest = 1;
        Ok(pictures.f_grid_sampler(&grid, nearest, 0, false)?)
    }
}

/// A position in pixels on `grid_sampler`'s scale, on which the picture's edges are −1 and 1.
fn normalised(pixel: f64, side: i64) -> f32 {
    ((2.0 * pixel + 1.0) / side as f64 - 1.0) as f32
}
