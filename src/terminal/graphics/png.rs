//! PNG for terminals: as small as it gets in a few milliseconds.

use std::io::{self, Write};

use ::png::{BitDepth, ColorType, DeflateCompression, Encoder, Filter};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::palette::Paletted;
use crate::picture::Raster;

/// Deflate's level for photographs, which gain little from more work.
const PHOTO_LEVEL: u8 = 2;
/// Deflate's level that tells which of two forms will be the smaller one.
const TRIAL_LEVEL: u32 = 3;
/// Maps get the most care up to this many bytes, which takes a few milliseconds: rows as they are compress fast, differences
/// have few repetitions and take long.
const CAREFUL_PLAIN: usize = 1_000_000;
const CAREFUL_PREDICTED: usize = 100_000;

/// A picture as PNG: one byte or less a pixel for maps, full colour for photographs. Where nothing is drawn it is
/// transparent.
pub(super) fn encode(raster: &Raster) -> io::Result<Vec<u8>> {
    match raster {
        Raster::Indexed(_) => indexed(Paletted::of(raster)),
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

/// How a byte is told from those beside it, in rows that do not repeat the one above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prediction {
    None,
    Paeth,
}

fn indexed(mut picture: Paletted) -> io::Result<Vec<u8>> {
    let nothing = picture.colors.len();
    let has_nothing = picture.indices.contains(&Paletted::NOTHING);
    if has_nothing {
        picture.colors.push([0; 3]);
        for index in picture.indices.iter_mut().filter(|index| **index == Paletted::NOTHING) {
            *index = nothing as u8;
        }
    }
    let depth: u8 = match picture.colors.len() {
        0..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    };
    let rows = packed(&picture, depth);
    let row = (picture.width * usize::from(depth)).div_ceil(8);
    let plain = filtered(&rows, row, Prediction::None);
    // Bytes of several pixels cannot be told from their neighbours.
    let predicted = if depth == 8 { Some(filtered(&rows, row, Prediction::Paeth)) } else { None };
    let trial = |bytes: &[u8]| deflated(bytes, Compression::new(TRIAL_LEVEL)).map(|deflated| deflated.len());
    let data = match predicted {
        Some(predicted) if trial(&predicted)? < trial(&plain)? => carefully_deflated(&predicted, CAREFUL_PREDICTED)?,
        _ => carefully_deflated(&plain, CAREFUL_PLAIN)?,
    };

    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&(picture.width as u32).to_be_bytes());
    header.extend_from_slice(&(picture.height as u32).to_be_bytes());
    // Paletted, deflated, five filters, not interlaced.
    header.extend_from_slice(&[depth, 3, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(*b"IHDR", &header, &mut bytes);
    chunk(*b"PLTE", picture.colors.as_flattened(), &mut bytes);
    if has_nothing {
        let mut alpha = vec![255; nothing];
        alpha.push(0);
        chunk(*b"tRNS", &alpha, &mut bytes);
    }
    chunk(*b"IDAT", &data, &mut bytes);
    chunk(*b"IEND", &[], &mut bytes);
    Ok(bytes)
}

/// Rows of whole bytes: as many pixels in each as have room.
fn packed(picture: &Paletted, depth: u8) -> Vec<u8> {
    if depth == 8 {
        return picture.indices.clone();
    }
    let pixels_a_byte = usize::from(8 / depth);
    let pack = |pixels: &[u8]| {
        let bits = pixels.iter().fold(0, |byte, pixel| byte << depth | pixel);
        bits << (usize::from(depth) * (pixels_a_byte - pixels.len()))
    };
    picture.indices.chunks_exact(picture.width.max(1)).flat_map(|row| row.chunks(pixels_a_byte).map(pack)).collect()
}

/// PNG's filters, row by row: a row that repeats the one above is all zeros.
fn filtered(rows: &[u8], row: usize, prediction: Prediction) -> Vec<u8> {
    let mut filtered = Vec::with_capacity(rows.len() + rows.len() / row.max(1));
    let zeros = vec![0; row];
    let mut above: &[u8] = &zeros;
    for (place, line) in rows.chunks_exact(row.max(1)).enumerate() {
        if place > 0 && line == above {
            filtered.push(2);
            filtered.extend_from_slice(&zeros);
        } else if prediction == Prediction::None {
            filtered.push(0);
            filtered.extend_from_slice(line);
        } else {
            filtered.push(4);
            let (mut left, mut above_left) = (0, 0);
            for (byte, up) in line.iter().zip(above) {
                filtered.push(byte.wrapping_sub(paeth(left, *up, above_left)));
                (left, above_left) = (*byte, *up);
            }
        }
        above = line;
    }
    filtered
}

/// The neighbour that comes nearest to left + up − upper left.
fn paeth(left: u8, up: u8, above_left: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(above_left);
    let off = |neighbour: u8| guess.abs_diff(neighbour.into());
    if off(left) <= off(up) && off(left) <= off(above_left) {
        left
    } else if off(up) <= off(above_left) {
        up
    } else {
        above_left
    }
}

fn carefully_deflated(bytes: &[u8], up_to: usize) -> io::Result<Vec<u8>> {
    deflated(bytes, if bytes.len() > up_to { Compression::default() } else { Compression::best() })
}

fn deflated(bytes: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn chunk(name: [u8; 4], data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&name);
    out.extend_from_slice(data);
    let mut crc = Crc::new();
    crc.update(&out[start..]);
    out.extend_from_slice(&crc.sum().to_be_bytes());
}
