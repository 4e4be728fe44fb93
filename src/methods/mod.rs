//! Methods: from values and gradients to maps, patterns and statistics.

mod attention;
pub mod attribution;
mod batches;
pub mod cam;
pub mod channels;
pub mod excitation;
pub mod faithfulness;
pub mod forward;
pub mod health;
pub mod job;
mod layout;
pub mod limits;
pub mod network;
mod node;
pub mod noise;
pub mod patterns;
pub mod predictions;
pub mod receptive_field;
pub mod registry;
mod reweighted;
pub mod statistics;
pub mod summary;
pub mod target;
pub mod weights;

pub use forward::Forward;
pub use network::{Network, Place};

use crate::engine::{EngineError, amount};

/// Why a method cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum MethodError {
    /// The graph could not be run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No layer or node has this name.
    #[error("there is no layer '{name}'{suggestion}")]
    UnknownLayer {
        /// The name that was asked for.
        name: String,
        /// Names that are near.
        suggestion: String,
    },
    /// An index that is not of this model's layer tree.
    #[error("there is no layer number {0}")]
    NoSuchLayer(usize),
    /// A layer that the network does not run.
    #[error("layer {layer} has no activations: {reason}")]
    NoActivations {
        /// Path of the layer.
        layer: String,
        /// Where the network ends.
        reason: String,
    },
    /// The network does not reach its scores.
    #[error("the network gives no scores: {0}")]
    EndsEarly(String),
    /// The graph takes nothing.
    #[error("the network has no input")]
    NoInput,
    /// The graph gives nothing.
    #[error("the network has no output")]
    NoOutput,
    /// An array that is no picture for this network.
    #[error("the input has shape {}, but the network takes {wanted}", shape(given))]
    InputShape {
        /// Shape of the array.
        given: Vec<usize>,
        /// Shape that would be right.
        wanted: String,
    },
    /// A map was asked for where there is no space.
    #[error(
        "layer {layer} gives {}, not N×C×H×W: a class activation map needs a layer with a spatial map{hint}",
        shape(given)
    )]
    NoSpatialMap {
        /// Path of the layer.
        layer: String,
        /// Shape of its output.
        given: Vec<i64>,
        /// A layer that has one.
        hint: String,
    },
    /// The target looks at a class token alone, and no patch of the layer matters to it any more.
    #[error("the score depends on the class token of layer {layer} alone: ask at an earlier layer{hint}")]
    NoPatches {
        /// Path of the layer.
        layer: String,
        /// A layer whose patches matter.
        hint: String,
    },
    /// The network has no attention, or none of all tokens to all.
    #[error("{method} shows what attention over the whole picture does, and this network has none: use grad-cam{hint}")]
    NoAttention {
        /// The method.
        method: &'static str,
        /// A layer for Grad-CAM.
        hint: String,
    },
    /// Attention that sees a part of the picture.
    #[error(
        "{method} needs attention over the whole picture on one grid, and that of {layer} {is}: use grad-cam{hint}"
    )]
    PartialAttention {
        /// The method.
        method: &'static str,
        /// Path of the layer.
        layer: String,
        /// What it is in place of that.
        is: &'static str,
        /// A layer for Grad-CAM.
        hint: String,
    },
    /// No module gives the tokens after an attention.
    #[error("no layer around {0} gives the tokens after its attention, which legrad takes the score of")]
    NoBlock(String),
    /// A method that compares all positions with each other has too many of them.
    #[error(
        "layer {layer} has {positions} positions, which is too many to compare all with each other: ask at a later layer, of at most {most}"
    )]
    TooManyPositions {
        /// Path of the layer.
        layer: String,
        /// Its positions.
        positions: i64,
        /// The most that are compared.
        most: i64,
    },
    /// No layer has a spatial map.
    #[error("the network has no layer with a spatial map")]
    NoMapLayer,
    /// The class does not depend on the layer.
    #[error("the score of the class does not depend on layer {0}")]
    NoGradient(String),
    /// A channel beyond the last.
    #[error("layer {layer} has channels 0 to {last}, not {asked}")]
    NoSuchChannel {
        /// Path of the layer.
        layer: String,
        /// Its last channel.
        last: usize,
        /// The channel that was asked for.
        asked: usize,
    },
    /// A direction that is no vector of the layer's channels.
    #[error("layer {layer} has {channels} channels, but the direction has {given} numbers")]
    Direction {
        /// Path of the layer.
        layer: String,
        /// Its channels.
        channels: usize,
        /// Numbers of the direction.
        given: usize,
    },
    /// A class beyond the last.
    #[error("the network has classes 0 to {last}, not {asked}")]
    NoSuchClass {
        /// The last class.
        last: usize,
        /// The class that was asked for.
        asked: usize,
    },
    /// An output beyond the last.
    #[error("the network has outputs 0 to {last}, not {asked}")]
    NoSuchOutput {
        /// The last output.
        last: usize,
        /// The output that was asked for.
        asked: usize,
    },
    /// Positions that the output or the channel does not have.
    #[error("{}", positions(*rows, *columns))]
    NoSuchRegion {
        /// Rows that there are.
        rows: usize,
        /// Columns that there are.
        columns: usize,
    },
    /// A region that is nowhere in the picture.
    #[error("{0} is predicted nowhere in the picture: give another --class, or a --region of ROWxCOLUMN+HEIGHT+WIDTH")]
    NowherePredicted(String),
    /// An output that is not one for each picture.
    #[error("{layer} gives {} for {pictures} picture(s): it has no channels for each of them", shape(given))]
    NoPictures {
        /// Path of the layer.
        layer: String,
        /// Shape of its output.
        given: Vec<i64>,
        /// Pictures that were fed.
        pictures: i64,
    },
    /// An attribution cannot be made.
    #[error(transparent)]
    Attribution(#[from] attribution::AttributionError),
    /// It cannot be measured how far a map is to be trusted.
    #[error(transparent)]
    Faithfulness(#[from] faithfulness::FaithfulnessError),
    /// Less memory than one run takes.
    #[error(
        "that takes about {} of memory at once, but {} of {} are left: give more by --memory-limit, or feed a smaller picture",
        amount(*needed),
        amount(*left),
        amount(*ceiling)
    )]
    Memory {
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that may still be taken.
        left: u64,
        /// Bytes that may be taken in all.
        ceiling: u64,
    },
    /// No method has the name.
    #[error(transparent)]
    UnknownMethod(#[from] registry::UnknownMethod),
    /// Weights were asked for where there are none.
    #[error("layer {0} has no kernels of its own to show")]
    NoWeights(String),
    /// An output that is not N×classes or N×classes×….
    #[error("the network gives {}, which is no score for each class", shape(.0))]
    NoScores(Vec<i64>),
}

impl From<tch::TchError> for MethodError {
    fn from(error: tch::TchError) -> Self {
        Self::Engine(error.into())
    }
}

/// `1×3×224×224`
pub fn shape<T: std::fmt::Display>(sizes: &[T]) -> String {
    sizes.iter().map(T::to_string).collect::<Vec<_>>().join("×")
}

/// The positions of an output; of a classifier's none.
fn positions(rows: usize, columns: usize) -> String {
    match (rows, columns) {
        (1, 1) => "there is one position, for the whole picture: it has no regions and no other units".to_owned(),
        _ => format!("there are {rows}×{columns} positions: a region or unit must lie within them"),
    }
}
