//! Health: what is wrong with a network, or with what it is fed.
//!
//! Everything is found in one observed forward run for each picture, with one recorded run more for the gradients of the
//! first few, and a few runs on grey, noise and zeros. Statistics are reduced as the pictures come: memory does not grow
//! with their number. Thresholds stand as constants beside what they decide; they are such that sound networks, trained or
//! fresh, give no [`Severity::Trouble`].

mod batch_norm;
mod finding;
mod finite;
mod gradients;
mod input;
mod maps;
mod predictions;
mod structure;
mod weights;
mod words;

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

pub use batch_norm::BatchNormStatistics;
pub use finding::{Cause, Finding, NotFinite, Problem, Severity};
pub use gradients::LayerGradient;

use super::forward::record_shapes;
use super::job::Job;
use super::target::Target;
use super::{MethodError, Network};
use crate::aten::Value;
use crate::engine::Taps;
use crate::methods::predictions::top_class;
use crate::model::LayerId;
use finite::Finiteness;
use gradients::Gradients;
use input::InputValues;
use maps::Maps;
use predictions::Predictions;
use structure::Structure;

/// Pictures whose gradients are taken.
const GRADIENT_PICTURES: usize = 8;

/// Pictures to look at.
#[derive(Debug)]
pub struct Sample {
    /// What they are called in what is found.
    pub name: String,
    /// N×C×H×W, as the graph has it.
    pub input: Tensor,
}

/// What is seen of a layer at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// NaNs in its output, in the first picture that has some.
    pub nan: u64,
    /// Infinities.
    pub inf: u64,
    /// Share of its channels that are zero everywhere in all pictures, where its last operator has an end at zero.
    pub dead: Option<f64>,
    /// Share of its values that lie at a bound, where its last operator has some.
    pub saturated: Option<f64>,
    /// Norm of the target's gradient with respect to its output, where it was taken.
    pub gradient: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Pictures that were looked at; none where there was only noise.
    pub pictures: usize,
    /// Pictures whose gradients were taken: the first few, and none where there was not memory enough.
    pub gradient_pictures: usize,
    /// Trouble first, each in the order of the graph.
    pub findings: Vec<Finding>,
    /// The target's gradient at every layer that it was taken at.
    pub gradients: Vec<LayerGradient>,
    /// Every batch norm that has running statistics.
    pub batch_norms: Vec<BatchNormStatistics>,
    /// The layers that something was seen of.
    pub marks: Vec<(LayerId, Marks)>,
}

impl Report {
    /// Number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Looks at a network and at what it makes of the samples; without any, of noise. Gradients are of `target`, or else of each
/// picture's top class. Progress is counted in samples.
///
/// # Errors
/// What the samples' iterator gives, a node that cannot be run, or that the job was cancelled.
pub fn check<E: From<MethodError>>(
    network: &Network,
    samples: impl IntoIterator<Item = Result<Sample, E>>,
    target: Option<&Target>,
    job: Job<'_>,
) -> Result<Report, E> {
    let mut check = Check::new(network, target, job)?;
    let samples = samples.into_iter();
    let known = samples.size_hint();
    let total = known.1.unwrap_or(known.0);
    (job.progress)(0, total);
    for (before, sample) in samples.enumerate() {
        let Sample { name, input } = sample?;
        let batch = input.size().first().copied().unwrap_or(0);
        for index in 0..batch {
            let name = if batch == 1 { name.clone() } else { format!("{name}[{index}]") };
            check.picture(&input.narrow(0, index, 1), &name)?;
        }
        (job.progress)(before + 1, total.max(before + 1));
    }
    Ok(check.finish()?)
}

/// A check that is under way.
struct Check<'a> {
    network: &'a Network,
    target: Option<&'a Target>,
    job: Job<'a>,
    structure: Structure,
    findings: Vec<Finding>,
    finiteness: Finiteness,
    maps: Maps,
    gradients: Gradients,
    gradient_pictures: usize,
    values: InputValues,
    predictions: Predictions,
    pictures: usize,
    /// Shape of the first picture.
    shape: Option<Vec<i64>>,
}

impl<'a> Check<'a> {
    fn new(network: &'a Network, target: Option<&'a Target>, job: Job<'a>) -> Result<Self, MethodError> {
        let end = target.map_or(Ok(network.head.scores.into()), |target| target.tap(network))?;
        let structure = Structure::of(network, network.head.scores.into())?;
        let towards_target = Structure::of(network, end)?;
        let mut findings = Vec::new();
        let finiteness = Finiteness::of_weights(network, &mut findings)?;
        weights::findings(network, job, &mut findings)?;
        Ok(Self {
            network,
            target,
            job,
            maps: Maps::new(network, &structure),
            gradients: Gradients::new(network, &towards_target, end),
            structure,
            findings,
            finiteness,
            gradient_pictures: 0,
            values: InputValues::new(),
            predictions: Predictions::default(),
            pictures: 0,
            shape: None,
        })
    }

    /// Looks at what the network makes of a picture 1×C×H×W.
    fn picture(&mut self, input: &Tensor, name: &str) -> Result<(), MethodError> {
        self.observe(input, name, false)?;
        self.pictures += 1;
        Ok(())
    }

