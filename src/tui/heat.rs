//! The heatmap pane's picture: a map or an attribution over what the network saw.

use image::RgbImage;
use image::imageops::FilterType;

use super::drawing::{Side, stretched};
use super::state::OverlayMode;
use crate::methods::attribution::Reading;
use crate::model::preprocess::Region;
use crate::picture::attribution::AttributionPicture;
use crate::picture::overlay::heat;
use crate::picture::{ColorMap, IndexedImage, Overlay, Range, Scale};
use crate::service::protocol::{Grain, Heatmap, OtherMap};

/// Draws the picture, the map over it, or the map alone; `strength` is the share of the map in percent.
pub(super) fn heatmap(
    picture: &RgbImage,
    map: Option<&Heatmap>,
    mode: OverlayMode,
    strength: u8,
    side: Side,
) -> RgbImage {
    let Some(map) = map.filter(|_| mode != OverlayMode::Picture) else { return picture.clone() };
    let (values, width) = match (side, &map.other) {
        (Side::Second, Some(other)) => (&other.values, other.width),
        (Side::Difference, Some(other)) => return difference(picture, map, other),
        _ => (&map.values, map.width),
    };
    let strength = f32::from(strength) / 100.0;
    if let Grain::Attribution { channels, reading } = map.grain {
        let usual = attribution_picture(reading);
        let under = (mode == OverlayMode::Overlay).then_some(picture);
        // White on a grey picture would be lost in its highlights.
        let colors = if reading != Reading::Magnitude || under.is_none() { usual.colors } else { ColorMap::Inferno };
        return AttributionPicture { colors, strength, ..usual }.draw(values, channels, width, under);
    }
    let whole = Region::whole(picture.width(), picture.height());
    let overlay = Overlay { strength, ..Overlay::default() };
    if mode == OverlayMode::Map {
        let black = RgbImage::new(picture.width(), picture.height());
        let alone = Overlay { colors: ColorMap::Inferno, strength: 1.0, ..overlay };
        return alone.draw(&black, values, width, whole);
    }
    overlay.draw(picture, values, width, whole)
}

/// An attribution for a place of fewer pixels than it has, with the picture that it lies over and how many of its pixels make one:
/// drawn in its own size and then made smaller, single pixels that count would be lost. None where there is room for all.
pub(super) fn pooled(picture: &RgbImage, map: &Heatmap, side: u32) -> Option<(RgbImage, Heatmap, u32)> {
    let Grain::Attribution { channels, .. } = map.grain else { return None };
    let (height, width) = (map.height, map.width);
    let times = width.min(height).div_ceil((side as usize).max(1));
    let (rows, columns) = (height / times.max(1), width / times.max(1));
    if times < 2 || rows == 0 || columns == 0 {
        return None;
    }
    let pool = |values: &[f32]| -> Vec<f32> {
        let mut sums = vec![0.0; channels * rows * columns];
        for (place, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let (row, column) = (place / width % height / times, place % width / times);
            let at = (place / (width * height) * rows + row) * columns + column;
            // Pixels of a last row or column that is not whole do not count.
            if let Some(sum) = sums.get_mut(at).filter(|_| row < rows && column < columns) {
                *sum += value;
            }
        }
        sums
    };
    let other = map.other.as_ref().filter(|other| (other.height, other.width) == (height, width));
    let other = other.map(|other| OtherMap { height: rows, width: columns, values: pool(&other.values) });
    let small = Heatmap { height: rows, width: columns, values: pool(&map.values), other, ..map.clone() };
    let under = stretched(picture, columns as u32, rows as u32, FilterType::Triangle);
    Some((under, small, times as u32))
}

/// How an attribution is drawn, as the command does.
fn attribution_picture(reading: Reading) -> AttributionPicture {
    AttributionPicture::of(reading.into())
}

/// Where one model's heat is above the other's, each on its own scale: a map's from 0 to 1, an attribution's from −1.
fn difference(picture: &RgbImage, map: &Heatmap, other: &OtherMap) -> RgbImage {
    let (rows, columns) = (map.height.max(other.height), map.width.max(other.width));
    let at = |values: &[f32], (height, width): (usize, usize), row: usize, column: usize| {
        let (row, column) = (row * height / rows.max(1), column * width / columns.max(1));
        values.get(row * width + column).copied().unwrap_or(0.0)
    };
    let levels = |values: &[f32]| match map.grain {
        Grain::Map => heat(values),
        Grain::Attribution { channels, reading } => attribution_picture(reading).levels(values, channels),
    };
    let (first, second) = (levels(&map.values), levels(&other.values));
    let values: Vec<f32> = (0..rows * columns)
        .map(|place| {
            let (row, column) = (place / columns, place % columns);
            at(&first, (map.height, map.width), row, column) - at(&second, (other.height, other.width), row, column)
        })
        .collect();
    let levels = Scale::Signed.apply(&values, columns, Range { min: -1.0, max: 1.0 });
    let drawn = IndexedImage::of(levels, Scale::Signed.fitting_map(), [0; 3]).to_rgb();
    stretched(&drawn, picture.width(), picture.height(), FilterType::Triangle)
}
