//! `layerscope check`: what is wrong with a network, or with what it is fed.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crossterm::terminal;
use serde_json::json;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use super::common::{Failure, Format, Given, ModelOptions, class_named};
use super::progress::ProgressLine;
use super::report::{model, print_json, print_lines, say_guess, value};
use crate::aten::exit_now;
use crate::engine::{Cancel, EngineError};
use crate::methods::health::{self, Finding, Report, Sample, Severity};
use crate::methods::job::Job;
use crate::methods::target::Target;
use crate::methods::{MethodError, Network};
use crate::picture::load::{Input, Loaded, decode_picture};
use crate::service::open::{DEMO_PICTURE, fed};

/// Exit code of a check that found trouble.
const TROUBLE: u8 = 1;
/// Exit code of a command that Ctrl-C has stopped, as shells have it.
const STOPPED: u8 = 130;
/// Columns of a table that goes to no terminal.
const COLUMNS: usize = 120;
/// Notices of one kind that the table shows one by one.
const MOST_ALIKE: usize = 3;

/// Look for trouble in a network and in what it is fed; exits 1 where there is some
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Model file, or `demo`
    model: PathBuf,
    /// Pictures, folders of pictures, or .npy arrays; without one, the demo's picture, grey and noise
    input: Vec<PathBuf>,
    /// Index or label of the class that gradients are taken of; without this, each picture's top class
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// table or json
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
    #[command(flatten)]
    options: ModelOptions,
}

impl Check {
    /// Gives 0, or 1 where there is trouble.
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let inputs = Input::resolve(&self.input)?;
        let network = self.options.network(Some(&self.model))?;
        let class = self.class.as_deref().map(|class| class_named(&network, "--class", class)).transpose()?;
        let target = class.map(Target::from);
        let cancel = stopped_by_interrupt()?;
        let line = ProgressLine::new();
        let say = |done: usize, all: usize| {
            if all > 1 {
                line.say(format_args!("checking: {done} of {all}"));
            }
        };
        let job = Job { cancel: &cancel, progress: &say, seed: self.options.seed };
        let samples = if inputs.is_empty() {
            let sample = sample(&network, &demo_picture()?);
            if let Err(reason) = &sample {
                super::errors::warn(&format!("checked with noise: {reason}"));
            }
            health::check::<Failure>(&network, sample.ok().map(Ok), target.as_ref(), job)
        } else {
            let mut first = true;
            let samples = inputs.iter().map(|input| {
                let given = Given { path: input.path().display().to_string(), loaded: input.load()? };
                if std::mem::take(&mut first) {
                    say_guess(&network, &given.loaded);
                }
                sample(&network, &given)
            });
            health::check::<Failure>(&network, samples, target.as_ref(), job)
        };
        drop(line);
        let report = match samples {
            Err(Failure::Method(MethodError::Engine(EngineError::Cancelled))) => {
                super::errors::warn("stopped");
                return Ok(ExitCode::from(STOPPED));
            }
            report => report?,
        };
        match self.format {
            Format::Json => print_json(&json!({
                "model": model(&network),
                "pictures": report.pictures,
                "gradient_pictures": report.gradient_pictures,
                "trouble": report.count(Severity::Trouble),
                "notices": report.count(Severity::Notice),
                "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
                "gradients": value(&report.gradients),
                "batch_norms": value(&report.batch_norms),
                "layers": marks(&network, &report),
            }))?,
            Format::Table => print_lines(lines(&network, &report, columns()))?,
        }
        Ok(if report.count(Severity::Trouble) > 0 { ExitCode::from(TROUBLE) } else { ExitCode::SUCCESS })
    }
}

/// The demo's picture, for a model that is given none.
fn demo_picture() -> Result<Given, Failure> {
    let picture = decode_picture(DEMO_PICTURE, "the demo's picture")?;
    Ok(Given { path: "the demo's picture".to_owned(), loaded: Loaded::Picture(picture) })
}

fn sample(network: &Network, given: &Given) -> Result<Sample, Failure> {
    let (input, _) = fed(network, &given.loaded).map_err(|reason| Failure::Fed { path: given.path.clone(), reason })?;
    Ok(Sample { name: given.path.clone(), input })
}

/// A flag that Ctrl-C raises; a second one ends the process at once.
fn stopped_by_interrupt() -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let (raised, mut signals) = (cancel.clone(), Signals::new([SIGINT])?);
    std::thread::spawn(move || {
        for _ in &mut signals {
            if raised.is_raised() {
                // libtorch may be in the middle of an operator that takes long.
                exit_now(STOPPED);
            }
            raised.raise();
        }
    });
    Ok(cancel)
}

fn finding(finding: &Finding) -> serde_json::Value {
    let mut document = value(finding);
    if let Some(members) = document.as_object_mut() {
        members.insert("says".to_owned(), finding.problem.numbers().into());
        members.insert("hint".to_owned(), finding.problem.hint().into());
    }
    document
}

