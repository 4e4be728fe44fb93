//! A network's run on a picture, of which every layer's output is kept.

use std::collections::{HashMap, HashSet};

use tch::{Kind, Tensor};

use super::cam::Grids;
use super::{MethodError, Network, Place};
use crate::aten::Value;
use crate::engine::{Cancel, EngineError};
use crate::model::graph::{Node, Tap, ValueId};

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

impl Network {
    /// Runs the network and keeps every layer's output on the device, or the scores alone where that would not leave as much memory
    /// again for what is to be made of them.
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
            if self.estimate(input, self.source()?, &taps, cancel)? > left / 2 {
                taps = ends.to_vec();
            }
        }
        // What is left is asked before the run, whose own values are gone when it has failed.
        let left = memory.left();
        let room = if taps.len() > ends.len() { left / 2 } else { left };
        if let Some(forward) = self.forward_to(input, &taps, room, cancel)? {
            return Ok(forward);
        }
        let left = memory.left();
        let lean = self.forward_to(input, &ends, left, cancel)?;
        lean.map_or_else(|| Err(MethodError::Memory { needed: least()?, left, ceiling: memory.ceiling() }), Ok)
    }

    /// Whether an input may not fit what memory is left: it is larger than usual, or little is left.
    fn is_tight(&self, input: &Tensor) -> bool {
        let (height, width) = self.usual_size();
        let usual = self.input.channels * height * width;
        input.numel() > usual || self.engine.memory().left() < LITTLE
    }

    /// Runs to the taps; `None` where they, or any value on the way, take more memory than `room`.
    fn forward_to(
        &self,
        input: &Tensor,
        taps: &[Tap],
        room: u64,
        cancel: &Cancel,
    ) -> Result<Option<Forward>, MethodError> {
        let mut shapes = self.known_shapes(input)?;
        let graph = self.engine.graph();
        let kept: HashSet<ValueId> = taps.iter().map(|tap| tap.value).collect();
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
