//! A network and the picture that it has run on, with what was worked out of it so far.

use std::collections::HashMap;
use std::rc::Rc;

use tch::Tensor;

use super::super::protocol::{Class, ClassId, LayerState};
use super::error::WorkError;
use super::info;
use crate::engine::{Cancel, EngineError, numbers};
use crate::methods::cam::Recording;
use crate::methods::statistics::{self, LayerStatistics};
use crate::methods::target::Target;
use crate::methods::{Forward, Network, channels, predictions};
use crate::model::LayerId;
use crate::model::graph::ValueId;

/// Channels as numbers on the device: K×H×W.
pub(super) struct Numbers {
    pub(super) maps: Tensor,
    pub(super) statistics: LayerStatistics,
}

impl Numbers {
    fn of(maps: Tensor) -> Result<Self, WorkError> {
        let statistics = statistics::of_channels(&maps)?;
        Ok(Self { maps, statistics })
    }
}

/// The gradient of a class's score at a layer, and what follows from it.
pub(super) struct Gradient {
    layer: LayerId,
    class: ClassId,
    pub(super) alone: Numbers,
    /// Times the activation.
    pub(super) times_activation: Numbers,
    /// For each channel the sum over space of activation × gradient.
    pub(super) contributions: Vec<f32>,
}

struct Run {
    forward: Rc<Forward>,
    top: ClassId,
    /// Of a layer's output: a module often gives what its last child gives.
    statistics: HashMap<ValueId, LayerStatistics>,
    /// Runs from a layer to the scores, the newest last: another class costs one backward pass.
    recordings: Vec<Rc<Recording>>,
    /// The newest last.
    gradients: Vec<Gradient>,
}

/// See [`Subject::run_for`].
type RunFor<'a> = (&'a Network, Rc<Forward>, Option<Rc<Recording>>);

/// Recordings that are kept beside the newest, and the bytes of activations that they may hold.
const RECORDINGS: usize = 7;
const RECORDED_BYTES: u64 = 256 << 20;
/// Gradients that are kept, so that turning pages costs nothing.
const GRADIENTS: usize = 4;

