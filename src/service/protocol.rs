//! What is asked of the engine's thread and what it answers: plain data, so that the engine can live elsewhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::open::Opening;
pub use crate::methods::grad_cam::ClassId;
pub use crate::methods::predictions::Prediction;
pub use crate::methods::statistics::Statistics;
use crate::model::{LayerId, LayerKind};

/// Number that an answer carries back to whoever asked; a higher one is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// What the engine's thread opens.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OpenRequest {
    /// The model, and what the user says about it.
    pub opening: Opening,
    /// Seed of the noise that patterns start from.
    pub seed: u64,
}

/// Whose work a request is: for each pane the newest request wins, and stops the one that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Pane {
    /// The model and the picture: everything hangs on it.
    Input,
    /// The channel pager.
    Channels,
    /// The heatmap.
    Heatmap,
}

/// What the channel pager shows of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Content {
    /// What the layer made of the picture.
    Activations,
    /// The input that maximises each channel.
    Patterns,
    /// The layer's kernels.
    Weights,
}

/// Work for the engine's thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// Run the network on a picture, a `.npy` array, or (`None`) the demo's picture.
    Picture {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The file.
        path: Option<PathBuf>,
    },
    /// A page of channels.
    Channels {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Whose channels.
        layer: LayerId,
        /// What of them; patterns answer several times, with the picture so far.
        content: Content,
        /// First channel of the page.
        first: usize,
        /// Number of channels; fewer come back at the end of the layer.
        count: usize,
    },
    /// The class activation map of a class at a layer.
    Map {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The layer; `None` is the last with a spatial map.
        layer: Option<LayerId>,
        /// The class; `None` is the network's top class.
        class: Option<ClassId>,
    },
    /// Stop what runs for a pane and forget what waits.
    Stop(Pane),
}

/// A class of the network, as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Which one.
    pub id: ClassId,
    /// Its label, or its index where there are no labels.
    pub label: String,
}

/// A row of the layer tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// Path as the file names it.
    pub path: String,
    /// Last part of the path.
    pub name: String,
    /// Type without its package.
    pub type_name: String,
    /// Module or operator call.
    pub kind: LayerKind,
    /// The module around it: an index into the same list.
    pub parent: Option<LayerId>,
    /// Number of modules around it.
    pub depth: usize,
    /// Parameters of the layer and of those below it.
    pub parameters: u64,
    /// Whether there are layers below it.
    pub has_children: bool,
    /// Whether it has kernels that [`Content::Weights`] can show.
    pub has_weights: bool,
}

/// A model that is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Name for people.
    pub name: String,
    /// File format: `exported program`, `Keras HDF5`.
    pub format: String,
    /// Device: `cpu`, `cuda:0`.
    pub device: String,
    /// The layer tree in drawing order; [`LayerId`] is the index.
    pub layers: Vec<LayerInfo>,
    /// The classes that a map can be asked for.
    pub classes: Vec<Class>,
    /// What is done to pictures, as a SPEC.
    pub preprocess: String,
    /// Where that comes from, when it was guessed.
    pub preprocess_note: Option<String>,
    /// Sum of all parameters.
    pub parameters: u64,
}

/// Red, green, blue, row by row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rgb {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Three bytes a pixel.
    pub pixels: Vec<u8>,
}

/// What a layer gave for the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerState {
    /// Which layer.
    pub layer: LayerId,
    /// Shape of its output, N×C×H×W for a convolution.
    pub shape: Vec<i64>,
    /// Number of channels that the pager can show.
    pub channels: usize,
    /// Rows and columns of each.
    pub map: (usize, usize),
    /// Statistics of the whole output.
    pub statistics: Statistics,
}

/// A page of channels as numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelPage {
    /// Whose channels.
    pub layer: LayerId,
    /// [`Content::Activations`] or [`Content::Weights`].
    pub content: Content,
    /// First channel of the page.
    pub first: usize,
    /// Channels of the layer.
    pub total: usize,
    /// Rows of a channel.
    pub height: usize,
    /// Columns of a channel.
    pub width: usize,
    /// K×H×W numbers.
    pub values: Vec<f32>,
    /// One for each channel of the page.
    pub statistics: Vec<Statistics>,
    /// Statistics of the whole layer.
    pub layer_statistics: Statistics,
    /// For first convolutions' weights: the K kernels in colour, in place of `values`.
    pub colour: Option<Vec<Rgb>>,
}

/// A page of filter patterns, finished or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternPage {
    /// Whose patterns.
    pub layer: LayerId,
    /// First channel of the page.
    pub first: usize,
    /// Channels of the layer.
    pub total: usize,
    /// Steps of gradient ascent done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// One picture for each channel of the page.
    pub pictures: Vec<Rgb>,
    /// Mean activation that each pattern reaches.
    pub activations: Vec<f32>,
}

/// A class activation map at its layer's resolution, before ReLU and scaling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMap {
    /// Layer that it was made at.
    pub layer: LayerId,
    /// Class that it is for.
    pub class: Class,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// H×W numbers.
    pub values: Vec<f32>,
}

/// What the engine's thread says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Something takes a while: what, and how far it is.
    Progress {
        /// Whose work it is.
        pane: Pane,
        /// What is done: `reading model.pt2`, `running`, `patterns of conv2d_20`.
        what: String,
        /// Steps done and steps in all, where they can be counted.
        done: Option<(usize, usize)>,
    },
    /// The model is open.
    Opened(Box<ModelInfo>),
    /// The network has run on a picture.
    Ran {
        /// Of the request.
        ticket: Ticket,
        /// Where the picture came from, or nothing for the demo's.
        path: Option<PathBuf>,
        /// What the network saw of it: resized and cropped, before normalisation.
        picture: Rgb,
        /// Top classes, best first.
        predictions: Vec<Prediction>,
        /// One for each layer that ran, in the tree's order.
        layers: Vec<LayerState>,
    },
    /// A page of channels.
    Channels {
        /// Of the request.
        ticket: Ticket,
        /// The page.
        page: Box<ChannelPage>,
    },
    /// A page of patterns, so far or finished.
    Patterns {
        /// Of the request.
        ticket: Ticket,
        /// The page.
        page: Box<PatternPage>,
    },
    /// A class activation map.
    Map {
        /// Of the request.
        ticket: Ticket,
        /// The map.
        map: Box<ClassMap>,
    },
    /// Something failed: one line.
    Failed {
        /// Whose work it was.
        pane: Pane,
        /// Of the request; `None` when the model could not be opened.
        ticket: Option<Ticket>,
        /// What happened and what would be right.
        message: String,
    },
}
