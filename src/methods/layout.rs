//! Which dimension of a four-dimensional value holds its channels: N×C×H×W, or N×H×W×C as in Swin and `ConvNeXt`.
//!
//! The shape does not say it, so the graph is asked: a convolution or a batch norm has channels first, a linear layer or a layer
//! norm over one dimension has them last, a permutation turns the one into the other, and whatever works element by element
//! keeps them where they are. That is followed from each such node forwards and backwards until nothing new is found. What
//! nothing says anything of counts as channels first: the heads of an attention, N×heads×T×T, are shown as maps.

use std::collections::{HashMap, HashSet};

use super::node;
use crate::model::Layout::{self, ChannelsFirst, ChannelsLast};
use crate::model::graph::{Graph, Node, ValueId};

/// Operators that convolve, pool or normalise with channels first.
const CHANNELS_FIRST: &[&str] = &[
    "_adaptive_avg_pool2d",
    "_convolution",
    "_native_batch_norm_legit_no_training",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "conv_transpose2d",
    "convolution",
    "group_norm",
    "instance_norm",
    "max_pool2d",
    "max_pool2d_with_indices",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample_bilinear2d",
    "upsample_nearest2d",
];

/// Operators beside the elementwise ones that leave every dimension where it is.
const KEEP_DIMENSIONS: &[&str] = &["cat", "chunk", "constant_pad_nd", "pad", "roll", "slice", "split"];

/// The layouts of the values that the graph says something of.
pub(super) fn known(graph: &Graph) -> HashMap<ValueId, Layout> {
    let weights: HashSet<ValueId> = graph.weights.iter().map(|weight| weight.value).collect();
    let mut known = Known { layouts: HashMap::new(), weights };
    loop {
        let before = known.layouts.len();
        graph.nodes.iter().for_each(|node| known.learn(node));
        graph.nodes.iter().rev().for_each(|node| known.learn(node));
        if known.layouts.len() == before {
            break;
        }
    }
    known.layouts
}

struct Known {
    layouts: HashMap<ValueId, Layout>,
    weights: HashSet<ValueId>,
}

impl Known {
    /// What the first to speak said stays, so that every round adds something or is the last.
    fn set(&mut self, value: ValueId, layout: Layout) {
        if !self.weights.contains(&value) {
            self.layouts.entry(value).or_insert(layout);
        }
    }

    fn get(&self, value: ValueId) -> Option<Layout> {
        self.layouts.get(&value).copied()
    }

    fn learn(&mut self, node: &Node) {
        let name = node::operator(node);
        let first = node::value(node, "input").or_else(|| node::value(node, "self"));
        if let Some(layout) = own_layout(node, name) {
            first.into_iter().chain(node.makes().next()).for_each(|value| self.set(value, layout));
        } else if name == "permute" {
            self.learn_permutation(node, first);
        } else if node::is_elementwise(node) || KEEP_DIMENSIONS.contains(&name) {
            let related: Vec<ValueId> = node.reads().into_iter().chain(node.makes()).collect();
            if let Some(layout) = related.iter().find_map(|&value| self.get(value)) {
                for value in related {
                    self.set(value, layout);
                }
            }
        }
    }

    fn learn_permutation(&mut self, node: &Node, input: Option<ValueId>) {
        let (Some(input), Some(output)) = (input, node.makes().next()) else { return };
        let (before, after) = match node::ints(node, "dims").as_deref() {
            Some([0, 2 | -2, 3 | -1, 1]) => (ChannelsFirst, ChannelsLast),
            Some([0, 3 | -1, 1, 2]) => (ChannelsLast, ChannelsFirst),
            _ => return,
        };
        // The permutation of an attention's heads looks the same: one end must be known.
        if self.get(input) == Some(before) || self.get(output) == Some(after) {
            self.set(input, before);
            self.set(output, after);
        }
    }
}

/// The layout that an operator works in, where it works in only one.
fn own_layout(node: &Node, name: &str) -> Option<Layout> {
    let over_one = || node::ints(node, "normalized_shape").is_some_and(|sizes| sizes.len() == 1);
    match name {
        "linear" => Some(ChannelsLast),
        "layer_norm" | "native_layer_norm" if over_one() => Some(ChannelsLast),
        name if CHANNELS_FIRST.contains(&name) => Some(ChannelsFirst),
        _ => None,
    }
}
