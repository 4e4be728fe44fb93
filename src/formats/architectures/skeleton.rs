//! A graph that waits for its weights.

use std::path::Path;

use super::ArchitectureError;
use crate::formats::archive::Archive;
use crate::formats::exported_program::{self, InputShape};
use crate::model::Graph;
use crate::model::graph::{Argument, DType, Node, Operator, ValueId, WeightRole};
use crate::model::printable::printable_path;

/// A weight that is not there yet.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Its name in a checkpoint.
    pub(super) name: String,
    /// The value that nodes read.
    pub(super) value: ValueId,
    /// What it is to the model.
    pub(super) role: WeightRole,
    /// What the graph computes with.
    pub(super) dtype: DType,
    /// Its shape, with the class count that the graph was made with.
    pub(super) shape: Vec<usize>,
    /// Whether its first dimension counts the classes.
    pub(super) counts_classes: bool,
}

/// A graph with its constants, and the weights that it waits for.
#[derive(Debug)]
pub(super) struct Skeleton {
    pub(super) graph: Graph,
    pub(super) wanted: Vec<Wanted>,
    pub(super) input: InputShape,
}

impl Skeleton {
    /// The graph of a user's own exported program; its weights are left out, its constants stay.
    pub(super) fn of_file(path: &Path) -> Result<Self, ArchitectureError> {
        let fail = |reason: String| ArchitectureError::Lender { file: printable_path(path), reason };
        let file = std::fs::File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => fail("there is no such file".to_owned()),
            _ => fail(format!("it cannot be read ({error})")),
        })?;
        let mut archive = Archive::open(std::io::BufReader::new(file)).map_err(|error| fail(error.to_string()))?;
        if !exported_program::is_pt2(archive.names()) {
            return Err(fail("not an exported program; save one with torch.export.save".to_owned()));
        }
        let program = exported_program::open(&mut archive).map_err(|error| fail(error.to_string()))?;
        let mut graph = program.graph;
        let (constants, weights): (Vec<_>, Vec<_>) =
            std::mem::take(&mut graph.weights).into_iter().partition(|weight| weight.role == WeightRole::Constant);
        graph.weights = constants;
        let read: std::collections::HashSet<ValueId> = graph.nodes.iter().flat_map(Node::reads).collect();
        let head: Vec<ValueId> = linear_head(&graph).map(|(_, node)| node.reads()).unwrap_or_default();
        let wanted = weights.into_iter().filter(|weight| read.contains(&weight.value)).map(|weight| Wanted {
            counts_classes: head.contains(&weight.value),
            name: weight.name,
            value: weight.value,
            role: weight.role,
            dtype: weight.dtype,
            shape: weight.shape,
        });
        Ok(Self { wanted: wanted.collect(), graph, input: program.input })
    }

    /// Cuts off the linear layer that ends the network: the output is what it read. Gives whether there is such a layer, and
    /// no other reads what counts classes.
    pub(super) fn cut_head(&mut self) -> bool {
        let head: Vec<ValueId> =
            self.wanted.iter().filter(|weight| weight.counts_classes).map(|weight| weight.value).collect();
        let Some((index, node)) = linear_head(&self.graph) else { return false };
        let features = node.arguments.iter().find_map(|(name, argument)| match argument {
            Argument::Value(value) if &**name == "input" => Some(*value),
            _ => None,
        });
        let Some(features) = features else { return false };
        let others = self.graph.nodes.iter().enumerate().filter(|(other, _)| *other != index);
        if others.flat_map(|(_, node)| node.reads()).any(|value| head.contains(&value)) {
            return false;
        }
        self.graph.nodes.remove(index);
        self.graph.outputs = vec![features];
        self.wanted.retain(|weight| !weight.counts_classes);
        true
    }
}

/// The linear layer whose output is the network's only one.
fn linear_head(graph: &Graph) -> Option<(usize, &Node)> {
    let [output] = graph.outputs.as_slice() else { return None };
    let (index, node) = graph.nodes.iter().enumerate().find(|(_, node)| node.makes().any(|value| value == *output))?;
    let linear = matches!(&node.operator, Operator::Aten { name, .. } if &**name == "aten::linear");
    linear.then_some((index, node))
}
