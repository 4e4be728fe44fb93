//! What the state is made of.

use std::collections::HashMap;

use image::RgbImage;

use crate::model::LayerId;
use crate::service::protocol::{ClassId, LayerState, Prediction};
use crate::tui::prompt::Prompt;
use crate::tui::stamped::Stamped;

/// The pane that keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The layer tree.
    Layers,
    /// The channel pager.
    Channels,
    /// The heatmap.
    Heatmap,
}

impl Focus {
    /// All panes in the order of `Tab`.
    pub const ALL: [Self; 3] = [Self::Layers, Self::Channels, Self::Heatmap];
}

/// What lies over the panes.
#[derive(Debug, Clone)]
pub enum Popup {
    /// The table of keys, scrolled by so many lines.
    Help(u16),
    /// A line to type in, with what matches.
    Prompt(Prompt),
}

/// A value of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hover {
    /// Place of the channel in the pager's order.
    pub place: usize,
    /// Row of the value.
    pub row: usize,
    /// Column of the value.
    pub column: usize,
}

/// A word on what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It went well.
    Done(String),
    /// It did not, or something is amiss.
    Amiss(String),
}

/// What was chosen and under way when another picture was asked for. Where that cannot be read, the picture before stays, and this
/// goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The class whose map was wanted.
    pub class: Option<ClassId>,
    /// The class that the map was contrasted with.
    pub against: Option<ClassId>,
    /// Whether a map was to come.
    pub mapping: bool,
    /// Whether the map was being measured.
    pub measuring: bool,
}

/// Layer and channel of a pattern beside a channel.
pub type DetailKey = (LayerId, usize);

/// Sizes of panes that the user has given them with the mouse: columns side by side, rows one below the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Splits {
    /// Of the layer tree.
    pub layers: Option<u16>,
    /// Of the heatmap.
    pub heatmap: Option<u16>,
}

/// What the heatmap pane draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverlayMode {
    /// The map over the picture.
    Overlay,
    /// The picture alone.
    Picture,
    /// The map alone.
    Map,
}

impl OverlayMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Overlay, Self::Picture, Self::Map];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Picture => "picture",
            Self::Map => "map",
        }
    }

    /// The next, and after the last the first.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Overlay => Self::Picture,
            Self::Picture => Self::Map,
            Self::Map => Self::Overlay,
        }
    }
}

/// The picture that has been run.
#[derive(Debug)]
pub struct Run {
    /// What the network saw.
    pub picture: Stamped<RgbImage>,
    /// Top classes.
    pub predictions: Vec<Prediction>,
    /// What each layer gave.
    pub layers: HashMap<LayerId, LayerState>,
}
