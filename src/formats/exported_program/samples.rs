//! What a program was exported with: the arguments that lie in the archive beside it.

use std::io::{Read, Seek};

use super::Layout;
use super::storage::{Found, Saved};
use crate::formats::archive::Archive;
use crate::formats::pickle::Object;
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
    let mut objects = Vec::new();
    flatten(std::mem::replace(&mut saved.object, Object::None), &mut objects);
    objects
        .into_iter()
        .map(|object| {
            Ok(match object {
                Object::Tensor(record) => {
                    let found = saved.tensor(&record).map_err(|error| error.to_string())?;
                    Sample::Tensor(found.ok_or("a storage that is shorter than its tensor")?)
                }
                Object::Int(number) => Sample::Number(Argument::Int(number)),
                Object::Float(number) => Sample::Number(Argument::Float(number)),
                Object::Bool(truth) => Sample::Number(Argument::Bool(truth)),
                _ => Sample::None,
            })
        })
        .collect()
}

fn flatten(object: Object, into: &mut Vec<Object>) {
    match object {
        Object::Sequence(items) => items.into_iter().for_each(|item| flatten(item, into)),
        Object::Dictionary(entries) => entries.into_iter().for_each(|(_, item)| flatten(item, into)),
        leaf => into.push(leaf),
    }
}
