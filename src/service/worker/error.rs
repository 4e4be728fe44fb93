//! Why a request failed.

use super::super::open::FedError;
use crate::engine::EngineError;
use crate::methods::MethodError;
use crate::picture::load::LoadError;

/// Why a request failed, in one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Method(#[from] MethodError),
    #[error(transparent)]
    Fed(#[from] FedError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("no picture has been run yet")]
    NoPicture,
    #[error("there is no picture")]
    NoInput,
    #[error("{0} makes no map and no attribution")]
    NoMap(&'static str),
    #[error(
        "layer {layer} has {kernels} kernels but {channels} channels, so that contributions do not order its kernels"
    )]
    NoOrder {
        /// Path of the layer.
        layer: String,
        /// What the page shows.
        kernels: usize,
        /// What contributions there are for.
        channels: usize,
    },
    #[error("the second model, {other}: {reason}")]
    Second {
        /// Its name.
        other: String,
        /// What went wrong there.
        reason: Box<WorkError>,
    },
    #[error(
        "no layer of {model} has the shape of {other}'s layer of the same path on this picture, so that nothing can be compared"
    )]
    NothingInCommon {
        /// Name of the first model.
        model: String,
        /// Name of the second.
        other: String,
    },
}

impl From<tch::TchError> for WorkError {
    fn from(error: tch::TchError) -> Self {
        MethodError::from(error).into()
    }
}

impl From<EngineError> for WorkError {
    fn from(error: EngineError) -> Self {
        MethodError::from(error).into()
    }
}

impl WorkError {
    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Method(MethodError::Engine(EngineError::Cancelled)) => true,
            Self::Second { reason, .. } => reason.is_cancelled(),
            _ => false,
        }
    }

    /// Whether the layer or the class is not one that the question can be asked of.
    pub(super) fn is_not_applicable(&self) -> bool {
        use MethodError::{NoActivations, NoGradient, NoSpatialMap, NoSuchClass, NoWeights};
        let Self::Method(error) = self else { return false };
        matches!(error, NoActivations { .. } | NoGradient(_) | NoSpatialMap { .. } | NoSuchClass { .. } | NoWeights(_))
    }
}
