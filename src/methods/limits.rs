//! Layers that end in a function with a floor or a ceiling, and which of their channels are stuck there.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::statistics::LayerStatistics;
use super::{MethodError, Network, node};
use crate::engine::numbers;
use crate::model::LayerId;
use crate::model::graph::{Node, ValueId};

/// Channels that carry nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stuck {
    /// Channels of a rectified layer that are zero everywhere.
    pub dead: usize,
    /// Channels of a bounded layer of which at least 99 % lie at a bound, and that are not dead.
    pub saturated: usize,
}

/// What a function does with large inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// It is exactly zero, with a gradient of zero, for all negative inputs from some point on.
    rectified: bool,
    /// At or below the first and at or above the second its gradient is zero; of sigmoid and tanh, which only come near their
    /// bounds, within 1 % of the range.
    bounds: Option<(f32, f32)>,
}

/// The limits of every layer that has some: by its last operator, looking through pooling and reshaping. The network's own
/// output has none, because a sure answer is no trouble.
pub(super) fn of_layers(network: &Network) -> HashMap<LayerId, Limits> {
    let nodes = &network.engine.graph().nodes;
    let makers: HashMap<ValueId, &Node> =
        nodes.iter().flat_map(|node| node.makes().map(move |value| (value, node))).collect();
    let limits = |mut value: ValueId| loop {
        let node = makers.get(&value)?;
        if !TRANSPARENT.contains(&node::operator(node)) {
            return of_node(node);
        }
        value = node::value(node, "self").or_else(|| node::value(node, "input"))?;
    };
    let layers = network.layers.iter().filter(|(_, layer)| layer.output != network.head.output);
    layers.filter_map(|(id, layer)| Some((id, limits(layer.output)?))).collect()
}

/// Operators after which a value that was at a bound is still there.
const TRANSPARENT: &[&str] = &[
    "alias",
    "clone",
    "contiguous",
    "detach",
    "dropout",
    "feature_dropout",
    "flatten",
    "max_pool2d",
    "permute",
    "reshape",
    "squeeze",
    "to",
    "transpose",
    "unsqueeze",
    "view",
];

fn of_node(node: &Node) -> Option<Limits> {
    let clipped = |low: Option<f64>, high: Option<f64>| {
        let bounds = low.zip(high).map(|(low, high)| (low as f32, high as f32));
        let rectified = low == Some(0.0);
        (rectified || bounds.is_some()).then_some(Limits { rectified, bounds })
    };
    let bounded = |low, high| Some(Limits { rectified: false, bounds: Some((low, high)) });
    match node::operator(node) {
        "relu" | "hardswish" => Some(Limits { rectified: true, bounds: None }),
        "relu6" => clipped(Some(0.0), Some(6.0)),
        "hardtanh" => clipped(
            Some(node::float(node, "min_val").unwrap_or(-1.0)),
            Some(node::float(node, "max_val").unwrap_or(1.0)),
        ),
        "clamp" => clipped(node::float(node, "min"), node::float(node, "max")),
        "clamp_min" => clipped(node::float(node, "min"), None),
        "threshold" if node::float(node, "value") == Some(0.0) => Some(Limits { rectified: true, bounds: None }),
        "sigmoid" => bounded(0.01, 0.99),
        "tanh" => bounded(-0.98, 0.98),
        "hardsigmoid" => bounded(0.0, 1.0),
        _ => None,
    }
}

impl Limits {
    /// Counts the stuck channels of maps K×H×W. In a vector, where a value at a bound is ordinary, none unless all are.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn stuck(self, maps: &Tensor, statistics: &LayerStatistics) -> Result<Stuck, MethodError> {
        let (count, height, width) = maps.size3()?;
        let is_dead = |channel: usize| self.rectified && statistics.channels[channel].sparsity >= 1.0;
        let dead = (0..statistics.channels.len()).filter(|&channel| is_dead(channel)).count();
        let saturated = match self.bounds {
            Some((low, high)) if maps.numel() > 0 => {
                let at_bound = maps.f_le(f64::from(low))?.f_logical_or(&maps.f_ge(f64::from(high))?)?;
                let shares = numbers(&at_bound.f_mean_dim([1, 2].as_slice(), false, Kind::Float)?)?;
                (0..shares.len()).filter(|&channel| shares[channel] >= SATURATED && !is_dead(channel)).count()
            }
            _ => 0,
        };
        let whole = |stuck: usize| if height * width > 1 || stuck == count as usize { stuck } else { 0 };
        Ok(Stuck { dead: whole(dead), saturated: whole(saturated) })
    }
}

/// Share of a channel's values that must lie at a bound.
const SATURATED: f32 = 0.99;
