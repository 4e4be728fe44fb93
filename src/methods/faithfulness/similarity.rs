//! How alike two maps are.

/// Spearman's rank correlation: Pearson's of the ranks, equal numbers sharing the mean of theirs, as SciPy's `spearmanr`. None where one of the
/// maps is the same everywhere.
pub fn spearman(one: &[f32], other: &[f32]) -> Option<f64> {
    let (one, other) = (ranks(one), ranks(other));
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    let (first, second) = (mean(&one), mean(&other));
    let (mut products, mut squares, mut others) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(&other) {
        products += (a - first) * (b - second);
        squares += (a - first).powi(2);
        others += (b - second).powi(2);
    }
    (squares > 0.0 && others > 0.0).then(|| products / (squares * others).sqrt())
}

fn ranks(numbers: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    let at = |place: usize| numbers[place] + 0.0;
    order.sort_by(|&a, &b| at(a).total_cmp(&at(b)));
    let mut ranks = vec![0.0; numbers.len()];
    let mut first = 0;
    for same in order.chunk_by(|&a, &b| at(a).total_cmp(&at(b)).is_eq()) {
        let shared = first as f64 + (same.len() as f64 + 1.0) / 2.0;
        same.iter().for_each(|&place| ranks[place] = shared);
        first += same.len();
    }
    ranks
}

/// Rows and columns on each side of a pixel that the window of [`ssim`] sees.
const REACH: usize = 5;

/// The mean structural similarity of two maps of `columns` columns, each first scaled to 0–1: Wang et al., *Image Quality Assessment: From Error Visibility to
/// Structural Similarity* (2004), with its Gaussian window of 11×11 and deviation 1.5 and its constants, where the window lies within the map; scikit-image's
/// `structural_similarity` with `gaussian_weights=True, use_sample_covariance=False, data_range=1`. None where a map is smaller than the window.
pub fn ssim(one: &[f32], other: &[f32], columns: usize) -> Option<f64> {
    let rows = one.len().checked_div(columns)?;
    if rows.min(columns) <= 2 * REACH || one.len() != other.len() {
        return None;
    }
    let (one, other) = (scaled(one), scaled(other));
    let products = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<_>>();
    let blurred = |map: &[f64]| blurred(map, rows, columns);
    let (mean, others) = (blurred(&one), blurred(&other));
    let (squares, other_squares) = (blurred(&products(&one, &one)), blurred(&products(&other, &other)));
    let both = blurred(&products(&one, &other));
    let (small, smaller) = (0.01_f64.powi(2), 0.03_f64.powi(2));
    let alike = (0..mean.len()).map(|at| {
        let (a, b) = (mean[at], others[at]);
        let (variance, other_variance) = (squares[at] - a * a, other_squares[at] - b * b);
        let covariance = both[at] - a * b;
        (2.0 * a * b + small) * (2.0 * covariance + smaller)
            / ((a * a + b * b + small) * (variance + other_variance + smaller))
    });
    Some(alike.sum::<f64>() / mean.len() as f64)
}

/// From 0 to 1; zeros where all numbers are the same.
fn scaled(map: &[f32]) -> Vec<f64> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = f64::from(most) - f64::from(least);
    map.iter().map(|&value| if range > 0.0 { (f64::from(value) - f64::from(least)) / range } else { 0.0 }).collect()
}

/// The mean under the window, for each place at which it lies within the map.
fn blurred(map: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let weight = |place: usize| (-(place as f64 - REACH as f64).powi(2) / (2.0 * 1.5 * 1.5)).exp();
    let mut window: Vec<f64> = (0..=2 * REACH).map(weight).collect();
    let sum: f64 = window.iter().sum();
    window.iter_mut().for_each(|weight| *weight /= sum);
    let across: Vec<f64> = map
        .chunks_exact(columns)
        .flat_map(|row| {
            row.windows(window.len()).map(|seen| seen.iter().zip(&window).map(|(value, weight)| value * weight).sum())
        })
        .collect();
    let narrower = columns - 2 * REACH;
    let down = (0..(rows - 2 * REACH) * narrower)
        .map(|at| window.iter().enumerate().map(|(row, weight)| weight * across[at + row * narrower]).sum());
    down.collect()
}
