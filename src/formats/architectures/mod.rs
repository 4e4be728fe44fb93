//! Known architectures: graphs for checkpoints, which have none.
//!
//! The program brings graphs without weights of the models that people use most, as their own `torch.export` writes them. Which
//! one a checkpoint belongs to is told by the names and shapes of its tensors; only that one is inflated. An exported program of
//! the user's lends its graph in the same way.

mod convert;
mod error;
mod find;
mod fit;
mod library;
mod named;
mod skeleton;
mod view;

use std::collections::HashMap;
use std::path::Path;

pub use error::ArchitectureError;

use super::checkpoint::Checkpoint;
use super::exported_program::Dimension;
use super::guess;
use crate::model::graph::{DType, Graph, ValueId};
use crate::model::{InputDescription, Labels, Layout, Preprocessing, Source};
use fit::{Declared, Fit};
use library::{Entry, Library, Line};
use skeleton::Skeleton;
use view::View;

/// A checkpoint's weights in the graph of their architecture.
#[derive(Debug)]
pub struct Bound {
    /// Name of the architecture: `resnet18`, or the file that lent its graph.
    pub name: String,
    /// The graph with its weights.
    pub graph: Graph,
    /// What it wants as input.
    pub input: InputDescription,
    /// What its outputs mean, where the architecture's published weights have as many classes, or the checkpoint says.
    pub labels: Option<Labels>,
    /// What the user should know: tensors that are not used, a classifier that is missing.
    pub note: Option<String>,
}

/// Finds the architecture of a checkpoint and binds its weights to the graph.
///
/// `wanted` names a known architecture (`resnet18`, `timm/resnet18`), or is the path of an exported program (`.pt2`) that lends
/// its graph. `file` is the checkpoint's own path: where several architectures have the same weights, its name decides.
///
/// # Errors
/// One line that says which architecture came nearest and what differs, or which ones to choose from.
pub fn bind(checkpoint: Checkpoint, wanted: Option<&str>, file: &Path) -> Result<Bound, ArchitectureError> {
    match wanted {
        Some(wanted) if is_file(wanted) => bind_to_file(checkpoint, Path::new(wanted)),
        wanted => bind_to_known(checkpoint, wanted, file),
    }
}

/// Names of the known architectures, each with the package that it comes from, in the order in which they are preferred.
///
/// # Errors
/// Only when the program's own data is damaged.
pub fn known() -> Result<Vec<(String, String)>, ArchitectureError> {
    Ok(Library::open()?.entries.into_iter().map(|entry| (entry.name, entry.source)).collect())
}

/// What a checkpoint of an architecture must hold: name, element type and shape of each tensor that takes part in its outputs.
///
/// # Errors
/// An unknown name.
pub fn weights(name: &str) -> Result<Vec<(String, DType, Vec<usize>)>, ArchitectureError> {
    let mut library = Library::open()?;
    let tables = library.tables()?;
    let table = named::table(&library, &tables, name)?;
    let weight = |line| match line {
        Line::Weight { name, dtype, shape, .. } => Some((String::from(name), dtype, shape)),
        _ => None,
    };
    Ok(table.lines().filter_map(weight).collect())
}

fn is_file(wanted: &str) -> bool {
    let path = Path::new(wanted);
    path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("pt2")) || path.is_file()
}

fn bind_to_known(checkpoint: Checkpoint, wanted: Option<&str>, file: &Path) -> Result<Bound, ArchitectureError> {
    let mut library = Library::open()?;
    let tables = library.tables()?;
    let found = match wanted {
        Some(name) => named::find(&library, &tables, &checkpoint.tensors, name)?,
        None => find::find(&library, &tables, &checkpoint, file)?,
    };
    let skeleton = library.skeleton(found.table)?;
    let entry = found.entry;
    let classes = found.fit.classes.unwrap_or(entry.classes);
    let labels = entry.labels.as_deref().filter(|_| classes == entry.classes && !found.fit.headless);
    let labels = checkpoint.classes.clone().or_else(|| labels.and_then(labels_named));
    let input = described(&entry, &skeleton, found.others)?;
    let (graph, note) = fill(skeleton, checkpoint, &found.fit)?;
    Ok(Bound { name: entry.name, graph, input, labels, note })
}

