//! A picture as it is drawn: one byte a pixel with a palette for as long as possible, full colour where it must be.

use image::RgbImage;

use super::indexed::{BACKGROUND, IndexedImage};

/// A picture of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raster {
    /// One byte a pixel: maps. [`BACKGROUND`] is where nothing is drawn.
    Indexed(Box<IndexedImage>),
    /// Three bytes a pixel: photographs and patterns.
    Rgb(RgbImage),
}

impl Raster {
    /// Width in pixels.
    pub fn width(&self) -> u32 {
        match self {
            Self::Indexed(picture) => picture.width as u32,
            Self::Rgb(picture) => picture.width(),
        }
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        match self {
            Self::Indexed(picture) => picture.height as u32,
            Self::Rgb(picture) => picture.height(),
        }
    }

    /// The picture in full colour.
    pub fn to_rgb(&self) -> RgbImage {
        match self {
            Self::Indexed(picture) => picture.to_rgb(),
            Self::Rgb(picture) => picture.clone(),
        }
    }

    /// The colour of a pixel; none where nothing is drawn.
    pub fn color(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        match self {
            Self::Indexed(picture) => {
                let index = *picture.indices.get(y as usize * picture.width + x as usize)?;
                (index != BACKGROUND).then(|| picture.palette[usize::from(index)])
            }
            Self::Rgb(picture) => picture.get_pixel_checked(x, y).map(|pixel| pixel.0),
        }
    }
}
