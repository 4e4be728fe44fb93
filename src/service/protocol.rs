//! What is asked of the engine's thread and what it answers: plain data, so that the engine can live elsewhere.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::open::Opening;
pub use crate::methods::grad_cam::ClassId;
pub use crate::methods::predictions::Prediction;
pub use crate::methods::receptive_field::ReceptiveField;
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
    /// A second model that the first is compared with, layer by layer.
    pub other: Option<Opening>,
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
    /// What is said of one channel beside it.
    Detail,
}

/// What the channel pager shows of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Content {
    /// What the layer made of the picture.
    Activations,
    /// Gradient of the class's score (before softmax or sigmoid) with respect to the layer's output.
    Gradients,
    /// Activation times gradient, element by element: where each channel speaks for the class, and where against it.
    ActivationTimesGradient,
    /// The input that maximises each channel.
    Patterns,
    /// The layer's kernels.
    Weights,
}

impl Content {
    /// Whether it is another for another class.
    pub fn needs_class(self) -> bool {
        matches!(self, Self::Gradients | Self::ActivationTimesGradient)
    }
}

/// The order in which channels are paged through. Mean, maximum, variance and sparsity are those of the numbers that the page
/// shows, and of the activations where it shows patterns. Greatest first, except for [`Order::Index`]; channels of equal
/// rank stay in the layer's order, and what is NaN comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Order {
    /// As the layer has them.
    #[default]
    Index,
    /// Mean of the finite values.
    Mean,
    /// Greatest finite value.
    Max,
    /// Population variance of the finite values.
    Variance,
    /// Share of exact zeros.
    Sparsity,
    /// Contribution to the class: the sum over space of activation × gradient, which is by how much the class's score would
    /// fall, to first order, if the channel were zero.
    Contribution,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Index, Self::Mean, Self::Max, Self::Variance, Self::Sparsity, Self::Contribution];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Variance => "variance",
            Self::Sparsity => "sparsity",
            Self::Contribution => "contribution",
        }
    }

    /// The next, and after the last the first.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|order| *order == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
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
        /// The order in which they are counted.
        order: Order,
        /// The class that gradients and contributions are of; `None` is the network's top class.
        class: Option<ClassId>,
        /// First channel of the page: its rank in the order.
        first: usize,
        /// Number of channels; fewer come back at the end of the layer.
        count: usize,
    },
    /// The class activation map of a class at a layer, or at several together.
    Map {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The layers; none is the last with a spatial map. Of several the maps are blended: see [`ClassMap::values`].
        layers: Vec<LayerId>,
        /// The class; `None` is the network's top class.
        class: Option<ClassId>,
        /// Contrast: the map is that of the class's score minus this one's.
        against: Option<ClassId>,
    },
    /// The pattern of one channel, beside what the pager shows: a [`PatternPage`] of one.
    Pattern {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Whose channel.
        layer: LayerId,
        /// Its number.
        channel: usize,
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
    /// Version of libtorch that runs it.
    pub libtorch: String,
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
    /// Multiply–adds for this picture, of the layer and those below it, as `summary` counts them.
    pub macs: u64,
    /// Channels of a rectified layer (ReLU and its like) that are zero everywhere on this picture. In a vector, where a zero is
    /// ordinary, none unless all are.
    pub dead: usize,
    /// Channels of a bounded layer (sigmoid, tanh, `ReLU6`, hard sigmoid and their like) of which at least 99 % lie at a bound, where
    /// no gradient passes; of sigmoid and tanh within 1 % of their range. The floor of a rectified layer does not count, nor
    /// does the network's own output.
    pub saturated: usize,
    /// What a position of its maps can see; `None` where that is the whole input, as after global pooling or attention, or
    /// where the layer has no map.
    pub receptive_field: Option<ReceptiveField>,
}

/// A page of channels as numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelPage {
    /// Whose channels.
    pub layer: LayerId,
    /// Anything but [`Content::Patterns`].
    pub content: Content,
    /// The order that it is a page of.
    pub order: Order,
    /// The class that gradients and contributions are of; `None` where the page depends on no class.
    pub class: Option<Class>,
    /// The channels, in the page's order.
    pub channels: Vec<usize>,
    /// Rank of the first of them.
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
    /// Contribution of each channel to the class (see [`Order::Contribution`]), where the page needed gradients.
    pub contributions: Option<Vec<f32>>,
    /// For first convolutions' weights: the K kernels in colour, in place of `values`.
    pub colour: Option<Vec<Rgb>>,
    /// The same channels of the second model, where it has a layer of this path and shape.
    pub other: Option<OtherChannels>,
}

/// A page's channels in the second model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherChannels {
    /// The layer, of the second model.
    pub layer: LayerId,
    /// K×H×W numbers, as many as the page has.
    pub values: Vec<f32>,
    /// One for each channel of the page.
    pub statistics: Vec<Statistics>,
    /// Statistics of the whole layer.
    pub layer_statistics: Statistics,
    /// For first convolutions' weights: the K kernels in colour.
    pub colour: Option<Vec<Rgb>>,
}

/// A page of filter patterns, finished or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternPage {
    /// Whose patterns.
    pub layer: LayerId,
    /// The order that it is a page of.
    pub order: Order,
    /// The class that contributions are of; `None` where the order depends on no class.
    pub class: Option<Class>,
    /// The channels, in the page's order.
    pub channels: Vec<usize>,
    /// Rank of the first of them.
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

/// A class activation map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMap {
    /// Layers that it was made at.
    pub layers: Vec<LayerId>,
    /// Class that it is for.
    pub class: Class,
    /// Class that it is held against.
    pub against: Option<Class>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// H×W numbers. Of one layer: Grad-CAM at the layer's resolution, before ReLU and scaling. Of several: the mean of
    /// their maps' positive parts, each divided by its maximum and enlarged bilinearly to the finest of them; 0 to 1.
    pub values: Vec<f32>,
    /// The same of the second model, where it has layers of these paths, and the class.
    pub other: Option<OtherMap>,
}

/// A class activation map of the second model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// H×W numbers, as [`ClassMap::values`].
    pub values: Vec<f32>,
}

/// How far two models are apart at a layer that both have, by path and shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerDifference {
    /// The layer of the first model.
    pub layer: LayerId,
    /// The layer of the second.
    pub other: LayerId,
    /// Relative L2 distance of their outputs for the picture, ‖a − b‖ / max(‖a‖, ‖b‖): 0 for equal ones, at most 2, NaN where a
    /// value is NaN.
    pub distance: f32,
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
    /// The second model is open too.
    OpenedOther(Box<ModelInfo>),
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
    /// The second model has run on the picture too.
    Compared {
        /// Of the picture's request.
        ticket: Ticket,
        /// The second model's top classes, best first.
        predictions: Vec<Prediction>,
        /// Layers that both models have, those that differ most first.
        layers: Vec<LayerDifference>,
        /// Layers of the first model that the second has not.
        unmatched: Vec<LayerId>,
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
