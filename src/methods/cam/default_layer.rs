//! The layer that maps are made at unless the user names another.

use crate::methods::Network;
use crate::model::graph::{Operator, ValueId};
use crate::model::{Layer, LayerId, LayerKind, Layout};

/// Operators whose results are no maps that convolutions made, although they may have four dimensions: pooling, and what
/// attention does with its heads.
const NO_MAPS: &[&str] =
    &["pool2d", "mean", "dropout", "attention", "matmul", "softmax", "permute", "transpose", "view", "reshape"];

/// The last layer that gives a map with space and is no pooling: where Grad-CAM is asked by default.
pub fn default_layer(network: &Network, shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>) -> Option<LayerId> {
    let nodes = &network.engine.graph().nodes;
    let suits = |layer: &Layer| {
        let Some(output) = layer.output else { return false };
        let channels_last = network.layout(output) == Layout::ChannelsLast;
        let spatial = shape_of(output).is_some_and(|shape| match *shape.as_slice() {
            [_, height, width, _] if channels_last => height * width > 1,
            [_, _, height, width] => height * width > 1,
            _ => false,
        });
        let maker = nodes.iter().find(|node| node.makes().any(|value| value == output));
        let no_map = maker.is_some_and(|node| {
            let Operator::Aten { name, .. } = &node.operator else { return true };
            NO_MAPS.iter().any(|pooling| name.contains(pooling))
        });
        // Where a network ends early, other branches than the one that gives the scores may run further.
        let leads_on = || network.ends_early().is_none() || network.dependents(output).contains(&network.head.scores);
        spatial && !no_map && leads_on()
    };
    let end = |layer: &Layer| layer.nodes.last().map_or(0, |node| node.0);
    let candidates = network.layers.iter().filter(|(_, layer)| suits(layer));
    let last = candidates.max_by_key(|(id, layer)| {
        // Of layers that end together the outermost is the one that people name.
        (end(layer), layer.kind == LayerKind::Module, std::cmp::Reverse(id.0))
    });
    last.map(|(id, _)| id)
}

pub(super) fn default_layer_hint(network: &Network) -> String {
    let usual =
        network.forward_shapes().ok().and_then(|shapes| default_layer(network, &|value| shapes.get(&value).cloned()));
    let layer = usual.and_then(|id| network.layers.get(id));
    layer.map_or_else(String::new, |layer| format!(", such as {}", layer.path))
}
