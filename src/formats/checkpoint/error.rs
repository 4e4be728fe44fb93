//! Why a checkpoint cannot be read.

use crate::formats::archive::ArchiveError;
use crate::formats::pickle::PickleError;

/// Why a checkpoint cannot be read: one line that names the tensor, the shard or the global.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("it cannot be read ({0})")]
    Unreadable(#[from] std::io::Error),
    /// The zip archive is damaged.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The pickle is refused.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// The file contradicts itself.
    #[error("damaged: {0}")]
    Damaged(String),
    /// Something else than a checkpoint, or a kind that is not read.
    #[error("{0}")]
    OtherKind(String),
    /// A tensor whose numbers cannot be read.
    #[error("tensor {name}: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A shard of a checkpoint of several files.
    #[error("its shard {file}: {reason}")]
    Shard {
        /// Name of the file as the index gives it.
        file: String,
        /// What is wrong with it.
        reason: Box<CheckpointError>,
    },
}
