//! Statistics of channels, streamed over pictures: which are dead, saturated, constant, or the same for every picture.

use std::collections::{BTreeMap, HashMap, HashSet};

use tch::{Kind, Tensor};

use super::finding::{Finding, Problem, Severity};
use super::structure::{Structure, layer_of};
use crate::aten::Value;
use crate::methods::limits::{self, Limits};
use crate::methods::statistics::{self, Statistics};
use crate::methods::{MethodError, Network, channels, node};
use crate::model::Layout;
use crate::model::graph::{Node, NodeId, ValueId};

/// Share of a channel's values that must lie at a bound, as everywhere in the program.
const AT_BOUND: f64 = 0.99;
/// Pictures from which on a channel that was always zero is worth a line, though it might wake up for another picture.
const MANY_PICTURES: usize = 16;
/// Share of channels that must be zero where there are fewer pictures. In a late layer of a sound network a third is.
const MOSTLY_DEAD: f64 = 0.75;
/// Standard deviations below zero from which on a rectified channel counts as dead for certain.
const FAR_BELOW: f64 = 10.0;
/// Share of a layer's values at a bound that is trouble, and that is worth a line.
const SATURATED_TROUBLE: f64 = 0.95;
const SATURATED_NOTICE: f64 = 0.5;
/// Difference of two pictures' statistics, relative to their size, that is none.
const SAME: f32 = 1e-6;

/// Operators whose channels are looked at, beside those with a floor or a ceiling and what batch norms read.
const WATCHED: &[&str] = &[
    "_convolution",
    "_native_batch_norm_legit_no_training",
    "addmm",
    "batch_norm",
    "conv2d",
    "conv_transpose2d",
    "convolution",
    "elu",
    "gelu",
    "group_norm",
    "layer_norm",
    "leaky_relu",
    "linear",
    "mish",
    "native_layer_norm",
    "silu",
    "softplus",
];

/// One channel over all pictures.
#[derive(Debug, Clone, Copy)]
struct Channel {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    max: f64,
    /// Zero everywhere so far.
    zero: bool,
    /// One value in each picture so far.
    constant: bool,
    /// Differs from one input to another.
    changes: bool,
    first: Option<[f32; 3]>,
    at_bound: f64,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            count: 0.0,
            mean: 0.0,
            squares: 0.0,
            max: f64::NEG_INFINITY,
            zero: true,
            constant: true,
            changes: false,
            first: None,
            at_bound: 0.0,
        }
    }
}

impl Channel {
    /// Adds a picture's statistics by Chan's formula.
    fn add(&mut self, one: &Statistics, elements: f64, at_bound: f64) {
        let (mean, total) = (f64::from(one.mean), self.count + elements);
        let delta = mean - self.mean;
        self.squares += f64::from(one.std).powi(2) * elements + delta * delta * self.count * elements / total;
        self.mean += delta * elements / total;
        self.count = total;
        self.max = self.max.max(one.max.into());
        self.zero &= one.sparsity >= 1.0;
        // NaN is no value that could be the same.
        self.constant &= one.min >= one.max && one.nan + one.inf == 0;
        self.at_bound += at_bound;
        self.compare(one);
    }

    /// Whether this input's statistics are those of the first.
    fn compare(&mut self, one: &Statistics) {
        self.changes |= one.nan + one.inf > 0;
        let now = [one.min, one.max, one.mean];
        let first = *self.first.get_or_insert(now);
        self.changes |= first.iter().zip(now).any(|(&a, b)| (a - b).abs() > SAME * a.abs().max(b.abs()));
    }

    fn variance(&self) -> f64 {
        self.squares / self.count.max(1.0)
    }
}

/// What is kept of a node.
#[derive(Debug)]
struct Watched {
    limits: Option<Limits>,
    channels: Vec<Channel>,
    pictures: usize,
    /// Other inputs that were only compared.
    compared: usize,
    /// Whether a channel has more than one position.
    spatial: bool,
}

/// Mean and variance of a channel over all positions of all pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    /// Values that they are of.
    pub(super) count: f64,
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// Watches the channels of a graph's nodes.
#[derive(Debug)]
pub(super) struct Maps {
    watched: HashMap<usize, Watched>,
    makers: HashMap<ValueId, NodeId>,
}

