//! The kitty graphics protocol: a picture is sent once under an id, and characters in its colour stand for its cells.
//!
//! Ids survive a multiplexer that rounds colours: their last byte is one of the 256 colours by number, which is passed on as it
//! is, and their first byte is a third mark on the character.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Color, Style};

use super::diacritics::{MOST, mark};
use super::png;
use crate::picture::Raster;
use crate::terminal::passthrough::passthrough;

/// The character that stands for a cell of a picture.
const PLACEHOLDER: char = '\u{10eeee}';
/// Most bytes of a picture in one sequence.
const CHUNK: usize = 4096;
/// Bytes that deflating once more must save.
const WORTH_DEFLATING: usize = 32;

/// The id of a picture: one of 255 of an *owner*, which keeps several programs in one terminal apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id {
    owner: u8,
    number: u8,
}

impl Id {
    /// The id of a number from 1 on. The owner is taken from the process.
    pub fn new(process: u32, number: u8) -> Self {
        Self { owner: (process % 255) as u8 + 1, number: number.max(1) }
    }

    /// The id as the protocol has it.
    pub fn value(self) -> u32 {
        u32::from(self.owner) << 24 | u32::from(self.number)
    }
}

/// A picture as the protocol carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// PNG, or what deflating it once more gives, in base64.
    base64: String,
    /// Bytes of the PNG where it was deflated once more.
    inflated: Option<usize>,
}

impl Payload {
    /// PNG of a picture. Deflate counts no more than 258 equal bytes at once, so that an enlarged map is still repetitive
    /// afterwards: a fifth of it, and more of a sparse one, is saved by deflating it twice, which kitty, Ghostty and Rio read.
    ///
    /// # Errors
    /// A picture without pixels.
    pub(super) fn of(raster: &Raster) -> io::Result<Self> {
        let png = png::encode(raster)?;
        if matches!(raster, Raster::Indexed(_)) {
            let twice = png::deflated(&png, Compression::best())?;
            if twice.len() + WORTH_DEFLATING < png.len() {
                return Ok(Self { base64: STANDARD.encode(twice), inflated: Some(png.len()) });
            }
        }
        Ok(Self { base64: STANDARD.encode(png), inflated: None })
    }

    /// Bytes that are sent.
    pub fn size(&self) -> usize {
        self.base64.len()
    }
}

/// What sends a picture for `size` cells. The terminal brings it to their size.
pub(super) fn transmission(payload: &Payload, size: Size, id: Id, through_tmux: bool) -> Vec<u8> {
    let mut written = Vec::with_capacity(payload.size() + payload.size() / 64 + 128);
    let mut rest = payload.base64.as_str();
    let mut first = true;
    while first || !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK));
        let more = u8::from(!after.is_empty());
        let keys = if first {
            let (columns, rows) = (size.width.min(MOST), size.height.min(MOST));
            let deflated = payload.inflated.map(|bytes| format!("o=z,S={bytes},")).unwrap_or_default();
            format!("a=T,U=1,f=100,{deflated}t=d,i={},c={columns},r={rows},q=2,m={more}", id.value())
        } else {
            format!("q=2,m={more}")
        };
        push(&mut written, &format!("\x1b_G{keys};{chunk}\x1b\\"), through_tmux);
        (rest, first) = (after, false);
    }
    written
}

/// What takes a picture out of the terminal's memory.
pub fn delete(id: Id, through_tmux: bool) -> Vec<u8> {
    let mut written = Vec::new();
    push(&mut written, &format!("\x1b_Ga=d,d=I,i={},q=2\x1b\\", id.value()), through_tmux);
    written
}

fn push(written: &mut Vec<u8>, sequence: &str, through_tmux: bool) {
    if through_tmux {
        written.extend(passthrough(sequence.as_bytes()));
    } else {
        written.extend_from_slice(sequence.as_bytes());
    }
}

/// Puts the characters that stand for a picture's parts on the screen, but for those that are covered. The first of a run says
/// which row and column it is; those that follow count on by themselves.
pub(super) fn place(id: Id, parts: &[Rect], at: Position, covered: &[Rect], buffer: &mut Buffer) {
    let style = Style::new().fg(Color::Indexed(id.number)).bg(Color::Reset);
    for part in parts {
        for row in part.top()..part.bottom().min(MOST) {
            let mut counted = false;
            for column in part.left()..part.right().min(MOST) {
                let position = Position::new(at.x + column, at.y + row);
                if covered.iter().any(|area| area.contains(position)) {
                    counted = false;
                    continue;
                }
                let Some(cell) = buffer.cell_mut(position) else { continue };
                let mut symbol = PLACEHOLDER.to_string();
                if !std::mem::replace(&mut counted, true) {
                    symbol.extend([row, column, id.owner.into()].into_iter().filter_map(mark));
                }
                cell.reset();
                cell.set_symbol(&symbol).set_style(style);
            }
        }
    }
}
