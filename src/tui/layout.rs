//! Where panes and tiles stand on a screen of any size.

use ratatui::layout::{Constraint, Layout, Rect};

use super::state::{Focus, Splits, State};
use crate::service::protocol::Content;

/// Fewer columns than this and the panes stand one below the other.
const WIDE: u16 = 110;
/// The least screen on which anything can be shown.
pub const LEAST: (u16, u16) = (40, 12);

/// The areas of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Areas {
    /// Title line.
    pub title: Rect,
    /// Layer tree with its frame.
    pub layers: Rect,
    /// Channel pager with its frame.
    pub channels: Rect,
    /// Heatmap with its frame.
    pub heatmap: Rect,
    /// Status line.
    pub status: Rect,
}

/// Whether the panes stand side by side.
pub fn is_wide(columns: u16) -> bool {
    columns >= WIDE
}

/// The areas of the screen. A pane that has no room has no area.
pub fn areas(state: &State) -> Areas {
    let screen = Rect::new(0, 0, state.screen.0, state.screen.1);
    let [title, body, status] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(screen);
    let [layers, channels, heatmap] = if state.maximized {
        let room = |pane: Focus| if pane == state.focus { body } else { Rect { width: 0, height: 0, ..body } };
        Focus::ALL.map(room)
    } else if is_wide(screen.width) {
        side_by_side(body, state.splits)
    } else {
        one_below_the_other(body, state.focus, state.splits)
    };
    Areas { title, layers, channels, heatmap, status }
}

/// Columns that a pane keeps when a border is dragged over it.
const LEAST_PANE: u16 = 20;
/// Rows that a pane keeps that does not have the focus.
const LEAST_ROWS: u16 = 5;

fn side_by_side(body: Rect, splits: Splits) -> [Rect; 3] {
    let usual_layers = (body.width * 30 / 100).clamp(40, 64);
    let usual_heatmap = (body.width * 26 / 100).clamp(28, 60);
    let most = body.width.saturating_sub(2 * LEAST_PANE).max(LEAST_PANE);
    let layers = splits.layers.unwrap_or(usual_layers).clamp(LEAST_PANE, most);
    let most = body.width.saturating_sub(layers + LEAST_PANE).max(LEAST_PANE);
    let heatmap = splits.heatmap.unwrap_or(usual_heatmap).clamp(LEAST_PANE, most);
    Layout::horizontal([Constraint::Length(layers), Constraint::Min(0), Constraint::Length(heatmap)]).areas(body)
}

/// The focused pane gets the room; the others keep a few lines.
fn one_below_the_other(body: Rect, focus: Focus, splits: Splits) -> [Rect; 3] {
    let most = (body.height / 2).max(LEAST_ROWS);
    let given = |pane: Focus| match pane {
        Focus::Layers => splits.layers,
        Focus::Heatmap => splits.heatmap,
        Focus::Channels => None,
    };
    let room = |pane: Focus| match given(pane) {
        _ if pane == focus => Constraint::Min(0),
        rows => Constraint::Length(rows.unwrap_or(LEAST_ROWS).clamp(LEAST_ROWS, most)),
    };
    Layout::vertical(Focus::ALL.map(room)).areas(body)
}

/// How tiles stand in the channel pager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// Tiles in a row.
    pub columns: usize,
    /// Rows of tiles.
    pub rows: usize,
    /// Cells of a tile's picture.
    pub width: u16,
    /// Cells of a tile's picture; its number stands on one more line below.
    pub height: u16,
}

/// Most tiles in a row, and on a page.
const MOST_COLUMNS: u16 = 16;
const MOST_TILES: usize = 64;
/// Fewer cells than this and a map shows nothing.
const LEAST_TILE: u16 = 4;

/// The tiles of the pager for `count` channels of `tile` rows and columns, in cells of `cell` pixels: as large as they can be
/// with a page of up to 64 still in view.
pub fn tiles(inner: Rect, count: usize, tile: (usize, usize), cell: (u16, u16)) -> Tiles {
    let wanted = count.clamp(1, MOST_TILES);
    let most = (inner.width / (LEAST_TILE + 1)).clamp(1, MOST_COLUMNS);
    let with = |columns: u16| tiles_in_rows_of(inner, columns, tile, cell);
    (1..=most).map(with).find(|tiles| tiles.columns * tiles.rows >= wanted).unwrap_or_else(|| with(most))
}

