//! Finding the architecture that the user names.

use super::ArchitectureError;
use super::find::{Found, compare};
use super::fit::Fit;
use super::library::{Entry, Library, Table, Tables};
use super::view::View;
use crate::formats::checkpoint::Tensor;
use crate::model::{printable, suggestion};

/// The named architecture, if the weights are its own. Tensors that it does not know are left out.
pub(super) fn find<'a>(
    library: &Library,
    tables: &'a Tables,
    tensors: &[Tensor],
    typed: &str,
) -> Result<Found<'a>, ArchitectureError> {
    let entries = some(library, typed)?;
    let views = View::all(tensors);
    let mut nearest: Option<(&Entry, Fit)> = None;
    for entry in entries {
        let Some(table) = tables.iter().find(|table: &Table| table.graph == entry.graph) else { continue };
        for view in &views {
            let Some(fit) = compare(view, table, false) else { continue };
            if fit.differences.is_empty() {
                return Ok(Found { entry: entry.clone(), table, fit, others: None });
            }
            if nearest.as_ref().is_none_or(|(_, least)| fit.differences.len() < least.differences.len()) {
                nearest = Some((entry, fit));
            }
        }
    }
    Err(ArchitectureError::Differs(
        nearest
            .map_or_else(|| printable(typed).into_owned(), |(entry, fit)| format!("{}: {}", entry.said(), fit.said())),
    ))
}

/// Names and shapes of the first architecture of a name.
pub(super) fn table<'a>(library: &Library, tables: &'a Tables, typed: &str) -> Result<Table<'a>, ArchitectureError> {
    let entries = some(library, typed)?;
    let table = entries.first().and_then(|entry| tables.iter().find(|table| table.graph == entry.graph));
    table.ok_or_else(|| ArchitectureError::Damaged(format!("{} has no table", printable(typed))))
}

/// The architectures of a name, of which there is at least one.
fn some<'a>(library: &'a Library, typed: &str) -> Result<Vec<&'a Entry>, ArchitectureError> {
    let entries = entries(&library.entries, typed);
    if !entries.is_empty() {
        return Ok(entries);
    }
    let names = library.entries.iter().map(|entry| entry.name.as_str());
    Err(ArchitectureError::Unknown { typed: printable(typed).into_owned(), hint: suggestion(typed, names) })
}

/// The architectures of a name: `resnet18`, `timm/resnet18`, or with the tag of its weights, `resnet18.a1_in1k`, which is timm's.
fn entries<'a>(entries: &'a [Entry], typed: &str) -> Vec<&'a Entry> {
    let plain = |text: &str| text.trim().to_lowercase().replace('-', "_");
    let typed = plain(typed);
    let (source, name) = match typed.split_once('/') {
        Some((source, name)) => (Some(source.to_owned()), name.to_owned()),
        None => (None, typed),
    };
    let (source, name) = match name.split_once('.') {
        Some((name, _)) => (source.or(Some("timm".to_owned())), name.to_owned()),
        None => (source, name),
    };
    let is = |entry: &&Entry| {
        plain(&entry.name) == name && source.as_ref().is_none_or(|source| plain(&entry.source) == *source)
    };
    entries.iter().filter(is).collect()
}