fn bind_to_file(checkpoint: Checkpoint, path: &Path) -> Result<Bound, ArchitectureError> {
    let skeleton = Skeleton::of_file(path)?;
    let declared = || {
        skeleton.wanted.iter().map(|weight| Declared {
            name: &weight.name,
            shape: &weight.shape,
            counts_classes: weight.counts_classes,
        })
    };
    let name = crate::model::printable::printable_path(path);
    let fit = View::all(&checkpoint.tensors)
        .iter()
        .filter_map(|view| Fit::of(view, declared(), |_| false, false))
        .min_by_key(|fit| fit.differences.len())
        .filter(|fit| !fit.tensors.is_empty());
    let fit = match fit {
        Some(fit) if fit.differences.is_empty() => fit,
        Some(fit) => return Err(ArchitectureError::Differs(format!("{name}: {}", fit.said()))),
        None => return Err(ArchitectureError::Differs(format!("{name}, which has none"))),
    };
    let [_, channels, height, width] = sides(&skeleton);
    let size = fixed(&skeleton);
    let hinted = height.and_then(Dimension::size).zip(width.and_then(Dimension::size));
    let input = guess::pytorch("an exported program", channels.and_then(Dimension::size).unwrap_or(3), size, hinted);
    let labels = checkpoint.classes.clone();
    let (graph, note) = fill(skeleton, checkpoint, &fit)?;
    Ok(Bound { name, graph, input, labels, note })
}

/// Gives a graph the weights that fit it.
fn fill(
    mut skeleton: Skeleton,
    checkpoint: Checkpoint,
    fit: &Fit,
) -> Result<(Graph, Option<String>), ArchitectureError> {
    // What is wanted is less once the classifier is cut off.
    let values = skeleton.wanted.iter().map(|weight| weight.value);
    let chosen: HashMap<ValueId, usize> =
        values.zip(&fit.tensors).filter_map(|(value, place)| Some((value, (*place)?))).collect();
    let mut notes = Vec::new();
    if fit.headless {
        if !skeleton.cut_head() {
            return Err(ArchitectureError::Damaged("a classifier that is missing cannot be cut off".to_owned()));
        }
        notes.push("it has no classifier; the output is the features before it".to_owned());
    }
    let mut tensors: Vec<_> = checkpoint.tensors.into_iter().map(Some).collect();
    let mut shared = HashMap::new();
    for weight in std::mem::take(&mut skeleton.wanted) {
        let missing = || ArchitectureError::Damaged(format!("{} is not where it was found", weight.name));
        let place = *chosen.get(&weight.value).ok_or_else(missing)?;
        let tensor = match tensors.get_mut(place).and_then(Option::take) {
            Some(tensor) => shared.entry(place).or_insert(tensor).clone(),
            None => shared.get(&place).cloned().ok_or_else(missing)?,
        };
        skeleton.graph.weights.push(convert::filled(weight, tensor)?);
    }
    match fit.unknown.as_slice() {
        [] => {}
        [first, ..] => notes.push(format!(
            "{} of its tensors take no part, the first is {}",
            fit.unknown.len(),
            crate::model::printable(first)
        )),
    }
    Ok((skeleton.graph, (!notes.is_empty()).then(|| notes.join("; "))))
}

fn sides(skeleton: &Skeleton) -> [Option<Dimension>; 4] {
    std::array::from_fn(|index| skeleton.input.dimensions.get(index).copied())
}

/// Height and width, where the graph fixes both.
fn fixed(skeleton: &Skeleton) -> Option<(usize, usize)> {
    match sides(skeleton) {
        [_, _, Some(Dimension::Fixed(height)), Some(Dimension::Fixed(width))] => Some((height, width)),
        _ => None,
    }
}

/// The architecture's own input description. Where others have the same weights and graph but another preprocessing, it is
/// said that this one is assumed.
fn described(
    entry: &Entry,
    skeleton: &Skeleton,
    others: Option<String>,
) -> Result<InputDescription, ArchitectureError> {
    let preprocessing: Preprocessing =
        entry.preprocessing.parse().map_err(|error| ArchitectureError::Damaged(format!("{}: {error}", entry.name)))?;
    let channels = preprocessing.order().channels();
    Ok(InputDescription {
        channels,
        size: fixed(skeleton),
        layout: Layout::ChannelsFirst,
        preprocessing,
        source: others.map_or(Source::Architecture, Source::Guessed),
    })
}

fn labels_named(name: &str) -> Option<Labels> {
    match name {
        "imagenet" => Some(Labels::imagenet()),
        "cifar10" => Some(Labels::from_list(CIFAR_10)),
        "digits" => Some(Labels::from_list(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])),
        _ => None,
    }
}

const CIFAR_10: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