fn tiles_in_rows_of(inner: Rect, columns: u16, tile: (usize, usize), cell: (u16, u16)) -> Tiles {
    let width = (inner.width / columns).saturating_sub(1).max(1);
    let size = |width: u16| fitted(Rect::new(0, 0, width, inner.height.saturating_sub(2).max(1)), tile, cell);
    // One column less where whole cells then come closer to the channel's own shape.
    let distortion = |width: u16| {
        let shown = size(width);
        let drawn = f32::from(shown.width * cell.0) * tile.0 as f32;
        (f32::from(shown.height * cell.1) * tile.1 as f32 / drawn).ln().abs()
    };
    let width = width - u16::from(width > LEAST_TILE && distortion(width - 1) + 0.02 < distortion(width));
    let height = size(width).height;
    let rows = (inner.height.saturating_sub(1) / (height + 1)).max(1);
    Tiles { columns: columns.into(), rows: rows.into(), width, height }
}

/// The pager's inside, below its caption.
pub fn channels_inner(state: &State) -> Rect {
    inner(areas(state).channels)
}

/// The part of it in which the bars of a vector stand.
pub fn bars_inner(state: &State) -> Rect {
    super::panes::excitations::split_bars(state, channels_inner(state)).0
}

/// A pane's inside.
pub fn inner(area: Rect) -> Rect {
    Rect::new(area.x + 1, area.y + 1, area.width.saturating_sub(2), area.height.saturating_sub(2))
}

/// Rows and columns of the tiles that the pager shows or will show.
fn tile_shape(state: &State) -> (usize, usize) {
    match state.content {
        Content::Activations | Content::Gradients | Content::ActivationTimesGradient => {
            state.layer_state().map_or((1, 1), |layer| layer.map)
        }
        // Patterns and kernels are about square.
        Content::Patterns | Content::Weights => (4, 4),
    }
}

/// Whether the pager shows single values.
pub fn shows_bars(state: &State) -> bool {
    tile_shape(state) == (1, 1)
}

/// Channels that the pager shows at once.
pub fn page_capacity(state: &State) -> usize {
    if shows_bars(state) {
        let bars = bars(bars_inner(state), state.has_class_names());
        return (bars.columns * bars.rows).max(1);
    }
    let tiles = page_tiles(state);
    (tiles.columns * tiles.rows).clamp(1, MOST_TILES)
}

/// How single values stand in the channel pager: in columns, one below the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bars {
    /// Columns of bars.
    pub columns: usize,
    /// Bars in a column.
    pub rows: usize,
}

/// Cells that a bar with its number and value needs across, and with a name.
const BAR_WIDTH: u16 = 32;
const NAMED_BAR_WIDTH: u16 = 52;

/// The bars that fit below the caption line.
pub fn bars(inner: Rect, named: bool) -> Bars {
    let width = if named { NAMED_BAR_WIDTH } else { BAR_WIDTH };
    let (columns, rows) = ((inner.width / width).max(1), inner.height.saturating_sub(1).max(1));
    Bars { columns: columns.into(), rows: rows.into() }
}

/// The line of the bar `index`.
pub fn bar_area(inner: Rect, bars: Bars, index: usize) -> Rect {
    let (column, row) = ((index / bars.rows) as u16, (index % bars.rows) as u16);
    let width = inner.width / bars.columns as u16;
    Rect::new(inner.x + column * width, inner.y + 1 + row, width, 1).intersection(inner)
}

/// The tiles of the chosen layer's page.
pub fn page_tiles(state: &State) -> Tiles {
    let count = state.layer_state().map_or(1, |layer| layer.channels);
    let (rows, columns) = tile_shape(state);
    // Of two models three maps stand side by side.
    let compared = state.differences.contains_key(&state.layer) && state.content != Content::Patterns;
    let tile = (rows, if compared { 3 * columns } else { columns });
    tiles(channels_inner(state), count, tile, state.cell.unwrap_or((10, 20)))
}

/// The area of the tile `index`, its picture and below it its number.
pub fn tile_area(inner: Rect, tiles: Tiles, index: usize) -> Rect {
    let (column, row) = ((index % tiles.columns) as u16, (index / tiles.columns) as u16);
    let x = inner.x + column * (tiles.width + 1);
    let y = inner.y + 1 + row * (tiles.height + 1);
    Rect::new(x, y, tiles.width, tiles.height + 1).intersection(inner)
}

/// The largest area inside `room` for a picture of `rows`×`columns`, centred.
pub fn fitted(room: Rect, (rows, columns): (usize, usize), cell: (u16, u16)) -> Rect {
    if room.is_empty() {
        return Rect { width: 0, height: 0, ..room };
    }
    let (width, height) = (f32::from(room.width) * f32::from(cell.0), f32::from(room.height) * f32::from(cell.1));
    let factor = (width / columns.max(1) as f32).min(height / rows.max(1) as f32);
    let across = ((columns as f32 * factor / f32::from(cell.0)).round() as u16).clamp(1, room.width.max(1));
    let down = ((rows as f32 * factor / f32::from(cell.1)).round() as u16).clamp(1, room.height.max(1));
    Rect::new(room.x + (room.width - across.min(room.width)) / 2, room.y, across, down).intersection(room)
}

