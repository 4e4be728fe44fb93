//! The layer tree: the modules of a model, as the file names them, and the operator calls between them.

use std::collections::HashMap;

use super::graph::{Graph, NodeId, Operator, Outline, Scope, Tap, ValueId, WeightRole};

/// Index of a layer in [`LayerTree::layers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct LayerId(pub usize);

/// Whether a row of the tree is a module or a single operator call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LayerKind {
    /// A module of the model.
    Module,
    /// An operator call that stands between the modules of its parent (a residual addition, say).
    Operator,
}

/// A module of the model or an operator call between modules.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Path as the file names it: `layer4.1.conv2`; for an operator call the node's name.
    pub path: String,
    /// What the tree shows: the path without that of the layer around it.
    pub name: String,
    /// Type without its package: `Conv2d`; for an operator call `aten::add`.
    pub type_name: String,
    /// Module or operator call.
    pub kind: LayerKind,
    /// The module around it.
    pub parent: Option<LayerId>,
    /// Number of modules around it.
    pub depth: usize,
    /// What it gives: the last of its values that is read outside it. `None` where it does not run, or not to its end, because
    /// the file does not hold all that the network does.
    pub output: Option<ValueId>,
    /// The weight that it convolves or multiplies with, where that is known without a node.
    pub kernel: Option<ValueId>,
    /// Nodes in it, those of modules below included, in the order in which they run.
    pub nodes: Vec<NodeId>,
    /// Numbers that the layer itself owns, those of modules below not included: learned, and not.
    pub trainable: u64,
    /// As `trainable`, for parameters that training leaves alone.
    pub frozen: u64,
    /// Whether there is a layer below it.
    pub has_children: bool,
}

impl Layer {
    /// The layer's output, once its last node has run; `None` where it has none.
    pub fn tap(&self) -> Option<Tap> {
        Some(Tap { value: self.output?, after: self.nodes.last().copied() })
    }

    /// Learned and other numbers of the layer itself.
    pub fn parameters(&self) -> u64 {
        self.trainable + self.frozen
    }
}

/// All layers, each after the one around it and in the order in which they first run; those that do not run stand where the
/// file has them.
#[derive(Debug, Clone, Default)]
pub struct LayerTree {
    /// The layers in the order in which a tree draws them.
    pub layers: Vec<Layer>,
}

/// Operators that only rename, reshape or copy: they are no layers of their own.
const PLUMBING: &[&str] = &[
    "alias",
    "arange",
    "clone",
    "contiguous",
    "copy_",
    "detach",
    "detach_",
    "dropout",
    "dropout_",
    "empty",
    "expand",
    "flatten",
    "full",
    "lift_fresh_copy",
    "movedim",
    "ones",
    "permute",
    "reshape",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "chunk",
    "squeeze",
    "sym_size",
    "t",
    "to",
    "_to_copy",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
    "view",
    "zeros",
    "zeros_like",
    "ones_like",
    "full_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "index",
    "type_as",
    "fill_",
    "rand",
    "item",
];

impl LayerTree {
    /// Reads the tree off the scopes of the graph's nodes, and off its outline where it has one.
    pub fn of(graph: &Graph) -> Self {
        let mut builder = Builder::default();
        for (index, node) in graph.nodes.iter().enumerate() {
            builder.add(graph, NodeId(index), node);
        }
        builder.find_outputs(graph);
        if let Some(outline) = &graph.outline {
            builder.add_outline(outline);
        }
        builder.add_weights(graph);
        builder.finish()
    }

    /// The layer with the path `path`.
    pub fn find(&self, path: &str) -> Option<LayerId> {
        self.layers.iter().position(|layer| layer.path == path).map(LayerId)
    }

    /// The layer of an index that came from this tree.
    pub fn get(&self, id: LayerId) -> Option<&Layer> {
        self.layers.get(id.0)
    }

    /// Every layer with its index.
    pub fn iter(&self) -> impl Iterator<Item = (LayerId, &Layer)> {
        self.layers.iter().enumerate().map(|(index, layer)| (LayerId(index), layer))
    }
}

