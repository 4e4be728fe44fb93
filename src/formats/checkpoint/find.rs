//! Which of all that a checkpoint holds are the model's weights.
//!
//! A dictionary that holds one of the [`WRAPPERS`] is entered there, the first that is there in their order: averaged weights
//! before the last ones, as timm's `load_state_dict` takes them, since those are what is evaluated and published. Otherwise
//! its own tensors are the weights; a dictionary of dictionaries gives dotted names. What belongs to the training
//! ([`TRAINING`]) is never looked at. A whole pickled module is read by the `_parameters`, `_buffers` and `_modules` that
//! its state holds, without its class.

use std::collections::{HashMap, HashSet};
use std::fmt::Arguments;

use super::CheckpointError;
use super::storages::at_tensor;
use crate::formats::pickle::{ArrayRecord, Id, Instance, Node, Pickle, TensorRecord, Value};
use crate::model::Labels;

/// Names under which weights are kept, the preferred ones first.
pub const WRAPPERS: [&str; 19] = [
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "model_ema_state_dict",
    "params_ema",
    "ema",
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "module",
    "net",
    "network",
    "params",
    "weights",
    "teacher",
    "student",
    "shadow",
    "blobs",
];

/// Names of what training keeps beside the weights.
pub const TRAINING: [&str; 24] = [
    "optimizer",
    "optimizers",
    "optimizer_state_dict",
    "optimizer_states",
    "optimizer_state",
    "optim",
    "opt",
    "opt_state",
    "lr_scheduler",
    "lr_schedulers",
    "lr_scheduler_state_dict",
    "scheduler",
    "scheduler_state_dict",
    "scaler",
    "amp",
    "amp_scaler",
    "loss_scaler",
    "callbacks",
    "loops",
    "hyper_parameters",
    "rng_state",
    "cuda_rng_state",
    "random_state",
    "message_hub",
];

/// Dictionaries in each other deeper than this are no model.
const DEEPEST: usize = 64;
/// Values that are looked at, and bytes of all names together, for each object of the file: a shared module has its tensors
/// under several names, but a small file must not have them under millions.
const VISITS_OF_AN_OBJECT: usize = 4;
const NAMES_OF_AN_OBJECT: usize = 64;
/// The same for the smallest files.
const LEAST: usize = 1 << 16;

/// Where a tensor's numbers are.
#[derive(Debug)]
pub enum Place {
    /// In a storage of the file.
    Storage(TensorRecord),
    /// In the pickle itself.
    Inline(ArrayRecord),
}

/// The weights of a pickle.
#[derive(Debug)]
pub struct Found {
    /// Names and places, in the file's order.
    pub tensors: Vec<(String, Place)>,
    /// The names on the way to them, joined by dots.
    pub path: String,
    /// Class of the whole model that holds them.
    pub class: Option<String>,
    /// Names of the classes that the network tells apart.
    pub classes: Option<Labels>,
}

/// Finds the model's weights.
///
/// # Errors
/// When there are none, or one of them cannot be read.
pub fn tensors(pickle: &Pickle) -> Result<Found, CheckpointError> {
    let holders = Holders::of(pickle);
    let (place, path) = enter(pickle, &holders);
    let objects = pickle.nodes().count();
    let mut walk = Walk {
        pickle,
        holders: &holders,
        tensors: Vec::new(),
        index: HashMap::new(),
        visits: LEAST + VISITS_OF_AN_OBJECT * objects,
        names: LEAST + NAMES_OF_AN_OBJECT * objects,
    };
    walk.container(place, "", 0)?;
    let tensors: Vec<(String, Place)> =
        walk.tensors.into_iter().filter_map(|(name, place)| Some((name, place?))).collect();
    if tensors.is_empty() {
        return Err(CheckpointError::OtherKind(nothing(pickle)));
    }
    let class = match pickle.node(place) {
        Some(Node::Instance(instance)) if module(pickle, instance).is_some() => Some(instance.class.to_string()),
        _ => None,
    };
    let classes = super::classes::of(pickle);
    Ok(Found { tensors, path, class, classes })
}

/// Why a pickle without weights is none.
fn nothing(pickle: &Pickle) -> String {
    match (pickle.node(pickle.root), &pickle.stranger) {
        (Some(Node::Instance(instance)), _) => format!(
            "it holds a whole pickled model of the class {}, whose weights cannot be read without its code; save model.state_dict() in place of it",
            instance.class
        ),
        (Some(Node::Tensor(_) | Node::Array(_)), _) => "it holds a single tensor, not a model's weights".to_owned(),
        (_, Some(class)) => {
            format!("it holds no named tensors, only objects such as {}; save model.state_dict()", class)
        }
        _ => "it holds no named tensors; save model.state_dict()".to_owned(),
    }
}

/// What a node refers to, as far as weights may be there.
fn children(node: &Node) -> impl Iterator<Item = Value> + '_ {
    let (items, entries, state): (&[Value], &[(Value, Value)], Value) = match node {
        Node::Sequence(items) => (items, &[], Value::None),
        Node::Dictionary(entries) => (&[], entries, Value::None),
        Node::Instance(instance) => (&[], &instance.entries, instance.state),
        _ => (&[], &[], Value::None),
    };
    items.iter().copied().chain(entries.iter().map(|&(_, value)| value)).chain([state])
}

