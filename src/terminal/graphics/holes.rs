//! Which pixels of a picture are drawn: those in cells that belong to it.

use ratatui::layout::{Rect, Size};

/// The cells of a picture, row by row: whether they belong to it.
pub(super) struct Drawn {
    size: Size,
    cells: Vec<bool>,
}

impl Drawn {
    /// A picture of `size` cells, of which those in `parts` are drawn.
    pub(super) fn new(size: Size, parts: &[Rect]) -> Self {
        let area = Rect::new(0, 0, size.width, size.height);
        let mut cells = vec![false; usize::from(size.width) * usize::from(size.height)];
        for position in parts.iter().flat_map(|part| part.intersection(area).positions()) {
            cells[usize::from(position.y) * usize::from(size.width) + usize::from(position.x)] = true;
        }
        Self { size, cells }
    }

    /// Whether all of it is drawn.
    pub(super) fn whole(&self) -> bool {
        self.cells.iter().all(|drawn| *drawn)
    }

    /// Makes those of the pixels `nothing` that lie in no drawn cell.
    pub(super) fn cut(&self, width: usize, pixels: &mut [u8], nothing: u8) {
        if self.whole() || width == 0 {
            return;
        }
        let columns = usize::from(self.size.width);
        let column_of: Vec<usize> = (0..width).map(|x| x * columns / width).collect();
        let height = pixels.len() / width;
        for (y, line) in pixels.chunks_mut(width).enumerate() {
            let row = y * usize::from(self.size.height) / height.max(1);
            let cells = &self.cells[row * columns..(row + 1) * columns];
            for (pixel, column) in line.iter_mut().zip(&column_of) {
                if !cells[*column] {
                    *pixel = nothing;
                }
            }
        }
    }
}