    fn observe(&mut self, input: &Tensor, name: &str, noise: bool) -> Result<(), MethodError> {
        let network = self.network;
        self.finiteness.begin(network.source()?, input, name)?;
        let (finiteness, maps, structure) = (&mut self.finiteness, &mut self.maps, &self.structure);
        let mut shapes = network.known_shapes(input)?;
        let run = run(network, input, self.job, &mut |index, results| {
            record_shapes(&mut shapes, &network.engine.graph().nodes[index], results);
            finiteness.see(network, structure, index, results, name)?;
            maps.see(network, index, results, false)
        })?;
        let (output, scores) = (run.get(network.head.output)?, run.get(network.head.scores)?);
        let sound = !finite::Counts::of(scores)?.any();
        self.shape.get_or_insert_with(|| input.size());
        if !noise {
            self.predictions.add(network, input, output, scores)?;
            self.values.add(network, input, Some(scores).filter(|_| sound), self.job.cancel)?;
        }
        if sound && self.gradient_pictures < GRADIENT_PICTURES {
            self.gradient_pictures += 1;
            let target = match self.target {
                Some(target) => target.clone(),
                None => match top_class(network, output) {
                    Ok(class) => class.into(),
                    // An output without classes has no target of its own.
                    Err(_) => return Ok(()),
                },
            };
            if self.gradients.cost(network, target.tap(network)?, &shapes)? <= network.engine.memory().left() {
                self.gradients.add(network, &self.structure, input, &target, self.job.cancel)?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Report, MethodError> {
        let network = self.network;
        let inputs = self.other_inputs()?;
        if self.pictures == 0 {
            for (name, input) in &inputs {
                if *name != ZEROS {
                    self.observe(input, name, true)?;
                }
            }
        }
        for (name, input) in &inputs {
            // Zeros may be no input that a network can be expected to cope with, as where it divides by the spread of a picture.
            let (maps, noise) = (&mut self.maps, *name == NOISE);
            let run = run(network, input, self.job, &mut |index, results| {
                if noise { maps.see(network, index, results, true) } else { Ok(()) }
            })?;
            let (output, scores) = (run.get(network.head.output)?, run.get(network.head.scores)?);
            self.predictions.add_other(network, name, input, output, scores)?;
        }
        let mut findings = std::mem::take(&mut self.findings);
        self.finiteness.findings(network, &mut findings);
        let starved = self.maps.findings(network, &self.structure, &mut findings);
        let first = input::first_batch_norm(network)?.filter(|_| self.pictures > 0);
        let other_scale = self.values.findings(network, &self.maps, first, &mut findings)?;
        let seen = batch_norm::Seen { maps: &self.maps, pictures: self.pictures, first, starved, other_scale };
        let batch_norms = batch_norm::findings(network, &seen, &mut findings)?;
        self.gradients.findings(network, &mut findings);
        self.predictions.findings(&mut findings);
        let nodes = &network.engine.graph().nodes;
        let order: HashMap<&str, usize> =
            nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect();
        // What is fed comes first, what is predicted last.
        let position = |finding: &Finding| match finding.problem {
            Problem::SamePredictions { .. } => Some(usize::MAX),
            _ => finding.node.as_deref().and_then(|node| order.get(node)).copied(),
        };
        findings.sort_by_key(|finding| (finding.severity, position(finding)));
        Ok(Report {
            pictures: self.pictures,
            gradient_pictures: self.gradients.pictures,
            findings,
            gradients: self.gradients.table(),
            batch_norms,
            marks: self.marks(),
        })
    }

    /// Grey, noise and zeros of the first picture's shape, on the scale that the preprocessing gives.
    fn other_inputs(&self) -> Result<Vec<(&'static str, Tensor)>, MethodError> {
        let zeros = match &self.shape {
            Some(shape) => Tensor::f_zeros(shape, (Kind::Float, self.network.engine.device()))?,
            None => self.network.zeros()?,
        };
        let (least, most) = input::expected_range(self.network).unwrap_or((0.0, 1.0));
        let mut random = ChaCha8Rng::seed_from_u64(self.job.seed);
        let mut uniform = || least + (most - least) * (random.next_u32() as f32 / u32::MAX as f32);
        let numbers: Vec<f32> = (0..zeros.numel()).map(|_| uniform()).collect();
        let noise = self.network.engine.tensor(&numbers, &zeros.size())?;
        let grey = zeros.f_add_scalar(f64::midpoint(least.into(), most.into()))?;
        Ok(vec![(NOISE, noise), (GREY, grey), (ZEROS, zeros)])
    }

    fn marks(&self) -> Vec<(LayerId, Marks)> {
        let marks = self.network.layers.iter().map(|(id, layer)| {
            let output = layer.output?;
            let (counts, stuck) = (self.finiteness.of(output), self.maps.stuck(output));
            let marks = Marks {
                nan: counts.nan,
                inf: counts.inf,
                dead: stuck.map(|(dead, _)| dead),
                saturated: stuck.map(|(_, saturated)| saturated),
                gradient: self.gradients.norm(output),
            };
            (marks != Marks::default()).then_some((id, marks))
        });
        marks.flatten().collect()
    }
}

/// Inputs that are no pictures.
const NOISE: &str = "noise";
const GREY: &str = "grey";
const ZEROS: &str = "zeros";

/// Told a node's index and what it made.
type Observer<'a> = dyn FnMut(usize, &[Value]) -> Result<(), MethodError> + 'a;

/// Runs to the output and the scores; the first error of the observer ends it.
fn run(network: &Network, input: &Tensor, job: Job<'_>, observer: &mut Observer<'_>) -> Result<Taps, MethodError> {
    let given = [(network.source()?, input.shallow_clone())];
    let taps = [network.head.output.into(), network.head.scores.into()];
    let mut failed = None;
    let run = network.engine.run_observed(&given, &taps, job.cancel, &mut |index, results| {
        if failed.is_none() {
            failed = observer(index, results).err();
        }
    });
    failed.map_or(run.map_err(MethodError::from), Err)
}