/// A picture of `rows`×`columns` and what is said about it: the words stand below the picture, on at least `lines` lines, or
/// beside it, on at least `across` columns, whichever leaves the picture larger.
pub fn picture_and_words(room: Rect, tile: (usize, usize), cell: (u16, u16), lines: u16, across: u16) -> (Rect, Rect) {
    let above = fitted(Rect { height: room.height.saturating_sub(lines), ..room }, tile, cell);
    let mut left = fitted(Rect { width: room.width.saturating_sub(across + 2), ..room }, tile, cell);
    left.x = room.x;
    if left.area() > above.area() {
        let x = left.right() + 2;
        (left, Rect { x, width: room.right().saturating_sub(x), ..room })
    } else {
        let y = above.bottom();
        (above, Rect { y, height: room.bottom().saturating_sub(y), ..room })
    }
}

/// Three areas of one size in an area, side by side or one below the other, with `gap` cells between them: of two models both and
/// their difference.
pub fn thirds(area: Rect, side_by_side: bool, gap: u16) -> [Rect; 3] {
    let third = |size: u16| size.saturating_sub(2 * gap) / 3;
    [0, 1, 2].map(|place| {
        if side_by_side {
            let width = third(area.width);
            Rect { x: area.x + place * (width + gap), width, ..area }
        } else {
            let height = third(area.height);
            Rect { y: area.y + place * (height + gap), height, ..area }
        }
    })
}

/// Where the parts of a zoomed channel stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zoom {
    /// The channel.
    pub picture: Rect,
    /// Its statistics, two lines.
    pub facts: Rect,
    /// How its values are distributed.
    pub histogram: Rect,
    /// Its strongest place in the picture, with a line of words below.
    pub place: Option<Rect>,
    /// Its pattern, with a line of words below.
    pub pattern: Option<Rect>,
}

/// Lines that the statistics and the histogram with its axis need below the picture.
const LEAST_LINES: u16 = 9;
/// Columns that they need beside it.
const LEAST_COLUMNS: u16 = 36;
/// Lines of statistics.
const FACTS: u16 = 2;
/// Most rows of the histogram with its axis.
const HISTOGRAM: u16 = 13;
/// Fewer rows than this and a picture beside the channel shows nothing.
const LEAST_SIDE: u16 = 6;

/// The parts of a zoomed channel of `tile` rows and columns, below the caption line of `inner`. What the histogram leaves is for
/// the pictures beside the channel.
pub fn zoom(inner: Rect, tile: (usize, usize), cell: (u16, u16)) -> Zoom {
    let room = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let lines = LEAST_LINES.max(room.height / 4).min(room.height / 2);
    let (picture, words) = picture_and_words(room, tile, cell, lines, LEAST_COLUMNS);
    let facts = Rect { height: FACTS.min(words.height), ..words };
    let below = Rect { y: facts.bottom(), height: words.height - facts.height, ..words };
    // Columns of a square picture with a line below it.
    let square = |rows: u16| {
        (u32::from(rows.saturating_sub(1)) * u32::from(cell.1) / u32::from(cell.0.max(1))).min(u32::from(u16::MAX))
            as u16
    };
    let (histogram, first, second) = if below.height >= HISTOGRAM / 2 + LEAST_SIDE + 2 {
        // Below the histogram, side by side.
        let rows = HISTOGRAM.min(below.height / 2);
        let rest = Rect { y: below.y + rows, height: below.height - rows, ..below };
        let side = square(rest.height).min((rest.width.saturating_sub(1)) / 2);
        let at = |x: u16| Rect { x, width: side, ..rest };
        (Rect { height: rows, ..below }, at(rest.x), at(rest.x + side + 1))
    } else {
        // Right of it.
        let side = square(words.height).min(words.width.saturating_sub(LEAST_COLUMNS) / 2).saturating_sub(1);
        let histogram = Rect { width: below.width.saturating_sub(2 * (side + 1)), ..below };
        let at = |x: u16| Rect { x, width: side, ..words };
        (histogram, at(words.right().saturating_sub(2 * side + 1)), at(words.right().saturating_sub(side)))
    };
    let shown = |area: Rect| (area.height >= LEAST_SIDE && area.width >= LEAST_SIDE).then_some(area);
    let (place, pattern) = (shown(first), shown(second));
    let histogram = if place.is_some() { histogram } else { Rect { width: below.width, ..histogram } };
    let facts = if histogram.y == facts.bottom() { Rect { width: histogram.width, ..facts } } else { facts };
    Zoom { picture, facts, histogram, place, pattern }
}
