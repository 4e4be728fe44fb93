//! An interpreter for the pickles inside torch files that knows an allow-list of opcodes and globals.
//!
//! Nothing is ever imported or called. A call of a global of the allow-list makes a plain container or the description of a
//! tensor, whose numbers lie elsewhere in the file. An object of a class that is not known is kept as the class's name and
//! the state that came with it, so that a whole pickled model can be read without its code. A call into Python's own
//! system (`os`, `subprocess`, `builtins.eval`) ends the reading with its name.
//!
//! Objects lie in a [`Pickle`]'s heap and refer to each other by index: what a pickle recalls from its memo is never
//! copied, so a small file cannot grow without end.

mod build;
mod globals;
mod heap;
mod input;
mod machine;
mod numpy;

use std::io::BufRead;

pub use globals::Function;
pub use heap::{Id, Instance, Node, Pickle, Value};

use crate::model::graph::DType;

/// Why a pickle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// A call into Python's own system.
    #[error(
        "it asks for {0}, which is neither a tensor nor a plain container: layerscope does not run code from model files"
    )]
    Global(String),
    /// An opcode that tensors and containers do not need.
    #[error("it uses the pickle opcode 0x{0:02x}, which tensors and plain containers do not need")]
    Opcode(u8),
    /// The stream ends early or contradicts itself.
    #[error("its pickle is damaged: {0}")]
    Damaged(&'static str),
    /// More objects than any model has.
    #[error("its pickle has more than {0}, more than any model needs")]
    TooLarge(&'static str),
    /// The file cannot be read.
    #[error("it cannot be read ({0})")]
    Unreadable(String),
}

/// How the elements of a storage are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// A type that a graph can hold.
    Plain(DType),
    /// Another type (`complex64`, `float8_e4m3fn`, `qint8`): its name and bytes for each element.
    Other(&'static str, usize),
}

impl Elements {
    /// Bytes that one element takes.
    pub fn size(self) -> usize {
        match self {
            Self::Plain(dtype) => dtype.size(),
            Self::Other(_, size) => size,
        }
    }
}

/// A storage of the file, by name: its numbers are elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageRecord {
    /// Key: in a zip the entry `data/KEY`.
    pub key: String,
    /// How its elements are written.
    pub elements: Elements,
    /// First element, where the storage is a view of another (files of PyTorch 0.3 and before).
    pub offset: usize,
}

/// A tensor's place in a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorRecord {
    /// Key of the storage: in a zip the entry `data/KEY`.
    pub storage: String,
    /// Element type.
    pub dtype: DType,
    /// First element.
    pub offset: usize,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements to step over for each dimension.
    pub strides: Vec<usize>,
}

impl TensorRecord {
    /// The bytes that the tensor takes of a storage of `length` bytes; `None` where it reaches past the end.
    pub fn place(&self, length: usize) -> Option<std::ops::Range<usize>> {
        let size = self.dtype.size();
        let start = self.offset.checked_mul(size)?;
        let last =
            self.shape.iter().zip(&self.strides).try_fold(0_usize, |sum, (&size, &stride)| {
                sum.checked_add(size.saturating_sub(1).checked_mul(stride)?)
            })?;
        let bytes = if self.shape.contains(&0) { 0 } else { last.checked_add(1)?.checked_mul(size)? };
        let end = start.checked_add(bytes)?;
        (self.shape.len() == self.strides.len() && end <= length).then_some(start..end)
    }
}

/// A NumPy array, whose numbers are in the pickle itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayRecord {
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements to step over for each dimension.
    pub strides: Vec<usize>,
    /// Little-endian elements.
    pub data: bytes::Bytes,
}

/// Most dimensions of a tensor; PyTorch's own limit is 64 too.
pub(super) const MOST_DIMENSIONS: usize = 64;

/// Reads one pickle of at most `length` bytes and leaves the reader after it.
///
/// # Errors
/// What is refused, or where the stream is damaged.
pub fn read(reader: &mut impl BufRead, length: u64) -> Result<Pickle, PickleError> {
    machine::Machine::new(input::Input::new(reader, length)).run()
}
