//! Layers that end in a function with a floor or a ceiling, and which of their channels are stuck there.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::statistics::{LayerStatistics, Statistics};
use super::{MethodError, Network, node};
use crate::engine::numbers;
use crate::model::LayerId;
use crate::model::graph::{Node, ValueId};

/// Channels that carry nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stuck {
    /// Channels of a rectified layer that are zero everywhere.
    pub dead: usize,
    /// Channels of a bounded layer of which at least 99 % lie at a bound. The floor of a rectified layer is none: a channel that is
    /// zero nearly everywhere waits for something rare.
    pub saturated: usize,
}

/// What a function does with large inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// It is exactly zero, with a gradient of zero, for all negative inputs from some point on.
    rectified: bool,
    /// At or below this its gradient is zero; of sigmoid and tanh, which only come near their bounds, within 1 % of the range.
    /// Minus infinity where there is no floor.
    floor: f32,
    /// The same for at or above.
    ceiling: f32,
}

/// The limits of every layer that has some: by its last operator, looking through pooling and reshaping. The network's own
/// output has none, because a sure answer is no trouble.
pub(super) fn of_layers(network: &Network) -> HashMap<LayerId, Limits> {
    let graph = network.engine.graph();
    let makers = node::makers(graph);
    let limits = |mut value: ValueId| loop {
        let node = &graph.nodes[makers.get(&value)?.0];
        if !TRANSPARENT.contains(&node::operator(node)) {
            return of_node(node);
        }
        value = node::value(node, "self").or_else(|| node::value(node, "input"))?;
    };
    let outputs = network.layers.iter().filter_map(|(id, layer)| Some((id, layer.output?)));
    let outputs = outputs.filter(|(_, output)| *output != network.head.output);
    outputs.filter_map(|(id, output)| Some((id, limits(output)?))).collect()
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

/// The limits of what a node makes.
pub(super) fn of_node(node: &Node) -> Option<Limits> {
    let clipped = |low: Option<f64>, high: Option<f64>| {
        let ceiling = high.map_or(f32::INFINITY, |high| high as f32);
        match low {
            // Zeros are counted as dead, not as saturated.
            Some(0.0) => Limits { rectified: true, floor: f32::NEG_INFINITY, ceiling },
            low => Limits { rectified: false, floor: low.map_or(f32::NEG_INFINITY, |low| low as f32), ceiling },
        }
    };
    let bounded = |floor, ceiling| Limits { rectified: false, floor, ceiling };
    let limits = match node::operator(node) {
        "relu" | "hardswish" => clipped(Some(0.0), None),
        "relu6" => clipped(Some(0.0), Some(6.0)),
        "hardtanh" => clipped(
            Some(node::float(node, "min_val").unwrap_or(-1.0)),
            Some(node::float(node, "max_val").unwrap_or(1.0)),
        ),
        "clamp" => clipped(node::float(node, "min"), node::float(node, "max")),
        "clamp_min" => clipped(node::float(node, "min"), None),
        "threshold" => clipped(node::float(node, "value").filter(|&value| value == 0.0), None),
        "sigmoid" => bounded(0.01, 0.99),
        "tanh" => bounded(-0.98, 0.98),
        "hardsigmoid" => bounded(0.0, 1.0),
        _ => return None,
    };
    (limits.rectified || limits.floor.is_finite() || limits.ceiling.is_finite()).then_some(limits)
}

impl Limits {
    /// Counts the stuck channels of maps K×H×W. In a vector, where a value at a bound is ordinary, none unless all are.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn stuck(self, maps: &Tensor, statistics: &LayerStatistics) -> Result<Stuck, MethodError> {
        let (count, height, width) = maps.size3()?;
        let dead = statistics.channels.iter().filter(|channel| self.rectified && channel.sparsity >= 1.0).count();
        let shares = if statistics.channels.iter().any(|channel| self.may_saturate(channel)) {
            self.at_bound(maps, statistics)?
        } else {
            None
        };
        let saturated = shares.map_or(0, |shares| shares.iter().filter(|&&share| share >= SATURATED).count());
        let whole = |stuck: usize| if height * width > 1 || stuck == count as usize { stuck } else { 0 };
        Ok(Stuck { dead: whole(dead), saturated: whole(saturated) })
    }

    /// Whether it is zero, with a gradient of zero, for all negative inputs from some point on.
    pub fn is_rectified(self) -> bool {
        self.rectified
    }

    /// The share of each channel's values of maps K×H×W that lies at a bound; `None` where none does.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn at_bound(self, maps: &Tensor, statistics: &LayerStatistics) -> Result<Option<Vec<f32>>, MethodError> {
        let reaches = |channel: &Statistics| channel.min <= self.floor || channel.max >= self.ceiling;
        if !statistics.channels.iter().any(reaches) {
            return Ok(None);
        }
        let at_floor = maps.f_le(f64::from(self.floor))?;
        let at_bound = at_floor.f_logical_or(&maps.f_ge(f64::from(self.ceiling))?)?;
        Ok(Some(numbers(&at_bound.f_mean_dim([1, 2].as_slice(), false, Kind::Float)?)?))
    }

    /// What the extremes and the mean of a channel tell before anything is counted.
    fn may_saturate(self, channel: &Statistics) -> bool {
        // With nothing below zero, a mean well below the ceiling leaves too little at it.
        let enough = !self.rectified || channel.mean >= 0.9 * self.ceiling;
        channel.min <= self.floor || (channel.max >= self.ceiling && enough)
    }
}

/// Share of a channel's values that must lie at a bound.
const SATURATED: f32 = 0.99;
