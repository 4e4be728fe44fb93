//! Exported programs: the `.pt2` files of `torch.export.save`.
//!
//! A `.pt2` is a zip. Up to PyTorch 2.7 it holds `serialized_exported_program.json` and weights as `torch.save` archives, in 2.8
//! `models/model.json` beside such archives, and since then beside one raw file for each weight. The graph inside is an ATen graph already: it is read, not translated.

mod arguments;
mod inputs;
mod lower;
mod nested;
mod operators;
mod samples;
mod schema;
mod storage;
mod weights;

use std::io::{Read, Seek};

use serde::Deserialize;

use super::archive::{Archive, ArchiveError};
use super::pickle::PickleError;
use crate::model::Graph;
use crate::model::Layout as PictureLayout;
use crate::model::graph::{DType, ValueId};
use crate::model::printable;
use lower::Lowering;

/// Why an exported program cannot be opened: one line, whatever the file has written in its names.
#[derive(Debug, thiserror::Error)]
pub enum ExportedProgramError {
    /// The archive is damaged.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A weights archive of the older layout is refused.
    #[error("its weights cannot be read: {0}")]
    Pickle(#[from] PickleError),
    /// The graph's JSON is not JSON or lacks a field.
    #[error("damaged: {}", printable(.0))]
    Damaged(String),
    /// A `.pt2` that holds something else than an exported program.
    #[error("{}", printable(.0))]
    OtherKind(String),
    /// A node that cannot be run here.
    #[error("node {}: {}", printable(node), printable(reason))]
    Node {
        /// The node's name.
        node: String,
        /// What it calls or takes.
        reason: String,
    },
    /// A weight whose numbers are not where the file says.
    #[error("weight {}: {}", printable(name), printable(reason))]
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

/// The program's input that takes the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputShape {
    /// Name of the input: `x`.
    pub name: String,
    /// N, C, H, W, whatever the program's own order.
    pub dimensions: [Dimension; 4],
    /// The program's own order. The graph takes N×C×H×W in any case.
    pub layout: PictureLayout,
    /// The program's own element type. The graph takes single precision in any case.
    pub dtype: DType,
}

/// What a `.pt2` holds.
#[derive(Debug)]
pub struct ExportedProgram {
    /// The graph with its weights. Its first input is the picture; the others have weights of their own values, which are
    /// what the program was exported with, and may be fed anew.
    pub graph: Graph,
    /// The picture input.
    pub input: InputShape,
    /// Version of PyTorch that wrote it.
    pub torch_version: String,
    /// What the user should know of how it is run, each a part of a sentence.
    pub notes: Vec<String>,
}

/// How the archive is laid out.
#[derive(Debug)]
enum Layout {
    /// Since 2.8: in a folder that is named after the archive, under the model's name. 2.8 itself still writes `torch.save`
    /// archives in it, later ones raw files.
    New { root: String, model: String },
    /// Up to 2.7: `torch.save` archives inside the archive.
    Old,
}

/// Whether the entries of a zip are those of a `.pt2`, of whatever kind.
pub fn is_pt2<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| name.ends_with("/archive_format") || name == OLD_GRAPH || model_name(name).is_some())
}

const OLD_GRAPH: &str = "serialized_exported_program.json";

/// Reads an exported program.
///
/// # Errors
/// When the archive is damaged, or holds another kind of graph.
pub fn open<R: Read + Seek>(archive: &mut Archive<R>) -> Result<ExportedProgram, ExportedProgramError> {
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let (layout, entry) = if names.iter().any(|name| name == OLD_GRAPH) {
        (Layout::Old, OLD_GRAPH.to_owned())
    } else {
        let (root, model) = only_model(&names)?;
        let entry = format!("{root}/models/{model}.json");
        (Layout::New { root, model }, entry)
    };
    let text = archive.read(&entry)?;
    let schema::Program { graph_module: schema::Module { graph, signature }, torch_version } = parsed(&entry, &text)?;
    let mut lowering = Lowering::default();
    let samples = || samples::read(archive, &layout);
    let (weights, input) = lowering.inputs(&signature.input_specs, &graph, samples)?;
    lowering.nodes(&graph.nodes)?;
    lowering.outputs(&signature.output_specs)?;
    let Lowering { graph: mut lowered, notes, .. } = lowering;
    weights::load(archive, &layout, weights, &mut lowered)?;
    Ok(ExportedProgram {
        graph: lowered,
        input,
        torch_version: torch_version.map_or_else(|| "before 2.5".to_owned(), |version| version.to_string()),
        notes,
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
    text: &[u8],
) -> Result<(Graph, Vec<Unfilled>, InputShape), ExportedProgramError> {
    let schema::Program { graph_module: schema::Module { graph, signature }, .. } = parsed("its graph", text)?;
    let mut lowering = Lowering::default();
    let samples = || Err("it was stored without them".to_owned());
    let (weights, input) = lowering.inputs(&signature.input_specs, &graph, samples)?;
    lowering.nodes(&graph.nodes)?;
    lowering.outputs(&signature.output_specs)?;
    let unfilled = weights.into_iter().map(|inputs::WeightInput { name, value, .. }| Unfilled { name, value });
    Ok((lowering.graph, unfilled.collect(), input))
}

/// Folder of the archive and name of the model, of an entry that is a model's graph.
fn model_name(entry: &str) -> Option<(&str, &str)> {
    let (root, file) = entry.split_once("/models/")?;
    Some((root, file.strip_suffix(".json").filter(|name| !name.contains('/'))?))
}

/// The folder and name of the one model that the archive holds.
fn only_model(entries: &[String]) -> Result<(String, String), ExportedProgramError> {
    let models: Vec<(&str, &str)> = entries.iter().filter_map(|entry| model_name(entry)).collect();
    // `torch.export.save` calls its one model so.
    let usual = models.iter().find(|(_, name)| *name == "model");
    match (models.as_slice(), usual) {
        ([(root, name)], _) | (_, Some((root, name))) => Ok(((*root).to_owned(), (*name).to_owned())),
        ([], _) => Err(ExportedProgramError::OtherKind(
            if entries.iter().any(|name| name.contains("aotinductor")) {
                "an AOTInductor package: compiled code without a graph; save the program with torch.export.save"
            } else {
                "a .pt2 archive without a program in its folder models; save one with torch.export.save"
            }
            .to_owned(),
        )),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|(_, name)| *name).collect();
            Err(ExportedProgramError::OtherKind(format!(
                "it holds {} programs ({}); save the one that is to be shown with torch.export.save",
                names.len(),
                names.join(", ")
            )))
        }
    }
}

/// Reads JSON of the form that is expected of it.
fn parsed<'a, T: Deserialize<'a>>(name: &str, text: &'a [u8]) -> Result<T, ExportedProgramError> {
    serde_json::from_slice(text)
        .map_err(|error| ExportedProgramError::Damaged(format!("{name} cannot be read as a program ({error})")))
}
