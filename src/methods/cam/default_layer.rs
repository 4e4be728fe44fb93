//! The layer that maps are made at unless the user names another: the last whose output is a map or a grid of tokens, all of whose
//! positions the score looks at.
//!
//! Of a convnet that is what its last convolutions give, before the pooling; of a transformer that pools its tokens, what its last
//! block gives or the norm after it; of one whose head reads a class token alone, the norm before the last attention, as in
//! `blocks.11.norm1`: after it, the patches no longer matter.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::tokens::Grids;
use crate::methods::{Network, attention, node};
use crate::model::graph::{Graph, Node, NodeId, ValueId};
use crate::model::{Layer, LayerId, LayerKind, Layout};

/// Operators whose results are no maps that a layer made, although they may have four dimensions: pooling, what attention does
/// with its heads, and what only moves values about.
const NO_MAPS: &[&str] =
    &["pool2d", "mean", "dropout", "attention", "matmul", "bmm", "softmax", "permute", "transpose", "view", "reshape"];

/// Steps within a block of tokens that nobody names: the residual additions and norms around them are.
const WITHIN_BLOCKS: &[&str] = &["addmm", "bmm", "linear", "matmul", "mm"];

type ShapeOf<'a> = dyn Fn(ValueId) -> Option<Vec<i64>> + 'a;

/// The layer where Grad-CAM is asked by default: see the module's documentation. `shape_of` gives the shapes of a run, of all
/// values.
pub fn default_layer(network: &Network, shape_of: &ShapeOf<'_>) -> Option<LayerId> {
    let graph = network.engine.graph();
    let grids = network.grids(shape_of);
    let search = Search {
        network,
        shape_of,
        seen: seen(graph, network.head.scores, &grids, shape_of),
        makers: node::makers(graph),
        within_attention: within_attention(network, shape_of),
        picture: graph.inputs.first().and_then(|&input| shape_of(input)),
        grids,
    };
    let last = |suits: &dyn Fn(&Layer) -> bool| {
        let end = |layer: &Layer| layer.nodes.last().map_or(0, |node| node.0);
        let candidates = network.layers.iter().filter(|(_, layer)| suits(layer));
        // Of layers that end together the outermost is the one that people name.
        let last = candidates.max_by_key(|(id, layer)| (end(layer), layer.kind == LayerKind::Module, Reverse(id.0)));
        last.map(|(id, _)| id)
    };
    last(&|layer| search.is_outside_attention(layer) && search.suits(layer))
        .or_else(|| last(&|layer| search.suits(layer)))
        .or_else(|| last(&|layer| search.has_space(layer)))
}

struct Search<'a> {
    network: &'a Network,
    shape_of: &'a ShapeOf<'a>,
    grids: Grids,
    /// Values of which the score sees more than leading tokens.
    seen: HashSet<ValueId>,
    makers: HashMap<ValueId, NodeId>,
    /// Layers inside modules that are attentions.
    within_attention: HashSet<LayerId>,
    /// Shape of the input.
    picture: Option<Vec<i64>>,
}

impl Search<'_> {
    fn is_outside_attention(&self, layer: &Layer) -> bool {
        self.network.layers.find(&layer.path).is_none_or(|id| !self.within_attention.contains(&id))
    }

    fn suits(&self, layer: &Layer) -> bool {
        let Some(output) = layer.output.filter(|output| self.seen.contains(output)) else { return false };
        let (Some(name), Some(shape)) = (self.maker(output), (self.shape_of)(output)) else { return false };
        match *shape.as_slice() {
            [_, _, _] => {
                self.grids.of_pictures(&shape).is_some() && !is_one_of(NO_MAPS, name) && !WITHIN_BLOCKS.contains(&name)
            }
            [batch, ..] => {
                let layout = self.network.layouts.get(&output);
                let moves_only = layer.nodes.iter().all(|node| {
                    let moved = self.network.engine.graph().nodes.get(node.0).map_or("", node::operator);
                    is_one_of(NO_MAPS, moved) || moved.is_empty()
                });
                let pooled = name.contains("pool2d") || name == "mean";
                let (height, width) = sides(&shape, layout.copied().unwrap_or(Layout::ChannelsFirst));
                layout.is_some()
                    && height * width > 1
                    && !pooled
                    && !moves_only
                    && self.like_the_picture(batch, height, width)
            }
            [] => false,
        }
    }

    /// A map of the batch's pictures in about their proportions, and no windows of them side by side.
    fn like_the_picture(&self, batch: i64, height: i64, width: i64) -> bool {
        let Some(&[pictures, _, rows, columns]) = self.picture.as_deref() else { return true };
        let (one, other) = (height * columns, width * rows);
        batch == pictures && one < 2 * other && other < 2 * one
    }

    /// The operator that makes a value.
    fn maker(&self, value: ValueId) -> Option<&str> {
        self.makers.get(&value).map(|id| node::operator(&self.network.engine.graph().nodes[id.0]))
    }

    /// What is asked of a layer where nothing better is found: any map.
    fn has_space(&self, layer: &Layer) -> bool {
        let Some(output) = layer.output else { return false };
        let layout = self.network.layout(output);
        let spatial = (self.shape_of)(output).is_some_and(|shape| {
            let (height, width) = sides(&shape, layout);
            height * width > 1
        });
        spatial && self.maker(output).is_some_and(|maker| !is_one_of(NO_MAPS, maker))
    }
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|part| name.contains(part))
}

