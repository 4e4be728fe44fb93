//! A sheet of what excites some channels: a row of crops for each.

use image::{Rgb, RgbImage, imageops};

use super::file::ChannelRows;
use crate::model::resample::{Interpolation, resize};

/// Pixels between crops.
const GAP: u32 = 4;

/// The crops of some channels, a row for each channel, the most exciting first. Each is brought into a square of `side` pixels
/// without being distorted; small ones are enlarged pixel by pixel.
pub fn sheet(channels: &[ChannelRows], side: u32) -> RgbImage {
    let columns = channels.iter().map(|channel| channel.kept.len()).max().unwrap_or(0).max(1) as u32;
    let rows = channels.len().max(1) as u32;
    let along = |count: u32| count * (side + GAP) + GAP;
    let mut sheet = RgbImage::from_pixel(along(columns), along(rows), Rgb([0; 3]));
    for (row, channel) in (0..).zip(channels) {
        for (column, kept) in (0..).zip(&channel.kept) {
            let Some(crop) = kept.picture() else { continue };
            let longer = crop.width().max(crop.height());
            let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
            let (width, height) = (scaled(crop.width()), scaled(crop.height()));
            let Ok(fitted) = resize(&crop, width, height, Interpolation::Box) else { continue };
            let place = |index: u32, length: u32| i64::from(along(index) + (side - length) / 2);
            imageops::replace(&mut sheet, &fitted, place(column, width), place(row, height));
        }
    }
    sheet
}
