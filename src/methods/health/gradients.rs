//! The target's gradient through the layers: where it explodes, vanishes, or is no number.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::finding::{Finding, Problem, Severity};
use super::finite::Counts;
use super::structure::{Structure, layer_of};
use crate::engine::{Cancel, EngineError};
use crate::methods::target::Target;
use crate::methods::{MethodError, Network};
use crate::model::graph::{NodeId, Tap, ValueId};

/// Ratio of the gradient's norm at a value that everything passes through to that at the last such value before the scores,
/// from which on it explodes (its inverse: vanishes), and from which on that is worth a line. Trained and fresh networks
/// of torchvision and timm stay within a factor of a hundred.
const TROUBLE: f64 = 1e6;
const NOTICE: f64 = 1e4;

/// The gradient at a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerGradient {
    /// Path of the layer, or name of the node.
    pub layer: String,
    /// Euclidean norm of the gradient of the target with respect to the layer's output: the mean over pictures.
    pub norm: f64,
    /// The norm by that of the next value that everything passes through; `None` where not everything passes through this
    /// one, and at the last.
    pub ratio: Option<f64>,
}

/// A value at which the gradient is measured.
#[derive(Debug)]
struct Point {
    name: String,
    layer: Option<String>,
    node: String,
    tap: Tap,
    /// Whether everything passes through it.
    cut: bool,
    norms: f64,
    measured: usize,
}

/// Measures gradients, picture by picture.
#[derive(Debug)]
pub(super) struct Gradients {
    points: Vec<Point>,
    pub(super) pictures: usize,
    /// Node, counts, elements, pictures.
    not_finite: Option<(usize, Counts, u64, usize)>,
}

impl Gradients {
    /// Chooses the outputs of layers and the values that everything passes through, in the order in which they are made.
    pub(super) fn new(network: &Network, structure: &Structure, target: Tap) -> Self {
        let nodes = &network.engine.graph().nodes;
        let mut makers: HashMap<ValueId, usize> = HashMap::new();
        for &index in &structure.between {
            makers.extend(nodes[index].makes().map(|value| (value, index)));
        }
        // Of several layers that give the same value the innermost, which comes last in the tree.
        let mut taps: HashMap<ValueId, (usize, Tap, String)> = HashMap::new();
        for (_, layer) in network.layers.iter() {
            let Some(tap) = layer.tap() else { continue };
            if let Some(&index) = makers.get(&tap.value) {
                taps.insert(tap.value, (index, tap, layer.path.clone()));
            }
        }
        for cut in &structure.cuts {
            taps.entry(cut.tap.value).or_insert_with(|| (cut.node, cut.tap, nodes[cut.node].name.clone()));
        }
        let mut taps: Vec<_> = taps.into_values().filter(|(_, tap, _)| tap.value != target.value).collect();
        taps.sort_by_key(|(index, tap, _)| (*index, tap.value));
        let point = |(index, tap, name): (usize, Tap, String)| Point {
            name,
            layer: layer_of(&nodes[index]),
            node: nodes[index].name.clone(),
            tap,
            cut: structure.cuts.iter().any(|cut| cut.tap.value == tap.value),
            norms: 0.0,
            measured: 0,
        };
        Self { points: taps.into_iter().map(point).collect(), pictures: 0, not_finite: None }
    }

    /// About how many bytes a picture takes, with tensors of these shapes.
    pub(super) fn cost(
        &self,
        network: &Network,
        end: Tap,
        shapes: &HashMap<ValueId, Vec<i64>>,
    ) -> Result<u64, MethodError> {
        let source = network.source()?;
        let taps: Vec<Tap> = self.points.iter().map(|point| point.tap).chain([end]).collect();
        let size = |tap: &Tap| network.engine.value_bytes(tap.value, shapes);
        // Every gradient is there at once, beside what the run has recorded.
        Ok(network.cost(&[source], &taps, &[source.into()], shapes) + taps.iter().map(size).sum::<u64>())
    }

