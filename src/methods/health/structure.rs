//! What of a graph depends on its input, what leads to the scores, and through which values everything must pass.

use std::collections::{HashMap, HashSet};

use crate::methods::{MethodError, Network, node};
use crate::model::graph::{Node, NodeId, Tap, ValueId};

/// Operators whose result lies in the memory of their first argument, or may.
const VIEWS: &[&str] = &[
    "alias",
    "as_strided",
    "chunk",
    "contiguous",
    "detach",
    "dropout",
    "expand",
    "expand_as",
    "feature_dropout",
    "flatten",
    "movedim",
    "narrow",
    "permute",
    "reshape",
    "reshape_as",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "to",
    "transpose",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "view",
    "view_as",
];

/// Views that show only a part.
const PARTS: &[&str] =
    &["as_strided", "chunk", "narrow", "select", "slice", "split", "split_with_sizes", "unbind", "unfold"];

/// A value through which everything that the network makes of its input passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) node: usize,
    pub(super) tap: Tap,
}

/// Facts about a graph that hold in every run. Values that lie in the same memory are taken for one, named by the first of
/// them: its root.
#[derive(Debug)]
pub(super) struct Structure {
    roots: HashMap<ValueId, ValueId>,
    dependent: HashSet<ValueId>,
    /// Nodes that lie between the input and the scores.
    pub(super) between: Vec<usize>,
    /// In the order of the nodes, the scores themselves last.
    pub(super) cuts: Vec<Cut>,
}

impl Structure {
    pub(super) fn of(network: &Network, target: Tap) -> Result<Self, MethodError> {
        let nodes = &network.engine.graph().nodes;
        let source = network.source()?;
        let mut structure =
            Self { roots: HashMap::new(), dependent: HashSet::from([source]), between: Vec::new(), cuts: Vec::new() };
        for node in nodes {
            let first = node.reads().first().copied().map(|value| structure.root(value));
            if let Some(root) = first.filter(|_| node::is_in_place(node) || VIEWS.contains(&node::operator(node))) {
                structure.roots.extend(node.makes().map(|value| (value, root)));
            }
            if structure.reads_dependent(node) {
                let made: Vec<ValueId> = node.makes().map(|value| structure.root(value)).collect();
                structure.dependent.extend(made);
                // What is written to depends on what is written.
                structure.dependent.extend(first.filter(|_| node::is_in_place(node)));
            }
        }
        structure.find_between(nodes, target);
        structure.find_cuts(nodes, source, target);
        Ok(structure)
    }

    /// The first value of those in the same memory.
    pub(super) fn root(&self, value: ValueId) -> ValueId {
        self.roots.get(&value).copied().unwrap_or(value)
    }

    /// Whether a value depends on the input.
    pub(super) fn depends(&self, value: ValueId) -> bool {
        self.dependent.contains(&self.root(value))
    }

    /// Whether a node reads something that depends on the input.
    pub(super) fn reads_dependent(&self, node: &Node) -> bool {
        node.reads().iter().any(|&value| self.depends(value))
    }

    fn find_between(&mut self, nodes: &[Node], target: Tap) {
        let mut needed = HashSet::from([self.root(target.value)]);
        for (index, node) in nodes.iter().enumerate().rev() {
            let written = node.reads().first().copied().filter(|_| node::is_in_place(node));
            let leads = node.makes().chain(written).any(|value| needed.contains(&self.root(value)));
            if leads && self.reads_dependent(node) {
                self.between.push(index);
            }
            if leads {
                needed.extend(node.reads().into_iter().map(|value| self.root(value)));
            }
        }
        self.between.reverse();
    }

    fn find_cuts(&mut self, nodes: &[Node], source: ValueId, target: Tap) {
        let mut last_read: HashMap<ValueId, usize> = HashMap::new();
        for &index in &self.between {
            for value in nodes[index].reads() {
                last_read.insert(self.root(value), index);
            }
        }
        last_read.insert(self.root(target.value), usize::MAX);
        let mut open = HashSet::from([source]);
        for &index in &self.between {
            let node = &nodes[index];
            for value in node.makes() {
                let root = self.root(value);
                if self.depends(value) && last_read.get(&root).is_some_and(|&last| last > index) {
                    open.insert(root);
                }
            }
            open.retain(|root| last_read.get(root).is_some_and(|&last| last > index));
            let whole = !PARTS.contains(&node::operator(node)) && node::operator(node) != "copy";
            if let (1, true, Some(value)) = (open.len(), whole, node.makes().next())
                && open.contains(&self.root(value))
            {
                self.cuts.push(Cut { node: index, tap: Tap { value, after: Some(NodeId(index)) } });
            }
        }
    }

    /// Whether everything passes through what a node makes.
    pub(super) fn is_cut(&self, node: usize) -> bool {
        self.cuts.iter().any(|cut| cut.node == node)
    }
}

/// Path of the innermost layer around a node.
pub(super) fn layer_of(node: &Node) -> Option<String> {
    node.scope.last().map(|scope| scope.path.to_string()).filter(|path| !path.is_empty())
}
