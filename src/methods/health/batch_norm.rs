//! Batch norms' running statistics beside those of what they are given.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Problem, Severity};
use super::maps::{Maps, Moments};
use super::structure::layer_of;
use crate::engine::numbers;
use crate::methods::{MethodError, Network, node};
use crate::model::graph::Node;

/// How far the data's statistics may be from the running ones: median z and median ratio of variances, or its inverse.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    /// Beyond these it is trouble.
    trouble: (f64, f64),
    /// Beyond these it is worth a line.
    notice: (f64, f64),
}

/// For the batch norm that sees the input itself. Levels of 0 to 255 in place of a normalised picture make a ratio of 3000 and
/// more; a single photograph gives median ratios of 0.2 to 3 in a trained network.
pub(super) const INPUT: Thresholds = Thresholds { trouble: (10.0, 100.0), notice: (4.0, 20.0) };
/// For all others, where differences add up on the way.
const WITHIN: Thresholds = Thresholds { trouble: (30.0, 1000.0), notice: (6.0, 50.0) };

/// Values of a channel below which their variance says nothing: that of a single one is 0.
const FEW: f64 = 16.0;

impl Thresholds {
    /// How bad it is when the data's statistics are as far from the running ones.
    pub(super) fn severity(self, z: f64, ratio: Option<f64>) -> Option<Severity> {
        let beyond = |(most_z, most_ratio): (f64, f64)| {
            z > most_z || ratio.is_some_and(|ratio| ratio > most_ratio || ratio < 1.0 / most_ratio)
        };
        if beyond(self.trouble) { Some(Severity::Trouble) } else { beyond(self.notice).then_some(Severity::Notice) }
    }
}

/// A batch norm's running statistics beside the data's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchNormStatistics {
    /// Path of the layer, or name of the node.
    pub layer: String,
    /// Median over the channels of |mean − running mean| ÷ √(running variance + ε).
    pub z: f64,
    /// The greatest of these.
    pub greatest_z: f64,
    /// Median over the channels of (variance + ε) ÷ (running variance + ε); variances are over all positions of all pictures.
    /// None where these are too few to have a variance.
    pub ratio: Option<f64>,
}

/// A batch norm of the graph.
#[derive(Debug)]
pub(super) struct BatchNorm {
    pub(super) node: usize,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f64,
}

impl BatchNorm {
    /// All whose running statistics are weights.
    pub(super) fn all(network: &Network) -> Result<Vec<Self>, MethodError> {
        let mut all = Vec::new();
        for (index, node) in network.engine.graph().nodes.iter().enumerate() {
            let weight = |parameter| node::value(node, parameter).and_then(|value| network.engine.weight(value));
            if let (Some(mean), Some(variance)) = (weight("running_mean"), weight("running_var")) {
                let epsilon = node::float(node, "eps").unwrap_or(1e-5);
                all.push(Self { node: index, mean: numbers(mean)?, variance: numbers(variance)?, epsilon });
            }
        }
        Ok(all)
    }

    fn is_fresh(&self) -> bool {
        self.mean.iter().all(|&mean| mean == 0.0)
            && self.variance.iter().all(|variance| variance.total_cmp(&1.0).is_eq())
    }

    /// Where the data's statistics lie.
    fn compare(&self, node: &Node, data: &[Moments]) -> Option<BatchNormStatistics> {
        if data.len() != self.mean.len() || data.len() != self.variance.len() {
            return None;
        }
        let (mut z, mut ratios) = (Vec::with_capacity(data.len()), Vec::with_capacity(data.len()));
        for ((data, &mean), &variance) in data.iter().zip(&self.mean).zip(&self.variance) {
            let expected = f64::from(variance) + self.epsilon;
            z.push((data.mean - f64::from(mean)).abs() / expected.sqrt());
            // With ε in both, a channel that is always the same in training and here is as it should be.
            ratios.push((data.variance + self.epsilon) / expected);
        }
        let greatest_z = z.iter().copied().fold(0.0, f64::max);
        let layer = layer_of(node).unwrap_or_else(|| node.name.clone());
        let ratio = median(&mut ratios)?;
        let few = data.iter().any(|channel| channel.count < FEW);
        Some(BatchNormStatistics { layer, z: median(&mut z)?, greatest_z, ratio: (!few).then_some(ratio) })
    }

