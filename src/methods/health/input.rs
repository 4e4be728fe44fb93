//! Whether the input is what the first layers expect.

use std::collections::HashSet;

use image::RgbImage;
use tch::Tensor;

use super::batch_norm;
use super::finding::{Finding, Problem, Severity};
use super::maps::Maps;
use super::predictions::margin;
use super::structure::layer_of;
use crate::engine::Cancel;
use crate::methods::{MethodError, Network, node, statistics};
use crate::model::Source;
use crate::model::graph::ValueId;

/// Operators that only weigh, add up and move: after them the input's scale is still there.
const LINEAR: &[&str] = &[
    "_convolution",
    "add",
    "avg_pool2d",
    "cat",
    "constant_pad_nd",
    "contiguous",
    "conv2d",
    "convolution",
    "div",
    "mul",
    "pad",
    "permute",
    "select",
    "slice",
    "stack",
    "sub",
    "to",
    "unsqueeze",
];

/// Times the greatest value that a picture can give beyond which an array is on another scale.
const OTHER_SCALE: f32 = 10.0;
/// Least greatest value of an input that might be levels of 0 to 255.
const LEVELS: f32 = 32.0;
/// Distance of the best score from the second that no sound network keeps up, and one that is ordinary.
const ABSURDLY_SURE: f64 = 30.0;
const ORDINARILY_SURE: f64 = 15.0;
/// Pictures that are run a second time, divided by 255.
const MOST_DIVIDED: usize = 8;

/// Least and greatest value that the network's preprocessing gives.
pub(super) fn expected_range(network: &Network) -> Option<(f32, f32)> {
    let extreme = |level: u8| network.input.preprocessing.apply(&RgbImage::from_pixel(8, 8, image::Rgb([level; 3])));
    let values: Vec<f32> = extreme(0).ok()?.data.into_iter().chain(extreme(255).ok()?.data).collect();
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (least < most).then_some((least, most))
}

/// The input's values over all pictures.
#[derive(Debug)]
pub(super) struct InputValues {
    least: f32,
    most: f32,
    sum: f64,
    squares: f64,
    count: f64,
    margins: Vec<(f64, f64)>,
}

impl InputValues {
    pub(super) fn new() -> Self {
        Self { least: f32::INFINITY, most: f32::NEG_INFINITY, sum: 0.0, squares: 0.0, count: 0.0, margins: Vec::new() }
    }

    /// Adds a picture 1×C×H×W with the scores that it was given.
    pub(super) fn add(
        &mut self,
        network: &Network,
        input: &Tensor,
        scores: Option<&Tensor>,
        cancel: &Cancel,
    ) -> Result<(), MethodError> {
        let all = statistics::of_channels(&input.f_select(0, 0)?)?.layer;
        let (mean, std, count) = (f64::from(all.mean), f64::from(all.std), input.numel() as f64);
        if !mean.is_finite() {
            return Ok(());
        }
        self.least = self.least.min(all.min);
        self.most = self.most.max(all.max);
        self.sum += mean * count;
        self.squares += (std * std + mean * mean) * count;
        self.count += count;
        let levels = all.min >= 0.0 && all.max > LEVELS && self.margins.len() < MOST_DIVIDED;
        if let Some(scores) = scores.filter(|_| levels) {
            let given = [(network.source()?, input.f_div_scalar(255.0)?)];
            let run = network.engine.run(&given, &[network.head.scores.into()], cancel)?;
            if let (Some(as_fed), Some(divided)) = (margin(scores)?, margin(run.get(network.head.scores)?)?) {
                self.margins.push((as_fed, divided));
            }
        }
        Ok(())
    }

    /// What was found, and whether the input is on another scale than the first batch norm was trained with. `first` is the
    /// batch norm that sees the input before anything else has changed its scale.
    pub(super) fn findings(
        &self,
        network: &Network,
        maps: &Maps,
        first: Option<usize>,
        findings: &mut Vec<Finding>,
    ) -> Result<bool, MethodError> {
        if self.count == 0.0 {
            return Ok(false);
        }
        let range = (self.least, self.most);
        let row = match first {
            Some(index) => batch_norm::of_one(network, maps, index)?,
            None => None,
        };
        if let (Some(index), Some(row)) = (first, row)
            && let Some(severity) = batch_norm::INPUT.severity(row.z, row.ratio)
        {
            let node = &network.engine.graph().nodes[index];
            let mean = self.sum / self.count;
            let std = (self.squares / self.count - mean * mean).max(0.0).sqrt();
            let problem = Problem::InputScale { mean, std, range, z: row.z, ratio: row.ratio };
            findings.push(Finding { severity, layer: layer_of(node), node: Some(node.name.clone()), problem });
            return Ok(true);
        }
        let whole = |severity, problem| Finding { severity, layer: None, node: None, problem };
        if let Some(expected) = expected_range(network) {
            let greatest = |range: (f32, f32)| range.0.abs().max(range.1.abs());
            let width = expected.1 - expected.0;
            let beyond = self.least < expected.0 - width || self.most > expected.1 + width;
            let other_scale = greatest(range) > OTHER_SCALE * greatest(expected);
            if beyond {
                let known = !matches!(network.input.source, Source::Guessed(_));
                let severity = if other_scale && known { Severity::Trouble } else { Severity::Notice };
                findings.push(whole(severity, Problem::InputRange { range, expected }));
            }
        }
        let middle = |mut numbers: Vec<f64>| {
            numbers.sort_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied()
        };
        let (as_fed, divided) = self.margins.iter().copied().unzip();
        if let (Some(margin), Some(divided)) = (middle(as_fed), middle(divided))
            && margin > ABSURDLY_SURE
            && divided < ORDINARILY_SURE
        {
            findings.push(whole(Severity::Trouble, Problem::InputSureness { range, margin, divided }));
        }
        Ok(false)
    }
}

/// The batch norm to which only convolutions and the like lead from the input.
pub(super) fn first_batch_norm(network: &Network) -> Result<Option<usize>, MethodError> {
    let mut linear: HashSet<ValueId> = HashSet::from([network.source()?]);
    for (index, node) in network.engine.graph().nodes.iter().enumerate() {
        let reads = node.reads().iter().any(|value| linear.contains(value));
        if reads && node::value(node, "running_mean").is_some() {
            return Ok(Some(index));
        }
        if reads && LINEAR.contains(&node::operator(node)) {
            linear.extend(node.makes());
        }
    }
    Ok(None)
}
