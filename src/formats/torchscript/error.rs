//! Why a TorchScript archive cannot be opened.

use crate::formats::archive::ArchiveError;

/// Why a TorchScript archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum TorchScriptError {
    /// The archive is damaged.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An archive of a kind that cannot be shown.
    #[error("{0}")]
    Refused(String),
    /// libtorch does not load it.
    #[error("libtorch's loader says: {0}")]
    Loader(String),
    /// The program fails on an input of the size that it probably wants.
    #[error("run once on {size}, it fails: {reason}")]
    Run {
        /// The input: `1×3×224×224`.
        size: String,
        /// The operator that failed, with its layer.
        reason: String,
    },
    /// What the run left behind makes no graph.
    #[error("node {node}: {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// What it calls or takes.
        reason: String,
    },
    /// The program is no network that gives a tensor.
    #[error("a program without a tensor as output: layerscope shows networks")]
    NoOutput,
}
