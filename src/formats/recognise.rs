//! What kind of model a file is: its content says so, not its name.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::archive::Archive;
use super::open::Reason;
use super::{checkpoint, exported_program, keras, onnx, torchscript};

/// A zip file whose directory has been read.
pub(super) type ZipFile = Archive<BufReader<File>>;

/// A kind of model file.
pub(super) enum Kind {
    /// A `.pt2` of `torch.export.save`.
    ExportedProgram(ZipFile),
    /// What `torch.jit.save` writes.
    TorchScript(ZipFile),
    /// An ONNX model.
    Onnx,
    /// HDF5, or a `.keras` archive.
    Keras,
    /// Weights without a graph in a zip: what `torch.save` writes.
    ZipCheckpoint(ZipFile),
    /// Weights without a graph otherwise: an older file of `torch.save`, or safetensors, in one file or a folder of shards.
    Checkpoint,
}

const FORMATS: &str =
    "an exported program (.pt2), a checkpoint (.pth, .safetensors), ONNX, TorchScript or a Keras file";
const HDF5_SIGNATURE: [u8; 8] = [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n'];

/// Tells the kind of a file.
///
/// # Errors
/// One line on what it is instead.
pub(super) fn recognise(path: &Path) -> Result<Kind, Reason> {
    let unreadable = |error: std::io::Error| Reason::unreadable(&error);
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        return if checkpoint::is_folder_of_weights(path) {
            Ok(Kind::Checkpoint)
        } else {
            Err(Reason::NoModel(format!("this is a folder, not a model file: {FORMATS}")))
        };
    }
    if about.len() == 0 {
        return Err(Reason::NoModel("the file is empty".to_owned()));
    }
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut start = Vec::with_capacity(512);
    file.by_ref().take(512).read_to_end(&mut start).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    match start.as_slice() {
        [b'P', b'K', ..] => of_archive(Archive::open(file)?),
        start if start.starts_with(&HDF5_SIGNATURE) => Ok(Kind::Keras),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, ..] => {
            Err(Reason::NoModel("this is a picture; give the model first, then the pictures".to_owned()))
        }
        [_, _, _, _, b'P', b'T', b'M', b'F', ..] => Err(Reason::NoModel(
            "a TorchScript model for phones (.ptl) that holds no graph; save the module with torch.jit.save".to_owned(),
        )),
        _ if onnx::is_onnx(&mut file) => Ok(Kind::Onnx),
        start if checkpoint::begins(start, about.len()) => Ok(Kind::Checkpoint),
        _ => Err(Reason::NoModel(format!("this is no model file that is known: {FORMATS}"))),
    }
}

fn of_archive(archive: ZipFile) -> Result<Kind, Reason> {
    if exported_program::is_pt2(archive.names()) {
        Ok(Kind::ExportedProgram(archive))
    } else if keras::is_archive(archive.names()) {
        Ok(Kind::Keras)
    } else if torchscript::is_torchscript(archive.names()) {
        Ok(Kind::TorchScript(archive))
    } else if checkpoint::is_checkpoint(archive.names()) {
        Ok(Kind::ZipCheckpoint(archive))
    } else {
        Err(Reason::NoModel(format!("a zip archive that holds no model that is known: {FORMATS}")))
    }
}