#[derive(Default)]
struct Builder {
    layers: Vec<Layer>,
    by_path: HashMap<String, usize>,
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl Builder {
    fn add(&mut self, graph: &Graph, id: NodeId, node: &super::graph::Node) {
        let Some(output) = node.makes().last() else { return };
        if matches!(node.operator, Operator::Size(_)) {
            return;
        }
        let mut parent = None;
        for (depth, scope) in node.scope.iter().enumerate() {
            let layer = self.by_path.get(&*scope.path).copied();
            let layer = layer.unwrap_or_else(|| self.push_beside(scope, parent, depth));
            self.layers[layer].nodes.push(id);
            parent = Some(layer);
        }
        let short = match &node.operator {
            Operator::Aten { name, .. } => name.rsplit("::").next().unwrap_or(name),
            Operator::Size(_) => return,
        };
        if PLUMBING.contains(&short) && !graph.outputs.contains(&output) {
            return;
        }
        let depth = node.scope.len();
        let operator = self.push(&node.name, &node.operator.to_string(), LayerKind::Operator, parent, depth);
        self.siblings(parent).push(operator);
        self.layers[operator].nodes.push(id);
    }

    /// A module as the last of those around which `parent` is.
    fn push_beside(&mut self, scope: &Scope, parent: Option<usize>, depth: usize) -> usize {
        let module = self.push(&scope.path, &scope.kind, LayerKind::Module, parent, depth);
        self.siblings(parent).push(module);
        module
    }

    fn siblings(&mut self, parent: Option<usize>) -> &mut Vec<usize> {
        match parent {
            Some(parent) => &mut self.children[parent],
            None => &mut self.roots,
        }
    }

    /// A layer that has no place among its siblings yet.
    fn push(&mut self, path: &str, type_name: &str, kind: LayerKind, parent: Option<usize>, depth: usize) -> usize {
        let index = self.layers.len();
        self.layers.push(Layer {
            path: path.to_owned(),
            name: path.to_owned(),
            type_name: type_name.to_owned(),
            kind,
            parent: parent.map(LayerId),
            depth,
            output: None,
            kernel: None,
            nodes: Vec::new(),
            trainable: 0,
            frozen: 0,
            has_children: false,
        });
        self.children.push(Vec::new());
        if kind == LayerKind::Module {
            self.by_path.insert(path.to_owned(), index);
        }
        index
    }

    /// A layer's output is the last of its values that is read outside it, or that the network gives; where there is none,
    /// the last that it makes.
    fn find_outputs(&mut self, graph: &Graph) {
        let mut last_reader: HashMap<ValueId, usize> = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            for value in node.reads() {
                last_reader.insert(value, index);
            }
        }
        last_reader.extend(graph.outputs.iter().map(|&value| (value, usize::MAX)));
        for layer in &mut self.layers {
            let Some(end) = layer.nodes.last().map(|node| node.0) else { continue };
            let made = |node: &NodeId| graph.nodes[node.0].makes().collect::<Vec<_>>();
            let given = layer
                .nodes
                .iter()
                .rev()
                .flat_map(made)
                .find(|value| last_reader.get(value).is_some_and(|&reader| reader > end));
            layer.output = given.or_else(|| layer.nodes.iter().rev().flat_map(made).next());
        }
    }

