//! A model on a device: what every method works on.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use tch::{Kind, Tensor};

use super::cam::Grids;
use super::limits::{self, Limits};
use super::{MethodError, layout};
use crate::aten::Value;
use crate::engine::{Cancel, Engine, EngineError, Resources};
use crate::model::graph::{Argument, Node, NodeId, Tap, ValueId};
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

    /// Runs the network and keeps every layer's output on the device, or the scores alone where there is not memory enough.
    ///
    /// # Errors
    /// The node that failed, that the run was stopped, or that there is not memory enough for that either.
    pub fn forward(&self, input: &Tensor, cancel: &Cancel) -> Result<Forward, MethodError> {
        let mut taps: Vec<Tap> = self.layers.layers.iter().filter_map(crate::model::Layer::tap).collect();
        let ends = [self.head.output, self.head.scores];
        for value in ends {
            if !taps.iter().any(|known| known.value == value) {
                taps.push(value.into());
            }
        }
        let ends = ends.map(Tap::from);
        let memory = self.engine.memory();
        let least = || self.estimate(input, self.source()?, &ends, cancel);
        // What is asked for before it is known to fit must not be large.
        if self.is_tight(input) {
            let (needed, left) = (least()?, memory.left());
            if needed > left {
                return Err(MethodError::Memory { needed, left, ceiling: memory.ceiling() });
            }
            if self.estimate(input, self.source()?, &taps, cancel)? > left {
                taps = ends.to_vec();
            }
        }
        if let Some(forward) = self.forward_to(input, &taps, cancel)? {
            return Ok(forward);
        }
        // What is left is asked before the run, whose own values are gone when it has failed.
        let left = memory.left();
        let lean = self.forward_to(input, &ends, cancel)?;
        lean.map_or_else(|| Err(MethodError::Memory { needed: least()?, left, ceiling: memory.ceiling() }), Ok)
    }

    /// Whether an input may not fit what memory is left: it is larger than usual, or little is left.
    fn is_tight(&self, input: &Tensor) -> bool {
        let (height, width) = self.usual_size();
        let usual = self.input.channels * height * width;
        input.numel() > usual || self.engine.memory().left() < LITTLE
    }

    /// Runs to the taps; `None` where they take more memory than is left.
    fn forward_to(&self, input: &Tensor, taps: &[Tap], cancel: &Cancel) -> Result<Option<Forward>, MethodError> {
        let mut shapes = self.known_shapes(input)?;
        let graph = self.engine.graph();
        let kept: HashSet<ValueId> = taps.iter().map(|tap| tap.value).collect();
        let room = self.engine.memory().left();
        let mut total = 0;
        let full = cancel.below();
        let given = [(self.source()?, input.shallow_clone())];
        let run = self.engine.run_observed(&given, taps, &full, &mut |node, results| {
            record_shapes(&mut shapes, &graph.nodes[node], results);
            for value in graph.nodes[node].makes() {
                let bytes = self.engine.value_bytes(value, &shapes);
                if kept.contains(&value) {
                    total += bytes;
                }
                if total.max(bytes) > room {
                    full.raise();
                }
            }
        });
        let run = match run {
            Err(EngineError::OutOfMemory { .. }) => return Ok(None),
            Err(EngineError::Cancelled) if !cancel.is_raised() => return Ok(None),
            run => run?,
        };
        let mut values = HashMap::with_capacity(taps.len());
        for tap in taps {
            if let Ok(tensor) = run.get(tap.value) {
                values.insert(tap.value, tensor.shallow_clone());
            }
        }
        let grids = self.grids(&|value| shapes.get(&value).cloned());
        Ok(Some(Forward { input: input.shallow_clone(), values, shapes, grids }))
    }

    /// Runs the network as far as a place. Gives its output, and how the tokens on the way lie in the picture.
    ///
    /// # Errors
    /// The node that failed, or that the run was stopped.
    pub fn output_at(&self, place: &Place, input: &Tensor, cancel: &Cancel) -> Result<(Tensor, Grids), MethodError> {
        let mut shapes = self.known_shapes(input)?;
        let graph = self.engine.graph();
        let given = [(self.source()?, input.shallow_clone())];
        let run = self.engine.run_observed(&given, &[place.tap], cancel, &mut |node, results| {
            record_shapes(&mut shapes, &graph.nodes[node], results);
        })?;
        let output = run.get(place.tap.value)?.shallow_clone();
        Ok((output, self.grids(&|value| shapes.get(&value).cloned())))
    }

    /// The grids of the tokens in a run of these shapes.
    pub fn grids(&self, shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>) -> Grids {
        Grids::of(self.engine.graph(), &self.layouts, shape_of)
    }

    /// Bytes that a run on an input takes, from the shapes of a run on a small one where the graph takes such.
    fn estimate(&self, input: &Tensor, source: ValueId, taps: &[Tap], cancel: &Cancel) -> Result<u64, MethodError> {
        let sizes = input.size();
        let small: Vec<i64> = match self.input.size {
            Some(_) => sizes,
            None => sizes.iter().enumerate().map(|(at, &size)| if at < 2 { size } else { size.min(SMALL) }).collect(),
        };
        let zeros = Tensor::f_zeros(&small, (Kind::Float, self.engine.device()))?;
        let ends = [Tap::from(self.head.output)];
        let shapes = self.shapes_of(&zeros, &ends, cancel)?;
        let larger = input.numel() as f64 / zeros.numel().max(1) as f64;
        Ok((self.engine.footprint(&[source], taps, &[], &shapes) as f64 * larger) as u64)
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

/// Side of the picture that shapes are measured on before a run that may not fit.
const SMALL: i64 = 224;

/// Less memory than this makes every run be looked at before it begins.
const LITTLE: u64 = 1 << 30;

/// A network that has run on a picture: every layer's output, on the device.
#[derive(Debug)]
pub struct Forward {
    /// What was fed, N×C×H×W.
    pub input: Tensor,
    values: HashMap<ValueId, Tensor>,
    shapes: HashMap<ValueId, Vec<i64>>,
    grids: Grids,
}

/// Takes down the shapes of what a node made.
pub(super) fn record_shapes(shapes: &mut HashMap<ValueId, Vec<i64>>, node: &Node, results: &[Value]) {
    let made = results.iter().flat_map(|value| match value {
        Value::List(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    });
    for (value, result) in node.makes().zip(made) {
        if let Some(tensor) = result.tensor() {
            shapes.insert(value, tensor.size());
        }
    }
}

impl Forward {
    /// The tensor at a tap: what was kept, or else what another run gives.
    ///
    /// # Errors
    /// The node that failed, or that the run was stopped.
    pub fn at(&self, network: &Network, tap: Tap, cancel: &Cancel) -> Result<Tensor, MethodError> {
        if let Some(kept) = self.values.get(&tap.value) {
            return Ok(kept.shallow_clone());
        }
        let given = [(network.source()?, self.input.shallow_clone())];
        Ok(network.engine.run(&given, &[tap], cancel)?.get(tap.value)?.shallow_clone())
    }

    /// The tensor of a value that was kept.
    ///
    /// # Errors
    /// When it was not kept or is no tensor.
    pub fn get(&self, value: ValueId) -> Result<&Tensor, MethodError> {
        self.values.get(&value).ok_or(MethodError::Engine(EngineError::NoTensor))
    }

    /// Shapes of every tensor of the run.
    pub fn shapes(&self) -> &HashMap<ValueId, Vec<i64>> {
        &self.shapes
    }

    /// How the tokens of the run lie in the picture.
    pub fn grids(&self) -> &Grids {
        &self.grids
    }

    /// Everything that was kept and does not depend on `from`: what a run from there needs beside it.
    pub(super) fn beside(&self, network: &Network, from: ValueId) -> Result<Vec<(ValueId, Tensor)>, MethodError> {
        let dependent = network.dependents(from);
        let mut given: Vec<(ValueId, Tensor)> = vec![(network.source()?, self.input.shallow_clone())];
        let kept = self.values.iter().filter(|(value, _)| **value == from || !dependent.contains(value));
        given.extend(kept.map(|(value, tensor)| (*value, tensor.shallow_clone())));
        Ok(given)
    }
}
