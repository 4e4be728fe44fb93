//! The models of a file as one graph: which layer is called when, and under which path.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::arguments::{Arguments, Source};
use super::config::{Joining, LayerConfig, ModelConfig};
use super::file::{Address, KerasFile};
use super::inputs::{self, Fed};
use super::layers::{Call, keeps_numbers};
use super::tensor::Tensor;
use super::{KerasError, KerasInput, KerasModel, outline};
use crate::model::graph::{Graph, Node, Scope, ValueId};
use crate::model::printable;

/// The graph so far, and where its weights come from.
pub(super) struct Lowering {
    pub(super) graph: Graph,
    pub(super) file: KerasFile,
    /// Weights that are read already: layers may be called twice.
    pub(super) weights: HashMap<String, ValueId>,
    /// Whether the model works on N×C×H×W itself.
    pub(super) channels_first: bool,
    /// Whether Keras 1 or 2 wrote the file.
    pub(super) keras_2: bool,
    /// The same by the arrays' places in the file.
    pub(super) arrays: HashMap<String, ValueId>,
    /// Layers that were called, by their names and those of the models around them.
    run: HashSet<Vec<String>>,
    /// The first layer that cannot be run, where there is one.
    gap: Option<Gap>,
    /// How often a node's name was asked for.
    names: HashMap<String, usize>,
}

/// A layer that cannot be run, because the file does not hold what it does or because it is not known here.
struct Gap {
    /// That the network ends there, as a part of a line.
    end: String,
    /// What it would take.
    inputs: Vec<Tensor>,
}

/// A call of a layer, or what is around one: nothing at the top.
#[derive(Default)]
pub(super) struct Place {
    /// Path of the innermost, with marks of calls.
    path: String,
    pub(super) address: Address,
    pub(super) scope: Vec<Scope>,
}

impl Place {
    /// A call of a layer in this model.
    pub(super) fn of(&self, layer: &LayerConfig, call: usize) -> Self {
        let name = &layer.options.name;
        let mark = if call == 0 { String::new() } else { format!("@{call}") };
        let path = if self.path.is_empty() { format!("{name}{mark}") } else { format!("{}.{name}{mark}", self.path) };
        let mut scope = self.scope.clone();
        scope.push(Scope { path: path.as_str().into(), kind: layer.options.class.as_str().into() });
        let mut address = self.address.clone();
        address.names.push(name.clone());
        address.numbers.push(layer.number.clone());
        Self { path, address, scope }
    }
}

/// Lowers a whole file.
pub(super) fn model(config: &ModelConfig, file: KerasFile) -> Result<KerasModel, KerasError> {
    let channels_first = config.channels_first();
    let mut lowering = Lowering {
        graph: Graph::default(),
        keras_2: file.version().is_some_and(|version| version.starts_with(['1', '2'])),
        file,
        weights: HashMap::new(),
        arrays: HashMap::new(),
        run: HashSet::new(),
        channels_first,
        gap: None,
        names: HashMap::new(),
    };
    let Fed { tensors, picture, note } = inputs::feed(&mut lowering, config)?;
    let [height, width, channels] = match *picture.sizes.as_slice() {
        [channels, height, width] if channels_first => [height, width, channels],
        [height, width, channels] => [height, width, channels],
        _ => [None; 3],
    };
    let outputs = match lowering.model(config, &Place::default(), tensors) {
        Ok(outputs) => outputs,
        Err(error) => vec![lowering.end(&error, picture.clone()).ok_or(error)?],
    };
    lowering.graph.outputs.extend(outputs.iter().map(|output| output.value));
    if let Some(gap) = &lowering.gap {
        let reason = gap.end.clone();
        outline::add(&mut lowering, config, reason)?;
        lowering.end_branches();
    }
    let classes = outputs.first().and_then(|output| output.sizes.as_slice().first().copied().flatten());
    let classes = classes.filter(|_| outputs.first().is_some_and(|output| output.rank() == 2));
    let first =
        lowering.graph.nodes.iter().filter_map(|node| node.scope.last()).find(|layer| !keeps_numbers(&layer.kind));
    let size = |size: Option<i64>| size.and_then(|size| usize::try_from(size).ok());
    Ok(KerasModel {
        format: lowering.file.format(),
        classes: classes.and_then(|classes| usize::try_from(classes).ok()),
        note: joined([lowering.note(config), note]),
        rescaling: first.is_some_and(|layer| matches!(&*layer.kind, "Rescaling" | "Normalization")),
        graph: lowering.graph,
        name: printable(&config.name).into_owned(),
        input: KerasInput {
            height: size(height),
            width: size(width),
            channels: size(channels).unwrap_or_default(),
            channels_last: !channels_first,
        },
    })
}