    /// Puts modules without nodes behind what the file has before them, and takes the output from what is around them: what
    /// such a module made so far is not what it gives.
    fn add_outline(&mut self, outline: &Outline) {
        // What runs keeps its order: the last of it that the file has before a place, and what follows that.
        let mut before: HashMap<Option<usize>, usize> = HashMap::new();
        let mut following: HashMap<(Option<usize>, Option<usize>), Vec<usize>> = HashMap::new();
        for module in &outline.modules {
            let mut parent = None;
            for (depth, scope) in module.scope.iter().enumerate() {
                let known = self.by_path.get(&*scope.path).copied();
                let layer = known.unwrap_or_else(|| {
                    let layer = self.push(&scope.path, &scope.kind, LayerKind::Module, parent, depth);
                    following.entry((parent, before.get(&parent).copied())).or_default().push(layer);
                    layer
                });
                if depth + 1 < module.scope.len() {
                    parent = Some(layer);
                } else if !self.layers[layer].nodes.is_empty() {
                    before.insert(parent, layer);
                } else {
                    self.layers[layer].kernel = module.kernel;
                    let mut around = parent;
                    while let Some(index) = around {
                        self.layers[index].output = None;
                        around = self.layers[index].parent.map(|parent| parent.0);
                    }
                }
            }
        }
        for parent in std::iter::once(None).chain((0..self.layers.len()).map(Some)) {
            let running = std::mem::take(self.siblings(parent));
            let mut placed = following.remove(&(parent, None)).unwrap_or_default();
            for layer in running {
                placed.push(layer);
                placed.extend(following.remove(&(parent, Some(layer))).unwrap_or_default());
            }
            *self.siblings(parent) = placed;
        }
    }

    fn add_weights(&mut self, graph: &Graph) {
        for weight in &graph.weights {
            let mut path = weight.name.as_str();
            let owner = loop {
                match path.rfind(['.', '/']) {
                    Some(end) => path = &path[..end],
                    None => break self.first_reader(graph, weight.value),
                }
                if let Some(&layer) = self.by_path.get(path) {
                    break Some(layer);
                }
            };
            let Some(owner) = owner else { continue };
            match weight.role {
                WeightRole::Parameter => self.layers[owner].trainable += weight.elements(),
                WeightRole::Frozen => self.layers[owner].frozen += weight.elements(),
                WeightRole::Buffer | WeightRole::Constant => {}
            }
        }
    }

    /// The operator or module that reads a weight whose name leads to no module (a top-level `cls_token`).
    fn first_reader(&self, graph: &Graph, value: ValueId) -> Option<usize> {
        let reader = graph.nodes.iter().position(|node| node.reads().contains(&value))?;
        let holds = |layer: &Layer| layer.nodes.contains(&NodeId(reader));
        let within = self.layers.iter().rposition(|layer| layer.kind == LayerKind::Module && holds(layer));
        within.or_else(|| self.layers.iter().rposition(holds)).or_else(|| {
            let after = self.layers.iter().position(|layer| layer.nodes.iter().any(|node| node.0 > reader));
            after.or_else(|| self.layers.len().checked_sub(1))
        })
    }

    /// Puts the layers in drawing order and drops operator calls that say no more than their module.
    fn finish(self) -> LayerTree {
        let mut order = Vec::with_capacity(self.layers.len());
        let mut stack: Vec<usize> = self.roots.iter().rev().copied().collect();
        while let Some(index) = stack.pop() {
            let layer = &self.layers[index];
            let siblings = layer.parent.map_or(&self.roots, |parent| &self.children[parent.0]);
            let modules = siblings.iter().any(|&sibling| self.layers[sibling].kind == LayerKind::Module);
            let says_more = layer.parent.is_none() || modules;
            if layer.kind == LayerKind::Module || says_more {
                order.push(index);
            }
            stack.extend(self.children[index].iter().rev());
        }
        let mut position = vec![0; self.layers.len()];
        for (new, &old) in order.iter().enumerate() {
            position[old] = new;
        }
        let mut layers: Vec<Option<Layer>> = self.layers.into_iter().map(Some).collect();
        let mut sorted: Vec<Layer> = order.iter().filter_map(|&old| layers[old].take()).collect();
        for layer in &mut sorted {
            layer.parent = layer.parent.map(|parent| LayerId(position[parent.0]));
        }
        for index in 0..sorted.len() {
            let Some(parent) = sorted[index].parent else { continue };
            sorted[parent.0].has_children = true;
            let below = sorted[index].path.strip_prefix(&sorted[parent.0].path).and_then(|rest| rest.strip_prefix('.'));
            if let Some(name) = below.map(str::to_owned) {
                sorted[index].name = name;
            }
        }
        LayerTree { layers: sorted }
    }
}
