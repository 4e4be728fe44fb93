//! Batch norms that are merged into the convolution before them.

use std::collections::HashMap;

use tch::Tensor;

use super::layer::{Layer, Scaling};
use crate::engine::{Engine, EngineError};
use crate::methods::node;
use crate::model::graph::{Node, NodeId, ValueId};

/// Pairs of a convolution and the batch norm that alone reads it.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// By the batch norm's node: the convolution's value.
    norms: HashMap<NodeId, ValueId>,
    /// By the convolution's node: its value and the batch norm.
    convolutions: HashMap<NodeId, (ValueId, NodeId)>,
}

impl Merged {
    /// All pairs of a graph.
    pub(super) fn of(engine: &Engine) -> Self {
        let graph = engine.graph();
        let mut readers: HashMap<ValueId, usize> = HashMap::new();
        graph.nodes.iter().flat_map(Node::reads).for_each(|value| *readers.entry(value).or_default() += 1);
        let makers = node::makers(graph);
        let mut merged = Self::default();
        for (index, norm) in graph.nodes.iter().enumerate() {
            if !matches!(node::operator(norm), "batch_norm" | "_native_batch_norm_legit_no_training") {
                continue;
            }
            let Some(value) = node::value(norm, "input") else { continue };
            let Some(&maker) = makers.get(&value) else { continue };
            let convolves = Layer::of(&graph.nodes[maker.0]).is_some_and(|layer| layer.is_convolution);
            // A transposed convolution has its output channels second.
            let transposed = node::operator(&graph.nodes[maker.0]).contains("transpose");
            if convolves && !transposed && readers.get(&value) == Some(&1) && !graph.outputs.contains(&value) {
                merged.norms.insert(NodeId(index), value);
                merged.convolutions.insert(maker, (value, NodeId(index)));
            }
        }
        merged
    }

    /// The convolution's value where a node is a batch norm that is merged into it.
    pub(super) fn norm(&self, id: NodeId) -> Option<ValueId> {
        self.norms.get(&id).copied()
    }

    /// The value of a convolution that a batch norm follows.
    pub(super) fn follows(&self, id: NodeId) -> Option<ValueId> {
        self.convolutions.get(&id).map(|(value, _)| *value)
    }

    /// What the batch norm does to a convolution's output.
    pub(super) fn convolution(&self, engine: &Engine, id: NodeId) -> Result<Option<Scaling>, EngineError> {
        let Some((_, norm)) = self.convolutions.get(&id) else { return Ok(None) };
        let norm = &engine.graph().nodes[norm.0];
        let weight = |parameter: &str| node::value(norm, parameter).and_then(|value| engine.weight(value));
        let (Some(mean), Some(variance)) = (weight("running_mean"), weight("running_var")) else { return Ok(None) };
        let deviation = variance.f_add_scalar(node::float(norm, "eps").unwrap_or(1e-5))?.f_sqrt()?;
        let factor = match weight("weight") {
            Some(weight) => weight.f_div(&deviation)?,
            None => deviation.f_reciprocal()?,
        };
        let moved: Tensor = mean.f_mul(&factor)?.f_neg()?;
        let shift = match weight("bias") {
            Some(bias) => moved.f_add(bias)?,
            None => moved,
        };
        Ok(Some(Scaling { factor, shift }))
    }
}