/// Rows and columns of a map; 0 of what is none.
fn sides(shape: &[i64], layout: Layout) -> (i64, i64) {
    match (shape, layout) {
        (&[_, height, width, _], Layout::ChannelsLast) | (&[_, _, height, width], Layout::ChannelsFirst) => {
            (height, width)
        }
        _ => (0, 0),
    }
}

/// Layers that lie inside the innermost module around an attention, where that module is of this one attention alone.
fn within_attention(network: &Network, shape_of: &ShapeOf<'_>) -> HashSet<LayerId> {
    let attentions = attention::nodes(network.engine.graph(), shape_of);
    let has = |layer: &Layer, node: &NodeId| layer.nodes.binary_search(node).is_ok();
    let mut found = HashSet::new();
    for node in &attentions {
        let modules = network.layers.iter().filter(|(_, layer)| layer.kind == LayerKind::Module && has(layer, node));
        let Some((module, layer)) = modules.max_by_key(|(_, layer)| layer.depth) else { continue };
        if attentions.iter().filter(|&other| has(layer, other)).count() == 1 {
            found.extend(network.layers.iter().map(|(id, _)| id).filter(|&id| is_within(network, id, module)));
        }
    }
    found
}

fn is_within(network: &Network, mut id: LayerId, module: LayerId) -> bool {
    while let Some(parent) = network.layers.get(id).and_then(|layer| layer.parent) {
        if parent == module {
            return true;
        }
        id = parent;
    }
    false
}

/// The values that `scores` comes from, without those of which it sees nothing but leading tokens: walked from the scores back,
/// a selection of a class token asks for that alone, and whatever works token by token passes it on.
fn seen(graph: &Graph, scores: ValueId, grids: &Grids, shape_of: &ShapeOf<'_>) -> HashSet<ValueId> {
    let mut whole = HashSet::from([scores]);
    let mut leading = HashSet::new();
    for node in graph.nodes.iter().rev() {
        let name = node::operator(node);
        let (of_all, of_some) =
            (node.makes().any(|value| whole.contains(&value)), node.makes().any(|value| leading.contains(&value)));
        if !(of_all || of_some) || name.starts_with("sym_size") {
            continue;
        }
        let by_tokens = node::is_elementwise(node)
            || matches!(name, "layer_norm" | "linear" | "native_layer_norm")
            // Whoever writes `x[:, 0]` takes all pictures first.
            || (name == "slice" && node::int(node, "dim").unwrap_or(0) == 0);
        if takes_leading_tokens(node, name, grids, shape_of) || (!of_all && by_tokens) {
            leading.extend(node.reads());
        } else {
            whole.extend(node.reads());
        }
    }
    whole
}

/// Whether a node picks class, register or distillation tokens out of N×T×C.
fn takes_leading_tokens(node: &Node, name: &str, grids: &Grids, shape_of: &ShapeOf<'_>) -> bool {
    let extra = || {
        let shape = shape_of(node::value(node, "self")?)?;
        grids.of_pictures(&shape).map(|grid| grid.extra)
    };
    let along_tokens = matches!(node::int(node, "dim"), Some(1 | -2));
    match name {
        "select" => {
            along_tokens
                && node::int(node, "index").zip(extra()).is_some_and(|(index, extra)| (0..extra).contains(&index))
        }
        "slice" => {
            let start = node::int(node, "start").unwrap_or(0);
            along_tokens
                && start >= 0
                && node::int(node, "end").zip(extra()).is_some_and(|(end, extra)| (0..=extra).contains(&end))
        }
        _ => false,
    }
}

/// `, such as LAYER`, with the default layer; nothing where there is none.
pub(in crate::methods) fn default_layer_hint(network: &Network) -> String {
    named_default(network).map_or_else(String::new, |path| format!(", such as {path}"))
}

/// ` at LAYER`, with the default layer; nothing where there is none.
pub(in crate::methods) fn at_default_layer(network: &Network) -> String {
    named_default(network).map_or_else(String::new, |path| format!(" at {path}"))
}

fn named_default(network: &Network) -> Option<String> {
    let shapes = network.forward_shapes().ok()?;
    let id = default_layer(network, &|value| shapes.get(&value).cloned())?;
    network.layers.get(id).map(|layer| layer.path.clone())
}
