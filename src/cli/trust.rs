//! `--trust`: how far the map of a command is to be trusted.

use std::cell::Cell;
use std::io::{IsTerminal, Write};

use clap::Args;
use image::RgbImage;
use serde_json::{Map, Value, json};
use tch::Tensor;

use super::common::Failure;
use super::methods;
use super::report::table;
use crate::engine::Cancel;
use crate::methods::faithfulness::{Curve, Explain, Explanation, FaithfulnessInput, Outcome};
use crate::methods::job::Job;
use crate::methods::registry::{self, Kind, Method, Run, Settings};
use crate::methods::target::Target;
use crate::methods::{MethodError, Network};
use crate::picture::chart::{self, Chart};
use crate::picture::scale::short;

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

/// A metric with what is set of it.
pub(super) struct Asked {
    method: &'static Method,
    settings: Settings,
}

/// What a metric found, or why it found nothing.
pub(super) struct Measured {
    method: &'static Method,
    settings: Settings,
    found: Result<Outcome, String>,
}

impl TrustOptions {
    /// The metrics that are asked for.
    pub(super) fn asked(&self) -> Result<Vec<Asked>, Failure> {
        let metrics = self.trust.as_ref().map_or(&[][..], |metrics| &metrics.0);
        let mut asked: Vec<Asked> =
            metrics.iter().map(|method| Asked { method, settings: Settings::of(method) }).collect();
        for text in &self.trust_set {
            let wrong = |reason: String| Failure::Usage(format!("--trust-set: {reason}"));
            let (name, set) = text
                .split_once('.')
                .ok_or_else(|| wrong(format!("'{text}' is no setting: write METRIC.NAME=VALUE")))?;
            let method = registry::find(Kind::Faithfulness, name).map_err(|error| wrong(error.to_string()))?;
            let one = asked.iter_mut().find(|one| one.method.name == method.name);
            let one = one.ok_or_else(|| wrong(format!("{name} is not among the metrics of --trust")))?;
            one.settings.set(set).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(asked)
    }
}

/// Measures an explanation of a picture, 1×C×H×W. What a metric cannot say of this map is kept beside what others say.
pub(super) fn measured(
    asked: &[Asked],
    (network, picture, target): (&Network, &Tensor, &Target),
    explained: (&Explanation, &Explain<'_>, (usize, usize)),
    seed: u64,
) -> Result<Vec<Measured>, Failure> {
    let (cancel, name) = (Cancel::new(), Cell::new(""));
    let progress = |done: usize, all: usize| say_progress(name.get(), done, all);
    let job = Job { progress: &progress, ..Job::quiet(&cancel, seed) };
    let input = FaithfulnessInput::new(network, picture, target, explained, job)?;
    let measure = |Asked { method, settings }: &Asked| {
        name.set(method.name);
        let Run::Faithfulness(metric) = method.run else { unreachable!("a metric was looked for") };
        let found = match metric(&input, settings) {
            Ok(outcome) => Ok(outcome),
            Err(MethodError::Faithfulness(reason)) => Err(reason.to_string()),
            Err(error) => return Err(error.into()),
        };
        Ok(Measured { method, settings: settings.clone(), found })
    };
    asked.iter().map(measure).collect()
}

/// What was found, by metric.
pub(super) fn document(measured: &[Measured]) -> Value {
    let metric = |one: &Measured| {
        let mut fields = Map::from_iter([("settings".to_owned(), methods::values(&one.settings))]);
        match &one.found {
            Ok(outcome) => {
                let numbers = outcome.numbers.iter().map(|number| (number.name.replace(' ', "_"), json!(number.value)));
                fields.extend(numbers);
                let curves = outcome.curves.iter().map(|curve| (curve.name.clone(), points(curve)));
                fields.insert("curves".to_owned(), Value::Object(curves.collect()));
            }
            Err(reason) => {
                fields.insert("error".to_owned(), json!(reason));
            }
        }
        (one.method.name.to_owned(), Value::Object(fields))
    };
    Value::Object(measured.iter().map(metric).collect())
}

fn points(curve: &Curve) -> Value {
    let point = |point: &crate::methods::faithfulness::Point| match &point.label {
        Some(label) => json!({ "share": point.at, "value": point.value, "layer": label }),
        None => json!({ "share": point.at, "value": point.value }),
    };
    curve.points.iter().map(point).collect()
}

/// The same for people: a line for each metric with its numbers and its curves, and the layers of the one that goes through them.
pub(super) fn lines(measured: &[Measured]) -> Vec<String> {
    let numbers: Vec<String> = measured.iter().map(numbers).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let first = width(&mut measured.iter().map(|one| one.method.name.len()));
    let second = width(&mut numbers.iter().map(|text| text.chars().count()));
    let mut lines = Vec::new();
    for (one, numbers) in measured.iter().zip(&numbers) {
        let drawn: Vec<String> = one.found.iter().flat_map(|outcome| bars(&outcome.curves)).collect();
        lines.push(
            format!("{:<first$}  {numbers:<second$}  {}", one.method.name, drawn.join("  ")).trim_end().to_owned(),
        );
    }
    for outcome in measured.iter().filter_map(|one| one.found.as_ref().ok()) {
        lines.extend(layers(&outcome.curves));
    }
    lines
}

fn numbers(one: &Measured) -> String {
    let outcome = match &one.found {
        Ok(outcome) => outcome,
        Err(reason) => return reason.clone(),
    };
    let said = outcome.numbers.iter().map(|number| {
        let value = number.value.map_or_else(|| "none".to_owned(), |value| short(value as f32));
        format!("{} {value}", number.name)
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Curves as bars between zero and the greatest value of all.
fn bars(curves: &[Curve]) -> Vec<String> {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values = curves.iter().flat_map(|curve| curve.points.iter().filter_map(|point| point.value));
    let most = values.fold(f64::MIN_POSITIVE, f64::max);
    let bar = |value: Option<f64>| {
        value.map_or(' ', |value| BARS[(value.max(0.0) / most * (BARS.len() - 1) as f64).round() as usize])
    };
    let drawn = |curve: &Curve| curve.points.iter().map(|point| bar(point.value)).collect::<String>();
    curves.iter().map(|curve| format!("{} {}", curve.name, drawn(curve))).collect()
}

/// The picture with the curves and the numbers beside it; as it is where nothing was measured.
pub(super) fn beside(picture: RgbImage, measured: &[Measured]) -> RgbImage {
    let said = |outcome: &Outcome| {
        let numbers = outcome.numbers.iter().map(|number| {
            format!("{} {}", number.name, number.value.map_or_else(|| "none".to_owned(), |value| short(value as f32)))
        });
        numbers.collect::<Vec<_>>()
    };
    let mut charts = Vec::new();
    let mut others = Vec::new();
    for one in measured {
        let name = one.method.name;
        match &one.found {
            Ok(outcome) if outcome.curves.is_empty() => {
                others.extend(said(outcome).into_iter().take(1).map(|number| {
                    let value = number.rsplit(' ').next().unwrap_or_default().to_owned();
                    format!("{name} {value}")
                }));
            }
            Ok(outcome) => {
                let mut numbers = said(outcome);
                // The number of both curves comes first in its row, after what each of them says.
                let both = numbers.len().saturating_sub(outcome.curves.len());
                let title = format!("{name} {}", numbers.drain(..both).collect::<Vec<_>>().join(" "));
                let curve = |curve: &Curve| curve.points.iter().map(|point| (point.at, point.value)).collect();
                charts.push(Chart { title, lines: numbers, curves: outcome.curves.iter().map(curve).collect() });
            }
            Err(reason) => {
                charts.push(Chart { title: name.to_owned(), lines: vec![reason.clone()], curves: Vec::new() })
            }
        }
    }
    if !others.is_empty() {
        charts.push(Chart { title: String::new(), lines: others, curves: Vec::new() });
    }
    if charts.is_empty() { picture } else { chart::beside(&picture, &charts) }
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

/// A line on stderr that is written over, for whoever watches.
fn say_progress(metric: &str, done: usize, all: usize) {
    let mut stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return;
    }
    let end = if done >= all { "\r\x1b[K" } else { "" };
    // Progress that cannot be shown is no reason to stop.
    let _ =
        write!(stderr, "\r\x1b[Ktrust: {metric} {:3} %{end}", done * 100 / all.max(1)).and_then(|()| stderr.flush());
}
