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
    /// The output.
    pub output: ValueId,
    /// The scores before the final activation: what class gradients are taken of.
    pub scores: ValueId,
    /// What leads from the one to the other.
    pub activation: FinalActivation,
}

impl Head {
    /// Finds the head of a graph; `None` where the graph gives nothing.
    pub fn of(graph: &Graph) -> Option<Self> {
        Some(Self::of_output(graph, *graph.outputs.first()?))
    }

    /// What one of the graph's outputs is made of.
    pub fn of_output(graph: &Graph, output: ValueId) -> Self {
        let plain = Self { output, scores: output, activation: FinalActivation::None };
        let Some(node) = graph.nodes.iter().find(|node| node.makes().any(|value| value == output)) else {
            return plain;
        };
        let Operator::Aten { name, .. } = &node.operator else { return plain };
        let activation = match &**name {
            "aten::softmax" | "aten::_softmax" => FinalActivation::Softmax,
            "aten::sigmoid" | "aten::sigmoid_" => FinalActivation::Sigmoid,
            _ => return plain,
        };
        match node.arguments.first() {
            Some((_, Argument::Value(scores))) => Self { output, scores: *scores, activation },
            _ => plain,
        }
    }
}
