//! What is asked of the engine's thread and what it answers: plain data, so that the engine can live elsewhere.

mod answers;
mod excitations;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::open::Opening;
pub use crate::methods::faithfulness::Measured;
pub use crate::methods::health::Severity;
pub use crate::methods::patterns::Recipe;
pub use crate::methods::predictions::Prediction;
pub use crate::methods::receptive_field::ReceptiveField;
pub use crate::methods::registry::Chosen;
pub use crate::methods::statistics::Statistics;
pub use crate::methods::target::ClassId;
use crate::model::LayerId;
pub use crate::scan::Filter;
pub use answers::{
    ChannelPage, Class, Grain, Heatmap, LayerDifference, LayerFinding, LayerInfo, LayerState, ModelInfo, OtherChannels,
    OtherMap, PatternPage, Rgb, ShownTarget, Unit,
};
pub use excitations::{ExcitationPage, Exciting, Part, ScanInfo};

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
    /// The folder in which patterns are kept from one session to the next; `None` keeps none.
    pub pattern_cache: Option<PathBuf>,
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
    /// How far the heatmap is to be trusted.
    Trust,
    /// What is said of one channel beside it.
    Detail,
    /// What is wrong: looked for when nothing else is to be done, and interrupted by whatever is.
    Health,
    /// What excites a channel over many pictures.
    Excitations,
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

/// What a class activation map or an attribution is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// A class's score, or what is usual for the method.
    Class {
        /// The class; `None` is the network's top class.
        class: Option<ClassId>,
        /// Contrast: the class's score minus this one's.
        against: Option<ClassId>,
    },
    /// A layer's channel, or one value of it.
    Channel(Unit),
}

impl Default for Target {
    fn default() -> Self {
        Self::Class { class: None, against: None }
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
        /// What is done to it, as a SPEC; `None` is as the model was opened.
        preprocess: Option<String>,
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
        /// How patterns are made; no matter to other contents.
        recipe: Recipe,
    },
    /// A class activation map at a layer, or at several together, or an attribution to the input. What takes long answers several
    /// times, with what there is so far; between its steps other panes are answered.
    Map {
        /// Comes back with the answer.
        ticket: Ticket,
        /// How it is made.
        method: Chosen,
        /// The layers; none is the last with a spatial map. Of several the maps are blended: see [`Grain::Map`]. Most attributions
        /// have none.
        layers: Vec<LayerId>,
        /// What it is of.
        of: Target,
    },
    /// How far a heatmap that was answered is to be trusted: an answer for each metric.
    Trust {
        /// Comes back with the answers.
        ticket: Ticket,
        /// The whole heatmap; of two models the first one's is measured.
        map: Box<Heatmap>,
        /// The metrics.
        metrics: Vec<Chosen>,
    },
    /// The pattern of one channel, beside what the pager shows: a [`PatternPage`] of one.
    Pattern {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Whose channel.
        layer: LayerId,
        /// Its number.
        channel: usize,
        /// How it is made.
        recipe: Recipe,
    },
    /// What is wrong with the network on the picture, or with the picture.
    Check {
        /// Comes back with the answer.
        ticket: Ticket,
    },
    /// Open the file of a scan.
    Scan {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The file.
        path: PathBuf,
    },
    /// The pictures that excite a channel most, from the scan that was opened last.
    Excitations {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Index of a layer of the scan.
        layer: usize,
        /// Number of the channel.
        channel: usize,
        /// Which pictures count.
        filter: Filter,
        /// How many come back at most.
        most: usize,
        /// Whole pictures with what the position sees marked, in place of crops.
        whole: bool,
    },
    /// Stop what runs for a pane and forget what waits.
    Stop(Pane),
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
        /// What was done to it, as a whole SPEC.
        preprocess: String,
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
    /// A class activation map or an attribution, so far or finished.
    Map {
        /// Of the request.
        ticket: Ticket,
        /// The map.
        map: Box<Heatmap>,
    },
    /// What one metric says of a heatmap.
    Measured {
        /// Of the request.
        ticket: Ticket,
        /// The metric with what it found.
        measured: Box<Measured>,
        /// How many metrics are still to come.
        left: usize,
    },
    /// What a check has found.
    Checked {
        /// Of the request.
        ticket: Ticket,
        /// Trouble first, each in the order of the graph.
        findings: Vec<LayerFinding>,
    },
    /// The file of a scan is open.
    ScanOpened {
        /// Of the request.
        ticket: Ticket,
        /// What it says of itself.
        scan: Box<ScanInfo>,
    },
    /// What excites a channel.
    Excitations {
        /// Of the request.
        ticket: Ticket,
        /// The pictures.
        page: Box<ExcitationPage>,
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
