//! A heatmap laid over a picture.

use image::RgbImage;

use super::colormap::ColorMap;
use crate::model::preprocess::Region;

/// How colours and picture are put together, with `s` the strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blend {
    /// `s × colour + picture`, clipped: the book's.
    #[default]
    Add,
    /// `s × colour + (1 − s) × picture`.
    Alpha,
}

/// How a heatmap is drawn over a picture. The default is the book's: jet at 0.4, added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlay {
    /// Colours of the heat.
    pub colors: ColorMap,
    /// Share of the colours, 0 to 1.
    pub strength: f32,
    /// How colours and picture are put together.
    pub blend: Blend,
}

impl Default for Overlay {
    fn default() -> Self {
        Self { colors: ColorMap::Jet, strength: 0.4, blend: Blend::Add }
    }
}

/// A class activation map as heat of 0 to 1: its positive part divided by the maximum. NaN is no heat; all zero where nothing is positive.
pub fn heat(map: &[f32]) -> Vec<f32> {
    let max = super::Range::of(map).map_or(0.0, |range| range.max);
    let share = |value: &f32| if max > 0.0 && value.is_finite() { value.max(0.0) / max } else { 0.0 };
    map.iter().map(share).collect()
}

/// The mean of several maps' heat on the finest of their grids, and that grid's width. Each map is H×W numbers with its width.
pub fn fuse(maps: &[(&[f32], usize)]) -> (Vec<f32>, usize) {
    let height = |values: &[f32], width: usize| values.len().checked_div(width).unwrap_or(0);
    let rows = maps.iter().map(|(values, width)| height(values, *width)).max().unwrap_or(0);
    let columns = maps.iter().map(|(_, width)| *width).max().unwrap_or(0);
    let mut fused = vec![0.0; rows * columns];
    for (values, width) in maps.iter().filter(|(values, width)| height(values, *width) > 0) {
        let heat = heat(values);
        for (position, sum) in fused.iter_mut().enumerate() {
            let (x, y) = ((position % columns) as u32, (position / columns) as u32);
            let across = between(x, 0.0, columns as f64, *width);
            let down = between(y, 0.0, rows as f64, height(values, *width));
            if let (Some(across), Some(down)) = (across, down) {
                *sum += sample(&heat, *width, &across, &down) / maps.len() as f32;
            }
        }
    }
    (fused, columns)
}

impl Overlay {
    /// Draws `map`, H×W with `map_width` columns, over `region` of the picture: what the network saw of it. The map is passed
    /// through [`heat`] and enlarged bilinearly with half-pixel centres, as OpenCV's `INTER_LINEAR`; outside the region
    /// the picture stays as it is.
    pub fn draw(&self, picture: &RgbImage, map: &[f32], map_width: usize, region: Region) -> RgbImage {
        let mut drawn = picture.clone();
        let map_height = map.len().checked_div(map_width).unwrap_or(0);
        if map_height == 0 {
            return drawn;
        }
        let heat = heat(map);
        let lut = self.colors.lut();
        let strength = self.strength.clamp(0.0, 1.0);
        let under = match self.blend {
            Blend::Add => 1.0,
            Blend::Alpha => 1.0 - strength,
        };
        let columns: Vec<_> = (0..picture.width()).map(|x| between(x, region.x, region.width, map_width)).collect();
        for (y, row) in drawn.rows_mut().enumerate() {
            let Some(down) = between(y as u32, region.y, region.height, map_height) else { continue };
            for (pixel, across) in row.zip(&columns) {
                let Some(across) = across else { continue };
                let value = sample(&heat, map_width, across, &down);
                let color = lut[usize::from((value * 255.0).clamp(0.0, 255.0) as u8)];
                for (level, color) in pixel.0.iter_mut().zip(color) {
                    let mixed = strength.mul_add(f32::from(color), under * f32::from(*level));
                    *level = mixed.round_ties_even().clamp(0.0, 255.0) as u8;
                }
            }
        }
        drawn
    }
}

/// Two neighbours on one axis of the map, and how far to go from the first to the second.
struct Between {
    first: usize,
    second: usize,
    along: f32,
}

/// Where pixel `place` of the picture falls between the `cells` of the map that lies over `start` to `start + length`; none
/// outside of it.
fn between(place: u32, start: f64, length: f64, cells: usize) -> Option<Between> {
    let centre = f64::from(place) + 0.5 - start;
    if centre < 0.0 || centre > length {
        return None;
    }
    let position = (centre * cells as f64 / length - 0.5).clamp(0.0, (cells - 1) as f64);
    let first = position.floor();
    let second = (first as usize + 1).min(cells - 1);
    Some(Between { first: first as usize, second, along: (position - first) as f32 })
}

fn sample(heat: &[f32], width: usize, across: &Between, down: &Between) -> f32 {
    let at = |x: usize, y: usize| heat.get(y * width + x).copied().unwrap_or(0.0);
    let row = |y: usize| {
        let (left, right) = (at(across.first, y), at(across.second, y));
        left + (right - left) * across.along
    };
    let (upper, lower) = (row(down.first), row(down.second));
    upper + (lower - upper) * down.along
}