/// What there is to say, in one line.
fn joined(notes: [Option<String>; 2]) -> Option<String> {
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

impl Lowering {
    /// `name`, or with a number where it is taken.
    pub(super) fn unique(&mut self, name: String) -> String {
        let count = self.names.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{}", *count - 1) }
    }

    /// Whether a layer was called, at least once.
    pub(super) fn has_run(&self, layer: &Address) -> bool {
        self.run.contains(&layer.names)
    }

    /// Where a network ends that cannot be run to its end: before the first layer that cannot. Of one that begins with a layer
    /// whose code is elsewhere that is the picture. `None` where nothing is known to run, or where the error is another.
    fn end(&mut self, error: &KerasError, input: Tensor) -> Option<Tensor> {
        let gap = self.gap.as_ref().filter(|_| error.is_gap())?;
        let made =
            |tensor: &&Tensor| self.graph.nodes.iter().any(|node| node.makes().any(|value| value == tensor.value));
        let found = gap.inputs.iter().find(made).cloned();
        // Other branches may run further.
        found.or_else(|| {
            let last = self.graph.nodes.iter().rev().flat_map(|node| node.makes().collect::<Vec<_>>()).next();
            let last = last.map(|last| Tensor::plain(last, Vec::new()));
            last.or_else(|| matches!(error, KerasError::ForeignLayer { .. }).then_some(input))
        })
    }

    /// Makes outputs of what else runs as far as it can, so that it runs at all.
    fn end_branches(&mut self) {
        let read: HashSet<ValueId> = self.graph.nodes.iter().flat_map(Node::reads).collect();
        let ends = self.graph.nodes.iter().filter(|node| node.makes().all(|value| !read.contains(&value)));
        let ends: Vec<ValueId> = ends.filter_map(|node| node.makes().next()).collect();
        let known: HashSet<ValueId> = self.graph.outputs.iter().copied().collect();
        self.graph.outputs.extend(ends.into_iter().filter(|end| !known.contains(end)));
    }

    /// What is missing from the graph, in one line.
    fn note(&self, config: &ModelConfig) -> Option<String> {
        let gap = self.gap.as_ref()?;
        let runs = |layer: &&LayerConfig| {
            let path = &layer.options.name;
            let of = |scope: &Scope| scope.path.split(['.', '@']).next() == path.split(['.', '@']).next();
            layer.options.class == "InputLayer"
                || self.graph.nodes.iter().any(|node| node.scope.first().is_some_and(of))
        };
        let without = config.layers.iter().filter(|layer| !runs(layer)).count();
        let layers = if without == 1 { "layer has" } else { "layers have" };
        Some(format!("{}; {without} of its {} {layers} no activations", gap.end, config.layers.len()))
    }

    fn model(&mut self, config: &ModelConfig, place: &Place, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, KerasError> {
        match &config.joining {
            Joining::Sequential => config.layers.iter().try_fold(inputs, |tensors, layer| {
                if layer.options.class == "InputLayer" {
                    Ok(tensors)
                } else {
                    self.layer(layer, 0, place, &Arguments::of_tensors(tensors))
                }
            }),
            Joining::Functional { inputs: fed, outputs } => {
                if fed.len() != inputs.len() {
                    return Err(KerasError::Damaged(format!(
                        "model {} takes {} tensors, but is called with {}",
                        printable(&config.name),
                        fed.len(),
                        inputs.len()
                    )));
                }
                let known = fed.iter().cloned().zip(inputs).collect();
                self.functional(&config.layers, place, known, outputs)
            }
        }
    }

    /// Calls layers as soon as all that they take is known, those first that the file has first.
    fn functional(
        &mut self,
        layers: &[LayerConfig],
        place: &Place,
        mut known: HashMap<Source, Tensor>,
        outputs: &[Source],
    ) -> Result<Vec<Tensor>, KerasError> {
        let mut ready = BinaryHeap::new();
        let mut missing: HashMap<(usize, usize), usize> = HashMap::new();
        let mut waiting: HashMap<Source, Vec<(usize, usize)>> = HashMap::new();
        for (at, layer) in layers.iter().enumerate() {
            if layer.options.class == "InputLayer" {
                continue;
            }
            for (call, given) in layer.calls.iter().enumerate() {
                let open: Vec<_> = given.tensors().into_iter().filter(|source| !known.contains_key(source)).collect();
                if open.is_empty() {
                    ready.push(Reverse((at, call)));
                }
                missing.insert((at, call), open.len());
                for source in open {
                    waiting.entry(source).or_default().push((at, call));
                }
            }
        }
        let mut stopped = None;
        while let Some(Reverse((at, call))) = ready.pop() {
            let layer = &layers[at];
            let Some(given) = layer.calls[call].resolve(&known) else { continue };
            let results = match self.layer(layer, call, place, &given) {
                Ok(results) => results,
                // What does not hang on it still runs.
                Err(error) if error.is_gap() => {
                    stopped.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for (tensor, given) in results.into_iter().enumerate() {
                let source = Source { layer: layer.options.name.clone(), call, tensor };
                for waiter in waiting.remove(&source).unwrap_or_default() {
                    if let Some(count) = missing.get_mut(&waiter) {
                        *count -= 1;
                        if *count == 0 {
                            ready.push(Reverse(waiter));
                        }
                    }
                }
                known.insert(source, given);
            }
        }
        let output = |source: &Source| known.get(source).cloned();
        let found: Option<Vec<Tensor>> = outputs.iter().map(output).collect();
        match (found, stopped) {
            (Some(found), _) => Ok(found),
            (None, Some(error)) => Err(error),
            (None, None) => {
                outputs.iter().map(|source| output(source).ok_or_else(|| unreached(layers, source, &waiting))).collect()
            }
        }
    }

    fn layer(
        &mut self,
        layer: &LayerConfig,
        call: usize,
        place: &Place,
        given: &Arguments<Tensor>,
    ) -> Result<Vec<Tensor>, KerasError> {
        let place = place.of(layer, call);
        if let Some(model) = &layer.model {
            return self.model(model, &place, given.inputs());
        }
        let Place { path, address, scope } = place;
        let names = address.names.clone();
        let mut call = Call { lowering: self, options: &layer.options, path, address, scope, weights_asked: 0 };
        let before = (call.lowering.graph.nodes.len(), call.lowering.graph.weights.len());
        let result = call.lower(given);
        match &result {
            Ok(_) => {
                self.run.insert(names);
            }
            Err(error) if error.is_gap() => {
                // Half a layer would be shown as the whole of it.
                self.graph.nodes.truncate(before.0);
                self.graph.weights.truncate(before.1);
                let kept: HashSet<ValueId> = self.graph.weights.iter().map(|weight| weight.value).collect();
                self.weights.retain(|_, value| kept.contains(value));
                self.arrays.retain(|_, value| kept.contains(value));
                self.gap.get_or_insert_with(|| Gap { end: error.end(), inputs: given.inputs() });
            }
            Err(_) => {}
        }
        result
    }
}

/// Why an output is never reached: the layer that waits, and what for.
fn unreached(layers: &[LayerConfig], output: &Source, waiting: &HashMap<Source, Vec<(usize, usize)>>) -> KerasError {
    let exists = |source: &Source| layers.iter().any(|layer| layer.options.name == source.layer);
    let stuck = waiting.iter().filter(|(source, _)| !exists(source)).min_by_key(|(_, waiters)| waiters.first());
    KerasError::Damaged(match stuck {
        Some((source, waiters)) => {
            let waiter = waiters.first().and_then(|&(at, _)| layers.get(at)).map_or("?", |layer| &layer.options.name);
            format!("layer {waiter} takes what layer {} gives, but there is no such layer", source.layer)
        }
        None => format!("its output {} is never reached", output.layer),
    })
}
