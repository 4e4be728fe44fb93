//! A model on a device: what every method works on.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use tch::{Kind, Tensor};

use super::cam::Grids;
use super::limits::{self, Limits};
use super::{MethodError, layout};
use crate::engine::{Engine, Resources};
use crate::model::graph::{Argument, NodeId, Tap, ValueId};
use crate::model::head::{FinalActivation, Head};
use crate::model::{InputDescription, Labels, LayerId, LayerTree, Layout, Model, suggestion};

/// A model that is ready to run.
#[derive(Debug)]
pub struct Network {
    /// Name for people.
    pub name: String,
    /// Name of the file format.
    pub format: &'static str,
    /// Runs the graph.
    pub engine: Engine,
    /// The layer tree.
    pub layers: LayerTree,
    /// What it wants as input.
    pub input: InputDescription,
    /// What its outputs mean.
    pub labels: Option<Labels>,
    /// Label of a single sigmoid's other answer.
    pub negative_label: Option<String>,
    /// What the user should know of how the file was opened.
    pub note: Option<String>,
    /// Output and scores.
    pub head: Head,
    pub(super) classes: Option<usize>,
    pub(super) shapes: OnceCell<HashMap<ValueId, Vec<i64>>>,
    /// Where four-dimensional values have their channels, as far as the graph says it.
    pub(super) layouts: HashMap<ValueId, Layout>,
    pub(super) limits: HashMap<LayerId, Limits>,
}

/// A place that a method can look at: a layer of the tree or a single node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path of the layer or name of the node.
    pub name: String,
    /// Its output.
    pub tap: Tap,
    /// The layer, where it is one of the tree.
    pub layer: Option<LayerId>,
}

impl Network {
    /// Brings a model to a device.
    ///
    /// # Errors
    /// An operator that libtorch does not have, or a graph without output.
    pub fn load(model: Model, resources: impl Into<Resources>) -> Result<Self, MethodError> {
        let head = Head::of(&model.graph).ok_or(MethodError::NoOutput)?;
        let layouts = layout::known(&model.graph);
        let mut network = Self {
            name: model.name,
            format: model.format,
            engine: Engine::load(model.graph, resources)?,
            layers: model.layers,
            input: model.input,
            labels: model.labels,
            negative_label: model.negative_label,
            note: model.note,
            head,
            classes: None,
            shapes: OnceCell::new(),
            layouts,
            limits: HashMap::new(),
        };
        network.classes = network.count_classes();
        network.limits = limits::of_layers(&network);
        Ok(network)
    }

    /// Number of scores, from the weights of a last linear layer, or else from a run on zeros.
    fn count_classes(&self) -> Option<usize> {
        let graph = self.engine.graph();
        let last = graph.nodes.iter().find(|node| node.makes().any(|value| value == self.head.scores))?;
        let bias =
            last.arguments.iter().find(|(parameter, _)| &**parameter == "bias").and_then(
                |(_, argument)| match argument {
                    Argument::Value(value) => self.engine.weight(*value),
                    _ => None,
                },
            );
        if let Some(bias) = bias {
            return bias.size().first().map(|&classes| classes as usize);
        }
        let shapes = self.forward_shapes().ok()?;
        let sizes = shapes.get(&self.head.scores)?;
        sizes.get(1).or(sizes.first()).map(|&classes| classes as usize)
    }

    /// The value that pictures are fed to.
    ///
    /// # Errors
    /// When the graph has no input.
    pub fn source(&self) -> Result<ValueId, MethodError> {
        self.engine.graph().inputs.first().copied().ok_or(MethodError::NoInput)
    }

    /// Why the network has no end, where the file does not hold all of it: then its output is no answer.
    pub fn ends_early(&self) -> Option<&str> {
        self.engine.graph().outline.as_ref().map(|outline| &*outline.reason)
    }

    /// The layer or node of a name.
    ///
    /// # Errors
    /// When there is none, and the message names the nearest; or when the network ends before the layer.
    pub fn place(&self, name: &str) -> Result<Place, MethodError> {
        if let Some(id) = self.layers.find(name) {
            return self.layer(id);
        }
        let nodes = &self.engine.graph().nodes;
        let node = nodes.iter().enumerate().find(|(_, node)| node.name == name);
        let made = node.and_then(|(index, node)| Some((index, node.makes().next()?)));
        if let Some((index, value)) = made {
            return Ok(Place { name: name.to_owned(), tap: Tap { value, after: Some(NodeId(index)) }, layer: None });
        }
        let layers = self.layers.layers.iter().map(|layer| layer.path.as_str());
        let known = layers.chain(nodes.iter().map(|node| node.name.as_str()));
        Err(MethodError::UnknownLayer { name: name.to_owned(), suggestion: suggestion(name, known) })
    }

