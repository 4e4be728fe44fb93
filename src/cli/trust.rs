//! `--trust`: how far the map of a command is to be trusted.

use std::cell::Cell;

use clap::Args;
use tch::Tensor;

use super::common::Failure;
use super::methods;
use super::progress::ProgressLine;
use super::report::table;
use crate::engine::Cancel;
use crate::methods::Network;
use crate::methods::faithfulness::{self, Curve, Explain, Explanation, FaithfulnessInput, Measured};
use crate::methods::job::Job;
use crate::methods::registry::{self, Chosen, Kind, Method};
use crate::methods::target::Target;
use crate::picture::trust;

/// How far the result is to be trusted
#[derive(Debug, Args)]
pub(super) struct TrustOptions {
    /// Measure how far the result is to be trusted, by these metrics, or by all
    #[arg(long, value_name = "METRIC,…", num_args = 0..=1, default_missing_value = ALL, value_parser = metrics,
          long_help = methods::help(Kind::Faithfulness, "Measure how far the result is to be trusted, by these metrics, or by all:"))]
    trust: Option<Metrics>,
    /// A parameter of a metric, as METRIC.NAME=VALUE; may be repeated
    #[arg(long, value_name = "METRIC.NAME=VALUE", requires = "trust")]
    trust_set: Vec<String>,
    /// Print the metrics of --trust with their formulas, sources and parameters
    #[arg(long)]
    pub(super) list_metrics: bool,
}

const ALL: &str = "all";

/// Metrics by name.
#[derive(Debug, Clone)]
struct Metrics(Vec<&'static Method>);

fn metrics(names: &str) -> Result<Metrics, registry::UnknownMethod> {
    if names == ALL {
        return Ok(Metrics(registry::all(Kind::Faithfulness).collect()));
    }
    names.split(',').map(|name| registry::find(Kind::Faithfulness, name.trim())).collect::<Result<_, _>>().map(Metrics)
}

impl TrustOptions {
    /// The metrics that are asked for.
    pub(super) fn asked(&self) -> Result<Vec<Chosen>, Failure> {
        let metrics = self.trust.as_ref().map_or(&[][..], |metrics| &metrics.0);
        let mut asked: Vec<Chosen> = metrics.iter().map(|method| Chosen::from(*method)).collect();
        for text in &self.trust_set {
            let wrong = |reason: String| Failure::Usage(format!("--trust-set: {reason}"));
            let (name, set) = text
                .split_once('.')
                .ok_or_else(|| wrong(format!("'{text}' is no setting: write METRIC.NAME=VALUE")))?;
            let method = registry::find(Kind::Faithfulness, name).map_err(|error| wrong(error.to_string()))?;
            let one = asked.iter_mut().find(|one| one.method().name == method.name);
            let one = one.ok_or_else(|| wrong(format!("{name} is not among the metrics of --trust")))?;
            one.set(set).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(asked)
    }
}

/// Measures an explanation of a picture, 1×C×H×W. What a metric cannot say of this map is kept beside what others say.
pub(super) fn measured(
    asked: &[Chosen],
    (network, picture, target): (&Network, &Tensor, &Target),
    explained: (&Explanation, &Explain<'_>, (usize, usize)),
    seed: u64,
) -> Result<Vec<Measured>, Failure> {
    let (cancel, name, line) = (Cancel::new(), Cell::new(""), ProgressLine::new());
    let say = |done: usize, all: usize| {
        line.say(format_args!("trust: {} {:3} %", name.get(), done * 100 / all.max(1)));
    };
    let job = Job { progress: &say, ..Job::quiet(&cancel, seed) };
    let input = FaithfulnessInput::new(network, picture, target, explained, job)?;
    let measure = |metric: &Chosen| {
        name.set(metric.method().name);
        Ok(faithfulness::measured(metric, &input)?)
    };
    asked.iter().map(measure).collect()
}

/// What was found, for people: a line for each metric with its numbers and its curves, and the layers of the one that goes through them.
pub(super) fn lines(measured: &[Measured]) -> Vec<String> {
    let numbers: Vec<String> = measured.iter().map(numbers).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let first = width(&mut measured.iter().map(|one| one.metric.method().name.len()));
    let second = width(&mut numbers.iter().map(|text| text.chars().count()));
    let mut lines = Vec::new();
    for (one, numbers) in measured.iter().zip(&numbers) {
        let drawn: Vec<String> = one.found.iter().flat_map(|outcome| trust::bars(&outcome.curves)).collect();
        lines.push(
            format!("{:<first$}  {numbers:<second$}  {}", one.metric.method().name, drawn.join("  "))
                .trim_end()
                .to_owned(),
        );
    }
    for outcome in measured.iter().filter_map(|one| one.found.as_ref().ok()) {
        lines.extend(layers(&outcome.curves));
    }
    lines
}

fn numbers(one: &Measured) -> String {
    match &one.found {
        Ok(outcome) => trust::numbers(outcome).join(", "),
        Err(reason) => reason.clone(),
    }
}

/// A table of the points that have names.
fn layers(curves: &[Curve]) -> Vec<String> {
    let Some(first) = curves.first() else { return Vec::new() };
    let rows: Vec<Vec<String>> = first
        .points
        .iter()
        .enumerate()
        .filter_map(|(at, point)| {
            let values = curves.iter().map(|curve| {
                let value = curve.points.get(at).and_then(|point| point.value);
                value.map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"))
            });
            Some(std::iter::once(point.label.clone()?).chain(values).collect())
        })
        .collect();
    let head: Vec<&str> =
        std::iter::once("random down to").chain(curves.iter().map(|curve| curve.name.as_str())).collect();
    if rows.is_empty() { Vec::new() } else { table(&head, &rows) }
}
