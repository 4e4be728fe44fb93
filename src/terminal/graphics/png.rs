//! PNG for terminals: as small as it gets in a few milliseconds.

use std::io;

use ::png::{BitDepth, ColorType, DeflateCompression, Encoder, Filter};

use super::palette::Paletted;
use crate::picture::Raster;

/// Deflate levels: maps compress well and are small; photographs gain little from more work.
const MAP_LEVEL: u8 = 7;
const PHOTO_LEVEL: u8 = 2;

/// A picture as PNG: one byte or less a pixel for maps, full colour for photographs. Where nothing is drawn it is
/// transparent.
pub(super) fn encode(raster: &Raster) -> io::Result<Vec<u8>> {
    match raster {
        Raster::Indexed(_) => {
            let picture = Paletted::of(raster);
            // Rows of a picture that was enlarged repeat; where they do not, the bytes themselves compress best.
            let rows_repeat = repeats_rows(&picture);
            indexed(&picture, if rows_repeat { Filter::Up } else { Filter::NoFilter })
        }
        Raster::Rgb(picture) => {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, picture.width(), picture.height());
            encoder.set_color(ColorType::Rgb);
            encoder.set_depth(BitDepth::Eight);
            encoder.set_filter(Filter::Paeth);
            encoder.set_deflate_compression(DeflateCompression::Level(PHOTO_LEVEL));
            let mut writer = encoder.write_header()?;
            writer.write_image_data(picture.as_raw())?;
            writer.finish()?;
            Ok(bytes)
        }
    }
}

fn repeats_rows(picture: &Paletted) -> bool {
    let rows = || picture.indices.chunks_exact(picture.width.max(1));
    let repeated = rows().zip(rows().skip(1)).filter(|(row, next)| row == next).count();
    2 * repeated >= picture.height
}

fn indexed(picture: &Paletted, filter: Filter) -> io::Result<Vec<u8>> {
    let has_nothing = picture.indices.contains(&Paletted::NOTHING);
    let nothing = picture.colors.len();
    let mut colors = picture.colors.clone();
    if has_nothing {
        colors.push([0; 3]);
    }
    let index = |index: u8| if index == Paletted::NOTHING && has_nothing { nothing as u8 } else { index };
    let (depth, pixels_a_byte) = match colors.len() {
        0..=2 => (BitDepth::One, 8),
        3..=4 => (BitDepth::Two, 4),
        5..=16 => (BitDepth::Four, 2),
        _ => (BitDepth::Eight, 1),
    };
    let bits = 8 / pixels_a_byte;
    let data: Vec<u8> = picture
        .indices
        .chunks_exact(picture.width.max(1))
        .flat_map(|row| {
            row.chunks(pixels_a_byte).map(|pixels| {
                let packed =
                    pixels.iter().fold(0_u8, |byte, pixel| byte.checked_shl(bits as u32).unwrap_or(0) | index(*pixel));
                packed.checked_shl(((pixels_a_byte - pixels.len()) * bits) as u32).unwrap_or(0)
            })
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, picture.width as u32, picture.height as u32);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(depth);
    encoder.set_palette(colors.as_flattened().to_vec());
    if has_nothing {
        let mut alpha = vec![255; colors.len()];
        alpha[nothing] = 0;
        encoder.set_trns(alpha);
    }
    encoder.set_filter(filter);
    encoder.set_deflate_compression(DeflateCompression::Level(MAP_LEVEL));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(bytes)
}
