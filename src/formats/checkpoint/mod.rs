//! Checkpoints: weights without a graph, as `torch.save` and safetensors write them.
//!
//! - `zip`: what `torch.save` writes since 1.6, and plain archives like it.
//! - `legacy`: what it wrote before: pickles, one after the other, then raw storages.
//! - `safetensors`: one file, or several with an index.
//!
//! A file of torch's may hold anything around its weights. [`mod@find`] says which dictionary is taken; only the storages that
//! its tensors need are read, each once.

mod classes;
mod error;
pub mod find;
mod legacy;
mod prefixes;
mod safetensors;
mod shards;
mod storages;
mod walk;
mod zip;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;

pub use error::CheckpointError;

use crate::formats::archive::Archive;
use crate::model::Labels;
use crate::model::graph::DType;

/// One tensor of a checkpoint, as stored.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// Name, without the prefixes of wrappers: `layer1.0.conv1.weight`.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements to step over in `data` for each dimension; `None` for row-major.
    pub strides: Option<Vec<usize>>,
    /// Little-endian elements, from the tensor's first one on. Tensors that share a storage share its bytes.
    pub data: Bytes,
}

/// Weights without a graph.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The tensors in the file's order.
    pub tensors: Vec<Tensor>,
    /// Where in the file they were found: `state_dict`, `model_ema`; empty at the top.
    pub found_in: String,
    /// Class of the model, where a whole one was pickled: `torchvision.models.resnet.ResNet`.
    pub class: Option<String>,
    /// Names of the classes that the network tells apart, where the file has them.
    pub classes: Option<Labels>,
}

/// Reads a checkpoint: a file, the index of a sharded one, or the folder that holds it.
///
/// # Errors
/// One line that says what is wrong with the file, and which tensor or global is at fault.
pub fn open(path: &Path) -> Result<Checkpoint, CheckpointError> {
    if path.is_dir() {
        return shards::open_folder(path);
    }
    let mut file = BufReader::new(File::open(path)?);
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut start = Vec::with_capacity(9);
    file.by_ref().take(9).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    // The length of a safetensors header may begin with the byte of a brace, too.
    let index = start.starts_with(b"{") && !safetensors::begins(&start, length);
    if index { shards::open_index(path, file) } else { read(file) }
}

/// Whether a file of `length` bytes that begins with `start` (512 bytes of it) is one that [`open`] reads, or refuses by name:
/// a checkpoint that is no zip, an index of shards, or an archive around one.
pub fn begins(start: &[u8], length: u64) -> bool {
    matches!(start, [b'{', ..]) || matches!(Content::of(start, length), Some(content) if content != Content::Zip)
}

/// What a checkpoint of one file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Zip,
    Safetensors,
    Pickles,
    /// Something around a checkpoint, and what to do about it.
    Wrapped(&'static str),
}

impl Content {
    /// By how a file of `length` bytes begins.
    fn of(start: &[u8], length: u64) -> Option<Self> {
        Some(match start {
            [b'P', b'K', ..] => Self::Zip,
            [0x1f, 0x8b, ..] => Self::Wrapped("compressed with gzip; unpack it first"),
            [b'B', b'Z', b'h', ..] => Self::Wrapped("compressed with bzip2; unpack it first"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Wrapped("compressed with zstd; unpack it first"),
            [0xfd, b'7', b'z', ..] => Self::Wrapped("compressed with xz; unpack it first"),
            start if start.get(257..262) == Some(b"ustar") => Self::Wrapped(
                "a tar archive, as PyTorch wrote checkpoints before 0.1.10; load it with a PyTorch of today and save it again",
            ),
            start if safetensors::begins(start, length) => Self::Safetensors,
            [0x80, 0..=5, ..] | [b'(' | b'c' | b'}' | b']', ..] => Self::Pickles,
            _ => return None,
        })
    }
}

/// Whether a folder holds weights under one of the names that libraries give them.
pub fn is_folder_of_weights(folder: &Path) -> bool {
    shards::main_file(folder).is_some()
}

/// Whether the entries of a zip are those of a checkpoint, and not of a `TorchScript` archive or an exported program.
pub fn is_checkpoint<'a>(names: impl Iterator<Item = &'a str> + Clone) -> bool {
    zip::is_checkpoint(names)
}

/// Reads a checkpoint of one file; what kind it is, its content says.
///
/// # Errors
/// As [`open`].
pub fn read<R: Read + Seek>(reader: BufReader<R>) -> Result<Checkpoint, CheckpointError> {
    stored(reader).map(without_prefixes)
}

/// Reads a checkpoint that is a zip.
///
/// # Errors
/// As [`open`].
pub fn of_archive<R: Read + Seek>(archive: Archive<R>) -> Result<Checkpoint, CheckpointError> {
    zip::read(archive).map(without_prefixes)
}

fn without_prefixes(mut checkpoint: Checkpoint) -> Checkpoint {
    prefixes::remove(&mut checkpoint.tensors);
    checkpoint
}

/// The checkpoint of one file with the names that the file gives.
fn stored<R: Read + Seek>(mut reader: BufReader<R>) -> Result<Checkpoint, CheckpointError> {
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut start = Vec::with_capacity(512);
    reader.by_ref().take(512).read_to_end(&mut start)?;
    reader.seek(SeekFrom::Start(0))?;
    let other = |text: &str| Err(CheckpointError::OtherKind(text.to_owned()));
    match Content::of(&start, length) {
        Some(Content::Zip) => zip::read(Archive::open(reader)?),
        Some(Content::Safetensors) => safetensors::read(reader, length),
        Some(Content::Pickles) => legacy::read(reader, length),
        Some(Content::Wrapped(what)) => other(what),
        None if start.is_empty() => other("the file is empty"),
        None => other("neither a file of torch.save nor a safetensors file"),
    }
}