    /// Adds a picture, one forward and one backward run.
    pub(super) fn add(
        &mut self,
        network: &Network,
        structure: &Structure,
        input: &Tensor,
        target: &Target,
        cancel: &Cancel,
    ) -> Result<(), MethodError> {
        let taps: Vec<Tap> = self.points.iter().map(|point| point.tap).collect();
        let Some(gradients) = gradients_at(network, input, target, &taps, cancel)? else { return Ok(()) };
        self.pictures += 1;
        let mut damaged = false;
        for (point, gradient) in self.points.iter_mut().zip(&gradients) {
            let Some(gradient) = gradient else { continue };
            let norm = gradient.f_to_kind(Kind::Double)?.f_norm()?.f_double_value(&[])?;
            damaged |= !norm.is_finite();
            if norm.is_finite() {
                point.norms += norm;
                point.measured += 1;
            }
        }
        if damaged {
            match &mut self.not_finite {
                Some((.., pictures)) => *pictures += 1,
                none => *none = first_backward(network, structure, input, target, cancel)?,
            }
        }
        Ok(())
    }

    /// Every layer's gradient.
    pub(super) fn table(&self) -> Vec<LayerGradient> {
        let measured: Vec<&Point> = self.points.iter().filter(|point| point.measured > 0).collect();
        let next =
            |position: usize| measured.iter().skip(position + 1).find(|point| point.cut).map(|point| point.norm());
        let row = |(position, point): (usize, &&Point)| LayerGradient {
            layer: point.name.clone(),
            norm: point.norm(),
            ratio: next(position).filter(|&next| point.cut && next > 0.0).map(|next| point.norm() / next),
        };
        measured.iter().enumerate().map(row).collect()
    }

    /// The norm at a value.
    pub(super) fn norm(&self, value: ValueId) -> Option<f64> {
        self.points.iter().find(|point| point.tap.value == value && point.measured > 0).map(Point::norm)
    }

    /// What was found.
    pub(super) fn findings(&self, network: &Network, findings: &mut Vec<Finding>) {
        if let Some((index, counts, elements, pictures)) = self.not_finite {
            let node = &network.engine.graph().nodes[index];
            findings.push(Finding {
                severity: Severity::Trouble,
                layer: layer_of(node),
                node: Some(node.name.clone()),
                problem: Problem::GradientNotFinite { nan: counts.nan, inf: counts.inf, elements, pictures },
            });
        }
        let chain: Vec<&Point> = self.points.iter().rev().filter(|point| point.cut && point.measured > 0).collect();
        let mut finding = |point: &Point, severity, problem| {
            let (layer, node) = (point.layer.clone(), Some(point.node.clone()));
            findings.push(Finding { severity, layer, node, problem });
        };
        // Whatever comes before a layer that no gradient passes has none either.
        if let Some(point) = chain.iter().find(|point| point.norms == 0.0) {
            finding(point, Severity::Trouble, Problem::NoGradient { pictures: self.pictures });
        }
        let Some(last) = chain.first().map(|point| point.norm()).filter(|&norm| norm > 0.0) else { return };
        let ratio = |point: &Point| point.norm() / last;
        let live = || chain.iter().copied().filter(|point| point.norms > 0.0);
        let steepest = live().max_by(|a, b| ratio(a).total_cmp(&ratio(b))).filter(|point| ratio(point) >= NOTICE);
        if let Some(point) = steepest {
            let severity = if ratio(point) >= TROUBLE { Severity::Trouble } else { Severity::Notice };
            // The first in backward order that is beyond the threshold, with the largest norm said.
            let threshold = if severity == Severity::Trouble { TROUBLE } else { NOTICE };
            let first = live().find(|point| ratio(point) >= threshold).unwrap_or(point);
            finding(first, severity, Problem::ExplodingGradient { norm: first.norm(), last, ratio: ratio(first) });
        }
        let faintest = live().min_by(|a, b| ratio(a).total_cmp(&ratio(b))).filter(|point| ratio(point) <= 1.0 / NOTICE);
        if let Some(point) = faintest {
            let severity = if ratio(point) <= 1.0 / TROUBLE { Severity::Trouble } else { Severity::Notice };
            let threshold = if severity == Severity::Trouble { TROUBLE } else { NOTICE };
            let first = live().find(|point| ratio(point) <= 1.0 / threshold).unwrap_or(point);
            finding(first, severity, Problem::VanishingGradient { norm: first.norm(), last, ratio: ratio(first) });
        }
    }
}

