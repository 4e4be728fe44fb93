//! Pictures of characters: each cell is cut in quarters that two colours share.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Color;

use crate::picture::Raster;
use crate::terminal::ColorDepth;
use crate::terminal::depth::{distance, nearest};

/// A character in two colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// What is drawn in the foreground.
    pub symbol: char,
    /// Its colour.
    pub foreground: Color,
    /// The rest's colour.
    pub background: Color,
}

/// Characters by the quarters that they fill: upper left 1, upper right 2, lower left 4, lower right 8. The other half of the
/// sixteen are these with the colours changed over.
const QUARTERS: [(u8, char); 8] = [
    (0b0000, ' '),
    (0b0011, '▀'),
    (0b0101, '▌'),
    (0b0001, '▘'),
    (0b0010, '▝'),
    (0b0100, '▖'),
    (0b1000, '▗'),
    (0b0110, '▞'),
];

/// The cells of a picture of 2×2 pixels a cell, or of any other size that is then sampled; none where it has a hole.
pub(super) fn encode(raster: &Raster, size: Size, parts: &[Rect], depth: ColorDepth) -> Vec<Option<Cell>> {
    let area = Rect::new(0, 0, size.width, size.height);
    area.positions()
        .map(|at| {
            parts.iter().any(|part| part.contains(at)).then(|| {
                let quarter = |right: u32, down: u32| {
                    let along = |place: u32, all: u16, pixels: u32| {
                        (((2 * place + 1) * pixels) / (4 * u32::from(all))).min(pixels.saturating_sub(1))
                    };
                    let x = along(2 * u32::from(at.x) + right, size.width, raster.width());
                    let y = along(2 * u32::from(at.y) + down, size.height, raster.height());
                    raster.color(x, y).unwrap_or([0; 3])
                };
                cell([quarter(0, 0), quarter(1, 0), quarter(0, 1), quarter(1, 1)], depth)
            })
        })
        .collect()
}

/// The character and two colours that come nearest to four quarters.
fn cell(quarters: [[u8; 3]; 4], depth: ColorDepth) -> Cell {
    let split = |mask: u8| {
        let side = |of: bool| {
            let chosen = || {
                quarters
                    .iter()
                    .enumerate()
                    .filter(move |(place, _)| (mask >> place & 1 == 1) == of)
                    .map(|(_, color)| color)
            };
            let mean = mean(chosen());
            let error: u32 = chosen().map(|color| distance(*color, mean)).sum();
            (mean, error)
        };
        let ((front, front_error), (back, back_error)) = (side(true), side(false));
        (front, back, front_error + back_error)
    };
    let best = QUARTERS.iter().map(|(mask, symbol)| (split(*mask), *symbol)).min_by_key(|((.., error), _)| *error);
    let ((front, back, _), symbol) = best.unwrap_or((([0; 3], [0; 3], 0), ' '));
    // A space has no foreground to set.
    let foreground = if symbol == ' ' { back } else { front };
    Cell { symbol, foreground: nearest(foreground, depth), background: nearest(back, depth) }
}

fn mean<'a>(colors: impl Iterator<Item = &'a [u8; 3]>) -> [u8; 3] {
    let (mut sum, mut count) = ([0_u32; 3], 0_u32);
    for color in colors {
        for (sum, channel) in sum.iter_mut().zip(color) {
            *sum += u32::from(*channel);
        }
        count += 1;
    }
    sum.map(|sum| (sum + count / 2).checked_div(count).unwrap_or(0) as u8)
}

/// Puts the cells on a screen.
pub(super) fn place(drawn: &[Option<Cell>], size: Size, at: Position, buffer: &mut Buffer) {
    let area = Rect::new(at.x, at.y, size.width, size.height);
    for (position, cell) in area.positions().zip(drawn) {
        if let (Some(target), Some(cell)) = (buffer.cell_mut(position), cell) {
            target.reset();
            target.set_char(cell.symbol).set_fg(cell.foreground).set_bg(cell.background);
        }
    }
}
