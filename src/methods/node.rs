//! Reading a graph's nodes: what is called, and with which numbers.

use std::collections::HashMap;

use crate::model::graph::{Argument, Graph, Node, NodeId, Operator, ValueId};

/// Pointwise functions of one value.
pub(super) const POINTWISE: &[&str] = &[
    "celu",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
    "threshold",
];

/// The operator without its namespace and without the underscore of one that writes in place: `relu` for `aten::relu_`. Empty
/// for arithmetic on sizes.
pub(super) fn operator(node: &Node) -> &str {
    let Operator::Aten { name, .. } = &node.operator else { return "" };
    let short = name.strip_prefix("aten::").unwrap_or(name);
    // The functional batch norms begin with one.
    short.strip_suffix('_').unwrap_or(short)
}

/// Whether the node writes to its first argument.
pub(super) fn is_in_place(node: &Node) -> bool {
    matches!(&node.operator, Operator::Aten { name, .. } if name.ends_with('_'))
}

/// The argument of a parameter, where the node names it.
pub(super) fn argument<'a>(node: &'a Node, parameter: &str) -> Option<&'a Argument> {
    node.arguments.iter().find(|(name, _)| &**name == parameter).map(|(_, argument)| argument)
}

/// The value that a parameter is given.
pub(super) fn value(node: &Node, parameter: &str) -> Option<ValueId> {
    match argument(node, parameter) {
        Some(Argument::Value(value)) => Some(*value),
        _ => None,
    }
}

/// A whole number.
pub(super) fn int(node: &Node, parameter: &str) -> Option<i64> {
    match argument(node, parameter) {
        Some(Argument::Int(number)) => Some(*number),
        _ => None,
    }
}

/// A real number, which the file may give as a whole one.
pub(super) fn float(node: &Node, parameter: &str) -> Option<f64> {
    match argument(node, parameter) {
        Some(Argument::Int(number)) => Some(*number as f64),
        Some(Argument::Float(number)) => Some(*number),
        _ => None,
    }
}

/// Whole numbers that are known before the run; one number is a list of one.
pub(super) fn ints(node: &Node, parameter: &str) -> Option<Vec<i64>> {
    match argument(node, parameter)? {
        Argument::Int(number) => Some(vec![*number]),
        Argument::List(items) => items
            .iter()
            .map(|item| match item {
                Argument::Int(number) => Some(*number),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// One number for rows and one for columns, as strides and paddings are given: `default` where the node says none, one number for both.
pub(super) fn pair(node: &Node, parameter: &str, default: i64) -> Option<[i64; 2]> {
    if matches!(argument(node, parameter), None | Some(Argument::None)) {
        return Some([default; 2]);
    }
    match *ints(node, parameter)?.as_slice() {
        [] => Some([default; 2]),
        [both] => Some([both; 2]),
        [rows, columns] => Some([rows, columns]),
        _ => None,
    }
}

/// Which node makes a value.
pub(super) fn makers(graph: &Graph) -> HashMap<ValueId, NodeId> {
    let nodes = graph.nodes.iter().enumerate();
    nodes.flat_map(|(index, node)| node.makes().map(move |value| (value, NodeId(index)))).collect()
}

/// Whether a value of the output depends on the values at the same place of the inputs alone, so that dimensions keep
/// their meaning. Batch norm is one where nothing is trained.
pub(super) fn is_elementwise(node: &Node) -> bool {
    ELEMENTWISE.contains(&operator(node))
}

const ELEMENTWISE: &[&str] = &[
    "_native_batch_norm_legit_no_training",
    "_to_copy",
    "abs",
    "add",
    "alias",
    "alpha_dropout",
    "batch_norm",
    "bernoulli",
    "celu",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "contiguous",
    "detach",
    "div",
    "dropout",
    "elu",
    "erf",
    "exp",
    "expand",
    "feature_dropout",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "lift_fresh_copy",
    "log",
    "maximum",
    "minimum",
    "mish",
    "mul",
    "neg",
    "pow",
    "prelu",
    "reciprocal",
    "relu",
    "relu6",
    "rsqrt",
    "rsub",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "sub",
    "tanh",
    "threshold",
    "to",
    "type_as",
];