impl Maps {
    /// Chooses the nodes.
    pub(super) fn new(network: &Network, structure: &Structure) -> Self {
        let graph = network.engine.graph();
        let makers = node::makers(graph);
        let mut chosen: BTreeMap<usize, Option<Limits>> = BTreeMap::new();
        let outputs: HashSet<ValueId> = graph.outputs.iter().copied().chain([network.head.scores]).collect();
        for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| structure.reads_dependent(node)) {
            let limits = limits::of_node(node)
                .filter(|_| !node.makes().any(|value| outputs.contains(&value)) && !gates_itself(&graph.nodes, node));
            let name = node::operator(node);
            if limits.is_some() || WATCHED.contains(&name) {
                chosen.insert(index, limits);
            }
            if limits.is_some() || name.contains("batch_norm") {
                // Whatever it is that is normalised or bounded.
                let read = input_of(node).and_then(|value| makers.get(&value)).map(|id| id.0);
                if let Some(maker) = read.filter(|&maker| structure.reads_dependent(&graph.nodes[maker])) {
                    chosen.entry(maker).or_insert(None);
                }
            }
        }
        let watched = |(index, limits)| {
            (index, Watched { limits, channels: Vec::new(), pictures: 0, compared: 0, spatial: false })
        };
        Self { watched: chosen.into_iter().map(watched).collect(), makers }
    }

    /// Takes note of what a node made. What is only compared counts as no picture.
    pub(super) fn see(
        &mut self,
        network: &Network,
        index: usize,
        results: &[Value],
        compare_only: bool,
    ) -> Result<(), MethodError> {
        let Some(watched) = self.watched.get_mut(&index) else { return Ok(()) };
        let node = &network.engine.graph().nodes[index];
        let (Some(value), Some(tensor)) = (node.makes().next(), results.first().and_then(Value::tensor)) else {
            return Ok(());
        };
        if !matches!(tensor.kind(), Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16) || tensor.dim() == 0 {
            return Ok(());
        }
        let maps = of_one_picture(tensor, network.layout(value))?;
        let all = statistics::of_channels(&maps)?;
        if watched.channels.is_empty() {
            watched.channels = vec![Channel::default(); all.channels.len()];
        }
        if watched.channels.len() != all.channels.len() {
            return Ok(());
        }
        if compare_only {
            watched.channels.iter_mut().zip(&all.channels).for_each(|(channel, one)| channel.compare(one));
            watched.compared += 1;
            return Ok(());
        }
        let at_bound = match watched.limits {
            Some(limits) => limits.at_bound(&maps, &all)?,
            None => None,
        };
        let elements = maps.numel() as f64 / all.channels.len().max(1) as f64;
        for (position, (channel, one)) in watched.channels.iter_mut().zip(&all.channels).enumerate() {
            let share = at_bound.as_ref().and_then(|shares| shares.get(position)).copied().unwrap_or(0.0);
            channel.add(one, elements, share.into());
        }
        watched.pictures += 1;
        watched.spatial |= elements > 1.0;
        Ok(())
    }

    /// Mean and variance of what a node reads as its input, for each channel.
    pub(super) fn moments_before(&self, node: &Node) -> Option<Vec<Moments>> {
        let watched = self.watched.get(&self.makers.get(&input_of(node)?)?.0)?;
        let moments =
            |channel: &Channel| Moments { count: channel.count, mean: channel.mean, variance: channel.variance() };
        (watched.pictures > 0).then(|| watched.channels.iter().map(moments).collect())
    }

    /// Shares of dead channels and of values at a bound after a node, where it has a floor or ceiling.
    pub(super) fn stuck(&self, value: ValueId) -> Option<(f64, f64)> {
        let watched = self.watched.get(&self.makers.get(&value)?.0)?;
        let limits = watched.limits.filter(|_| watched.pictures > 0)?;
        let count = watched.channels.len().max(1) as f64;
        let dead = watched.channels.iter().filter(|channel| limits.is_rectified() && channel.zero).count() as f64;
        Some((dead / count, watched.share_at_bound()))
    }

    /// What was found, in the order of the nodes. Gives the nodes that are fed nothing, because a layer before them carries
    /// nothing.
    pub(super) fn findings(
        &self,
        network: &Network,
        structure: &Structure,
        findings: &mut Vec<Finding>,
    ) -> HashSet<usize> {
        let nodes = &network.engine.graph().nodes;
        // What comes after a layer that carries nothing carries nothing: only the first is said.
        let mut silent: HashSet<ValueId> = HashSet::new();
        let mut starved = HashSet::new();
        for &index in &structure.between {
            let node = &nodes[index];
            let mut reads = node.reads().into_iter().filter(|&value| structure.depends(value)).peekable();
            let fed_nothing = reads.peek().is_some() && reads.all(|value| silent.contains(&structure.root(value)));
            if fed_nothing {
                starved.insert(index);
            }
            let watched = self.watched.get(&index);
            let carries_nothing = watched.is_some_and(Watched::carries_nothing);
            for value in node.makes().map(|value| structure.root(value)) {
                if fed_nothing || carries_nothing {
                    silent.insert(value);
                } else {
                    silent.remove(&value);
                }
            }
            let Some(watched) = watched.filter(|watched| watched.pictures > 0 && !fed_nothing) else { continue };
            let problems = if carries_nothing && !watched.all_dead() {
                let only_way = structure.is_cut(index);
                let severity = if only_way { Severity::Trouble } else { Severity::Notice };
                vec![(severity, Problem::CarriesNothing { only_way, channels: watched.channels.len() })]
            } else {
                let before = input_of(node).and_then(|value| self.watched.get(&self.makers.get(&value)?.0));
                [watched.dead(before), watched.saturated(), watched.constant(before)].into_iter().flatten().collect()
            };
            findings.extend(problems.into_iter().map(|(severity, problem)| Finding {
                severity,
                layer: layer_of(node),
                node: Some(node.name.clone()),
                problem,
            }));
        }
        starved
    }
}

