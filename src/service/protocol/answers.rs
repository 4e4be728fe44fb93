//! What the engine's thread answers with.

use serde::{Deserialize, Serialize};

use super::{Chosen, ClassId, Content, Order, ReceptiveField, Recipe, Statistics};
use crate::methods::attribution::Reading;
use crate::methods::health::Severity;
use crate::model::{LayerId, LayerKind};

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
    /// Whether it runs: not where the file does not hold all that the network does, and the network ends before it.
    pub has_activations: bool,
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
    /// What the user should know of how the file was opened.
    pub note: Option<String>,
    /// Sum of all parameters.
    pub parameters: u64,
    /// Tells models apart, whatever their names; empty where it could not be made.
    pub fingerprint: String,
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

impl ChannelPage {
    /// The H×W numbers of the channel at a place of the page.
    pub fn values_at(&self, place: usize) -> &[f32] {
        self.part(&self.values, place)
    }

    /// The same numbers of the second model; none where there is none.
    pub fn other_values_at(&self, place: usize) -> &[f32] {
        self.other.as_ref().map_or(&[], |other| self.part(&other.values, place))
    }

    fn part<'a>(&self, values: &'a [f32], place: usize) -> &'a [f32] {
        let size = self.height * self.width;
        values.get(place * size..(place + 1) * size).unwrap_or_default()
    }
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
    /// How they are made.
    pub recipe: Recipe,
    /// Steps of gradient ascent done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// One picture for each channel of the page.
    pub pictures: Vec<Rgb>,
    /// Mean activation that each pattern reaches.
    pub activations: Vec<f32>,
}

/// What a class activation map or an attribution is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ShownTarget {
    /// A class.
    Class {
        /// The class.
        class: Class,
        /// Class that it is held against.
        against: Option<Class>,
    },
    /// A layer's channel, or one value of it.
    Channel(Unit),
}

/// A layer's channel, or one value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The layer.
    pub layer: LayerId,
    /// Its channel.
    pub channel: usize,
    /// Row and column of a single value; `None` is the mean over all.
    pub at: Option<(usize, usize)>,
}

/// Whether numbers are a map at a layer or an attribution to the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Grain {
    /// H×W numbers. Of one layer: the map at the layer's resolution, before ReLU and scaling. Of several: the mean of their maps'
    /// positive parts, each divided by its maximum and enlarged bilinearly to the finest of them; 0 to 1.
    Map,
    /// C×H×W numbers, one for each of the input's.
    Attribution {
        /// C.
        channels: usize,
        /// What they tell.
        reading: Reading,
    },
}

/// Something that a check has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerFinding {
    /// Where; `None` for what concerns the whole network, or its input.
    pub layer: Option<LayerId>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is called.
    pub name: String,
    /// Its numbers, in a line.
    pub numbers: String,
    /// What one might do about it.
    pub hint: String,
}

/// A class activation map, or an attribution to the input's numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heatmap {
    /// How it was made.
    pub method: Chosen,
    /// Layers that it was made at; none where a method needs none.
    pub layers: Vec<LayerId>,
    /// What it is of.
    pub of: ShownTarget,
    /// What its numbers are.
    pub grain: Grain,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The numbers, as [`Grain`] says.
    pub values: Vec<f32>,
    /// The same of the second model, where it has layers of these paths, and the class.
    pub other: Option<OtherMap>,
    /// What is done and what there is to do, where more is to come.
    pub so_far: Option<(usize, usize)>,
}

impl Heatmap {
    /// The class that it is of; none where it is of a channel.
    pub fn class(&self) -> Option<&Class> {
        match &self.of {
            ShownTarget::Class { class, .. } => Some(class),
            ShownTarget::Channel(_) => None,
        }
    }

    /// The class that it is held against.
    pub fn against(&self) -> Option<&Class> {
        match &self.of {
            ShownTarget::Class { against, .. } => against.as_ref(),
            ShownTarget::Channel(_) => None,
        }
    }
}

/// A map or an attribution of the second model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherMap {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers, as [`Heatmap::values`].
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
