//! Gradients of the objective at what the network is fed.

use tch::Tensor;

use super::objective::Subject;
use super::own_channel::OwnChannel;
use super::random::Lane;
use crate::aten::{self, Gate, Value};
use crate::engine::{Cancel, EngineError, NodeCall, Substitute, Taps, channels_last};
use crate::methods::{MethodError, Network, node};
use crate::model::graph::{Node, NodeId};

/// How a graph takes what it is fed: found by trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Feeding {
    /// Several pictures at once; a graph that was exported for a single picture is run picture by picture.
    batched: bool,
    /// Pictures of any size; otherwise they are brought to the graph's own.
    any_size: bool,
}

impl Feeding {
    /// The most that a graph may take.
    pub(super) const FREE: Self = Self { batched: true, any_size: true };

    /// What to try when the graph has refused this; `resizable`: whether another size may be fed than was asked for.
    fn less(self, resizable: bool) -> Option<Self> {
        match (self.batched, self.any_size && resizable) {
            (batched, true) => Some(Self { batched, any_size: false }),
            (true, false) => Some(Self { batched: false, any_size: true }),
            (false, false) => None,
        }
    }
}

/// What a gradient is taken for.
pub(super) struct Climb<'a> {
    pub(super) network: &'a Network,
    pub(super) subject: &'a Subject,
    /// Of what is fed; a pattern that is seen several times stands there as often.
    pub(super) lanes: &'a [Lane],
    /// How often each pattern is seen.
    pub(super) times: usize,
    /// How a channel is made without the others, where it can be.
    pub(super) own_channel: Option<&'a OwnChannel>,
    /// Whether a ReLU that nothing would pass lets through what would wake it.
    pub(super) redirected: bool,
    /// Whether pictures may be brought to the graph's own size.
    pub(super) resizable: bool,
    /// Pictures that may be run at once: not fewer than all of a channel that must differ.
    pub(super) at_once: usize,
    pub(super) cancel: &'a Cancel,
}

/// A gradient, where it was taken, and the objective there.
pub(super) struct Slope {
    /// What the network was fed, N×C×H×W, with its history.
    pub(super) fed: Tensor,
    /// The gradient at it.
    pub(super) gradient: Tensor,
    /// The objective of each picture.
    pub(super) values: Tensor,
}

