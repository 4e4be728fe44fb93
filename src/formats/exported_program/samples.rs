//! What a program was exported with: the arguments that lie in the archive beside it.

use std::io::{Read, Seek};

use super::Layout;
use super::storage::{Found, Saved};
use crate::formats::archive::Archive;
use crate::formats::pickle::{Node, Pickle, TensorRecord, Value};
use crate::model::graph::Argument;

/// One argument.
pub(super) enum Sample {
    None,
    Tensor(Found),
    Number(Argument),
}

/// All arguments in the order of the signature: lists and dictionaries are taken apart. The error says what cannot be read.
pub(super) fn read<R: Read + Seek>(archive: &mut Archive<R>, layout: &Layout) -> Result<Vec<Sample>, String> {
    let name = match layout {
        Layout::New { root, model } => format!("{root}/data/sample_inputs/{model}.pt"),
        Layout::Old => "serialized_example_inputs.pt".to_owned(),
    };
    let saved = Saved::open(archive, &name).map_err(|error| error.to_string())?;
    let mut saved = saved.ok_or_else(|| format!("{name} is empty"))?;
    let mut leaves = Vec::new();
    flatten(&saved.pickle, saved.pickle.root, MOST_LEVELS, &mut leaves)?;
    leaves
        .into_iter()
        .map(|leaf| {
            Ok(match leaf {
                Leaf::Tensor(record) => {
                    let found = saved.tensor(&record).map_err(|error| error.to_string())?;
                    Sample::Tensor(found.ok_or("a storage that is shorter than its tensor")?)
                }
                Leaf::Number(number) => Sample::Number(number),
                Leaf::Other => Sample::None,
            })
        })
        .collect()
}

enum Leaf {
    Tensor(TensorRecord),
    Number(Argument),
    Other,
}

/// Lists may hold themselves: nobody's arguments lie deeper, or are more, than these.
const MOST_LEVELS: usize = 16;
const MOST_LEAVES: usize = 10_000;

fn flatten(pickle: &Pickle, value: Value, levels: usize, into: &mut Vec<Leaf>) -> Result<(), String> {
    if levels == 0 || into.len() >= MOST_LEAVES {
        return Err("its arguments lie too deep in each other".to_owned());
    }
    match pickle.node(value) {
        Some(Node::Sequence(items)) => {
            return items.iter().try_for_each(|&item| flatten(pickle, item, levels - 1, into));
        }
        Some(Node::Dictionary(entries)) => {
            return entries.iter().try_for_each(|&(_, item)| flatten(pickle, item, levels - 1, into));
        }
        Some(Node::Tensor(record)) => into.push(Leaf::Tensor(record.as_ref().clone())),
        _ => into.push(match value {
            Value::Int(number) => Leaf::Number(Argument::Int(number)),
            Value::Float(number) => Leaf::Number(Argument::Float(number)),
            Value::Bool(truth) => Leaf::Number(Argument::Bool(truth)),
            _ => Leaf::Other,
        }),
    }
    Ok(())
}
