//! Tiles in rows: the channels of a layer, the patterns of its filters.

use image::{Rgb, RgbImage};

use super::colormap::ColorMap;
use super::indexed::{BACKGROUND, IndexMap, IndexedImage, palette};
use crate::model::resample::{Interpolation, resize};

/// Where the tiles of a grid stand, all of one size, with a gap between them and none around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Tiles in a row.
    pub columns: usize,
    /// Pixels between tiles.
    pub gap: usize,
    /// Width and height of a tile in the picture.
    pub cell: (usize, usize),
}

impl Grid {
    /// The book's grid of channels: 16 a row, one pixel apart, in the channels' own size.
    pub fn of_channels(cell: (usize, usize)) -> Self {
        Self { columns: 16, gap: 1, cell }
    }

    /// The book's grid of filter patterns: 8 a row, 5 pixels apart.
    pub fn of_patterns(cell: (usize, usize)) -> Self {
        Self { columns: 8, gap: 5, cell }
    }

    /// The cell for tiles of `tile` pixels when `columns` of them share `width` pixels: the largest whole multiple that fits,
    /// or, where not even one does, the shrunken tile; at least one pixel.
    #[must_use]
    pub fn fitted(tile: (usize, usize), columns: usize, gap: usize, width: usize) -> Self {
        let columns = columns.max(1);
        let room = (width.saturating_sub(gap * (columns - 1)) / columns).max(1);
        let (tile_width, tile_height) = (tile.0.max(1), tile.1.max(1));
        let cell = match room / tile_width {
            0 => (room, (tile_height * room).div_ceil(tile_width)),
            times => (tile_width * times, tile_height * times),
        };
        Self { columns, gap, cell }
    }

    /// Width and height of the grid with `count` tiles.
    pub fn size(&self, count: usize) -> (usize, usize) {
        let columns = self.columns.max(1);
        let along = |tiles: usize, cell: usize| (tiles * cell) + tiles.saturating_sub(1) * self.gap;
        (along(count.min(columns), self.cell.0), along(count.div_ceil(columns), self.cell.1))
    }

    /// Left and upper edge of a tile.
    pub fn corner(&self, tile: usize) -> (usize, usize) {
        let columns = self.columns.max(1);
        ((tile % columns) * (self.cell.0 + self.gap), (tile / columns) * (self.cell.1 + self.gap))
    }

    /// The tile under a pixel of a grid with `count` tiles; none in a gap.
    pub fn tile_at(&self, x: usize, y: usize, count: usize) -> Option<usize> {
        let (across, down) = ((self.cell.0 + self.gap).max(1), (self.cell.1 + self.gap).max(1));
        let (column, row) = (x / across, y / down);
        let inside = x % across < self.cell.0 && y % down < self.cell.1;
        let tile = row * self.columns + column;
        (inside && column < self.columns && tile < count).then_some(tile)
    }

    /// Copies rows of `cell` width times `depth` bytes to where the tile stands.
    fn place(&self, canvas: &mut [u8], canvas_width: usize, tile: usize, pixels: &[u8], depth: usize) {
        let (left, top) = self.corner(tile);
        for (row, line) in pixels.chunks_exact((self.cell.0 * depth).max(1)).enumerate() {
            let start = ((top + row) * canvas_width + left) * depth;
            if let Some(target) = canvas.get_mut(start..start + line.len()) {
                target.copy_from_slice(line);
            }
        }
    }
}

/// Channels as one picture of one byte per pixel. Each is brought to the grid's cell (see [`IndexMap::resized`]).
pub fn channel_grid(channels: &[IndexMap], grid: &Grid, colors: ColorMap, background: [u8; 3]) -> IndexedImage {
    let (width, height) = grid.size(channels.len());
    let mut indices = vec![BACKGROUND; width * height];
    for (tile, channel) in channels.iter().enumerate() {
        grid.place(&mut indices, width, tile, &channel.resized(grid.cell.0, grid.cell.1).indices, 1);
    }
    IndexedImage { width, height, indices, palette: palette(colors, background) }
}

/// Full-colour pictures as one: filter patterns. Each is brought to the grid's cell: enlarged by nearest neighbour, shrunk by
/// the mean of what a pixel covers. A picture without pixels leaves its place empty.
pub fn picture_grid(pictures: &[RgbImage], grid: &Grid, background: [u8; 3]) -> RgbImage {
    let (width, height) = grid.size(pictures.len());
    let mut canvas = RgbImage::from_pixel(width as u32, height as u32, Rgb(background));
    for (tile, picture) in pictures.iter().enumerate() {
        if let Ok(cell) = resize(picture, grid.cell.0 as u32, grid.cell.1 as u32, Interpolation::Box) {
            grid.place(&mut canvas, width, tile, cell.as_raw(), 3);
        }
    }
    canvas
}
