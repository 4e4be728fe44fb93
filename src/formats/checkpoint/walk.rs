//! The tensors of a container of weights, under the names that PyTorch's `state_dict()` would give them.

use std::collections::{HashMap, HashSet};
use std::fmt::Arguments;

use super::CheckpointError;
use super::find::{DEEPEST, Holders, Place, TRAINING, is_tensor, module};
use super::storages::at_tensor;
use crate::formats::pickle::{Node, Pickle, Value};

/// Values that are looked at, and bytes of all names together, for each object of the file: a shared module has its tensors
/// under several names, but a small file must not have them under millions.
const VISITS_OF_AN_OBJECT: usize = 16;
const NAMES_OF_AN_OBJECT: usize = 64;
/// The same for the smallest files.
const LEAST: usize = 1 << 16;

/// The way through a container of weights.
pub(super) struct Walk<'a> {
    pickle: &'a Pickle,
    holders: &'a Holders,
    /// A name that comes again takes the place of the first; that one's place is empty then.
    tensors: Vec<(String, Option<Place>)>,
    index: HashMap<String, usize>,
    /// Values that may still be looked at.
    visits: usize,
    /// Bytes that names may still have.
    names: usize,
}

fn over_and_over() -> CheckpointError {
    CheckpointError::Damaged("it names the same tensors over and over".to_owned())
}

impl<'a> Walk<'a> {
    pub(super) fn new(pickle: &'a Pickle, holders: &'a Holders) -> Self {
        let objects = pickle.nodes().len();
        Self {
            pickle,
            holders,
            tensors: Vec::new(),
            index: HashMap::new(),
            visits: LEAST + VISITS_OF_AN_OBJECT * objects,
            names: LEAST + NAMES_OF_AN_OBJECT * objects,
        }
    }

    /// Names and places of all tensors in a container.
    pub(super) fn run(mut self, container: Value) -> Result<Vec<(String, Place)>, CheckpointError> {
        self.container(container, "", 0)?;
        Ok(self.tensors.into_iter().filter_map(|(name, place)| Some((name, place?))).collect())
    }

    fn container(&mut self, value: Value, prefix: &str, depth: usize) -> Result<(), CheckpointError> {
        if depth > DEEPEST {
            return Err(CheckpointError::Damaged("its dictionaries hold each other without end".to_owned()));
        }
        match self.pickle.node(value) {
            Some(Node::Dictionary(entries)) => self.entries(entries, prefix, depth),
            Some(Node::Sequence(items)) => {
                self.look_at(items.len())?;
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, &item)| self.entry(format_args!("{prefix}{index}"), item, depth))
            }
            Some(Node::Instance(instance)) => {
                self.look_at(self.pickle.entries(instance.state).map_or(0, <[_]>::len))?;
                if let Some(state) = module(self.pickle, instance) {
                    return self.module(state, prefix, depth);
                }
                self.entries(&instance.entries, prefix, depth)?;
                self.container(instance.state, prefix, depth + 1)
            }
            _ => Ok(()),
        }
    }

    fn entries(&mut self, entries: &[(Value, Value)], prefix: &str, depth: usize) -> Result<(), CheckpointError> {
        self.look_at(entries.len())?;
        for &(key, value) in entries {
            match (key, self.pickle.text(key)) {
                (Value::Int(number), _) => self.entry(format_args!("{prefix}{number}"), value, depth)?,
                (_, Some(name)) => {
                    let tensor = self.pickle.node(value).is_some_and(is_tensor);
                    if tensor || depth > 0 || !TRAINING.contains(&name) {
                        self.entry(format_args!("{prefix}{name}"), value, depth)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Parameters, buffers, then what is inside: the order of PyTorch's own `state_dict()`.
    fn module(&mut self, state: Value, prefix: &str, depth: usize) -> Result<(), CheckpointError> {
        let parts = ["_non_persistent_buffers_set", "_parameters", "_buffers", "_modules"];
        let [passing, parameters, buffers, modules] = self.pickle.named(state, &parts);
        let passing: HashSet<&str> = match passing.and_then(|set| self.pickle.node(set)) {
            Some(Node::Sequence(names)) => names.iter().filter_map(|&name| self.pickle.text(name)).collect(),
            _ => HashSet::new(),
        };
        for part in [parameters, buffers, modules].into_iter().flatten() {
            let entries = self.pickle.entries(part).unwrap_or_default();
            self.look_at(entries.len())?;
            for &(key, value) in entries {
                let Some(name) = self.pickle.text(key) else { continue };
                if Some(part) != buffers || !passing.contains(name) {
                    self.entry(format_args!("{prefix}{name}"), value, depth)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, name: Arguments<'_>, value: Value, depth: usize) -> Result<(), CheckpointError> {
        let Some(node) = self.pickle.node(value) else { return Ok(()) };
        let called = matches!(node, Node::Instance(instance) if instance.called && depth == 0);
        if !self.holders.holds(value) && !called {
            return Ok(());
        }
        let mut name = name.to_string();
        self.names = self.names.checked_sub(name.len()).ok_or_else(over_and_over)?;
        match node {
            Node::Tensor(record) => self.push(name, Place::Storage(record.as_ref().clone())),
            Node::Array(record) => self.push(name, Place::Inline(record.as_ref().clone())),
            Node::Unreadable(kind) => return Err(at_tensor(&name, format!("it is {kind}, which cannot be shown"))),
            Node::Instance(instance) if !self.holders.holds(value) => {
                // What a layer of low precision keeps for itself.
                if !name.ends_with("_extra_state") && !self.tensors.is_empty() {
                    let class = &instance.class;
                    return Err(at_tensor(
                        &name,
                        format!(
                            "it asks for {class}, which is no tensor: layerscope does not run code from model files"
                        ),
                    ));
                }
            }
            _ => {
                name.push('.');
                self.container(value, &name, depth + 1)?;
            }
        }
        Ok(())
    }

    fn look_at(&mut self, values: usize) -> Result<(), CheckpointError> {
        self.visits = self.visits.checked_sub(values).ok_or_else(over_and_over)?;
        Ok(())
    }

    fn push(&mut self, name: String, place: Place) {
        if let Some(first) = self.index.insert(name.clone(), self.tensors.len()) {
            self.tensors[first].1 = None;
        }
        self.tensors.push((name, Some(place)));
    }
}
