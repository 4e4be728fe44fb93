//! What a script says of a model and the methods to compare on it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::case::TOLERANCE;

/// A model, and what reference implementations of methods make of it.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    /// Name of the model.
    pub(super) name: String,
    /// What is compared.
    pub(super) checks: Vec<Check>,
}

/// A method beside its reference.
#[derive(Debug, Deserialize)]
pub(super) struct Check {
    /// Its name in layerscope.
    pub(super) method: String,
    /// What sets the check apart from others of the method: a layer, a class.
    #[serde(default)]
    pub(super) about: String,
    /// The command to run, to which `--raw FILE` is added, or `--format json` where numbers of its document are compared.
    #[serde(default)]
    pub(super) arguments: Vec<String>,
    /// JSON pointers to the numbers of the command's document that are compared; none where its file is.
    #[serde(default)]
    pub(super) at: Vec<String>,
    /// The reference's numbers, `.npy`.
    #[serde(default)]
    pub(super) golden: Option<PathBuf>,
    /// The largest relative difference that agrees.
    #[serde(default = "usual")]
    pub(super) tolerance: f64,
    /// Seconds that the reference takes.
    #[serde(default)]
    pub(super) seconds: Option<f64>,
    /// Why there is nothing to compare.
    #[serde(default)]
    pub(super) skipped: Option<String>,
}

fn usual() -> f64 {
    TOLERANCE
}

/// What came of a check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The difference, relative to the reference's largest magnitude.
    Agrees(f64),
    /// As before, but too much.
    Differs(f64),
    /// The command did not come to its end.
    Failed(String),
    /// Nothing was compared.
    Skipped(String),
}
