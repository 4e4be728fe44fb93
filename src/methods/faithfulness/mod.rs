//! How far to trust a map: whether the network itself depends on what the map says.
//!
//! One file for each metric or small family. Every metric takes any map and any attribution, as an [`Explanation`] and the way to make
//! it again of another picture or with other weights, of any [`Target`].

mod confidence;
mod curves;
mod error;
mod explanation;
mod imputation;
mod infidelity;
mod outcome;
mod randomization;
mod road;
mod sensitivity;
mod similarity;

use std::cell::OnceCell;
use std::ops::Range;

use tch::{Tensor, no_grad};

use super::job::Job;
use super::registry::{Chosen, Parameter, Range as Choices, Run, Settings};
use super::target::{Measure, Target};
use super::{MethodError, Network};
use crate::engine::{channels_last, numbers};

pub(super) use confidence::{FORM, average_drop, average_increase};
pub(super) use curves::{DELETED, INSERTED, RANDOM, STEPS, deletion, insertion};
pub use error::FaithfulnessError;
pub use explanation::Explanation;
pub use imputation::impute;
pub(super) use infidelity::infidelity;
pub use outcome::{Curve, Measured, Number, Outcome, Point, document};
pub(super) use randomization::randomization;
pub(super) use road::road;
pub(super) use sensitivity::sensitivity;
pub use similarity::{spearman, ssim};

/// Pictures at once: a processor is slower with more of them, whose activations no longer lie in its caches.
const MOST: usize = 16;

/// Makes the explanation of another picture, 1×C×H×W, or by a network with other weights.
pub type Explain<'a> = dyn Fn(&Network, &Tensor, Job<'_>) -> Result<Explanation, MethodError> + 'a;

/// A metric, as the registry names it.
pub type Metric = fn(&FaithfulnessInput<'_>, &Settings) -> Result<Outcome, MethodError>;

/// What a metric finds in an explanation. That it finds nothing in this one, as in a map that is the same everywhere, is an answer too.
///
/// # Errors
/// When the network cannot be run, or the work was stopped.
pub fn measured(metric: &Chosen, input: &FaithfulnessInput<'_>) -> Result<Measured, MethodError> {
    let found = match metric.method().run {
        Run::Faithfulness(measure) => measure(input, metric.settings()),
        Run::Map(_) | Run::Attribution { .. } | Run::Pattern(_) => {
            Err(FaithfulnessError::NoMetric(metric.method().name).into())
        }
    };
    let found = match found {
        Ok(outcome) => Ok(outcome),
        Err(MethodError::Faithfulness(reason)) => Err(reason.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Measured { metric: metric.clone(), found })
}

/// Which number of the network is looked at while the picture changes.
pub(super) const OF: Parameter = Parameter {
    name: "of",
    meaning: "what is looked at: the class's probability, or the target that the map is of, such as its score",
    range: Choices::Choice(&["probability", "target"]),
};

/// What is measured.
pub struct FaithfulnessInput<'a> {
    /// The network.
    pub network: &'a Network,
    /// One picture as the graph takes it, 1×C×H×W.
    pub input: &'a Tensor,
    /// What the explanation is of.
    pub target: &'a Target,
    /// What is to be trusted.
    pub explanation: &'a Explanation,
    /// How it is made.
    pub explain: &'a Explain<'a>,
    /// Rows and columns that the method tells apart: as many as a random map beside it has.
    pub grid: (usize, usize),
    /// Numbers to take in place of drawn ones, so that two programs can be compared, N×C×H×W: standard normal ones for each picture of
    /// `road` (from the largest share left to the smallest, most relevant first and then least) and for each sample of `infidelity`;
    /// from −1 to 1 for each sample of `sensitivity`.
    pub drawn: Option<&'a Tensor>,
    /// How the work is stopped, says how far it is, and draws its random numbers.
    pub job: Job<'a>,
    each: OnceCell<u64>,
}

impl std::fmt::Debug for FaithfulnessInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaithfulnessInput")
            .field("target", self.target)
            .field("grid", &self.grid)
            .finish_non_exhaustive()
    }
}