impl Watched {
    fn share_at_bound(&self) -> f64 {
        let sum: f64 = self.channels.iter().map(|channel| channel.at_bound).sum();
        sum / (self.channels.len() * self.pictures).max(1) as f64
    }

    fn all_dead(&self) -> bool {
        self.limits.is_some_and(Limits::is_rectified) && self.channels.iter().all(|channel| channel.zero)
    }

    /// Whether nothing of several inputs is left.
    fn carries_nothing(&self) -> bool {
        self.pictures + self.compared > 1 && self.channels.iter().all(|channel| !channel.changes)
    }

    fn dead(&self, before: Option<&Self>) -> Option<(Severity, Problem)> {
        let dead: Vec<usize> = (0..self.channels.len()).filter(|&channel| self.channels[channel].zero).collect();
        if !self.limits?.is_rectified() || dead.is_empty() {
            return None;
        }
        let many = self.pictures >= MANY_PICTURES;
        let far = |channel: &Channel| {
            channel.max < 0.0 && channel.max <= -FAR_BELOW * channel.variance().sqrt() && (self.spatial || many)
        };
        let certain = before
            .filter(|before| before.channels.len() == self.channels.len())
            .map_or(0, |before| dead.iter().filter(|&&channel| far(&before.channels[channel])).count());
        let (channels, pictures) = (self.channels.len(), self.pictures);
        let all = dead.len() == channels;
        let mostly = dead.len() as f64 >= MOSTLY_DEAD * channels as f64 && self.spatial;
        let severity = if all { Severity::Trouble } else { Severity::Notice };
        (all || certain > 0 || many || mostly)
            .then_some((severity, Problem::DeadChannels { dead: dead.len(), certain, channels, pictures }))
    }

    fn saturated(&self) -> Option<(Severity, Problem)> {
        self.limits?;
        let share = self.share_at_bound();
        let mean = |channel: &Channel| channel.at_bound / self.pictures as f64;
        let saturated = self.channels.iter().filter(|channel| mean(channel) >= AT_BOUND).count();
        let channels = self.channels.len();
        // Gates of one value for a channel are often open or shut, and are meant to be.
        let gates = !self.spatial && saturated < channels;
        let severity = if share >= SATURATED_TROUBLE && !gates { Severity::Trouble } else { Severity::Notice };
        (share >= SATURATED_NOTICE)
            .then_some((severity, Problem::Saturated { saturated, channels, share, pictures: self.pictures }))
    }

    fn constant(&self, before: Option<&Self>) -> Option<(Severity, Problem)> {
        let rectified = self.limits.is_some_and(Limits::is_rectified);
        let count = |of: &Self, dead_too: bool| {
            let live = |channel: &&Channel| dead_too || !(rectified && channel.zero);
            let constant = of.channels.iter().filter(live).filter(|channel| of.spatial && channel.constant).count();
            let several = of.pictures > 1;
            let same = |channel: &&Channel| several && !channel.changes && !(of.spatial && channel.constant);
            (constant, of.channels.iter().filter(live).filter(same).count())
        };
        let (constant, unchanging) = count(self, false);
        // Said where it arises, not at every layer that hands it on.
        let (read, read_unchanging) = before.map_or((0, 0), |before| count(before, true));
        let (constant, unchanging) = (constant.saturating_sub(read), unchanging.saturating_sub(read_unchanging));
        let (channels, pictures) = (self.channels.len(), self.pictures);
        (constant + unchanging > 0)
            .then_some((Severity::Notice, Problem::ConstantMaps { constant, unchanging, channels, pictures }))
    }
}

/// All of what a node makes of one picture, as K×positions×1. A first dimension that is not the picture's (tokens before
/// pictures, the windows of Swin, tokens flattened for a linear layer) counts among the positions.
fn of_one_picture(tensor: &Tensor, layout: Layout) -> Result<Tensor, MethodError> {
    if !(2..=5).contains(&tensor.dim()) {
        return Ok(tensor.f_reshape([-1, 1, 1])?);
    }
    let channels = channels::dimension(tensor.dim(), layout);
    let count = tensor.size().get(channels).copied().unwrap_or(1);
    Ok(tensor.f_movedim_int(channels as i64, 0)?.f_reshape([count, -1, 1])?)
}

/// The value that a node works on.
fn input_of(node: &Node) -> Option<ValueId> {
    node::value(node, "input").or_else(|| node::value(node, "self"))
}

/// Whether a sigmoid only opens and shuts its own input, as in `SiLU` written out: shut is then no trouble.
fn gates_itself(nodes: &[Node], gate: &Node) -> bool {
    let (Some(input), Some(output)) = (input_of(gate), gate.makes().next()) else { return false };
    nodes.iter().any(|node| {
        let reads = node.reads();
        node::operator(node) == "mul" && reads.contains(&input) && reads.contains(&output)
    })
}