fn is_tensor(node: &Node) -> bool {
    matches!(node, Node::Tensor(_) | Node::Array(_) | Node::Unreadable(_))
}

/// The nodes from which a tensor can be reached.
struct Holders(HashSet<Id>);

impl Holders {
    fn of(pickle: &Pickle) -> Self {
        let mut parents: HashMap<Id, Vec<Id>> = HashMap::new();
        let mut open = Vec::new();
        for (id, node) in pickle.nodes() {
            if is_tensor(node) {
                open.push(id);
            }
            for child in children(node) {
                if let Value::Node(child) = child {
                    parents.entry(child).or_default().push(id);
                }
            }
        }
        let mut holders: HashSet<Id> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            for &parent in parents.get(&id).into_iter().flatten() {
                if holders.insert(parent) {
                    open.push(parent);
                }
            }
        }
        Self(holders)
    }

    fn holds(&self, value: Value) -> bool {
        matches!(value, Value::Node(id) if self.0.contains(&id))
    }
}

/// Whether a dictionary has a tensor of its own that is more than a single number.
fn has_weights(pickle: &Pickle, entries: &[(Value, Value)]) -> bool {
    entries.iter().any(|&(_, value)| match pickle.node(value) {
        Some(Node::Tensor(record)) => !record.shape.is_empty(),
        Some(Node::Array(record)) => !record.shape.is_empty(),
        Some(Node::Unreadable(_)) => true,
        _ => false,
    })
}

/// Goes down to the container of the weights: the container, and the names on the way.
fn enter(pickle: &Pickle, holders: &Holders) -> (Value, String) {
    let mut place = pickle.root;
    let mut path: Vec<String> = Vec::new();
    for _ in 0..DEEPEST {
        let inside = |value: &Value| holders.holds(*value) && pickle.node(*value).is_some_and(|node| !is_tensor(node));
        let next = match pickle.node(place) {
            Some(Node::Sequence(items)) => {
                items.iter().enumerate().find(|(_, item)| inside(item)).map(|(index, &item)| (item, index.to_string()))
            }
            Some(Node::Instance(instance)) if module(pickle, instance).is_some() => None,
            Some(Node::Instance(instance)) if instance.entries.is_empty() && inside(&instance.state) => {
                place = instance.state;
                continue;
            }
            _ => pickle.entries(place).and_then(|entries| {
                let wrapped = WRAPPERS
                    .into_iter()
                    .find_map(|name| pickle.get(place, name).filter(inside).map(|value| (value, name.to_owned())));
                if wrapped.is_some() || has_weights(pickle, entries) {
                    return wrapped;
                }
                let mut others = entries.iter().filter(|(_, value)| inside(value)).filter_map(|&(key, value)| {
                    let name = pickle.text(key).filter(|name| !TRAINING.contains(name))?;
                    Some((value, name.to_owned()))
                });
                let first = others.next();
                if others.next().is_none() { first } else { None }
            }),
        };
        let Some((value, name)) = next else { break };
        place = value;
        path.push(name);
    }
    (place, path.join("."))
}

/// The state of a whole pickled module.
fn module(pickle: &Pickle, instance: &Instance) -> Option<Value> {
    let parts = ["_parameters", "_buffers", "_modules"];
    parts.iter().any(|part| pickle.get(instance.state, part).is_some()).then_some(instance.state)
}

struct Walk<'a> {
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

impl Walk<'_> {
    fn container(&mut self, value: Value, prefix: &str, depth: usize) -> Result<(), CheckpointError> {
        if depth > DEEPEST {
            return Err(CheckpointError::Damaged("its dictionaries hold each other without end".to_owned()));
        }
        match self.pickle.node(value) {
            Some(Node::Dictionary(entries)) => self.entries(entries, prefix, depth),
            Some(Node::Sequence(items)) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, &item)| self.entry(format_args!("{prefix}{index}"), item, depth)),
            Some(Node::Instance(instance)) => {
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
        let passing = self.pickle.get(state, "_non_persistent_buffers_set");
        let passing: HashSet<&str> = match passing.and_then(|set| self.pickle.node(set)) {
            Some(Node::Sequence(names)) => names.iter().filter_map(|&name| self.pickle.text(name)).collect(),
            _ => HashSet::new(),
        };
        for part in ["_parameters", "_buffers", "_modules"] {
            let entries = self.pickle.get(state, part).and_then(|part| self.pickle.entries(part)).unwrap_or_default();
            for &(key, value) in entries {
                let Some(name) = self.pickle.text(key) else { continue };
                if part != "_buffers" || !passing.contains(name) {
                    self.entry(format_args!("{prefix}{name}"), value, depth)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, name: Arguments<'_>, value: Value, depth: usize) -> Result<(), CheckpointError> {
        self.visits = self.visits.checked_sub(1).ok_or_else(over_and_over)?;
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

    fn push(&mut self, name: String, place: Place) {
        if let Some(first) = self.index.insert(name.clone(), self.tensors.len()) {
            self.tensors[first].1 = None;
        }
        self.tensors.push((name, Some(place)));
    }
}
