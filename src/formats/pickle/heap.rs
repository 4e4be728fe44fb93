//! What a pickle holds: values, and the heap of nodes that they refer to.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::globals::Function;
use super::{ArrayRecord, Elements, StorageRecord, TensorRecord};

/// Longest text of Python 2, in bytes, that is taken for a name: whether it is text at all has to be looked at each time.
pub(super) const LONGEST_WORD: usize = 4096;

/// Index of a node in the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(pub(super) u32);

/// A value: small ones lie in place, others in the heap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Something in the heap.
    Node(Id),
}

/// What lies in the heap.
#[derive(Debug)]
pub enum Node {
    /// Text.
    Text(String),
    /// Raw bytes, or text of Python 2.
    Bytes(Bytes),
    /// A whole number of more than 64 bits, little-endian.
    Large(Vec<u8>),
    /// A tuple, list or set.
    Sequence(Vec<Value>),
    /// A dictionary, in order.
    Dictionary(Vec<(Value, Value)>),
    /// A function or class that has not been called.
    Global(Function, Arc<str>),
    /// A storage.
    Storage(Box<StorageRecord>),
    /// A tensor.
    Tensor(Box<TensorRecord>),
    /// A NumPy array.
    Array(Box<ArrayRecord>),
    /// A NumPy array before its state is known.
    EmptyArray,
    /// An element type, of torch or NumPy; whether it is written with the most significant byte first.
    ElementType(Elements, bool),
    /// A tensor that cannot be read, and what it is: `quantized`.
    Unreadable(Arc<str>),
    /// An object of a class that is only known by name, or what a function that is not known would have given.
    Instance(Box<Instance>),
}

/// An object of a class that is only known by name.
#[derive(Debug)]
pub struct Instance {
    /// Name of the class or function: `torchvision.models.resnet.ResNet`.
    pub class: Arc<str>,
    /// Whether a function was to be called, in place of a plain new object of a class.
    pub called: bool,
    /// The object's state, where the file gives one.
    pub state: Value,
    /// Entries of a class that derives from a dictionary.
    pub entries: Vec<(Value, Value)>,
}

/// A pickle that has been read.
#[derive(Debug)]
pub struct Pickle {
    pub(super) nodes: Vec<Node>,
    /// What the pickle holds.
    pub root: Value,
    /// The first global met that is not known and would have been called.
    pub stranger: Option<Arc<str>>,
}

impl Pickle {
    /// The node that a value refers to; `None` for values that lie in place.
    pub fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(id) => self.nodes.get(id.0 as usize),
            _ => None,
        }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (Id, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (Id(index as u32), node))
    }

    /// A value as text, also as Python 2 wrote it.
    pub fn text(&self, value: Value) -> Option<&str> {
        match self.node(value)? {
            Node::Text(text) => Some(text),
            Node::Bytes(bytes) if bytes.len() <= LONGEST_WORD => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The entries of a dictionary, or of a class that derives from one.
    pub fn entries(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.node(value)? {
            Node::Dictionary(entries) => Some(entries),
            Node::Instance(instance) if !instance.entries.is_empty() => Some(&instance.entries),
            _ => None,
        }
    }

    /// What a dictionary holds under each of some names; the last entry counts.
    pub fn named<const N: usize>(&self, dictionary: Value, names: &[&str; N]) -> [Option<Value>; N] {
        let mut found = [None; N];
        for &(key, value) in self.entries(dictionary).unwrap_or_default() {
            let at = self.text(key).and_then(|key| names.iter().position(|name| *name == key));
            if let Some(place) = at.and_then(|at| found.get_mut(at)) {
                *place = Some(value);
            }
        }
        found
    }

    /// What a dictionary holds under a name; the last entry counts.
    pub fn get(&self, dictionary: Value, name: &str) -> Option<Value> {
        let entries = self.entries(dictionary)?;
        entries.iter().rev().find(|(key, _)| self.text(*key) == Some(name)).map(|&(_, value)| value)
    }

    /// The tensors of a pickle that holds a plain dictionary of tensors, by name.
    pub fn tensors(&self) -> Vec<(String, TensorRecord)> {
        let entries = match self.node(self.root) {
            Some(Node::Dictionary(entries)) => entries.as_slice(),
            _ => &[],
        };
        let named = entries.iter().filter_map(|&(key, value)| match (self.text(key), self.node(value)) {
            (Some(name), Some(Node::Tensor(record))) => Some((name.to_owned(), record.as_ref().clone())),
            _ => None,
        });
        named.collect()
    }

    /// Every storage that the pickle names, with the bytes that one of its elements takes.
    pub fn storages(&self) -> HashMap<String, usize> {
        let storage = |node: &Node| match node {
            Node::Storage(record) => Some((record.key.clone(), record.elements.size())),
            _ => None,
        };
        self.nodes.iter().filter_map(storage).collect()
    }
}
