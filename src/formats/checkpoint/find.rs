//! Which of all that a checkpoint holds are the model's weights.
//!
//! A dictionary that holds one of the [`WRAPPERS`] is entered there, the first that is there in their order: averaged weights
//! before the last ones, as timm's `load_state_dict` takes them, since those are what is evaluated and published. Otherwise
//! its own tensors are the weights; a dictionary of dictionaries gives dotted names. What belongs to the training
//! ([`TRAINING`]) is never looked at. A whole pickled module is read by the `_parameters`, `_buffers` and `_modules` that
//! its state holds, without its class.

use std::collections::{HashMap, HashSet};

use super::CheckpointError;
use super::storages::shown;
use super::walk::Walk;
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
pub(super) const DEEPEST: usize = 64;
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
    let tensors = Walk::new(pickle, &holders).run(place)?;
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
            format!("it holds no named tensors, only objects such as {class}; save model.state_dict()")
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

pub(super) fn is_tensor(node: &Node) -> bool {
    matches!(node, Node::Tensor(_) | Node::Array(_) | Node::Unreadable(_))
}

/// The nodes from which a tensor can be reached.
pub(super) struct Holders(HashSet<Id>);

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

    pub(super) fn holds(&self, value: Value) -> bool {
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
    let mut seen = HashSet::new();
    while let Value::Node(id) = place
        && seen.len() < DEEPEST
        && seen.insert(id)
    {
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
                let mut wrapped = WRAPPERS.into_iter().zip(pickle.named(place, &WRAPPERS));
                let wrapped = wrapped.find_map(|(name, value)| Some((value.filter(inside)?, name.to_owned())));
                if wrapped.is_some() || has_weights(pickle, entries) {
                    return wrapped;
                }
                let mut others = entries.iter().filter(|(_, value)| inside(value)).filter_map(|&(key, value)| {
                    let name = pickle.text(key).filter(|name| !TRAINING.contains(name))?;
                    Some((value, shown(name)))
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
pub(super) fn module(pickle: &Pickle, instance: &Instance) -> Option<Value> {
    let parts = pickle.named(instance.state, &["_parameters", "_buffers", "_modules"]);
    parts.iter().any(Option::is_some).then_some(instance.state)
}
