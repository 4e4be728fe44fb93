//! Why an ONNX file cannot be opened.

use crate::model::printable;

/// Why an ONNX file cannot be opened: one line; the caller names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The file or its data beside it cannot be read.
    #[error("{}", printable(.0))]
    Unreadable(String),
    /// The protobuf is cut off or says what cannot be.
    #[error("damaged: {}", printable(.0))]
    Damaged(String),
    /// A model of another kind than what can be shown here.
    #[error("{}", printable(.0))]
    OtherKind(String),
    /// A node that cannot be run here.
    #[error("node {} ({}): {}", printable(node), printable(operator), printable(reason))]
    Node {
        /// The node's name, or that of what it makes.
        node: String,
        /// The operator as the file names it.
        operator: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// A tensor whose numbers are not where the file says, or of a type that cannot be held.
    #[error("tensor {}: {}", printable(name), printable(reason))]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl OnnxError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(super) fn tensor(name: &str, reason: impl Into<String>) -> Self {
        let name = if name.is_empty() { "without a name".to_owned() } else { name.to_owned() };
        Self::Tensor { name, reason: reason.into() }
    }
}

/// Result of reading or lowering a part of the file.
pub(super) type Result<T> = std::result::Result<T, OnnxError>;