impl Climb<'_> {
    /// The slope at pictures N×C×H×W in the network's input space. `feeding` becomes what the graph takes.
    pub(super) fn slope(&self, pictures: &Tensor, feeding: &mut Feeding) -> Result<Slope, MethodError> {
        let mut tried = *feeding;
        loop {
            match self.attempt(pictures, tried) {
                Err(MethodError::Engine(error @ (EngineError::Node { .. } | EngineError::Torch(_)))) => {
                    let resizable = self.resizable && self.network.input.size.is_some();
                    tried = tried.less(resizable).ok_or(error)?;
                }
                Ok(slope) => {
                    *feeding = tried;
                    return Ok(slope);
                }
                other => return other,
            }
        }
    }

    fn attempt(&self, pictures: &Tensor, feeding: Feeding) -> Result<Slope, MethodError> {
        let fed = match self.network.input.size {
            // As Lucent brings pictures to size; Lucid crops or fills up.
            Some((height, width)) if !feeding.any_size => {
                tch::with_grad(|| pictures.f_upsample_bilinear2d([height as i64, width as i64], true, None, None))?
            }
            _ => pictures.shallow_clone(),
        };
        // Pictures of one channel that must differ are looked at together.
        let together = if feeding.batched { self.at_once } else { self.subject.together(self.times) };
        let (mut gradients, mut values) = (Vec::new(), Vec::new());
        let mut first = 0;
        for lanes in self.lanes.chunks(together) {
            let count = lanes.len() as i64;
            let part = fed.detach().f_narrow(0, first, count)?;
            let pieces = if feeding.batched { vec![channels_last(&part)?] } else { part.f_split(1, 0)? };
            let (gradient, value) = self.gradient(&pieces, lanes)?;
            gradients.push(gradient);
            values.push(value);
            first += count;
        }
        Ok(Slope { fed, gradient: joined(gradients)?, values: joined(values)? })
    }

    /// Runs each piece by itself and takes the gradient of what they say together.
    fn gradient(&self, pieces: &[Tensor], lanes: &[Lane]) -> Result<(Tensor, Tensor), MethodError> {
        let (engine, source) = (&self.network.engine, self.network.source()?);
        let taps = self.subject.taps();
        // A channel that the layer does not have is refused where all of them are there.
        let own = self.own_channel.filter(|own| lanes.iter().all(|lane| lane.channel < own.channels));
        let mut seen = lanes.chunks(lanes.len() / pieces.len().max(1));
        let runs = pieces.iter().map(|piece| -> Result<Taps, MethodError> {
            let (given, at) = ([(source, piece.shallow_clone())], [source.into()]);
            let mut instead = Instead { own, lanes: seen.next().unwrap_or_default(), redirected: self.redirected };
            let run = if own.is_some() || self.redirected {
                engine.run_substituted(&given, &taps, &at, &mut instead, self.cancel)?
            } else {
                engine.run_recorded(&given, &taps, &at, self.cancel)?
            };
            for tap in &taps {
                if run.get(tap.value)?.size().first() != piece.size().first() {
                    return Err(EngineError::Torch("the layer does not keep the batch".to_owned()).into());
                }
            }
            Ok(run)
        });
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        let only: Vec<Lane> = lanes.iter().map(|lane| Lane { channel: 0, ..*lane }).collect();
        let lanes = if own.is_some() { &only } else { lanes };
        let (total, values) = tch::with_grad(|| self.subject.score(self.network, &runs, lanes, self.times))?;
        let missing = || MethodError::NoGradient(self.subject.place.name.clone());
        if !total.requires_grad() {
            return Err(missing());
        }
        let inputs = runs.iter().map(|run| run.get(source)).collect::<Result<Vec<_>, _>>()?;
        Ok((joined(engine.gradients(&total, &inputs, false)?)?, values))
    }
}

fn joined(mut parts: Vec<Tensor>) -> Result<Tensor, MethodError> {
    match parts.len() {
        1 => Ok(parts.swap_remove(0)),
        _ => Ok(Tensor::f_cat(&parts, 0)?),
    }
}

/// What a run has in place of the network's own operators: the redirected ReLU and `ReLU6`, a convolution's own channel.
struct Instead<'a> {
    own: Option<&'a OwnChannel>,
    /// One for each picture of the run.
    lanes: &'a [Lane],
    redirected: bool,
}

/// The gate of an operator that is a ReLU or a `ReLU6`.
fn gate_of(node: &Node) -> Option<Gate> {
    let limits = |least: &str, most: &str| (node::float(node, least), node::float(node, most));
    let clipped = |limits: (Option<f64>, Option<f64>)| match limits {
        (Some(0.0), Some(6.0)) => Some(Gate::RedirectedSix),
        (Some(0.0), None) => Some(Gate::Redirected),
        _ => None,
    };
    match node::operator(node) {
        "relu" => Some(Gate::Redirected),
        "relu6" => Some(Gate::RedirectedSix),
        "hardtanh" => clipped(limits("min_val", "max_val")),
        "clamp" => clipped(limits("min", "max")),
        "clamp_min" => clipped((node::float(node, "min"), None)),
        _ => None,
    }
}

impl Substitute for Instead<'_> {
    fn takes(&self, id: NodeId, node: &Node) -> bool {
        self.own.is_some_and(|own| own.takes(id)) || (self.redirected && gate_of(node).is_some())
    }

    fn call(&mut self, id: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        if let Some(own) = self.own.filter(|own| own.takes(id)) {
            return own.call(id, call, self.lanes);
        }
        let (Some(gate), Some(input)) = (gate_of(call.node()), call.tensor("self")) else { return call.run(&[]) };
        let made = tch::no_grad(|| call.run(&[]))?;
        match made.as_slice() {
            [Value::Tensor(output)] => {
                let gated = aten::gate(&input, output, gate).map_err(|error| EngineError::Torch(error.to_string()))?;
                Ok(vec![Value::Tensor(gated)])
            }
            _ => Ok(made),
        }
    }
}
