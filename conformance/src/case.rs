//! What a script says of a case, and what came of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One line of a script.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line<C> {
    /// A model, with what another package makes of it.
    Case(C),
    /// A model that the script leaves out.
    Skipped {
        /// Its name.
        name: String,
        /// Why.
        skipped: String,
    },
    /// The script has begun to make a case: should it end here, this is the name that it ended at.
    Making {
        /// The case's name.
        making: String,
    },
    /// A name of `--list`.
    Listed(Listed),
}

/// The name of a case that could be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// The case's name.
    pub(crate) name: String,
    /// The group that it belongs to.
    #[serde(default)]
    pub(crate) family: String,
}

/// A model, and what another package makes of inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Name within the suite.
    pub(crate) name: String,
    /// The group that it belongs to.
    #[serde(default)]
    pub(crate) family: String,
    /// The model file.
    pub(crate) file: PathBuf,
    /// The architecture, for a file of weights alone.
    #[serde(default)]
    pub(crate) architecture: Option<String>,
    /// Whether the file is an ONNX graph of any inputs and outputs, which need be no network that takes a picture.
    #[serde(default)]
    pub(crate) any_graph: bool,
    /// Arrays to feed, `.npy`, in the order of the model's inputs.
    pub(crate) inputs: Vec<PathBuf>,
    /// Arrays that must come out, `.npy`, in the order of the model's outputs.
    pub(crate) outputs: Vec<PathBuf>,
    /// For each output the largest relative difference that agrees, where its numbers are coarser than [`TOLERANCE`].
    #[serde(default)]
    pub(crate) tolerances: Vec<Option<f64>>,
    /// Seconds that the package takes.
    #[serde(default)]
    pub(crate) peer: Seconds,
}

/// Seconds to open the file and to run the model once, where they are known.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Seconds {
    /// To open the file.
    #[serde(default)]
    pub(crate) load: Option<f64>,
    /// To run the model once.
    #[serde(default)]
    pub(crate) run: Option<f64>,
}

/// What came of a case that ran to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// For each output the largest difference, relative to the golden output's largest magnitude.
    pub(crate) differences: Vec<f64>,
    /// For each output the largest difference that agrees.
    pub(crate) tolerances: Vec<f64>,
    /// Our seconds.
    pub(crate) seconds: Seconds,
    /// Most bytes of memory that the process held.
    pub(crate) peak: u64,
    /// An output holds infinities or NaNs in both: agreement says less there.
    pub(crate) not_finite: bool,
}

/// The largest relative difference that agrees, unless a case says otherwise.
pub(crate) const TOLERANCE: f64 = 1e-4;

impl Measured {
    /// Whether every output agrees.
    pub(crate) fn agrees(&self) -> bool {
        self.differences.iter().zip(&self.tolerances).all(|(difference, tolerance)| difference <= tolerance)
    }

    /// Whether an output agrees only because its numbers are coarser than [`TOLERANCE`].
    pub(crate) fn agrees_coarsely(&self) -> bool {
        self.agrees() && self.differences.iter().any(|&difference| difference > TOLERANCE)
    }

    /// The largest of the tolerances, where it is larger than the usual one.
    pub(crate) fn coarser(&self) -> Option<f64> {
        self.tolerances.iter().copied().reduce(f64::max).filter(|&tolerance| tolerance > TOLERANCE)
    }
}
