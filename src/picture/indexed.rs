//! Pictures of one byte per pixel: a palette of colour-map levels, and a few colours beside them.

use image::{Rgb, RgbImage};

use super::colormap::{ColorMap, Lut};

/// Number of levels that values are drawn with: indices 0 to 252. It is odd, so that zero has a level of its own.
pub const LEVELS: u8 = 253;
/// The middle level: zero on a signed scale.
pub const MIDDLE: u8 = LEVELS / 2;
/// Index of what is NaN or infinite.
pub const NOT_FINITE: u8 = 254;
/// Index of gaps and background.
pub const BACKGROUND: u8 = 255;
/// What NaN and infinity are drawn in: a colour that no map has.
pub const NOT_FINITE_COLOR: [u8; 3] = [255, 0, 255];

/// A map of levels, without colours yet: what a [`super::Scale`] makes of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexMap {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Levels below [`LEVELS`], or [`NOT_FINITE`]; row by row.
    pub indices: Vec<u8>,
}

impl IndexMap {
    /// The map at another size: nearest neighbour where it grows; where it shrinks, the mean level of what a pixel covers,
    /// and not-finite as soon as one value under it is, so that no NaN gets lost.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let mut indices = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = covered(y, height, self.height);
            for x in 0..width {
                indices.push(self.mean_level(covered(x, width, self.width), rows.clone()));
            }
        }
        Self { width, height, indices }
    }

    fn mean_level(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> u8 {
        let (mut sum, mut count) = (0_usize, 0_usize);
        for row in rows {
            let start = row * self.width;
            for level in self.indices.get(start + columns.start..start + columns.end).unwrap_or_default() {
                if *level == NOT_FINITE {
                    return NOT_FINITE;
                }
                sum += usize::from(*level);
                count += 1;
            }
        }
        (sum + count / 2).checked_div(count).map_or(BACKGROUND, |mean| mean as u8)
    }
}

/// The old pixels under new pixel `place` of `new`: those that it covers, or the one at its centre.
fn covered(place: usize, new: usize, old: usize) -> std::ops::Range<usize> {
    if new >= old {
        let nearest = (2 * place + 1) * old / (2 * new);
        nearest..nearest + 1
    } else {
        place * old / new..((place + 1) * old).div_ceil(new)
    }
}

/// A picture of one byte per pixel with its palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedImage {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Indices into the palette, row by row.
    pub indices: Vec<u8>,
    /// The colours.
    pub palette: Lut,
}

impl IndexedImage {
    /// A single map in colour.
    pub fn of(map: IndexMap, colors: ColorMap, background: [u8; 3]) -> Self {
        Self { width: map.width, height: map.height, indices: map.indices, palette: palette(colors, background) }
    }

    /// The picture at another size, as [`IndexMap::resized`].
    #[must_use]
    pub fn resized(self, width: usize, height: usize) -> Self {
        let map = IndexMap { width: self.width, height: self.height, indices: self.indices }.resized(width, height);
        Self { width, height, indices: map.indices, palette: self.palette }
    }

    /// Copies another picture of the same palette into this one, its corner at a column and row; what reaches over the edge is
    /// left out.
    pub fn put(&mut self, other: &Self, left: usize, top: usize) {
        let room = self.width.saturating_sub(left).min(other.width);
        for (row, line) in other.indices.chunks_exact(other.width.max(1)).enumerate() {
            let start = (top + row) * self.width + left;
            if let (Some(target), Some(line)) = (self.indices.get_mut(start..start + room), line.get(..room)) {
                target.copy_from_slice(line);
            }
        }
    }

    /// The picture in full colour.
    pub fn to_rgb(&self) -> RgbImage {
        RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            let index = self.indices.get(y as usize * self.width + x as usize).copied().unwrap_or(BACKGROUND);
            Rgb(self.palette[usize::from(index)])
        })
    }
}

/// The palette of a colour map: its colours at [`LEVELS`] even steps, then what is not finite, then the background.
pub fn palette(colors: ColorMap, background: [u8; 3]) -> Lut {
    let lut = colors.lut();
    let last = usize::from(LEVELS) - 1;
    std::array::from_fn(|index| match index {
        level if level <= last => lut[(level * 255 + last / 2) / last],
        index if index == usize::from(NOT_FINITE) => NOT_FINITE_COLOR,
        _ => background,
    })
}
