//! What can be wrong with a Keras file.

use crate::formats::archive::ArchiveError;

/// Why a Keras file cannot be opened: one line each.
#[derive(Debug, thiserror::Error)]
pub enum KerasError {
    /// The file cannot be read at all.
    #[error("it cannot be read ({0})")]
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
    #[error("damaged: {0}")]
    Damaged(String),
    /// A network that takes something else than one picture.
    #[error("{0}; layerscope shows networks that take one picture of height×width×channels")]
    OtherKind(String),
    /// A layer class that cannot be run.
    #[error("layer {layer}: layers of class {class} are not supported")]
    UnsupportedLayer {
        /// The layer's name.
        layer: String,
        /// Its Keras class.
        class: String,
    },
    /// A layer of the user's own, or of another package: its code is not in the file.
    #[error("layer {layer}: the file does not hold what layers of class {class} do")]
    ForeignLayer {
        /// The layer's name.
        layer: String,
        /// Its class.
        class: String,
    },
    /// An option of a layer that cannot be run.
    #[error("layer {layer} ({class}): {option} is not supported")]
    UnsupportedOption {
        /// The layer's name.
        layer: String,
        /// Its Keras class.
        class: String,
        /// The option and its value.
        option: String,
    },
    /// A layer whose configuration or inputs make no sense.
    #[error("layer {layer} ({class}): {reason}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// Its Keras class.
        class: String,
        /// What is wrong.
        reason: String,
    },
    /// A weight that the layer needs and the file does not have.
    #[error("layer {layer}: its weight {weight} is not in the file")]
    MissingWeight {
        /// The layer's name.
        layer: String,
        /// The weight: `kernel`.
        weight: String,
    },
    /// A weight of another shape than the layer's.
    #[error("layer {layer}: its weight {weight} should have shape {expected:?}, but has {found:?}")]
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
