//! What the mouse points at: everything that is drawn says where it stands and what it is.

use ratatui::layout::Rect;

use super::state::Focus;
use crate::model::LayerId;
use crate::service::protocol::ClassId;

/// Something on the screen that can be pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A pane, where nothing else is.
    Pane(Focus),
    /// The border between the layers and the channels.
    LayersBorder,
    /// The border between the channels and the heatmap.
    HeatmapBorder,
    /// A row of the layer tree.
    Layer(LayerId),
    /// The arrow that folds a layer.
    Arrow(LayerId),
    /// A tile of the pager by its place, with the rows and columns that it shows.
    Tile {
        /// Place in the pager's order.
        place: usize,
        /// Rows and columns of its values; none where it is a picture.
        values: Option<(usize, usize)>,
    },
    /// The zoomed channel.
    Zoomed {
        /// Place in the pager's order.
        place: usize,
        /// Rows and columns of its values; none where it is a picture.
        values: Option<(usize, usize)>,
    },
    /// A row of the top classes.
    Class(ClassId),
    /// A picture of the film strip.
    Picture(usize),
    /// A picture that excites the zoomed channel.
    Exciting(usize),
    /// A row of a prompt's list.
    Choice(usize),
    /// A popup, where nothing else is.
    Popup,
}

/// What stands where; later ones lie over earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Targets(Vec<(Rect, Target)>);

/// A target with the point of it that is meant, in cells from its corner, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// What is pointed at.
    pub target: Target,
    /// Where it stands.
    pub area: Rect,
    /// Column and row of the pointer on the screen.
    pub at: (u16, u16),
}

impl Targets {
    /// Something new, over what was there.
    pub fn add(&mut self, area: Rect, target: Target) {
        if !area.is_empty() {
            self.0.push((area, target));
        }
    }

    /// What is at a column and row.
    pub fn at(&self, column: u16, row: u16) -> Option<Hit> {
        let (area, target) = self.0.iter().rev().find(|(area, _)| area.contains((column, row).into()))?;
        Some(Hit { target: *target, area: *area, at: (column, row) })
    }
}

impl Hit {
    /// The row and column of a map of `rows`×`columns` values that lies under the pointer: the value at the middle of the cell.
    pub fn value(&self, (rows, columns): (usize, usize)) -> (usize, usize) {
        let along = |at: u16, size: u16, values: usize| {
            ((2 * usize::from(at) + 1) * values / (2 * usize::from(size.max(1)))).min(values.saturating_sub(1))
        };
        (
            along(self.at.1.saturating_sub(self.area.y), self.area.height, rows),
            along(self.at.0.saturating_sub(self.area.x), self.area.width, columns),
        )
    }
}
