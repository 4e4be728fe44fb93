//! Finding the architecture of a checkpoint that names none.

use std::collections::HashSet;
use std::path::Path;

use super::ArchitectureError;
use super::fit::{Declared, Fit};
use super::library::{Entry, Library, Line, Table, Tables};
use super::view::View;
use crate::formats::checkpoint::{Checkpoint, Tensor};

/// An architecture, and how the checkpoint fits it.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) entry: Entry,
    pub(super) table: Table<'a>,
    pub(super) fit: Fit,
    /// What is to be said about others that fit as well, computing the same, if their preprocessing is another.
    pub(super) others: Option<String>,
}

/// Compares a checkpoint with one architecture.
pub(super) fn compare(view: &View, table: Table, whole: bool) -> Option<Fit> {
    let lines: Vec<Line> = if whole && !begins(view, table) { return None } else { table.lines().collect() };
    let unused: HashSet<&str> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Unused { name } => Some(*name),
            _ => None,
        })
        .collect();
    let declared = lines.iter().filter_map(|line| match line {
        Line::Weight { name, shape, counts_classes, .. } => {
            Some(Declared { name, shape, counts_classes: *counts_classes })
        }
        _ => None,
    });
    Fit::of(view, declared, |name| unused.contains(name), whole)
}

/// Whether the first tensors of a table are there: most architectures are told apart by them, without reading the rest.
fn begins(view: &View, table: Table) -> bool {
    let first = table.lines().find_map(|line| match line {
        Line::Weight { name, shape, counts_classes: false, .. } => Some((name, shape)),
        _ => None,
    });
    first.is_some_and(|(name, shape)| {
        view.find(name).and_then(|index| view.tensors.get(index)).is_some_and(|tensor| tensor.shape == shape)
    })
}

/// The architecture of a checkpoint.
pub(super) fn find<'a>(
    library: &Library,
    tables: &'a Tables,
    checkpoint: &Checkpoint,
    file: &Path,
) -> Result<Found<'a>, ArchitectureError> {
    let views = View::all(&checkpoint.tensors);
    for view in &views {
        let mut fits: Vec<(Table, Fit)> = tables
            .iter()
            .filter_map(|table| Some((table, compare(view, table, true)?)))
            .filter(|(_, fit)| fit.is_whole())
            .collect();
        // With a classifier first: one that misses it fits also what is only a part of it.
        if fits.iter().any(|(_, fit)| !fit.headless) {
            fits.retain(|(_, fit)| !fit.headless);
        }
        if !fits.is_empty() {
            return choose(library, fits, checkpoint, file);
        }
    }
    let known = library.entries.len();
    Err(ArchitectureError::NoneFits { known, nearest: nearest(library, tables, &views, &checkpoint.tensors) })
}

/// One of several architectures that fit.
fn choose<'a>(
    library: &Library,
    mut fits: Vec<(Table<'a>, Fit)>,
    checkpoint: &Checkpoint,
    file: &Path,
) -> Result<Found<'a>, ArchitectureError> {
    let mut fitting: Vec<&Entry> =
        library.entries.iter().filter(|entry| fits.iter().any(|(table, _)| table.graph == entry.graph)).collect();
    let hinted = hinted(&fitting, checkpoint, file);
    if hinted.is_none() && fitting.iter().any(|entry| !entry.named_only) {
        fitting.retain(|entry| !entry.named_only);
        fits.retain(|(table, _)| fitting.iter().any(|entry| entry.graph == table.graph));
    }
    let several = || {
        let mut names: Vec<String> = Vec::new();
        for (table, _) in &fits {
            names.extend(fitting.iter().find(|entry| entry.graph == table.graph).map(|entry| entry.said()));
        }
        ArchitectureError::SeveralFit(names)
    };
    let entry = match hinted {
        Some(entry) => entry,
        None if fits.len() > 1 => return Err(several()),
        None => fitting.first().copied().ok_or_else(several)?,
    };
    let others: Vec<&Entry> = fitting
        .iter()
        .copied()
        .filter(|other| other.graph == entry.graph && other.preprocessing != entry.preprocessing)
        .collect();
    let others = match others.as_slice() {
        _ if hinted.is_some() => None,
        [] => None,
        [other] => Some(format!("the weights fit {} as well, whose preprocessing is another", other.said())),
        [other, rest @ ..] => Some(format!(
            "the weights fit {} and {} more as well, whose preprocessing is another",
            other.said(),
            rest.len()
        )),
    };
    let others = others.map(|others| format!("{} is assumed; {others}", entry.said()));
    let entry = entry.clone();
    let found = fits.into_iter().find(|(table, _)| table.graph == entry.graph);
    let (table, fit) = found.ok_or_else(|| ArchitectureError::Damaged(format!("{} has no table", entry.name)))?;
    Ok(Found { entry, table, fit, others })
}

/// The architecture that the file's own path names, or the package that a pickled class comes from.
fn hinted<'a>(fitting: &[&'a Entry], checkpoint: &Checkpoint, file: &Path) -> Option<&'a Entry> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '.', '/', '\\'], "_");
    let path = plain(&file.to_string_lossy());
    let module = checkpoint.class.as_deref().unwrap_or_default();
    let of_package =
        |entry: &Entry| module.starts_with(&format!("{}.", entry.source)) || path.contains(&plain(&entry.source));
    let named: Vec<&Entry> = fitting.iter().copied().filter(|entry| path.contains(&plain(&entry.name))).collect();
    let longest = named.iter().map(|entry| entry.name.len()).max();
    let named: Vec<&Entry> = named.into_iter().filter(|entry| Some(entry.name.len()) == longest).collect();
    // Names that differ in computing alone, and the same name of two packages.
    let among = if named.is_empty() { fitting.to_vec() } else { named.clone() };
    let among = among.into_iter().filter(|entry| !named.is_empty() || !entry.named_only);
    let among: Vec<&Entry> = among.collect();
    let packaged = among.iter().copied().find(|entry| of_package(entry));
    packaged.or_else(|| named.first().copied())
}

/// Which architecture comes nearest, and what differs.
fn nearest(library: &Library, tables: &Tables, views: &[View], tensors: &[Tensor]) -> String {
    let mut best: Option<(usize, Table, Fit)> = None;
    for view in views {
        for table in tables.iter() {
            let Some(fit) = compare(view, table, false) else { continue };
            let distance = fit.distance();
            if best.as_ref().is_none_or(|(least, _, _)| distance < *least) {
                best = Some((distance, table, fit));
            }
        }
    }
    let Some((distance, table, fit)) = best else { return "there is none".to_owned() };
    if distance >= fit.tensors.len().max(tensors.len()) {
        return "no tensor has the name and shape that one of them has".to_owned();
    }
    let entry = library.entries.iter().find(|entry| entry.graph == table.graph);
    format!("nearest is {}: {}", entry.map_or_else(|| table.graph.to_owned(), Entry::said), fit.said())
}
