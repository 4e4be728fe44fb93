//! Layers, shapes, parameters and multiply–adds: the table that `summary` prints.

use std::collections::HashMap;

use serde::Serialize;

use super::forward::record_shapes;
use super::{MethodError, Network};
use crate::engine::Cancel;
use crate::model::graph::{Argument, Graph, Node, Operator, ValueId, WeightRole};

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Path of the layer, or name of the node.
    pub path: String,
    /// Type without its package.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Number of layers around it.
    pub depth: usize,
    /// Shape of its output with the batch dimension, as the model's own layout has it; `None` where the layer does not run,
    /// because the file does not hold all that the network does.
    pub output_shape: Option<Vec<i64>>,
    /// Numbers that the layer and those below it own.
    pub parameters: u64,
    /// Multiply–adds for one picture, of the layer and those below it; `None` where the layer does not run.
    pub macs: Option<u64>,
}

/// Sums over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All numbers that the network owns.
    pub parameters: u64,
    /// Those that training changes by gradients.
    pub trainable: u64,
    /// Multiply–adds for one picture, of all that runs.
    pub macs: u64,
}

/// The table and its sums.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// One for each layer, in the order of the tree.
    pub layers: Vec<Row>,
    /// Sums.
    pub totals: Totals,
}

impl Network {
    /// Shapes of every tensor of the graph, from one run on zeros.
    ///
    /// # Errors
    /// The node that failed.
    pub fn forward_shapes(&self) -> Result<&HashMap<ValueId, Vec<i64>>, MethodError> {
        if let Some(known) = self.shapes.get() {
            return Ok(known);
        }
        let measured = self.measure_shapes()?;
        Ok(self.shapes.get_or_init(|| measured))
    }

    fn measure_shapes(&self) -> Result<HashMap<ValueId, Vec<i64>>, MethodError> {
        let graph = self.engine.graph();
        let zeros = self.zeros()?;
        let mut shapes = self.known_shapes(&zeros)?;
        let outputs: Vec<_> = graph.outputs.iter().map(|&output| output.into()).collect();
        self.engine.run_observed(&[(self.source()?, zeros)], &outputs, &Cancel::new(), &mut |node, results| {
            record_shapes(&mut shapes, &graph.nodes[node], results);
        })?;
        Ok(shapes)
    }

    /// Multiply–adds of every layer, those of layers below it included, for a run with these shapes.
    pub fn layer_macs(&self, shapes: &HashMap<ValueId, Vec<i64>>) -> Vec<u64> {
        let macs: Vec<u64> = self.engine.graph().nodes.iter().map(|node| macs(node, shapes)).collect();
        self.layers.layers.iter().map(|layer| layer.nodes.iter().map(|node| macs[node.0]).sum()).collect()
    }

    /// The table of layers.
    ///
    /// # Errors
    /// The node that failed in the run that shapes are taken from.
    pub fn summary(&self) -> Result<Summary, MethodError> {
        let graph = self.engine.graph();
        let shapes = self.forward_shapes()?;
        let of_layers = self.layer_macs(shapes);
        let layers = self.layers.layers.iter().enumerate().map(|(index, layer)| Row {
            path: layer.path.clone(),
            type_name: layer.type_name.clone(),
            depth: layer.depth,
            output_shape: layer.output.map(|output| self.own_layout(shapes.get(&output).cloned().unwrap_or_default())),
            parameters: self.parameters_within(index),
            macs: layer.output.map(|_| of_layers[index]),
        });
        Ok(Summary {
            layers: layers.collect(),
            totals: totals(graph, graph.nodes.iter().map(|node| macs(node, shapes)).sum()),
        })
    }

    /// Numbers that a layer and those below it own.
    pub fn parameters_within(&self, index: usize) -> u64 {
        let layers = &self.layers.layers;
        let Some(first) = layers.get(index) else { return 0 };
        let below = layers[index + 1..].iter().take_while(|layer| layer.depth > first.depth);
        first.parameters() + below.map(crate::model::Layer::parameters).sum::<u64>()
    }

    /// A shape of the graph, N×C×H×W, in the model's own layout.
    fn own_layout(&self, mut shape: Vec<i64>) -> Vec<i64> {
        if self.input.layout == crate::model::Layout::ChannelsLast && shape.len() == 4 {
            shape[1..].rotate_left(1);
        }
        shape
    }
}

fn totals(graph: &Graph, macs: u64) -> Totals {
    let sum = |role: WeightRole| -> u64 {
        graph.weights.iter().filter(|weight| weight.role == role).map(crate::model::graph::Weight::elements).sum()
    };
    let trainable = sum(WeightRole::Parameter);
    Totals { parameters: trainable + sum(WeightRole::Frozen), trainable, macs }
}

/// Multiply–adds of one node: output elements times the length of the sum that each is. Biases are not counted.
fn macs(node: &Node, shapes: &HashMap<ValueId, Vec<i64>>) -> u64 {
    let Operator::Aten { name, .. } = &node.operator else { return 0 };
    let shape = |parameter: &str| {
        node.arguments.iter().find(|(name, _)| &**name == parameter).and_then(|(_, argument)| match argument {
            Argument::Value(value) => shapes.get(value),
            _ => None,
        })
    };
    let output = node.makes().next().and_then(|value| shapes.get(&value));
    let elements = |shape: &Vec<i64>| shape.iter().product::<i64>();
    let count = match &**name {
        "aten::conv2d" | "aten::convolution" | "aten::_convolution" | "aten::conv1d" | "aten::conv3d" => {
            shape("weight")
                .zip(output)
                .map(|(weight, output)| elements(output) * weight.iter().skip(1).product::<i64>())
        }
        "aten::linear" => {
            shape("weight").zip(output).and_then(|(weight, output)| Some(elements(output) * weight.last()?))
        }
        "aten::matmul" | "aten::mm" | "aten::bmm" => {
            shape("self").zip(output).and_then(|(left, output)| Some(elements(output) * left.last()?))
        }
        "aten::addmm" | "aten::baddbmm" => {
            let left = shape("mat1").or_else(|| shape("batch1"));
            left.zip(output).and_then(|(left, output)| Some(elements(output) * left.last()?))
        }
        "aten::scaled_dot_product_attention" => shape("query").zip(shape("key")).and_then(|(query, key)| {
            // Once for the attention weights, once for the values.
            Some(2 * elements(query) * key.get(key.len().checked_sub(2)?)?)
        }),
        _ => None,
    };
    count.unwrap_or(0).max(0) as u64
}
