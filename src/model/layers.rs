//! The layer tree: the modules of a model, as the file names them, and the operator calls between them.

use std::collections::HashMap;

use super::graph::{Graph, NodeId, Operator, Tap, ValueId, WeightRole};

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
    /// What it gives: the last of its values that is read outside it.
    pub output: ValueId,
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
    /// The layer's output, once its last node has run.
    pub fn tap(&self) -> Tap {
        Tap { value: self.output, after: self.nodes.last().copied() }
    }

    /// Learned and other numbers of the layer itself.
    pub fn parameters(&self) -> u64 {
        self.trainable + self.frozen
    }
}

/// All layers, each after the one around it and in the order in which they first run.
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
    /// Reads the tree off the scopes of the graph's nodes.
    pub fn of(graph: &Graph) -> Self {
        let mut builder = Builder::default();
        for (index, node) in graph.nodes.iter().enumerate() {
            builder.add(graph, NodeId(index), node);
        }
        builder.find_outputs(graph);
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
            let layer =
                layer.unwrap_or_else(|| self.push(&scope.path, &scope.kind, LayerKind::Module, parent, depth, output));
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
        let operator = self.push(&node.name, &node.operator.to_string(), LayerKind::Operator, parent, depth, output);
        self.layers[operator].nodes.push(id);
    }

    fn push(
        &mut self,
        path: &str,
        type_name: &str,
        kind: LayerKind,
        parent: Option<usize>,
        depth: usize,
        output: ValueId,
    ) -> usize {
        let index = self.layers.len();
        self.layers.push(Layer {
            path: path.to_owned(),
            name: path.to_owned(),
            type_name: type_name.to_owned(),
            kind,
            parent: parent.map(LayerId),
            depth,
            output,
            nodes: Vec::new(),
            trainable: 0,
            frozen: 0,
            has_children: false,
        });
        self.children.push(Vec::new());
        match parent {
            Some(parent) => self.children[parent].push(index),
            None => self.roots.push(index),
        }
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
            if let Some(value) = given.or_else(|| layer.nodes.iter().rev().flat_map(made).next()) {
                layer.output = value;
            }
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