impl<'a> FaithfulnessInput<'a> {
    /// The explanation of a target, of `grid` rows and columns.
    ///
    /// # Errors
    /// When there is not exactly one picture, or the explanation is not of its size.
    pub fn new(
        network: &'a Network,
        input: &'a Tensor,
        target: &'a Target,
        (explanation, explain, grid): (&'a Explanation, &'a Explain<'a>, (usize, usize)),
        job: Job<'a>,
    ) -> Result<Self, MethodError> {
        let (pictures, _, height, width) = input.size4()?;
        if pictures != 1 {
            return Err(FaithfulnessError::SeveralPictures(pictures).into());
        }
        explanation.fits((height as usize, width as usize))?;
        Ok(Self { network, input, target, explanation, explain, grid, drawn: None, job, each: OnceCell::new() })
    }

    /// Rows and columns of the picture.
    fn size(&self) -> (usize, usize) {
        (self.explanation.relevance.height, self.explanation.relevance.width)
    }

    /// The target, or the probability of its class.
    fn measured(&self, settings: &Settings) -> Target {
        match (settings.word("of"), self.target.clone()) {
            ("probability", Target::Class { class, against, region, output, .. }) => {
                Target::Class { class, against, measure: Measure::Probability, region, output }
            }
            (_, target) => target,
        }
    }

    /// What the network says of `count` pictures; `make` gives those of a range, N×C×H×W.
    fn scores(
        &self,
        of: &Target,
        count: usize,
        make: &dyn Fn(Range<usize>) -> Result<Tensor, MethodError>,
    ) -> Result<Vec<f64>, MethodError> {
        let (source, tap) = (self.network.source()?, of.tap(self.network)?);
        let each = if let Some(each) = self.each.get() {
            *each
        } else {
            let shapes = self.network.shapes_of(self.input, &[tap], self.job.cancel)?;
            // The picture, what it is made of, and its mask, each twice while they are put together.
            let cost = self.network.cost(&[source], &[tap], &[], &shapes) + 32 * self.input.numel() as u64;
            *self.each.get_or_init(|| cost)
        };
        let parts = self.network.in_batches_of(MOST, count, each, &self.job, |range| {
            let pictures = range.len() as i64;
            let fed = no_grad(|| make(range))?;
            let fed = if pictures > 1 { channels_last(&fed)? } else { fed };
            let run = self.network.engine.run(&[(source, fed)], &[tap], self.job.cancel)?;
            Ok(numbers(&no_grad(|| of.of_each(self.network, run.get(tap.value)?, pictures))?)?)
        })?;
        // The probability of a class's absence comes with a minus sign, as what its gradient is taken of.
        let absent =
            matches!(of, Target::Class { class, against: None, measure: Measure::Probability, .. } if class.negative);
        Ok(parts.concat().into_iter().map(|score| f64::from(score) + f64::from(u8::from(absent))).collect())
    }

    /// Given numbers in place of drawn ones, where there are some, `count` of the picture's shape.
    fn given(&self, count: usize) -> Result<Option<Vec<f32>>, MethodError> {
        let Some(drawn) = self.drawn else { return Ok(None) };
        let (given, mut wanted) = (drawn.size(), self.input.size());
        wanted[0] = count as i64;
        if given != wanted {
            return Err(FaithfulnessError::Drawn { given, wanted }.into());
        }
        Ok(Some(numbers(drawn)?))
    }
}

/// Streams of random numbers, far from those that methods draw from the same seed.
#[derive(Debug, Clone, Copy)]
enum Stream {
    RandomMap = 1,
    Imputation,
    Sensitivity,
    Infidelity,
    Weights,
}

impl Stream {
    fn number(self, sample: usize) -> u64 {
        ((self as u64) << 40) + sample as u64
    }
}
