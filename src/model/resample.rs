//! Resizing as Pillow does it, to the same bytes: antialiased when a picture shrinks, weights in fixed point, first across
//! and then down with whole levels in between.
//!
//! A preprocessing that differs in a level or two from the one that a network was trained with is a different network, so
//! this follows Pillow's arithmetic and not merely its filters.

use image::RgbImage;

/// How new pixels are made of old ones; the names are Pillow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The one old pixel at the new pixel's centre.
    Nearest,
    /// Mean of the old pixels that a new one covers.
    Box,
    /// Triangle filter.
    Bilinear,
    /// Catmull–Rom filter (a = −0.5).
    Bicubic,
    /// Lanczos filter with three lobes.
    Lanczos,
}

impl Interpolation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Nearest, Self::Box, Self::Bilinear, Self::Bicubic, Self::Lanczos];

    /// The name in a preprocessing specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Box => "box",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
            Self::Lanczos => "lanczos",
        }
    }

    /// Distance from its centre at which the filter ends, in old pixels, when the picture does not shrink.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The filter at a distance from its centre.
    fn weight(self, distance: f64) -> f64 {
        let size = distance.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(u8::from(distance > -0.5 && distance <= 0.5)),
            Self::Bilinear => (1.0 - size).max(0.0),
            Self::Bicubic if size < 1.0 => (1.5 * size - 2.5) * size * size + 1.0,
            Self::Bicubic if size < 2.0 => ((2.5 - 0.5 * size) * size - 4.0) * size + 2.0,
            Self::Lanczos if size < 3.0 => sinc(distance) * sinc(distance / 3.0),
            Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

fn sinc(distance: f64) -> f64 {
    let angle = distance * std::f64::consts::PI;
    if angle == 0.0 { 1.0 } else { angle.sin() / angle }
}

/// A picture without pixels, or a size without them.
#[derive(Debug, thiserror::Error)]
#[error("a picture of {}×{} pixels cannot be resized to {}×{}", from.0, from.1, to.0, to.1)]
pub struct ResizeError {
    from: (u32, u32),
    to: (u32, u32),
}

/// `picture` at `width`×`height` pixels.
///
/// # Errors
/// Either has no pixels.
pub fn resize(picture: &RgbImage, width: u32, height: u32, how: Interpolation) -> Result<RgbImage, ResizeError> {
    let from = picture.dimensions();
    if from.0 == 0 || from.1 == 0 || width == 0 || height == 0 {
        return Err(ResizeError { from, to: (width, height) });
    }
    if how == Interpolation::Nearest {
        let (columns, rows) = (nearest(from.0, width), nearest(from.1, height));
        let old = |places: &[u32], place: u32| places.get(place as usize).copied().unwrap_or(0);
        return Ok(RgbImage::from_fn(width, height, |x, y| *picture.get_pixel(old(&columns, x), old(&rows, y))));
    }
    let across = if width == from.0 { None } else { Some(resize_across(picture, width, how)) };
    if height == from.1 {
        return Ok(across.unwrap_or_else(|| picture.clone()));
    }
    Ok(resize_down(across.as_ref().unwrap_or(picture), height, how))
}

/// The old pixel at the centre of each new one. The centres are summed up as Pillow does: a centre on the border of two
/// pixels falls to the side that the rounding of the sum says.
fn nearest(old: u32, new: u32) -> Vec<u32> {
    let step = f64::from(old) / f64::from(new);
    let mut centre = step * 0.5;
    let mut places = Vec::with_capacity(new as usize);
    for _ in 0..new {
        places.push((centre as u32).min(old - 1));
        centre += step;
    }
    places
}

/// Bits after the point of a weight: a level of 8 bits, a sum of weights below 4 in size, and the sign make up the rest of 32.
const POINT: u32 = 22;
const HALF: i32 = 1 << (POINT - 1);

/// The old pixels that make a new one, and their weights in fixed point, which sum to 1.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

fn windows(old: u32, new: u32, how: Interpolation) -> Vec<Window> {
    let scale = f64::from(old) / f64::from(new);
    let stretch = scale.max(1.0);
    let support = how.support() * stretch;
    let window = |place: u32| {
        let centre = (f64::from(place) + 0.5) * scale;
        let start = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(old as usize);
        let weights: Vec<f64> = (start..end).map(|pixel| how.weight((pixel as f64 - centre + 0.5) / stretch)).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: f64| (weight / sum * f64::from(1_u32 << POINT)).round() as i32;
        Window { start, weights: weights.into_iter().map(fixed).collect() }
    };
    (0..new).map(window).collect()
}

fn level(sum: i32) -> u8 {
    (sum >> POINT).clamp(0, 255) as u8
}

fn resize_across(picture: &RgbImage, width: u32, how: Interpolation) -> RgbImage {
    let windows = windows(picture.width(), width, how);
    let mut resized = RgbImage::new(width, picture.height());
    let row_length = picture.width() as usize * 3;
    for (old, new) in picture.as_raw().chunks_exact(row_length).zip(resized.chunks_exact_mut(width as usize * 3)) {
        for (pixel, window) in new.chunks_exact_mut(3).zip(&windows) {
            let mut sums = [HALF; 3];
            for (levels, weight) in old[window.start * 3..].chunks_exact(3).zip(&window.weights) {
                for (sum, level) in sums.iter_mut().zip(levels) {
                    *sum += i32::from(*level) * weight;
                }
            }
            for (target, sum) in pixel.iter_mut().zip(sums) {
                *target = level(sum);
            }
        }
    }
    resized
}

fn resize_down(picture: &RgbImage, height: u32, how: Interpolation) -> RgbImage {
    let mut resized = RgbImage::new(picture.width(), height);
    let row_length = picture.width() as usize * 3;
    let mut sums = vec![HALF; row_length];
    for (new, window) in resized.chunks_exact_mut(row_length).zip(windows(picture.height(), height, how)) {
        sums.fill(HALF);
        for (old, weight) in picture.as_raw()[window.start * row_length..].chunks_exact(row_length).zip(&window.weights)
        {
            for (sum, level) in sums.iter_mut().zip(old) {
                *sum += i32::from(*level) * weight;
            }
        }
        for (target, sum) in new.iter_mut().zip(&sums) {
            *target = level(*sum);
        }
    }
    resized
}
