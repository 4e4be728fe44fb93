//! iTerm2's inline images, in parts where a multiplexer would drop a long sequence.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use ratatui::layout::{Rect, Size};

use super::holes::Drawn;
use super::png;
use crate::picture::Raster;
use crate::picture::indexed::{BACKGROUND, IndexedImage};
use crate::terminal::passthrough::passthrough;

/// Most bytes of a part; tmux drops sequences of a megabyte.
const PART: usize = 256 << 10;
/// Photographs over a line: fine enough, and a tenth of their size.
const JPEG_QUALITY: u8 = 85;

/// What draws a picture over `size` cells from the cursor on.
///
/// # Errors
/// A picture without pixels.
pub(super) fn encode(raster: &Raster, size: Size, parts: &[Rect], through_tmux: bool) -> io::Result<Vec<u8>> {
    let file = file(raster, size, parts)?;
    let about = format!(
        "inline=1;size={};width={};height={};preserveAspectRatio=0;doNotMoveCursor=1",
        file.len(),
        size.width,
        size.height
    );
    let encoded = STANDARD.encode(file);
    if !through_tmux {
        return Ok(format!("\x1b]1337;File={about}:{encoded}\x07").into_bytes());
    }
    let mut written = passthrough(format!("\x1b]1337;MultipartFile={about}\x07").as_bytes());
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(PART));
        written.extend(passthrough(format!("\x1b]1337;FilePart={part}\x07").as_bytes()));
        rest = after;
    }
    written.extend(passthrough(b"\x1b]1337;FileEnd\x07"));
    Ok(written)
}

/// Maps as PNG, photographs as JPEG; with holes, what lies in them is transparent, which JPEG has not.
fn file(raster: &Raster, size: Size, parts: &[Rect]) -> io::Result<Vec<u8>> {
    let drawn = Drawn::new(size, parts);
    let whole = drawn.whole();
    match raster {
        Raster::Rgb(picture) if whole => {
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(picture).map_err(io::Error::other)?;
            Ok(bytes)
        }
        Raster::Indexed(_) if whole => png::encode(raster),
        _ => png::encode(&Raster::Indexed(Box::new(with_holes(raster, &drawn)))),
    }
}

fn with_holes(raster: &Raster, drawn: &Drawn) -> IndexedImage {
    let mut picture = match raster {
        Raster::Indexed(picture) => (**picture).clone(),
        Raster::Rgb(_) => super::palette::Paletted::of(raster).into_indexed(),
    };
    drawn.cut(picture.width, &mut picture.indices, BACKGROUND);
    picture
}
