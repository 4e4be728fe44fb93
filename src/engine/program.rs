//! A graph with every operator looked up and every argument matched to its parameter.

use std::collections::HashMap;
use std::rc::Rc;

use super::EngineError;
use crate::aten;
use crate::model::graph::{Graph, Node, Operator, SizeOperator, ValueId};

/// A node that is ready to be called.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) call: Call,
    /// Values that the node writes to in place.
    pub(super) writes: Vec<ValueId>,
    /// Values that the node reads, in place or not.
    pub(super) reads: Vec<ValueId>,
    /// For each output value, the values whose memory it shares.
    pub(super) shares: Vec<(ValueId, ValueId)>,
}

#[derive(Debug)]
pub(super) enum Call {
    Aten {
        operator: Rc<aten::Operator>,
        /// Position of the parameter for each of the node's arguments.
        positions: Vec<usize>,
        /// The operator that gives the same result without writing in place, if this one writes and there is such a one.
        functional: Option<Rc<aten::Operator>>,
    },
    Size(SizeOperator),
}

/// Operators that give their input back unchanged where nothing is trained, although their schema promises a new tensor.
const IDENTITIES: &[&str] =
    &["aten::dropout", "aten::feature_dropout", "aten::alpha_dropout", "aten::feature_alpha_dropout"];

/// Looks up all operators of a graph.
pub(super) fn resolve(graph: &Graph) -> Result<Vec<Step>, EngineError> {
    let mut found = HashMap::new();
    graph.nodes.iter().map(|node| step(node, &mut found)).collect()
}

type Found = HashMap<(String, String), Option<Rc<aten::Operator>>>;

fn find(found: &mut Found, name: &str, overload: &str) -> Option<Rc<aten::Operator>> {
    let key = (name.to_owned(), overload.to_owned());
    found.entry(key).or_insert_with(|| aten::Operator::find(name, overload).map(Rc::new)).clone()
}

fn step(node: &Node, found: &mut Found) -> Result<Step, EngineError> {
    let (name, overload) = match &node.operator {
        Operator::Aten { name, overload } => (name, overload),
        Operator::Size(operator) => {
            return Ok(Step {
                call: Call::Size(*operator),
                writes: Vec::new(),
                reads: node.reads(),
                shares: Vec::new(),
            });
        }
    };
    let unknown = |reason: String| EngineError::node(node, reason);
    let operator =
        find(found, name, overload).ok_or_else(|| unknown("libtorch 2.13 has no such operator".to_owned()))?;
    let mut positions = Vec::with_capacity(node.arguments.len());
    for (parameter, _) in &node.arguments {
        let position = operator.parameters().iter().position(|known| known.name == **parameter);
        positions.push(position.ok_or_else(|| unknown(format!("the operator has no parameter '{parameter}'")))?);
    }
    let values_at = |position: usize| -> Vec<ValueId> {
        let mut values = Vec::new();
        for (&at, (_, argument)) in positions.iter().zip(&node.arguments) {
            if at == position {
                argument.for_each_value(&mut |value| values.push(value));
            }
        }
        values
    };
    let written = || operator.parameters().iter().enumerate().filter(|(_, parameter)| parameter.written);
    let writes: Vec<ValueId> = written().flat_map(|(position, _)| values_at(position)).collect();
    let mut shares = Vec::new();
    for (output, parameters) in node.outputs.iter().zip(operator.aliases()) {
        let sources = parameters.iter().flat_map(|&position| values_at(position));
        for source in sources {
            for &value in output.values() {
                shares.push((value, source));
            }
        }
    }
    if IDENTITIES.contains(&&**name) {
        shares.extend(node.makes().zip(values_at(0)));
    }
    let functional = if writes.is_empty() {
        None
    } else {
        let same = name.strip_suffix('_').and_then(|plain| find(found, plain, overload));
        same.filter(|other| {
            other.parameters().len() == operator.parameters().len()
                && other.parameters().iter().zip(operator.parameters()).all(|(one, two)| one.name == two.name)
        })
    };
    // Same parameters by position. A view is refused where values lie in another order than in the program that was exported;
    // a reshape copies them there and is a view everywhere else.
    let operator = match (&**name, &**overload) {
        ("aten::view", "") => find(found, "aten::reshape", "").unwrap_or(operator),
        _ => operator,
    };
    Ok(Step { call: Call::Aten { operator, positions, functional }, writes, reads: node.reads(), shares })
}