    /// The place of a layer of the tree.
    ///
    /// # Errors
    /// When the index is not of this tree, or the network ends before the layer.
    pub fn layer(&self, id: LayerId) -> Result<Place, MethodError> {
        let layer = self.layers.get(id).ok_or(MethodError::NoSuchLayer(id.0))?;
        let tap = layer.tap().ok_or_else(|| {
            let reason = self.ends_early().unwrap_or("the network ends before it").to_owned();
            MethodError::NoActivations { layer: layer.path.clone(), reason }
        })?;
        Ok(Place { name: layer.path.clone(), tap, layer: Some(id) })
    }

    /// The input tensor as the graph has it (1×C×H×W) from numbers in the model's own layout, with or without the batch
    /// dimension.
    ///
    /// # Errors
    /// When the shape is not one of a picture for this network.
    pub fn input_tensor(&self, data: &[f32], shape: &[usize]) -> Result<Tensor, MethodError> {
        let wrong = || MethodError::InputShape { given: shape.to_vec(), wanted: self.wanted_shape() };
        let sizes: Vec<i64> = match shape.len() {
            3 => std::iter::once(1).chain(shape.iter().map(|&size| size as i64)).collect(),
            4 => shape.iter().map(|&size| size as i64).collect(),
            _ => return Err(wrong()),
        };
        let tensor = self.engine.tensor(data, &sizes)?;
        let tensor = match self.input.layout {
            Layout::ChannelsFirst => tensor,
            Layout::ChannelsLast => tensor.f_permute([0, 3, 1, 2])?.f_contiguous()?,
        };
        let (_, channels, height, width) = tensor.size4()?;
        let fits = self.input.size.is_none_or(|(h, w)| (h as i64, w as i64) == (height, width));
        if channels != self.input.channels as i64 || !fits { Err(wrong()) } else { Ok(tensor) }
    }

    fn wanted_shape(&self) -> String {
        let (height, width) =
            self.input.size.map_or(("H".to_owned(), "W".to_owned()), |(h, w)| (h.to_string(), w.to_string()));
        match self.input.layout {
            Layout::ChannelsFirst => format!("1×{}×{height}×{width}", self.input.channels),
            Layout::ChannelsLast => format!("1×{height}×{width}×{}", self.input.channels),
        }
    }

    /// Height and width that a picture without other wishes is fed at.
    pub fn usual_size(&self) -> (usize, usize) {
        let fed = || self.input.preprocessing.geometry(224, 224).map_or((224, 224), |geometry| geometry.fed);
        self.input.size.unwrap_or_else(|| {
            let (width, height) = fed();
            (height as usize, width as usize)
        })
    }

    /// An input of zeros, for shapes.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn zeros(&self) -> Result<Tensor, MethodError> {
        let (height, width) = self.usual_size();
        let sizes = [1, self.input.channels as i64, height as i64, width as i64];
        Ok(Tensor::f_zeros(sizes, (Kind::Float, self.engine.device()))?)
    }

    /// The grids of the tokens in a run of these shapes.
    pub fn grids(&self, shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>) -> Grids {
        Grids::of(self.engine.graph(), &self.layouts, shape_of)
    }

    /// Shapes that are known before a run: the input's and the weights'.
    pub(super) fn known_shapes(&self, input: &Tensor) -> Result<HashMap<ValueId, Vec<i64>>, MethodError> {
        let weights = &self.engine.graph().weights;
        let mut shapes = HashMap::with_capacity(self.engine.graph().values.len());
        shapes.insert(self.source()?, input.size());
        shapes.extend(
            weights.iter().map(|weight| (weight.value, weight.shape.iter().map(|&size| size as i64).collect())),
        );
        Ok(shapes)
    }

    /// Values that depend on `from`, itself included.
    pub(super) fn dependents(&self, from: ValueId) -> HashSet<ValueId> {
        let mut found = HashSet::from([from]);
        for node in &self.engine.graph().nodes {
            if node.reads().iter().any(|value| found.contains(value)) {
                found.extend(node.makes());
                // Who writes in place changes what it reads.
                found.extend(node.reads().into_iter().filter(|_| node.operator.to_string().ends_with("copy_")));
            }
        }
        found
    }

    /// The floor and ceiling of a layer's values, where its last operator has some.
    pub fn limits(&self, layer: LayerId) -> Option<Limits> {
        self.limits.get(&layer).copied()
    }

    /// Probabilities of the classes from the network's own output.
    pub fn probabilities(&self, output: &Tensor) -> Tensor {
        match self.head.activation {
            FinalActivation::None if output.size().get(1).copied().unwrap_or(1) == 1 => output.sigmoid(),
            FinalActivation::None => output.softmax(1, Kind::Float),
            FinalActivation::Softmax | FinalActivation::Sigmoid => output.shallow_clone(),
        }
    }
}
