//! What can be wrong with a Keras file.

use crate::formats::archive::ArchiveError;
use crate::model::printable;

/// Why a Keras file cannot be opened: one line each.
#[derive(Debug, thiserror::Error)]
pub enum KerasError {
    /// The file cannot be read at all.
    #[error("it cannot be read ({})", printable(.0))]
    Unreadable(String),
    /// No HDF5 file, or one damaged from its very start.
    #[error("not an HDF5 file; save the model with Keras's model.save(\"model.h5\")")]
    NotHdf5,
    /// The file ends before the end that it announces.
    #[error("truncated: the file says it has {announced} bytes, but has {found}")]
    Truncated {
        /// Bytes that the file should have.
        announced: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// A damaged zip archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An HDF5 file of something else.
    #[error("an HDF5 file, but no Keras model: it has no attribute model_config")]
    NoModel,
    /// Weights without the network that they belong to.
    #[error("weights only, no architecture in it; save the whole model: model.save(\"model.h5\")")]
    WeightsOnly,
    /// The file contradicts itself or breaks off.
    #[error("damaged: {}", printable(.0))]
    Damaged(String),
    /// A network that takes something else than one picture.
    #[error("{}; layerscope shows networks that take one picture of height×width×channels", printable(.0))]
    OtherKind(String),
    /// A layer class that cannot be run.
    #[error("layer {}: layers of class {} are not supported", printable(layer), printable(class))]
    UnsupportedLayer {
        /// The layer's name.
        layer: String,
        /// Its Keras class.
        class: String,
    },
    /// A layer of the user's own, or of another package: its code is not in the file.
    #[error("layer {}: the file does not hold what layers of class {} do", printable(layer), printable(class))]
    ForeignLayer {
        /// The layer's name.
        layer: String,
        /// Its class.
        class: String,
    },
    /// An option of a layer that cannot be run.
    #[error("layer {} ({}): {} is not supported", printable(layer), printable(class), printable(option))]
    UnsupportedOption {
        /// The layer's name.
        layer: String,
        /// Its Keras class.
        class: String,
        /// The option and its value.
        option: String,
    },
    /// A layer whose configuration or inputs make no sense.
    #[error("layer {} ({}): {}", printable(layer), printable(class), printable(reason))]
    Layer {
        /// The layer's name.
        layer: String,
        /// Its Keras class.
        class: String,
        /// What is wrong.
        reason: String,
    },
    /// A weight that the layer needs and the file does not have.
    #[error("layer {}: its weight {} is not in the file", printable(layer), printable(weight))]
    MissingWeight {
        /// The layer's name.
        layer: String,
        /// The weight: `kernel`.
        weight: String,
    },
    /// A weight of another shape than the layer's.
    #[error(
        "layer {}: its weight {} should have shape {expected:?}, but has {found:?}",
        printable(layer),
        printable(weight)
    )]
    WeightShape {
        /// The layer's name.
        layer: String,
        /// The weight: `kernel`.
        weight: String,
        /// Shape that the configuration asks for.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<u64>,
    },
}

impl KerasError {
    /// That the network ends at this layer and why, as a part of a line.
    pub(super) fn end(&self) -> String {
        match self {
            Self::ForeignLayer { layer, .. } => {
                format!("the network ends at layer {layer}, whose code is not in the file")
            }
            other => format!("the network ends early: {other}"),
        }
    }

    /// Whether a layer cannot be run, but those before it can.
    pub(super) fn is_gap(&self) -> bool {
        matches!(self, Self::UnsupportedLayer { .. } | Self::ForeignLayer { .. } | Self::UnsupportedOption { .. })
    }
}
