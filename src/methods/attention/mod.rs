//! What the attention of a transformer does: where it is in a graph, its weights, and the maps that are made of them.

mod legrad;
mod rollout;
mod weights;

use tch::Tensor;

use super::cam::{Grid, Map, at_default_layer};
use super::{Forward, MethodError, Network, node};
use crate::engine::numbers;
use crate::model::graph::{Graph, Node, NodeId, ValueId};

pub(super) use legrad::legrad;
pub(super) use rollout::rollout;

type ShapeOf<'a> = dyn Fn(ValueId) -> Option<Vec<i64>> + 'a;

/// The nodes that attend: a softmax over the last of three or more dimensions, or an operator that does the whole of it.
pub(super) fn nodes(graph: &Graph, shape_of: &ShapeOf<'_>) -> Vec<NodeId> {
    let attends = |(_, node): &(usize, &Node)| weights_shape(node, shape_of).is_some();
    graph.nodes.iter().enumerate().filter(attends).map(|(index, _)| NodeId(index)).collect()
}

/// Whether an operator does queries, keys and values at once.
fn is_fused(name: &str) -> bool {
    name == "scaled_dot_product_attention" || name.starts_with("_scaled_dot_product_")
}

/// Shape of a node's attention weights, …×queries×keys, where it attends.
fn weights_shape(node: &Node, shape_of: &ShapeOf<'_>) -> Option<Vec<i64>> {
    let name = node::operator(node);
    if is_fused(name) {
        let mut shape = shape_of(node::value(node, "query")?)?;
        let keys = shape_of(node::value(node, "key")?)?;
        let (rank, along) = (shape.len(), keys.len().checked_sub(2)?);
        *shape.get_mut(rank.checked_sub(1)?)? = *keys.get(along)?;
        return Some(shape);
    }
    if !matches!(name, "softmax" | "_softmax") {
        return None;
    }
    let shape = shape_of(node.makes().next()?)?;
    let last = node::int(node, "dim").is_some_and(|dim| dim == -1 || dim == shape.len() as i64 - 1);
    (last && shape.len() > 2).then_some(shape)
}

/// Attention of all tokens to all, on one grid.
struct Attention {
    grid: Grid,
    /// The nodes that attend, in order.
    nodes: Vec<NodeId>,
    /// Number of tokens.
    tokens: i64,
}

impl Attention {
    /// The attention of a network, for a method that needs it to be over the whole picture.
    ///
    /// # Errors
    /// When there is none, when some is within windows or patches, or when the grid changes on the way.
    fn of(network: &Network, forward: &Forward, method: &'static str) -> Result<Self, MethodError> {
        let graph = network.engine.graph();
        let shape_of = |value: ValueId| forward.shapes().get(&value).cloned();
        let pictures = forward.input.size().first().copied().unwrap_or(1);
        let mut found: Option<Self> = None;
        for id in nodes(graph, &shape_of) {
            let Some(node) = graph.nodes.get(id.0) else { continue };
            let refused = |is| MethodError::PartialAttention {
                method,
                layer: layer_of(node),
                is,
                hint: at_default_layer(network),
            };
            let Some(shape) = weights_shape(node, &shape_of) else { continue };
            // Heads may be folded into the batch of three dimensions, windows are in the batch of four or have their own.
            let windows = shape.len() > 4 || (shape.len() == 4 && shape.first() != Some(&pictures));
            let [.., queries, keys] = *shape.as_slice() else { continue };
            if windows && queries == keys {
                return Err(refused("is within windows"));
            }
            // Attention among channels, or of a class token alone.
            let Some(grid) = forward.grids().known(keys).filter(|_| queries == keys) else { continue };
            match &mut found {
                Some(known) if known.tokens == keys => known.nodes.push(id),
                Some(_) => return Err(refused("is on another grid than the one before")),
                None => found = Some(Self { grid, nodes: vec![id], tokens: keys }),
            }
        }
        found.ok_or_else(|| MethodError::NoAttention { method, hint: at_default_layer(network) })
    }

    /// The last so many nodes, all for 0.
    fn last(&self, count: i64) -> &[NodeId] {
        let skipped = if count > 0 { self.nodes.len().saturating_sub(count as usize) } else { 0 };
        &self.nodes[skipped..]
    }

    /// A number for each token, as a map of the patches.
    fn map(&self, tokens: &Tensor) -> Result<Map, MethodError> {
        let patches = tokens.f_narrow(0, self.grid.extra, self.grid.patches())?;
        let (height, width) = (self.grid.height as usize, self.grid.width as usize);
        Ok(Map { height, width, values: numbers(&patches)? })
    }
}

fn layer_of(node: &Node) -> String {
    node.scope.last().map_or_else(|| node.name.clone(), |scope| scope.path.to_string())
}