/// A network and the picture that it has run on.
pub(super) struct Subject<'a> {
    pub(super) network: &'a Network,
    run: Option<Run>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        Self { network, run: None }
    }

    /// Runs the network on a picture.
    ///
    /// # Errors
    /// The node that failed, or that the run was stopped.
    pub(super) fn run_on(&mut self, input: &Tensor, cancel: &Cancel) -> Result<(), WorkError> {
        let forward = self.network.forward(input, cancel)?;
        let top = predictions::top_class(self.network, forward.get(self.network.head.output)?)?;
        let (statistics, recordings, gradients) = (HashMap::new(), Vec::new(), Vec::new());
        self.run = Some(Run { forward: Rc::new(forward), top, statistics, recordings, gradients });
        Ok(())
    }

    fn run(&self) -> Result<&Run, WorkError> {
        self.run.as_ref().ok_or(WorkError::NoPicture)
    }

    /// The run on the picture.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn forward(&self) -> Result<&Rc<Forward>, WorkError> {
        Ok(&self.run()?.forward)
    }

    /// Shape of a value of the run.
    ///
    /// # Errors
    /// When there is no picture, or the value is no tensor.
    pub(super) fn shape(&self, value: ValueId) -> Result<Vec<i64>, WorkError> {
        Ok(self.forward()?.shapes().get(&value).cloned().ok_or(EngineError::NoTensor)?)
    }

    /// What every layer gave.
    ///
    /// # Errors
    /// When there is no picture, or the work was stopped.
    pub(super) fn layers(&mut self, cancel: &Cancel) -> Result<Vec<LayerState>, WorkError> {
        let network = self.network;
        let shapes = self.forward()?.shapes();
        let macs = network.layer_macs(shapes);
        let fields = network.receptive_fields(self.forward()?);
        let mut states = Vec::with_capacity(macs.len());
        for (id, layer) in network.layers.iter() {
            if cancel.is_raised() {
                return Err(EngineError::Cancelled.into());
            }
            let Some(value) = layer.output else { continue };
            let Ok(output) = self.forward()?.get(value) else { continue };
            let shape = output.size();
            let Numbers { maps, statistics } = self.activations(id)?;
            let (total, height, width) = maps.size3()?;
            let stuck = network.limits(id).map(|limits| limits.stuck(&maps, &statistics)).transpose()?;
            let stuck = stuck.unwrap_or_default();
            states.push(LayerState {
                layer: id,
                shape,
                channels: total as usize,
                map: (height as usize, width as usize),
                statistics: statistics.layer,
                macs: macs[id.0],
                dead: stuck.dead,
                saturated: stuck.saturated,
                receptive_field: fields.get(&value).copied(),
            });
        }
        Ok(states)
    }

    /// The class that is asked for, or the network's top class.
    ///
    /// # Errors
    /// When there is no picture.
    pub(super) fn class(&self, asked: Option<ClassId>) -> Result<Class, WorkError> {
        Ok(info::class(self.network, asked.map_or_else(|| self.run().map(|run| run.top), Ok)?))
    }

    /// What a layer made of the picture.
    ///
    /// # Errors
    /// When there is no picture, or the network ends before the layer.
    pub(super) fn activations(&mut self, layer: LayerId) -> Result<Numbers, WorkError> {
        let place = self.network.layer(layer)?;
        let run = self.run.as_mut().ok_or(WorkError::NoPicture)?;
        let output = run.forward.at(self.network, place.tap, &Cancel::new())?;
        let maps = channels::maps(&output, self.network.layout(place.tap.value), run.forward.grids())?;
        if let Some(known) = run.statistics.get(&place.tap.value) {
            return Ok(Numbers { maps, statistics: known.clone() });
        }
        let found = Numbers::of(maps)?;
        run.statistics.insert(place.tap.value, found.statistics.clone());
        Ok(found)
    }

    /// The gradient of a class's score at a layer: one backward pass, and none where it is known.
    ///
    /// # Errors
    /// When the score does not depend on the layer, there is no such class, or the run was stopped.
    pub(super) fn gradient(&mut self, layer: LayerId, class: ClassId, cancel: &Cancel) -> Result<&Gradient, WorkError> {
        let known = self.run()?.gradients.iter().position(|known| known.layer == layer && known.class == class);
        let found = match known {
            Some(index) => self.run.as_mut().ok_or(WorkError::NoPicture)?.gradients.remove(index),
            None => self.measure(layer, class, cancel)?,
        };
        let run = self.run.as_mut().ok_or(WorkError::NoPicture)?;
        if run.gradients.len() >= GRADIENTS {
            run.gradients.remove(0);
        }
        run.gradients.push(found);
        run.gradients.last().ok_or(WorkError::NoPicture)
    }

    fn measure(&mut self, layer: LayerId, class: ClassId, cancel: &Cancel) -> Result<Gradient, WorkError> {
        let network = self.network;
        let layout = network.layout(network.layer(layer)?.tap.value);
        let target = Target::from(class);
        let recording = self.recording(layer, &target, cancel)?;
        let gradient = recording.gradient(network, &target)?;
        let grids = self.forward()?.grids();
        tch::no_grad(|| {
            let product = recording.activation().f_mul(&gradient)?;
            Ok(Gradient {
                layer,
                class,
                contributions: numbers(&channels::sums(&product, layout)?)?,
                alone: Numbers::of(channels::maps(&gradient, layout, grids)?)?,
                times_activation: Numbers::of(channels::maps(&product, layout, grids)?)?,
            })
        })
    }

    /// What a map of a target at a layer is made of: the network, its run, and the recording where there is one.
    ///
    /// # Errors
    /// When there is no picture, or no such target.
    pub(super) fn run_for(&self, layer: LayerId, target: &Target) -> Result<RunFor<'a>, WorkError> {
        Ok((self.network, Rc::clone(self.forward()?), self.known_recording(layer, target)?))
    }

    fn recording(&mut self, layer: LayerId, target: &Target, cancel: &Cancel) -> Result<Rc<Recording>, WorkError> {
        let network = self.network;
        let recording = if let Some(recording) = self.known_recording(layer, target)? {
            recording
        } else {
            let (place, tap) = (network.layer(layer)?, target.tap(network)?);
            Rc::new(Recording::new(network, self.forward()?, place, tap, cancel)?)
        };
        self.keep(recording.clone())?;
        Ok(recording)
    }

    fn known_recording(&self, layer: LayerId, target: &Target) -> Result<Option<Rc<Recording>>, WorkError> {
        let tap = target.tap(self.network)?;
        let suits = |known: &&Rc<Recording>| known.place().layer == Some(layer) && known.tap() == tap.value;
        Ok(self.run()?.recordings.iter().find(suits).cloned())
    }

    /// Makes a recording the newest of those that are kept.
    ///
    /// # Errors
    /// When there is no picture.
    pub(super) fn keep(&mut self, recording: Rc<Recording>) -> Result<(), WorkError> {
        let network = self.network;
        let run = self.run.as_mut().ok_or(WorkError::NoPicture)?;
        match run.recordings.iter().position(|known| Rc::ptr_eq(known, &recording)) {
            Some(index) => drop(run.recordings.remove(index)),
            None => make_room(network, run),
        }
        run.recordings.push(recording);
        Ok(())
    }
}

/// Forgets the oldest recordings until those that stay are few and small.
fn make_room(network: &Network, run: &mut Run) {
    let mut room = RECORDED_BYTES;
    let mut kept = 0;
    for recording in run.recordings.iter().rev().take(RECORDINGS) {
        let Some(left) = room.checked_sub(recording.bytes(network, &run.forward)) else { break };
        room = left;
        kept += 1;
    }
    run.recordings.drain(..run.recordings.len() - kept);
}
