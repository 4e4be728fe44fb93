//! The heatmap pane's picture: a map or an attribution over what the network saw.

use image::RgbImage;
use image::imageops::FilterType;

use super::drawing::{Side, stretched};
use super::state::OverlayMode;
use crate::model::preprocess::Region;
use crate::picture::attribution::{AttributionPicture, Sign};
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
    if let Grain::Attribution { channels, signed } = map.grain {
        let usual = attribution_picture(signed);
        let under = (mode == OverlayMode::Overlay).then_some(picture);
        // White on a grey picture would be lost in its highlights.
        let colors = if signed || under.is_none() { usual.colors } else { ColorMap::Inferno };
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

/// How an attribution is drawn, as the command does.
fn attribution_picture(signed: bool) -> AttributionPicture {
    AttributionPicture::of(if signed { Sign::Both } else { Sign::Absolute })
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
        Grain::Attribution { channels, signed } => attribution_picture(signed).levels(values, channels),
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
