//! Why weights could not be given a graph.

use crate::formats::archive::ArchiveError;
use crate::formats::exported_program::ExportedProgramError;
use crate::model::graph::DType;

/// Why weights could not be given a graph: one line.
#[derive(Debug, thiserror::Error)]
pub enum ArchitectureError {
    /// No architecture has that name, and no file either.
    #[error(
        "unknown architecture `{typed}`: neither a known one nor an exported program (.pt2) that lends its graph{hint}"
    )]
    Unknown {
        /// What was asked for.
        typed: String,
        /// Names like it.
        hint: String,
    },
    /// The file that was to lend its graph cannot be opened.
    #[error("--architecture {file}: {reason}")]
    Lender {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The weights are of no known architecture.
    #[error(
        "weights without a graph, and of none of the {known} architectures that are known: {nearest}; \
         save the model once with torch.export.save and give that file with --architecture FILE.pt2"
    )]
    NoneFits {
        /// How many are known.
        known: usize,
        /// Which came nearest, and what differs.
        nearest: String,
    },
    /// Several architectures have these weights, and compute different things with them.
    #[error(
        "weights without a graph that fit {}, which compute different outputs: say which with --architecture NAME",
        .0.join(" and ")
    )]
    SeveralFit(Vec<String>),
    /// The weights are not those of the architecture that was asked for.
    #[error("these are not the weights of {0}")]
    Differs(String),
    /// A weight of a kind that the graph cannot compute with.
    #[error("its {name} is {stored:?}, and the graph computes with {wanted:?}: quantized weights cannot be shown")]
    Kind {
        /// Name of the weight.
        name: String,
        /// Its element type.
        stored: DType,
        /// The graph's element type.
        wanted: DType,
    },
    /// A weight whose elements are not all there.
    #[error("its {0} is cut short")]
    CutShort(String),
    /// The program's own data is damaged.
    #[error("the known architectures cannot be read: {0}")]
    Damaged(String),
}

impl From<ArchiveError> for ArchitectureError {
    fn from(error: ArchiveError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<ExportedProgramError> for ArchitectureError {
    fn from(error: ExportedProgramError) -> Self {
        Self::Damaged(error.to_string())
    }
}