    /// Whether a channel of the data is always the same, and the same as in training.
    fn is_constant(&self, channel: usize, data: &Moments) -> bool {
        let mean = self.mean.get(channel).copied().unwrap_or(0.0);
        let spread = if data.count < FEW { (data.mean - f64::from(mean)).powi(2) } else { data.variance };
        spread <= self.epsilon
    }
}

/// What was seen of the data.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) maps: &'a Maps,
    pub(super) pictures: usize,
    /// The batch norm that sees the input itself; it is told of by what it says of the input.
    pub(super) first: Option<usize>,
    /// Nodes that are fed nothing, because a layer before them carries nothing.
    pub(super) starved: HashSet<usize>,
    /// Whether the input is on another scale, so that all statistics are.
    pub(super) other_scale: bool,
}

/// Rows for all batch norms that saw something, and what is wrong with them.
pub(super) fn findings(
    network: &Network,
    seen: &Seen<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<BatchNormStatistics>, MethodError> {
    let nodes = &network.engine.graph().nodes;
    let all = BatchNorm::all(network)?;
    let finding = |index: usize, severity, problem| {
        let node: &Node = &nodes[index];
        Finding { severity, layer: layer_of(node), node: Some(node.name.clone()), problem }
    };
    for norm in &all {
        // A channel that was always the same in training and is so here does no harm.
        let data = seen.maps.moments_before(&nodes[norm.node]).filter(|data| data.len() == norm.variance.len());
        let harmless = |channel: usize| data.as_ref().is_some_and(|data| norm.is_constant(channel, &data[channel]));
        let is_zero = |channel: &usize| norm.variance[*channel] == 0.0 && !harmless(*channel);
        let zero = (0..norm.variance.len()).filter(is_zero).count();
        let negative = norm.variance.iter().filter(|&&variance| variance < 0.0 || variance.is_nan()).count();
        let channels = norm.variance.len();
        if zero + negative > 0 {
            let severity = if negative > 0 || zero == channels { Severity::Trouble } else { Severity::Notice };
            findings.push(finding(norm.node, severity, Problem::BatchNormVariance { zero, negative, channels }));
        }
    }
    let fresh = all.iter().filter(|norm| norm.is_fresh()).count();
    if let Some(norm) = all.iter().find(|norm| norm.is_fresh()) {
        let problem = Problem::FreshBatchNorm { layers: fresh, all: all.len() };
        findings.push(finding(norm.node, Severity::Notice, problem));
    }
    let mut rows = Vec::new();
    let mut off: Vec<(usize, Severity, BatchNormStatistics)> = Vec::new();
    for norm in &all {
        let node = &nodes[norm.node];
        let Some(row) = seen.maps.moments_before(node).and_then(|data| norm.compare(node, &data)) else { continue };
        let told = seen.other_scale || seen.starved.contains(&norm.node) || Some(norm.node) == seen.first;
        let severity = WITHIN.severity(row.z, row.ratio).filter(|_| !norm.is_fresh() && !told);
        if let Some(severity) = severity {
            off.push((norm.node, severity, row.clone()));
        }
        rows.push(row);
    }
    for severity in [Severity::Trouble, Severity::Notice] {
        let mut like = off.iter().filter(|(_, one, _)| *one == severity);
        if let Some((index, _, row)) = like.next() {
            let (z, ratio, pictures, later) = (row.z, row.ratio, seen.pictures, like.count());
            findings.push(finding(*index, severity, Problem::BatchNormStatistics { z, ratio, pictures, later }));
        }
    }
    Ok(rows)
}

/// What one batch norm says of the data; `None` where it was never trained.
pub(super) fn of_one(network: &Network, maps: &Maps, index: usize) -> Result<Option<BatchNormStatistics>, MethodError> {
    let node = &network.engine.graph().nodes[index];
    let norm = BatchNorm::all(network)?.into_iter().find(|norm| norm.node == index && !norm.is_fresh());
    Ok(norm.zip(maps.moments_before(node)).and_then(|(norm, data)| norm.compare(node, &data)))
}

/// The middle of the numbers; `None` where there are none or one is NaN.
fn median(numbers: &mut [f64]) -> Option<f64> {
    if numbers.is_empty() || numbers.iter().any(|number| number.is_nan()) {
        return None;
    }
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    Some(if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) })
}
