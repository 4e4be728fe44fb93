//! Predictions that do not change when they should.

use tch::{Kind, Tensor};

use super::finding::{Finding, Problem, Severity};
use crate::engine::numbers;
use crate::methods::predictions::{class_scores, top};
use crate::methods::{MethodError, Network};

/// Largest difference between inputs by the largest between classes: none at all, and hardly any.
const NONE: f64 = 1e-6;
const HARDLY_ANY: f64 = 1e-3;
/// Difference of probabilities that is none.
const SAME_PROBABILITY: f32 = 1e-4;
/// Scores below which a network with one score is not told from its own noise.
const LEAST_SCORE: f64 = 1e-12;

/// Distance of the best score from the second; of a single score, from zero. `None` where a score is not finite.
pub(super) fn margin(scores: &Tensor) -> Result<Option<f64>, MethodError> {
    let Ok(scores) = class_scores(scores) else { return Ok(None) };
    let mut scores = numbers(&scores.f_select(0, 0)?)?;
    if scores.iter().any(|score| !score.is_finite()) {
        return Ok(None);
    }
    scores.sort_by(|a, b| b.total_cmp(a));
    Ok(match scores.as_slice() {
        [only] => Some(f64::from(only.abs())),
        [best, second, ..] => Some(f64::from(best - second)),
        [] => None,
    })
}

/// What the network says of one input.
#[derive(Debug)]
struct Said {
    scores: Vec<f32>,
    class: usize,
    label: String,
    probability: f32,
}

impl Said {
    fn of(network: &Network, output: &Tensor, scores: &Tensor) -> Result<Option<Self>, MethodError> {
        let Ok(scores) = class_scores(scores) else { return Ok(None) };
        let scores = numbers(&scores.f_select(0, 0)?.f_to_kind(Kind::Float)?)?;
        if scores.iter().any(|score| !score.is_finite()) {
            return Ok(None);
        }
        let best = top(network, output, 1)?.into_iter().next();
        Ok(best.map(|best| Self { scores, class: best.index, label: best.label, probability: best.probability }))
    }
}

/// How far inputs are from the first of them.
#[derive(Debug, Default)]
struct Likeness {
    inputs: usize,
    spread: f64,
    same_class: bool,
    same_probability: bool,
}

/// Compares what the network says of one input after another.
#[derive(Debug, Default)]
pub(super) struct Predictions {
    first: Option<(Tensor, Said)>,
    /// What the first is called where it is no picture.
    in_place: Option<&'static str>,
    pictures: Likeness,
    others: Vec<(&'static str, f64, bool)>,
}

impl Predictions {
    /// Adds a picture; the same as the first counts for nothing.
    pub(super) fn add(
        &mut self,
        network: &Network,
        input: &Tensor,
        output: &Tensor,
        scores: &Tensor,
    ) -> Result<(), MethodError> {
        let Some(said) = Said::of(network, output, scores)? else { return Ok(()) };
        let Some((known, first)) = &self.first else {
            self.first = Some((input.shallow_clone(), said));
            self.pictures = Likeness { inputs: 1, spread: 0.0, same_class: true, same_probability: true };
            return Ok(());
        };
        if known.size() == input.size() && known.f_equal(input)? {
            return Ok(());
        }
        let pictures = &mut self.pictures;
        pictures.inputs += 1;
        pictures.spread = pictures.spread.max(spread(&first.scores, &said.scores));
        pictures.same_class &= first.class == said.class;
        pictures.same_probability &= (first.probability - said.probability).abs() <= SAME_PROBABILITY;
        Ok(())
    }

    /// Adds an input that is no picture. The first of them stands in for a picture where there is none.
    pub(super) fn add_other(
        &mut self,
        network: &Network,
        name: &'static str,
        input: &Tensor,
        output: &Tensor,
        scores: &Tensor,
    ) -> Result<(), MethodError> {
        if self.first.is_none() {
            self.in_place = Some(name);
            return self.add(network, input, output, scores);
        }
        if let (Some(said), Some((known, first))) = (Said::of(network, output, scores)?, &self.first) {
            // A picture may be all grey.
            if known.size() == input.size() && known.f_equal(input)? {
                return Ok(());
            }
            let same = first.class == said.class && (first.probability - said.probability).abs() <= SAME_PROBABILITY;
            self.others.push((name, spread(&first.scores, &said.scores), same));
        }
        Ok(())
    }

    /// What was found.
    pub(super) fn findings(&self, findings: &mut Vec<Finding>) {
        let Some((_, first)) = &self.first else { return };
        let pictures = &self.pictures;
        let plural = if pictures.inputs == 1 { "" } else { "s" };
        let counted = self.in_place.map_or_else(|| format!("{} picture{plural}", pictures.inputs), str::to_owned);
        let mut say = |severity, inputs: Vec<String>, spread| {
            let problem = Problem::SamePredictions {
                inputs,
                class: first.label.clone(),
                probability: first.probability.into(),
                spread,
            };
            findings.push(Finding { severity, layer: None, node: None, problem });
        };
        let least = self.others.iter().fold(f64::INFINITY, |least, other| least.min(other.1));
        let most = self.others.iter().fold(pictures.spread, |most, other| most.max(other.1));
        let names = || self.others.iter().map(|other| other.0.to_owned());
        if !self.others.is_empty() && most <= NONE {
            say(Severity::Trouble, std::iter::once(counted).chain(names()).collect(), most);
        } else if pictures.inputs > 1 && pictures.spread <= NONE {
            say(Severity::Trouble, vec![counted], pictures.spread);
        } else if pictures.inputs > 1 && pictures.spread <= HARDLY_ANY && pictures.same_class {
            say(Severity::Notice, vec![counted], pictures.spread);
        } else if least <= HARDLY_ANY {
            let same: Vec<_> = self.others.iter().filter(|other| other.1 <= HARDLY_ANY).collect();
            let most = same.iter().fold(0.0, |most: f64, other| most.max(other.1));
            let first = self.in_place.unwrap_or("a picture").to_owned();
            let inputs = std::iter::once(first).chain(same.iter().map(|other| other.0.to_owned()));
            say(Severity::Notice, inputs.collect(), most);
        } else if !self.others.is_empty()
            && self.others.iter().all(|other| other.2)
            && first.probability > 0.5
            && pictures.same_probability
        {
            // As sure of grey as of a picture, though by other scores.
            let inputs = std::iter::once(counted).chain(names());
            say(Severity::Notice, inputs.collect(), most);
        }
    }
}

/// Largest difference of a score, by the largest difference between classes or, of a single score, by its size.
fn spread(first: &[f32], other: &[f32]) -> f64 {
    if first.len() != other.len() {
        return f64::INFINITY;
    }
    let difference = first.iter().zip(other).fold(0.0_f64, |most, (&a, &b)| most.max(f64::from((a - b).abs())));
    let most = |scores: &[f32]| scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let least = |scores: &[f32]| scores.iter().copied().fold(f32::INFINITY, f32::min);
    let size = match first {
        [only] => f64::from(only.abs()),
        _ => f64::from(most(first) - least(first)),
    };
    difference / size.max(LEAST_SCORE)
}
