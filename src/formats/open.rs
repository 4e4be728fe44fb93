//! Opening a model file of any kind.

use std::path::Path;

use super::architectures::{self, ArchitectureError};
use super::archive::ArchiveError;
use super::checkpoint::{self, CheckpointError};
use super::exported_program::{self, ExportedProgram, ExportedProgramError};
use super::guess;
use super::keras::{self, KerasError};
use super::onnx::{self, OnnxError};
use super::recognise::{Kind, recognise};
use super::torchscript::{self, TorchScriptError};
use crate::model::printable::{printable, printable_path};
use crate::model::{InputDescription, Layout, Model, Preprocessing, Source};

/// Why a file cannot be opened as a model: one line that names the file, whatever the file has written in its names.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {}", printable(&reason.to_string()))]
pub struct OpenError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It cannot be read at all.
    #[error("{0}")]
    Unreadable(String),
    /// It is read, but is no model.
    #[error("{0}")]
    NoModel(String),
    /// A graph is asked for where the file has one.
    #[error("--architecture {0} is for weights without a graph, and this file brings its own")]
    OwnGraph(String),
    /// A damaged zip archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An exported program that cannot be shown.
    #[error(transparent)]
    ExportedProgram(#[from] ExportedProgramError),
    /// A Keras file that cannot be shown.
    #[error(transparent)]
    Keras(#[from] KerasError),
    /// A TorchScript archive that cannot be shown.
    #[error(transparent)]
    TorchScript(#[from] TorchScriptError),
    /// A checkpoint that cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Weights of no architecture that is known.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// An ONNX file that cannot be shown.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

impl Reason {
    pub(super) fn unreadable(error: &std::io::Error) -> Self {
        Self::Unreadable(match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "it may not be read (permission denied)".to_owned(),
            _ => format!("it cannot be read ({error})"),
        })
    }
}

/// Opens a model file of any format that is known. `architecture` is for weights without a graph: the name of a known
/// architecture, or the path of an exported program that lends its graph.
///
/// # Errors
/// One line that names the file and says what would be right.
pub fn open(path: &Path, architecture: Option<&str>) -> Result<Model, OpenError> {
    read(path, architecture).map_err(|reason| OpenError { file: printable_path(path), reason })
}

fn read(path: &Path, architecture: Option<&str>) -> Result<Model, Reason> {
    let kind = recognise(path)?;
    let has_graph = !matches!(kind, Kind::ZipCheckpoint(_) | Kind::Checkpoint);
    if let (true, Some(name)) = (has_graph, architecture) {
        return Err(Reason::OwnGraph(printable(name).into_owned()));
    }
    let name =
        path.file_stem().map_or_else(|| "model".to_owned(), |stem| printable(&stem.to_string_lossy()).into_owned());
    let bound = |checkpoint| -> Result<_, Reason> {
        let bound = architectures::bind(checkpoint, architecture, path)?;
        Ok(from_checkpoint(bound, &name))
    };
    Ok(match kind {
        Kind::ExportedProgram(mut archive) => {
            let program = exported_program::open(&mut archive)?;
            let input = pytorch_input(&program);
            let note = (!program.notes.is_empty()).then(|| printable(&program.notes.join("; ")).into_owned());
            Model { note, ..Model::new(name, "exported program", program.graph, input) }
        }
        Kind::TorchScript(mut archive) => {
            let script = torchscript::open(path, &mut archive)?;
            let input = guess::pytorch("a TorchScript archive", script.channels, script.size, Some(script.recorded));
            Model { note: script.note, ..Model::new(name, "TorchScript", script.graph, input) }
        }
        Kind::Onnx => from_onnx(onnx::open(path)?, name),
        Kind::Keras => keras::open(path)?.into_model(name),
        Kind::ZipCheckpoint(archive) => bound(checkpoint::of_archive(archive)?)?,
        Kind::Checkpoint => bound(checkpoint::open(path)?)?,
    })
}

/// A checkpoint with the graph of its architecture.
pub(super) fn from_checkpoint(bound: architectures::Bound, name: &str) -> Model {
    let name = format!("{name} ({})", bound.name);
    let model = Model::new(name, "checkpoint", bound.graph, bound.input);
    Model { labels: bound.labels, note: bound.note, ..model }
}

fn pytorch_input(program: &ExportedProgram) -> InputDescription {
    let shape = &program.input;
    let sides = (shape.dimensions[2], shape.dimensions[3]);
    let size = match sides {
        (exported_program::Dimension::Fixed(height), exported_program::Dimension::Fixed(width)) => {
            Some((height, width))
        }
        _ => None,
    };
    let hinted = sides.0.size().zip(sides.1.size());
    let channels = shape.dimensions[1].size().unwrap_or(3);
    InputDescription { layout: shape.layout, ..guess::pytorch("an exported program", channels, size, hinted) }
}

fn from_onnx((model, input): (onnx::OnnxModel, onnx::OnnxInput), name: String) -> Model {
    let size = input.height.zip(input.width);
    let mut description = guess::pytorch("an ONNX file", input.channels, size, size);
    if input.bytes || input.channels_last {
        let (pixels, assumed) = if input.bytes {
            (Preprocessing::raw(), "its input is whole numbers; pixels of 0 to 255 are assumed")
        } else {
            (guess::unit(input.channels), "an ONNX file does not say; as it takes N×H×W×C, division by 255 is assumed")
        };
        description.preprocessing = pixels.fitted_to(size);
        description.source = Source::Guessed(assumed.to_owned());
    }
    description.layout = if input.channels_last { Layout::ChannelsLast } else { Layout::ChannelsFirst };
    Model::new(name, "ONNX", model.graph, description)
}
