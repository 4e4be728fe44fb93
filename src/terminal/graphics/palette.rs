//! Palettes: only the colours that a picture uses, and full colour in 256 of them.

use color_quant::NeuQuant;
use image::RgbImage;

use crate::picture::Raster;
use crate::picture::indexed::{BACKGROUND, IndexedImage};

/// One byte a pixel, colours counted from 0 without gaps; [`Paletted::NOTHING`] is where nothing is drawn.
pub(super) struct Paletted {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) indices: Vec<u8>,
    pub(super) colors: Vec<[u8; 3]>,
}

/// Every how many pixels the quantiser looks at one: its middle between speed (30) and care (1).
const SAMPLING: i32 = 10;
/// Bits of a colour channel by which the nearest colour is remembered.
const KEPT_BITS: u32 = 6;

impl Paletted {
    /// Where nothing is drawn.
    pub(super) const NOTHING: u8 = 255;

    /// A picture with at most 255 colours; of full colour those that fit it best.
    pub(super) fn of(raster: &Raster) -> Self {
        match raster {
            Raster::Indexed(picture) => {
                let mut used = [false; 256];
                for index in &picture.indices {
                    used[usize::from(*index)] = true;
                }
                used[usize::from(BACKGROUND)] = false;
                // In the order of their levels, so that values that are near have indices that are near.
                let mut place = [Self::NOTHING; 256];
                let mut colors = Vec::new();
                for (index, _) in used.iter().enumerate().filter(|(_, used)| **used) {
                    place[index] = colors.len() as u8;
                    colors.push(picture.palette[index]);
                }
                let indices = picture.indices.iter().map(|index| place[usize::from(*index)]).collect();
                Self { width: picture.width, height: picture.height, indices, colors }
            }
            Raster::Rgb(picture) => Self::quantised(picture),
        }
    }

    /// The picture with its colours in a palette of 256.
    pub(super) fn into_indexed(self) -> IndexedImage {
        let palette = std::array::from_fn(|index| self.colors.get(index).copied().unwrap_or([0; 3]));
        IndexedImage { width: self.width, height: self.height, indices: self.indices, palette }
    }

    fn quantised(picture: &RgbImage) -> Self {
        let rgba: Vec<u8> = picture.pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
        let quantiser = NeuQuant::new(SAMPLING, 255, &rgba);
        let colors: Vec<[u8; 3]> =
            quantiser.color_map_rgb().chunks_exact(3).map(|color| [color[0], color[1], color[2]]).collect();
        // Looking a colour up costs a search: neighbours in colour share the answer.
        let mut known: Vec<Option<u8>> = vec![None; 1 << (3 * KEPT_BITS)];
        let indices = picture
            .pixels()
            .map(|pixel| {
                let bits = |channel: usize| u32::from(pixel[channel]) >> (8 - KEPT_BITS);
                let key = (bits(0) << (2 * KEPT_BITS) | bits(1) << KEPT_BITS | bits(2)) as usize;
                *known[key].get_or_insert_with(|| {
                    quantiser.index_of(&[pixel[0], pixel[1], pixel[2], 255]).min(colors.len() - 1) as u8
                })
            })
            .collect();
        Self { width: picture.width() as usize, height: picture.height() as usize, indices, colors }
    }
}
