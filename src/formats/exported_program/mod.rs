//! Exported programs: the `.pt2` files of `torch.export.save`.
//!
//! A `.pt2` is a zip. Up to PyTorch 2.7 it holds `serialized_exported_program.json` and weights as `torch.save` archives, in 2.8
//! `models/model.json` beside such archives, and since then beside one raw file for each weight. The graph inside is an ATen graph already: it is read, not translated.

mod arguments;
mod lower;
mod weights;

use std::io::{Read, Seek};

use serde_json::Value as Json;

use super::archive::{Archive, ArchiveError};
use super::pickle::PickleError;
use crate::model::Graph;
use crate::model::graph::ValueId;

/// Why an exported program cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ExportedProgramError {
    /// The archive is damaged.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A weights archive of the older layout is refused.
    #[error("its weights cannot be read: {0}")]
    Pickle(#[from] PickleError),
    /// The graph's JSON is not JSON or lacks a field.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A `.pt2` that holds something else than an exported program.
    #[error("{0}")]
    OtherKind(String),
    /// A node that cannot be run here.
    #[error("node {node}: {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// What it calls or takes.
        reason: String,
    },
    /// A weight whose numbers are not where the file says.
    #[error("weight {name}: {reason}")]
    Weight {
        /// The weight's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// A dimension of the input: fixed at export, or left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The size that the program was exported for.
    Fixed(usize),
    /// Symbolic: any size, with the example's as a hint.
    Symbolic(Option<usize>),
}

impl Dimension {
    /// The size at export.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Fixed(size) => Some(size),
            Self::Symbolic(hint) => hint,
        }
    }
}

/// The program's one picture input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputShape {
    /// Name of the input: `x`.
    pub name: String,
    /// N, C, H, W.
    pub dimensions: Vec<Dimension>,
}

/// What a `.pt2` holds.
#[derive(Debug)]
pub struct ExportedProgram {
    /// The graph with its weights.
    pub graph: Graph,
    /// The picture input.
    pub input: InputShape,
    /// Version of PyTorch that wrote it.
    pub torch_version: String,
}

/// Whether the entries of a zip are those of a `.pt2`, of whatever kind.
pub fn is_pt2<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.ends_with("/archive_format") || name == OLD_GRAPH || name.ends_with("/models/model.json"))
}

const OLD_GRAPH: &str = "serialized_exported_program.json";

/// Reads an exported program.
///
/// # Errors
/// When the archive is damaged, or holds another kind of graph.
pub fn open<R: Read + Seek>(archive: &mut Archive<R>) -> Result<ExportedProgram, ExportedProgramError> {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let layout = if names.iter().any(|name| name == OLD_GRAPH) {
        weights::Layout::Old
    } else {
        weights::Layout::New { root: new_root(&names)? }
    };
    let program: Json = match &layout {
        weights::Layout::Old => json(archive, OLD_GRAPH)?,
        weights::Layout::New { root } => json(archive, &format!("{root}/models/model.json"))?,
    };
    let module = program
        .get("graph_module")
        .ok_or_else(|| ExportedProgramError::Damaged("its graph_module is missing".to_owned()))?;
    let (mut graph, signature) = lower::graph(module)?;
    weights::load(archive, &layout, &signature, &mut graph)?;
    let input = lower::picture_input(module, &signature)?;
    Ok(ExportedProgram {
        graph,
        input,
        torch_version: program.get("torch_version").and_then(Json::as_str).unwrap_or("before 2.5").to_owned(),
    })
}

/// A tensor that a graph reads and that is not there yet.
#[derive(Debug, Clone)]
pub(in crate::formats) struct Unfilled {
    /// Its name in the state dictionary or among the constants.
    pub(in crate::formats) name: String,
    /// The value that nodes read.
    pub(in crate::formats) value: ValueId,
}

/// A program without its weights, from the text of its `model.json`: the graph, what is to be filled in, and the picture input.
///
/// # Errors
/// As [`open`].
pub(in crate::formats) fn without_weights(
    program: &[u8],
) -> Result<(Graph, Vec<Unfilled>, InputShape), ExportedProgramError> {
    let program: Json = serde_json::from_slice(program)
        .map_err(|error| ExportedProgramError::Damaged(format!("its graph is no valid JSON ({error})")))?;
    let module = program
        .get("graph_module")
        .ok_or_else(|| ExportedProgramError::Damaged("its graph_module is missing".to_owned()))?;
    let (graph, signature) = lower::graph(module)?;
    let input = lower::picture_input(module, &signature)?;
    let unfilled = signature.weights.into_iter();
    let unfilled = unfilled.map(|lower::WeightInput { name, value, .. }| Unfilled { name, value }).collect();
    Ok((graph, unfilled, input))
}

fn new_root(names: &[String]) -> Result<String, ExportedProgramError> {
    if let Some(name) = names.iter().find_map(|name| name.strip_suffix("/models/model.json")) {
        return Ok(name.to_owned());
    }
    let other = names.iter().find(|name| {
        name.contains("/models/") && std::path::Path::new(name).extension().is_some_and(|kind| kind == "json")
    });
    Err(ExportedProgramError::OtherKind(match other {
        Some(name) => {
            format!("it names its program {name}; save one program with torch.export.save, which calls it model")
        }
        None if names.iter().any(|name| name.contains("aotinductor")) => {
            "an AOTInductor package: compiled code without a graph; save the program with torch.export.save".to_owned()
        }
        None => "a .pt2 archive without a program in models/model.json; save one with torch.export.save".to_owned(),
    }))
}

fn json<R: Read + Seek>(archive: &mut Archive<R>, name: &str) -> Result<Json, ExportedProgramError> {
    let bytes = archive.read(name)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ExportedProgramError::Damaged(format!("{name} is no valid JSON ({error})")))
}
