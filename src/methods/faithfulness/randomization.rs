//! The sanity check: an explanation that stays the same when the network forgets what it learned shows the picture's edges and not
//! the network.
//!
//! Adebayo et al., *Sanity Checks for Saliency Maps* (2018), section 3, cascading randomisation: the layers lose their weights one after
//! another, from the output to the input, and after each the explanation is made again, of the same target, and compared with
//! the first one by rank correlation and structural similarity. Of many layers the explanation is made after some only (`maps`).
//!
//! Weights are drawn anew from a normal distribution of the same mean and standard deviation, tensor by tensor: that keeps the
//! scale of what flows through the network, so that nothing vanishes or overflows for the scale's sake alone, and needs no word of
//! how the layers were initialised, which files do not hold. (The authors' program initialises the layers anew.) Running means
//! and variances stay as they are, as does a bias of zeros.

use std::collections::{HashMap, HashSet};

use tch::{Kind, Tensor};

use super::{Curve, FaithfulnessError, FaithfulnessInput, Number, Outcome, Point, Stream, spearman, ssim};
use crate::engine::{EngineError, tensor_bytes};
use crate::methods::job::Job;
use crate::methods::registry::Settings;
use crate::methods::{MethodError, Network, noise};
use crate::model::graph::{Graph, Tap, ValueId, WeightRole};

/// A layer with the weights that it loses.
struct Learned {
    path: String,
    weights: Vec<ValueId>,
}

/// Rank correlation and structural similarity with the explanation by the network as it was.
pub(in crate::methods) fn randomization(
    input: &FaithfulnessInput<'_>,
    settings: &Settings,
) -> Result<Outcome, MethodError> {
    let network = input.network;
    let layers = learned(network, input.target.tap(network)?);
    let count = layers.len();
    if count == 0 {
        return Err(FaithfulnessError::NoWeights.into());
    }
    let maps = (settings.whole("maps") as usize).min(count);
    let seen: HashSet<usize> = (1..=maps).map(|map| (map * count).div_ceil(maps)).collect();
    room_for(network, &layers)?;
    let mut drawn = HashMap::new();
    let mut curves = ["spearman", "ssim"].map(|name| {
        let start = Point { at: 0.0, value: Some(1.0), label: None };
        Curve { name: name.to_owned(), points: vec![start] }
    });
    for (layer, done) in layers.iter().zip(1..) {
        if input.job.cancel.is_raised() {
            return Err(EngineError::Cancelled.into());
        }
        (input.job.progress)(done - 1, count);
        for &weight in &layer.weights {
            if let Some(tensor) = network.engine.weight(weight) {
                drawn.insert(weight, redrawn(tensor, input.job.seed, weight)?);
            }
        }
        if !seen.contains(&done) {
            continue;
        }
        let ignorant = network.with_weights(&drawn)?;
        let job = Job { progress: &|_, _| {}, ..input.job };
        let now = (input.explain)(&ignorant, input.input, job)?.relevance;
        let before = &input.explanation.relevance;
        let alike = [spearman(&before.values, &now.values), ssim(&before.values, &now.values, before.width)];
        for (curve, value) in curves.iter_mut().zip(alike) {
            let (at, label) = (done as f64 / count as f64, Some(layer.path.clone()));
            curve.points.push(Point { at, value, label });
        }
    }
    (input.job.progress)(count, count);
    let last = |curve: &Curve| Number::new(&curve.name, curve.points.last().and_then(|point| point.value));
    Ok(Outcome { numbers: curves.iter().map(last).collect(), curves: curves.into() })
}

/// Layers with learned weights on the way to the target, from the target to the input.
fn learned(network: &Network, target: Tap) -> Vec<Learned> {
    let graph: &Graph = network.engine.graph();
    let parameters: HashSet<ValueId> = graph
        .weights
        .iter()
        .filter(|weight| weight.role == WeightRole::Parameter && weight.dtype.is_float() && weight.elements() > 1)
        .map(|weight| weight.value)
        .collect();
    let last = target
        .after
        .map(|node| node.0)
        .or_else(|| graph.nodes.iter().position(|node| node.makes().any(|value| value == target.value)));
    let mut layers: Vec<Learned> = Vec::new();
    let mut known = HashSet::new();
    for node in graph.nodes.iter().take(last.map_or(0, |last| last + 1)).rev() {
        let weights: Vec<ValueId> =
            node.reads().into_iter().filter(|value| parameters.contains(value) && known.insert(*value)).collect();
        if weights.is_empty() {
            continue;
        }
        let path = node.scope.last().map_or(node.name.as_str(), |scope| &*scope.path);
        match layers.iter_mut().find(|layer| layer.path == path) {
            Some(layer) => layer.weights.extend(weights),
            None => layers.push(Learned { path: path.to_owned(), weights }),
        }
    }
    layers
}

/// # Errors
/// When there is no memory for a second copy of the weights.
fn room_for(network: &Network, layers: &[Learned]) -> Result<(), MethodError> {
    let weights = layers.iter().flat_map(|layer| &layer.weights).filter_map(|weight| network.engine.weight(*weight));
    let needed = weights.map(tensor_bytes).sum();
    let memory = network.engine.memory();
    let left = memory.left();
    if needed > left { Err(MethodError::Memory { needed, left, ceiling: memory.ceiling() }) } else { Ok(()) }
}

/// Other numbers of the same mean and standard deviation. They depend on the seed and the weight alone.
fn redrawn(weight: &Tensor, seed: u64, value: ValueId) -> Result<Tensor, MethodError> {
    let plain = weight.f_to_kind(Kind::Float)?;
    let deviation = plain.f_std(false)?;
    let normal = noise::normal(seed, Stream::Weights.number(value.0), weight.numel());
    let normal = Tensor::f_from_slice(&normal)?.f_reshape(weight.size())?.f_to_device(weight.device())?;
    Ok(normal.f_mul(&deviation)?.f_add(&plain.f_mean(Kind::Float)?)?.f_to_kind(weight.kind())?)
}
