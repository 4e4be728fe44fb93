//! What the network's output means: scores, or probabilities made of them at the very end.

use super::graph::{Argument, Graph, Operator, ValueId};

/// The function that ends the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalActivation {
    /// The output is scores (logits).
    None,
    /// The output is probabilities that sum to one.
    Softmax,
    /// The output is one probability for each class.
    Sigmoid,
}

/// The output and the scores that it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The network's first output.
    pub output: ValueId,
    /// The scores before the final activation: what class gradients are taken of.
    pub scores: ValueId,
    /// What leads from the one to the other.
    pub activation: FinalActivation,
}

impl Head {
    /// Finds the head of a graph; `None` where the graph gives nothing.
    pub fn of(graph: &Graph) -> Option<Self> {
        let output = *graph.outputs.first()?;
        let plain = Self { output, scores: output, activation: FinalActivation::None };
        let Some(node) = graph.nodes.iter().find(|node| node.makes().any(|value| value == output)) else {
            return Some(plain);
        };
        let Operator::Aten { name, .. } = &node.operator else { return Some(plain) };
        let activation = match &**name {
            "aten::softmax" | "aten::_softmax" => FinalActivation::Softmax,
            "aten::sigmoid" | "aten::sigmoid_" => FinalActivation::Sigmoid,
            _ => return Some(plain),
        };
        match node.arguments.first() {
            Some((_, Argument::Value(scores))) => Some(Self { output, scores: *scores, activation }),
            _ => Some(plain),
        }
    }
}
