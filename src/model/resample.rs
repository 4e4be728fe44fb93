//! Resizing as Pillow does it: antialiased when a picture shrinks, to within one level.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
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

    fn algorithm(self) -> ResizeAlg {
        match self {
            Self::Nearest => ResizeAlg::Nearest,
            Self::Box => ResizeAlg::Convolution(FilterType::Box),
            Self::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Self::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
            Self::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
        }
    }
}

/// A picture that could not be resized: it or the result has no pixels, or more than memory allows.
#[derive(Debug, thiserror::Error)]
#[error("a picture of {from:?} pixels cannot be resized to {to:?}: {reason}")]
pub struct ResizeError {
    from: (u32, u32),
    to: (u32, u32),
    reason: String,
}

/// `picture` at `width`×`height` pixels.
///
/// # Errors
/// Either side has no pixels.
pub fn resize(picture: &RgbImage, width: u32, height: u32, how: Interpolation) -> Result<RgbImage, ResizeError> {
    let from = picture.dimensions();
    if from == (width, height) {
        return Ok(picture.clone());
    }
    let failed = |reason: String| ResizeError { from, to: (width, height), reason };
    if from.0 == 0 || from.1 == 0 || width == 0 || height == 0 {
        return Err(failed("no pixels".into()));
    }
    let source =
        ImageRef::new(from.0, from.1, picture.as_raw(), PixelType::U8x3).map_err(|error| failed(error.to_string()))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    Resizer::new()
        .resize(&source, &mut target, &ResizeOptions::new().resize_alg(how.algorithm()))
        .map_err(|error| failed(error.to_string()))?;
    RgbImage::from_raw(width, height, target.into_vec()).ok_or_else(|| failed("the result has another size".into()))
}
