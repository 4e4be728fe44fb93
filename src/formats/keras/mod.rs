//! Keras files, from Keras 2.0 to Keras 3: HDF5, as `model.save("model.h5")` writes it, and `.keras` archives.
//!
//! An HDF5 file has the network as JSON in the attribute `model_config` and one group of arrays for each layer under
//! `model_weights`. An archive has it in `config.json`, and the arrays by the layers' classes and positions in
//! `model.weights.h5`. Keras computes on N×H×W×C; the graph made here on N×C×H×W. Kernels stay as they lie in the file and are
//! read with other strides.

mod activation;
mod arguments;
mod attention;
mod config;
mod convolution;
mod dense;
mod description;
mod error;
mod file;
mod inputs;
mod layer_norm;
mod layers;
mod lower;
mod merge;
mod normalization;
mod operations;
mod options;
mod outline;
mod padding;
mod pooling;
mod resizing;
mod shaping;
mod tensor;
mod weights;
mod window;

use std::path::Path;

pub use error::KerasError;

use crate::model::{Graph, Model};
use config::ModelConfig;
use file::KerasFile;

/// The picture that the network takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KerasInput {
    /// Rows of pixels, where the network fixes them.
    pub height: Option<usize>,
    /// Columns of pixels, where the network fixes them.
    pub width: Option<usize>,
    /// Number of channels.
    pub channels: usize,
    /// Whether users of the model feed N×H×W×C. The graph itself takes N×C×H×W.
    pub channels_last: bool,
}

/// A network of a Keras file.
#[derive(Debug)]
pub struct KerasModel {
    /// The graph, on N×C×H×W, with its weights.
    pub graph: Graph,
    /// Name of the file format.
    pub format: &'static str,
    /// The model's name in the file: `vgg16`.
    pub name: String,
    /// What it takes.
    pub input: KerasInput,
    /// Whether the network itself begins with rescaling or normalisation of its pixels.
    pub rescaling: bool,
    /// Number of scores, where the network gives a vector.
    pub classes: Option<usize>,
    /// What of the network is missing, in one line: a layer whose code is not in the file ends the graph before it.
    pub note: Option<String>,
}

impl KerasModel {
    /// The model that everything else works on, called as its file.
    pub fn into_model(self, file_name: String) -> Model {
        description::model(self, file_name)
    }
}

/// Opens a Keras file; arrays are read one by one.
///
/// # Errors
/// One line that says what is wrong or what cannot be run; the caller names the file.
pub fn open(path: &Path) -> Result<KerasModel, KerasError> {
    model(KerasFile::open(path)?)
}

/// Reads a Keras file that is in memory.
///
/// # Errors
/// As [`open`].
pub fn read(bytes: Vec<u8>) -> Result<KerasModel, KerasError> {
    model(KerasFile::read(bytes)?)
}

/// Whether the entries of a zip archive are those of a `.keras` file.
pub fn is_archive<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    file::is_archive(names)
}

fn model(file: KerasFile) -> Result<KerasModel, KerasError> {
    let config = ModelConfig::parse(&file.model_config()?)?;
    lower::model(&config, file)
}