impl Point {
    fn norm(&self) -> f64 {
        self.norms / self.measured.max(1) as f64
    }
}

/// The gradient of the target at each tap that it reaches; `None` where the target depends on none.
fn gradients_at(
    network: &Network,
    input: &Tensor,
    target: &Target,
    taps: &[Tap],
    cancel: &Cancel,
) -> Result<Option<Vec<Option<Tensor>>>, MethodError> {
    let source = network.source()?;
    let end = target.tap(network)?;
    let all: Vec<Tap> = taps.iter().copied().chain([end]).collect();
    let run = network.engine.run_recorded(&[(source, input.shallow_clone())], &all, &[source.into()], cancel)?;
    let number = tch::with_grad(|| Ok::<_, MethodError>(target.of(network, run.get(end.value)?)?.f_sum(Kind::Float)?))?;
    if !number.requires_grad() {
        return Ok(None);
    }
    let tapped: Vec<Option<&Tensor>> =
        taps.iter().map(|tap| run.get(tap.value).ok().filter(|tensor| tensor.requires_grad())).collect();
    let asked: Vec<&Tensor> = tapped.iter().flatten().copied().collect();
    if asked.is_empty() {
        return Ok(None);
    }
    let mut made = network.engine.gradients(&number, &asked, false)?.into_iter();
    let gradient = |tensor: Option<&Tensor>| tensor.and_then(|_| made.next()).filter(Tensor::defined);
    Ok(Some(tapped.into_iter().map(gradient).collect()))
}

/// The first node in backward order whose derivative is not finite.
fn first_backward(
    network: &Network,
    structure: &Structure,
    input: &Tensor,
    target: &Target,
    cancel: &Cancel,
) -> Result<Option<(usize, Counts, u64, usize)>, MethodError> {
    let nodes = &network.engine.graph().nodes;
    let made = |&index: &usize| nodes[index].makes().map(move |value| (index, value));
    let values: Vec<(usize, ValueId)> = structure.between.iter().flat_map(made).collect();
    let taps: Vec<Tap> = values.iter().map(|&(index, value)| Tap { value, after: Some(NodeId(index)) }).collect();
    let gradients = match gradients_at(network, input, target, &taps, cancel) {
        // Some graph that cannot be tapped everywhere: the layers must do.
        Err(MethodError::Engine(EngineError::Cancelled)) => return Err(EngineError::Cancelled.into()),
        Ok(Some(gradients)) => gradients,
        Ok(None) | Err(_) => return Ok(None),
    };
    let mut damaged = HashSet::new();
    let mut last = None;
    for (&(index, value), gradient) in values.iter().zip(&gradients) {
        let Some(gradient) = gradient else { continue };
        let counts = Counts::of(gradient)?;
        if counts.any() {
            damaged.insert(value);
            last = Some((index, value, counts, gradient.numel() as u64));
        }
    }
    let Some((maker, value, counts, elements)) = last else { return Ok(None) };
    // Its gradient is that of a node that reads it and whose own output has a sound one.
    let reader = structure.between.iter().rev().copied().find(|&index| {
        nodes[index].reads().contains(&value) && !nodes[index].makes().any(|made| damaged.contains(&made))
    });
    Ok(Some((reader.unwrap_or(maker), counts, elements, 1)))
}
