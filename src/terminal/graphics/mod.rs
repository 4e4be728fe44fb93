//! Pictures in the forms that terminals draw: kitty, sixel, iTerm2, and characters in colour.
//!
//! An encoder is a function from pixels to bytes or cells; it knows neither the screen nor the terminal. A picture may have
//! holes: only its *parts* belong to it, what lies between them is text.

mod cells;
mod diacritics;
mod holes;
mod iterm2;
mod kitty;
mod palette;
mod png;
mod sixel;

use std::io;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};

use super::{Canvas, Protocol};
use crate::picture::Raster;

pub use kitty::{Id as KittyId, Payload as KittyPayload, delete as delete_kitty};

/// A picture in its terminal's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Cells that it fills.
    pub size: Size,
    /// The areas that belong to it, from its own corner.
    pub parts: Vec<Rect>,
    /// What is written.
    pub form: Form,
}

/// How a picture comes to the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// PNG, to be sent once under an id; characters on the screen stand for its parts.
    Kitty(KittyPayload),
    /// Written where the cursor stands, and lost when something is written over it.
    AtCursor(Vec<u8>),
    /// Characters in colour, row by row; none where the picture has a hole.
    Cells(Vec<Option<cells::Cell>>),
}

/// Whether a terminal brings a picture to the size of its cells by itself, so that it can be sent in its own size.
pub fn scales(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Kitty | Protocol::Iterm2)
}

/// Encodes a picture for `size` cells, of which only those in `parts` are drawn. Where the terminal does not scale
/// (see [`scales`]) the picture has the size in pixels that [`pixels`] gives.
///
/// # Errors
/// A picture without pixels.
pub fn encode(raster: &Raster, size: Size, parts: &[Rect], canvas: &Canvas) -> io::Result<Encoded> {
    if raster.width() == 0 || raster.height() == 0 || size.width == 0 || size.height == 0 {
        return Err(io::Error::other("a picture without pixels"));
    }
    let form = match canvas.protocol {
        Protocol::Kitty => Form::Kitty(KittyPayload::of(raster)?),
        Protocol::Sixel => Form::AtCursor(sixel::encode(raster, size, parts)),
        Protocol::Iterm2 => Form::AtCursor(iterm2::encode(raster, size, parts, canvas.through_tmux)?),
        Protocol::Cells => Form::Cells(cells::encode(raster, size, parts, canvas.colors)),
    };
    Ok(Encoded { size, parts: parts.to_vec(), form })
}

/// Width and height in pixels of an area of cells: what a crisp picture is drawn at.
pub fn pixels(size: Size, canvas: &Canvas) -> (u32, u32) {
    let (across, down) = match canvas.protocol {
        // Four quadrants a cell.
        Protocol::Cells => (2, 2),
        _ => (canvas.cell.width, canvas.cell.height),
    };
    (u32::from(size.width) * u32::from(across), u32::from(size.height) * u32::from(down))
}

impl Encoded {
    /// Puts what stands for the picture on a screen, its corner at `at`, but for what is covered; cells of a picture that is
    /// written at the cursor are left alone. `id` is the one that a kitty picture was sent under.
    pub fn place(&self, id: KittyId, at: Position, covered: &[Rect], buffer: &mut Buffer) {
        match &self.form {
            Form::Kitty(_) => kitty::place(id, &self.parts, at, covered, buffer),
            Form::AtCursor(_) => {
                for part in &self.parts {
                    leave_alone(Rect { x: at.x + part.x, y: at.y + part.y, ..*part }, buffer);
                }
            }
            Form::Cells(drawn) => cells::place(drawn, self.size, at, buffer),
        }
    }

    /// What sends a picture that lives in the terminal under an id; nothing for the others.
    pub fn transmission(&self, id: KittyId, through_tmux: bool) -> Vec<u8> {
        match &self.form {
            Form::Kitty(payload) => kitty::transmission(payload, self.size, id, through_tmux),
            Form::AtCursor(_) | Form::Cells(_) => Vec::new(),
        }
    }
}

fn leave_alone(area: Rect, buffer: &mut Buffer) {
    for position in area.intersection(buffer.area).positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            cell.reset();
            cell.set_diff_option(ratatui::buffer::CellDiffOption::Skip);
        }
    }
}
