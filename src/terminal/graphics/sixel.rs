//! Sixel: bands of six rows, one colour after the other, straight from the palette.

use std::fmt::Write;

use ratatui::layout::{Rect, Size};

use super::inside;
use super::palette::Paletted;
use crate::picture::Raster;

/// Rows of a band.
const BAND: usize = 6;

/// What draws a picture from the cursor on. Pixels outside its parts are left as they are.
pub(super) fn encode(raster: &Raster, size: Size, parts: &[Rect]) -> Vec<u8> {
    let mut picture = Paletted::of(raster);
    cut_holes(&mut picture, size, parts);
    // P2=1: what is not drawn stays.
    let mut out = format!("\x1bP9;1q\"1;1;{};{}", picture.width, picture.height);
    for (number, color) in picture.colors.iter().enumerate() {
        let [red, green, blue] = color.map(percent);
        let _ = write!(out, "#{number};2;{red};{green};{blue}");
    }
    let mut columns: Vec<Vec<(usize, u8)>> = vec![Vec::new(); picture.colors.len()];
    for band in picture.indices.chunks(BAND * picture.width.max(1)) {
        collect(band, picture.width, &mut columns);
        let mut first = true;
        for (number, drawn) in columns.iter().enumerate().filter(|(_, drawn)| !drawn.is_empty()) {
            if !std::mem::take(&mut first) {
                out.push('$');
            }
            let _ = write!(out, "#{number}");
            runs(&mut out, drawn);
        }
        out.push('-');
    }
    // The last line feed would scroll at the end of the screen.
    out.pop();
    out.push_str("\x1b\\");
    out.into_bytes()
}

/// Sixel counts colours in percent.
fn percent(channel: u8) -> u32 {
    (u32::from(channel) * 100 + 127) / 255
}

fn cut_holes(picture: &mut Paletted, size: Size, parts: &[Rect]) {
    if parts.contains(&Rect::new(0, 0, size.width, size.height)) {
        return;
    }
    let (width, pixels) = (picture.width, (picture.width as u32, picture.height as u32));
    for (row, line) in picture.indices.chunks_mut(width.max(1)).enumerate() {
        for (column, index) in line.iter_mut().enumerate() {
            if !inside(parts, size, pixels, (column as u32, row as u32)) {
                *index = Paletted::NOTHING;
            }
        }
    }
}

/// For each colour the columns that have it in this band, with a bit for each row.
fn collect(band: &[u8], width: usize, columns: &mut [Vec<(usize, u8)>]) {
    for drawn in columns.iter_mut() {
        drawn.clear();
    }
    for column in 0..width {
        for (row, index) in band.iter().skip(column).step_by(width).enumerate() {
            let Some(drawn) = columns.get_mut(usize::from(*index)).filter(|_| *index != Paletted::NOTHING) else {
                continue;
            };
            match drawn.last_mut() {
                Some((last, bits)) if *last == column => *bits |= 1 << row,
                _ => drawn.push((column, 1 << row)),
            }
        }
    }
}

/// One colour's row of a band: equal columns that follow each other are counted.
fn runs(out: &mut String, drawn: &[(usize, u8)]) {
    let mut at = 0;
    let mut waiting: Option<(u8, usize)> = None;
    for &(column, bits) in drawn {
        if column > at {
            flush(out, waiting.take());
            flush(out, Some((0, column - at)));
        }
        waiting = match waiting {
            Some((same, count)) if same == bits => Some((bits, count + 1)),
            other => {
                flush(out, other);
                Some((bits, 1))
            }
        };
        at = column + 1;
    }
    flush(out, waiting);
}

fn flush(out: &mut String, run: Option<(u8, usize)>) {
    let Some((bits, count)) = run else { return };
    let character = char::from(b'?' + bits);
    if count > 3 {
        let _ = write!(out, "!{count}{character}");
    } else {
        out.extend(std::iter::repeat_n(character, count));
    }
}
