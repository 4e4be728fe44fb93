//! Which nodes of a graph are ReLUs, under whatever name.

use std::collections::HashMap;

use crate::methods::node;
use crate::model::graph::{Argument, Graph, Node, NodeId};

/// A node that gives its input where that is positive, and zero elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectifier {
    /// What it gives at most: 6 of `relu6`.
    pub(super) ceiling: Option<f64>,
}

/// All rectifiers of a graph.
pub(super) fn rectifiers(graph: &Graph) -> HashMap<NodeId, Rectifier> {
    let makers = node::makers(graph);
    let found = graph.nodes.iter().enumerate().filter_map(|(index, node)| {
        let rectifier = rectifies(node)?;
        // `relu6(x + 3)` is six times the hard sigmoid: its zero is no rectified one.
        let shifted = node::value(node, "self")
            .and_then(|value| makers.get(&value))
            .is_some_and(|id| is_shift(&graph.nodes[id.0]));
        (!(shifted && rectifier.ceiling.is_some())).then_some((NodeId(index), rectifier))
    });
    found.collect()
}

/// A node whose floor is zero, with its ceiling.
fn rectifies(node: &Node) -> Option<Rectifier> {
    let zero = |parameter: &str| node::float(node, parameter) == Some(0.0);
    let ceiling = match node::operator(node) {
        "relu" => None,
        "relu6" => Some(6.0),
        "hardtanh" if zero("min_val") => Some(node::float(node, "max_val").unwrap_or(1.0)),
        "clamp" | "clip" if zero("min") => node::float(node, "max"),
        "clamp_min" if zero("min") => None,
        "threshold" if zero("threshold") && zero("value") => None,
        _ => return None,
    };
    Some(Rectifier { ceiling })
}

/// Whether the node adds a number.
fn is_shift(node: &Node) -> bool {
    node::operator(node) == "add"
        && matches!(node::argument(node, "other"), Some(Argument::Int(_) | Argument::Float(_)))
}