fn marks(network: &Network, report: &Report) -> Vec<serde_json::Value> {
    let row = |(id, marks): &(_, health::Marks)| {
        let path = network.layers.get(*id).map(|layer| layer.path.as_str());
        let mut document = value(marks);
        if let Some(members) = document.as_object_mut() {
            members.shift_insert(0, "path".to_owned(), path.into());
        }
        document
    };
    report.marks.iter().map(row).collect()
}

/// Width of the terminal that the table goes to.
fn columns() -> usize {
    let there = std::io::stdout().is_terminal().then(terminal::size).and_then(Result::ok);
    there.map_or(COLUMNS, |(columns, _)| usize::from(columns)).max(40)
}

/// A line for each finding; where it does not fit, its hint goes below.
fn lines(network: &Network, report: &Report, columns: usize) -> Vec<String> {
    let (trouble, notices) = (report.count(Severity::Trouble), report.count(Severity::Notice));
    let counted = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let over = if report.pictures == 0 { "noise".to_owned() } else { counted(report.pictures, "picture", "pictures") };
    let found = match (trouble, notices) {
        (0, 0) => "nothing found".to_owned(),
        (0, _) => format!("no trouble, {}", counted(notices, "notice", "notices")),
        (_, 0) => format!("{trouble} trouble"),
        _ => format!("{trouble} trouble, {}", counted(notices, "notice", "notices")),
    };
    let mut lines = vec![format!("{}, {over}: {found}", network.name)];
    if report.gradient_pictures == 0 {
        lines
            .push("no gradients were taken: there is no finite score to take them of, or not memory enough".to_owned());
    }
    let shown = gathered(&report.findings);
    let rows: Vec<[String; 4]> = shown.iter().map(|(finding, others)| cells(finding, *others)).collect();
    if rows.is_empty() {
        return lines;
    }
    lines.push(String::new());
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (severity, name) = (width(0), width(2));
    // A long path gives way to the numbers, from its left.
    let layer = width(1).min((columns / 3).max(12));
    let indent = severity + layer + name + 6;
    for (row, (finding, _)) in rows.iter().zip(&shown) {
        let head = format!("{:<severity$}  {:<layer$}  {:<name$}  ", row[0], shortened(&row[1], layer), row[2]);
        let hint = format!("→ {}", finding.problem.hint());
        let (rest, length) = (columns.saturating_sub(indent), |text: &str| text.chars().count());
        if length(&row[3]) + 2 + length(&hint) <= rest {
            lines.push(format!("{head}{}  {hint}", row[3]));
        } else if rest >= length(&row[3]) || rest >= 32 {
            push_wrapped(&mut lines, &head, &row[3], indent, columns);
            push_wrapped(&mut lines, "", &hint, indent, columns);
        } else {
            lines.push(head.trim_end().to_owned());
            push_wrapped(&mut lines, "", &row[3], severity + 2, columns);
            push_wrapped(&mut lines, "", &hint, severity + 2, columns);
        }
    }
    if shown.iter().any(|(_, others)| *others > 0) {
        lines.extend([String::new(), "--format json lists all of them".to_owned()]);
    }
    lines
}

/// Every trouble; of notices of one kind, where they are many, the one that goes farthest, with how many others there are.
fn gathered(findings: &[Finding]) -> Vec<(&Finding, usize)> {
    let like = |one: &Finding| {
        let (severity, name) = (one.severity, one.problem.name());
        findings.iter().filter(move |other| other.severity == severity && other.problem.name() == name)
    };
    let farthest = |one: &Finding| like(one).max_by(|a, b| a.problem.extent().total_cmp(&b.problem.extent()));
    let kept = findings.iter().filter_map(|one| {
        let alone = one.severity == Severity::Trouble || like(one).count() <= MOST_ALIKE;
        let chosen = alone || farthest(one).is_some_and(|farthest| std::ptr::eq(farthest, one));
        chosen.then(|| (one, if alone { 0 } else { like(one).count() - 1 }))
    });
    kept.collect()
}

fn cells(finding: &Finding, others: usize) -> [String; 4] {
    let severity = match finding.severity {
        Severity::Trouble => "trouble",
        Severity::Notice => "notice",
    };
    let place = match (&finding.layer, &finding.node) {
        (Some(layer), _) => layer.clone(),
        (None, Some(node)) => node.clone(),
        (None, None) => "–".to_owned(),
    };
    let numbers = finding.problem.numbers();
    let numbers = if others > 0 { format!("{numbers}; and in {others} others") } else { numbers };
    [severity.to_owned(), place, finding.problem.name().to_owned(), numbers]
}

/// The end of a path that is too long: it says more than the beginning.
fn shortened(path: &str, width: usize) -> String {
    let length = path.chars().count();
    if length <= width {
        return path.to_owned();
    }
    std::iter::once('…').chain(path.chars().skip(length + 1 - width)).collect()
}

/// Words under each other from `indent` on, the first after `head`.
fn push_wrapped(lines: &mut Vec<String>, head: &str, text: &str, indent: usize, columns: usize) {
    let mut line = format!("{head:<indent$}");
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
}
