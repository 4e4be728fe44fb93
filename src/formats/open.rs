//! Opening a model file: the format is told by the file's content, not by its name.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::archive::{Archive, ArchiveError};
use super::exported_program::{self, ExportedProgramError, InputShape};
use super::guess;
use super::keras::{self, KerasError};
use super::onnx::{self, OnnxError};
use crate::model::printable::{printable, printable_path};
use crate::model::{InputDescription, Layout, Model, Preprocessing, Source};

/// Why a file cannot be opened as a model: one line that names the file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
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
    /// An ONNX file that cannot be shown.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

const HDF5_SIGNATURE: [u8; 8] = [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n'];

/// Opens a model file of any format that is known. `architecture` is for weights without a graph: the name of a known
/// architecture, or the path of an exported program that lends its graph.
///
/// # Errors
/// One line that names the file and says what would be right.
pub fn open(path: &Path, architecture: Option<&str>) -> Result<Model, OpenError> {
    open_reason(path, architecture).map_err(|reason| OpenError { file: printable_path(path), reason })
}

fn open_reason(path: &Path, architecture: Option<&str>) -> Result<Model, Reason> {
    let model = read(path)?;
    match architecture {
        Some(name) => Err(Reason::OwnGraph(printable(name).into_owned())),
        None => Ok(model),
    }
}

fn read(path: &Path) -> Result<Model, Reason> {
    let unreadable = |error: std::io::Error| {
        Reason::Unreadable(match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "it may not be read (permission denied)".to_owned(),
            _ => format!("it cannot be read ({error})"),
        })
    };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        return Err(Reason::NoModel("this is a folder, not a model file (.pt2, .onnx or Keras .h5)".to_owned()));
    }
    if about.len() == 0 {
        return Err(Reason::NoModel("the file is empty".to_owned()));
    }
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut start = Vec::with_capacity(8);
    file.by_ref().take(8).read_to_end(&mut start).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let name =
        path.file_stem().map_or_else(|| "model".to_owned(), |stem| printable(&stem.to_string_lossy()).into_owned());
    if start.starts_with(b"PK") {
        from_archive(Archive::open(file)?, path, name)
    } else if start == HDF5_SIGNATURE {
        Ok(from_keras(keras::open(path)?, name))
    } else if onnx::is_onnx(&mut file) {
        Ok(from_onnx(onnx::open(path)?, name))
    } else {
        Err(Reason::NoModel(format!(
            "neither an exported program (.pt2), an ONNX file nor a Keras HDF5 file{}",
            looks_like(&start)
        )))
    }
}

/// A word on common files that are no models, or not yet.
fn looks_like(start: &[u8]) -> &'static str {
    match start {
        [0x80, 2..=5, ..] => ": it is a pickle, weights without a graph; save the model with torch.export.save",
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, ..] => ": it is a picture; give the model first, then the pictures",
        _ => "",
    }
}

fn from_archive<R: Read + Seek>(mut archive: Archive<R>, path: &Path, name: String) -> Result<Model, Reason> {
    if exported_program::is_pt2(archive.names()) {
        let program = exported_program::open(&mut archive)?;
        return Ok(Model::new(name, "exported program", program.graph, pytorch_input(&program.input)));
    }
    if keras::is_archive(archive.names()) {
        return Ok(from_keras(keras::open(path)?, name));
    }
    let names: Vec<&str> = archive.names().collect();
    let holds = |ending: &str| names.iter().any(|name| name.ends_with(ending));
    Err(Reason::NoModel(if names.iter().any(|name| name.contains("/code/")) {
        "a TorchScript archive, which this version cannot open; save the model with torch.export.save".to_owned()
    } else if holds("/data.pkl") || holds("data.pkl") {
        "a checkpoint: weights without a graph, which this version cannot open; save the model with torch.export.save"
            .to_owned()
    } else {
        "a zip archive that holds no exported program (.pt2)".to_owned()
    }))
}

fn pytorch_input(shape: &InputShape) -> InputDescription {
    let sides = (shape.dimensions[2], shape.dimensions[3]);
    let size = match sides {
        (exported_program::Dimension::Fixed(height), exported_program::Dimension::Fixed(width)) => {
            Some((height, width))
        }
        _ => None,
    };
    let hinted = sides.0.size().zip(sides.1.size());
    guess::pytorch("an exported program", shape.dimensions[1].size().unwrap_or(3), size, hinted)
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

pub(super) fn from_keras(model: keras::KerasModel, file_name: String) -> Model {
    let input = &model.input;
    let size = input.height.zip(input.width);
    let vgg = model.name.to_lowercase().contains("vgg") || file_name.to_lowercase().contains("vgg");
    let (pixels, reason) = if model.rescaling {
        (Preprocessing::raw(), "the network rescales by itself; pixels of 0 to 255 are assumed")
    } else if vgg && input.channels == 3 {
        (
            Preprocessing::caffe(),
            "a Keras file does not say; as its name is VGG, BGR minus the ImageNet mean is assumed",
        )
    } else {
        (guess::unit(input.channels), "a Keras file does not say; division by 255 is assumed")
    };
    let preprocessing = pixels.fitted_to(size.or((vgg && size.is_none()).then_some((224, 224))));
    let description = InputDescription {
        channels: input.channels,
        size,
        layout: if input.channels_last { Layout::ChannelsLast } else { Layout::ChannelsFirst },
        preprocessing,
        source: Source::Guessed(reason.to_owned()),
    };
    Model::new(file_name, model.format, model.graph, description)
}
