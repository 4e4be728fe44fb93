//! `layerscope doctor`: what is there, what is missing, and why pictures are drawn as they are.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::common::{Failure, Format};
use super::configured::Interface;
use super::report::{print_json, print_lines, value};
use crate::aten;
use crate::engine::{DeviceChoice, EngineError};
use crate::model::printable;
use crate::model::printable::printable_path;
use crate::terminal::Graphics;
use crate::terminal::messages::Log;
use crate::terminal::probe::{
    self, Answers, Background, Decision, Environment, OVERRIDING, Passthrough, Question, Round, Wish,
};

/// Nobody waits for a first picture here, and a slow line may be what is wrong.
const PATIENCE: Duration = Duration::from_secs(2);

/// Print what the terminal can do, how pictures are drawn and why, the device and libtorch: for a bug report
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// table or json
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
    /// As the inspector would be told: how pictures are drawn
    #[arg(long, value_name = "PROTOCOL", default_value = "auto")]
    graphics: Graphics,
    /// As the inspector would be told: where messages go
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: String,
    terminal: Terminal,
    questions: Vec<Asked>,
    pictures: Pictures,
    libtorch: Libtorch,
    files: Files,
}

#[derive(Debug, Serialize)]
struct Terminal {
    stdin_is_tty: bool,
    stdout_is_tty: bool,
    /// Why it was not asked.
    not_asked: Option<String>,
    /// What it calls itself.
    name: Option<String>,
    term: Option<String>,
    colorterm: Option<String>,
    term_program: Option<String>,
    multiplexer: Option<String>,
    remote: Option<&'static str>,
    columns_and_rows: Option<(u16, u16)>,
    cell_size: (u16, u16),
    cell_size_from: String,
    colors: &'static str,
    colors_from: String,
    colors_in_text: bool,
    background: Option<&'static str>,
    synchronized_updates: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Asked {
    through_tmux: bool,
    milliseconds: u128,
    complete: bool,
    exchanges: Vec<Exchange>,
}

#[derive(Debug, Serialize)]
struct Exchange {
    about: &'static str,
    question: String,
    answer: Option<String>,
}

#[derive(Debug, Serialize)]
struct Pictures {
    protocol: &'static str,
    through_tmux: bool,
    reason: String,
    overriding: &'static str,
}

#[derive(Debug, Serialize)]
struct Libtorch {
    version: &'static str,
    folder: Option<String>,
    threads: i32,
    processors: usize,
    cuda: String,
    gpus: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Files {
    configuration: Option<String>,
    log: Option<String>,
}

impl Doctor {
    pub(super) fn run(self, interface: &Interface) -> Result<(), Failure> {
        let environment = Environment::read();
        let (answers, _) = probe::ask(&environment, PATIENCE);
        let wish = Wish { graphics: self.graphics, said_by: interface.graphics_said_by.clone() };
        let decision = probe::decide(&wish, &environment, &answers);
        let outer = answers.tmux.as_ref().and_then(|tmux| tmux.outer.as_ref());
        let log = Log::new(self.log_file.as_deref(), |name| std::env::var_os(name));
        let path = |path: &Path| printable_path(path);
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            system: system(),
            questions: [(answers.terminal.as_ref().ok(), false), (outer, true)]
                .into_iter()
                .filter_map(|(round, through_tmux)| round.map(|round| asked(round, through_tmux)))
                .collect(),
            pictures: Pictures {
                protocol: decision.canvas.map_or("off", |canvas| canvas.protocol.name()),
                through_tmux: decision.canvas.is_some_and(|canvas| canvas.through_tmux),
                reason: decision.reason.clone(),
                overriding: OVERRIDING,
            },
            terminal: terminal(environment, &answers, &decision),
            libtorch: libtorch(),
            files: Files { configuration: interface.file.as_deref().map(path), log: log.file().map(path) },
        };
        if self.format == Format::Json { print_json(&value(&report)) } else { print_lines(lines(&report)) }
    }
}

fn system() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {} {}", std::env::consts::OS, std::env::consts::ARCH, kernel.trim()).trim().to_owned()
}

fn terminal(environment: Environment, answers: &Answers, decision: &Decision) -> Terminal {
    let round = answers.terminal.as_ref();
    Terminal {
        stdin_is_tty: io::stdin().is_terminal(),
        stdout_is_tty: io::stdout().is_terminal(),
        not_asked: round.err().map(ToString::to_string),
        name: round.ok().and_then(Round::version).map(str::to_owned),
        multiplexer: multiplexer(&environment, answers),
        remote: if environment.mosh {
            Some("mosh")
        } else if environment.ssh {
            Some("SSH")
        } else {
            None
        },
        columns_and_rows: answers.grid.map(|grid| (grid.columns, grid.rows)),
        cell_size: (decision.cell.width, decision.cell.height),
        cell_size_from: decision.cell_source.to_string(),
        colors: decision.colors.name(),
        colors_from: decision.colors_reason.clone(),
        colors_in_text: !decision.no_color,
        background: decision.background.map(|background| match background {
            Background::Light => "light",
            Background::Dark => "dark",
        }),
        synchronized_updates: decision.synchronized,
        term: environment.term,
        colorterm: environment.color_term,
        term_program: environment.term_program,
    }
}

fn multiplexer(environment: &Environment, answers: &Answers) -> Option<String> {
    let Some(tmux) = &answers.tmux else {
        return match () {
            () if environment.zellij => Some("Zellij".to_owned()),
            () if environment.screen => Some("GNU screen".to_owned()),
            () => None,
        };
    };
    let passthrough = match &tmux.passthrough {
        Passthrough::On => "passthrough is on".to_owned(),
        Passthrough::Unknown(reason) => format!("its server was not asked for passthrough ({reason})"),
    };
    let sixel = tmux.client_sixel.map_or("", |can| if can { ", with sixel" } else { ", without sixel" });
    let client =
        tmux.client.as_ref().map_or_else(String::new, |name| format!("; the terminal outside is {name}{sixel}"));
    Some(format!("tmux; {passthrough}{client}"))
}

fn asked(round: &Round, through_tmux: bool) -> Asked {
    let exchange = |question: &Question| Exchange {
        about: question.subject(),
        question: visible(question.sequence().as_bytes()),
        answer: round.answer(*question).map(|heard| visible(&heard.raw)),
    };
    Asked {
        through_tmux,
        milliseconds: round.took.as_millis(),
        complete: round.complete(),
        exchanges: round.questions.iter().map(exchange).collect(),
    }
}

/// Bytes as letters: `\e[>q`.
fn visible(bytes: &[u8]) -> String {
    let escaped = bytes.iter().map(|byte| match byte {
        0x1b => "\\e".to_owned(),
        b'\\' => "\\\\".to_owned(),
        byte => byte.escape_ascii().to_string(),
    });
    escaped.collect()
}

fn libtorch() -> Libtorch {
    let cuda = DeviceChoice::Cuda(None).resolve();
    Libtorch {
        version: aten::libtorch_version(),
        folder: aten::libtorch_folder().map(|folder| printable_path(&folder)),
        threads: tch::get_num_threads(),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        cuda: match cuda {
            Ok(device) => format!("{device:?} of {}", tch::Cuda::device_count()),
            Err(EngineError::Device { reason, .. }) => format!("not used: {}", printable(&reason)),
            Err(error) => format!("not used: {}", printable(&error.to_string())),
        },
        gpus: gpus(),
    }
}

/// What the driver's own tool says; nothing where there is none.
fn gpus() -> Vec<String> {
    let asked = Command::new("nvidia-smi")
        .args(["--query-gpu=index,name,memory.total,memory.free,driver_version", "--format=csv,noheader"])
        .output();
    match asked {
        Ok(done) if done.status.success() => {
            String::from_utf8_lossy(&done.stdout).lines().map(|line| printable(line).into_owned()).collect()
        }
        _ => Vec::new(),
    }
}

/// Sections with a title each, and lines with what they are about.
fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![format!("layerscope {} on {}", report.version, report.system)];
    let mut section = |title: &str, rows: Vec<(&str, String)>| {
        lines.extend([String::new(), title.to_owned()]);
        let width = rows.iter().map(|(about, _)| about.chars().count()).max().unwrap_or(0);
        lines.extend(rows.into_iter().map(|(about, text)| format!("  {about:<width$}  {text}").trim_end().to_owned()));
    };
    section("Terminal", terminal_rows(&report.terminal));
    for asked in &report.questions {
        let place = if asked.through_tmux { "Asked through tmux" } else { "Asked" };
        let end = if asked.complete { "answered in" } else { "not fully answered in" };
        section(&format!("{place}, {end} {} ms", asked.milliseconds), exchange_rows(&asked.exchanges));
    }
    let pictures = &report.pictures;
    let through = if pictures.through_tmux { ", through tmux" } else { "" };
    section(
        "Pictures",
        vec![
            ("drawn by", format!("{}{through}", pictures.protocol)),
            ("because", pictures.reason.clone()),
            ("otherwise", pictures.overriding.to_owned()),
        ],
    );
    section("libtorch", libtorch_rows(&report.libtorch));
    section(
        "Files",
        vec![
            ("configuration", report.files.configuration.clone().unwrap_or_else(|| "none".to_owned())),
            ("log", report.files.log.clone().unwrap_or_else(|| "none: there is no home folder".to_owned())),
        ],
    );
    lines
}

fn terminal_rows(terminal: &Terminal) -> Vec<(&'static str, String)> {
    let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
    let is = |terminal: bool| if terminal { "a terminal" } else { "no terminal" };
    let (width, height) = terminal.cell_size;
    let unsaid = "it does not say";
    let mut rows = vec![
        ("name", or(&terminal.name, unsaid)),
        ("TERM", or(&terminal.term, "not set")),
        ("COLORTERM", or(&terminal.colorterm, "not set")),
        ("TERM_PROGRAM", or(&terminal.term_program, "not set")),
        ("multiplexer", or(&terminal.multiplexer, "none")),
        ("remote", terminal.remote.unwrap_or("no sign of it").to_owned()),
        ("standard input", is(terminal.stdin_is_tty).to_owned()),
        ("standard output", is(terminal.stdout_is_tty).to_owned()),
        (
            "size",
            terminal.columns_and_rows.map_or("not known".to_owned(), |(columns, rows)| format!("{columns}×{rows}")),
        ),
        ("cell size", format!("{width}×{height} pixels; {}", terminal.cell_size_from)),
        ("colours", format!("{}; {}", terminal.colors, terminal.colors_from)),
        ("text in colour", if terminal.colors_in_text { "yes" } else { "no: NO_COLOR, or TERM has none" }.to_owned()),
        ("background", terminal.background.unwrap_or(unsaid).to_owned()),
        (
            "synchronized updates",
            terminal.synchronized_updates.map_or(unsaid, |can| if can { "yes" } else { "no" }).to_owned(),
        ),
    ];
    if let Some(reason) = &terminal.not_asked {
        rows.insert(0, ("not asked", reason.clone()));
    }
    rows
}

fn exchange_rows(exchanges: &[Exchange]) -> Vec<(&'static str, String)> {
    let width = exchanges.iter().map(|exchange| exchange.question.len()).max().unwrap_or(0);
    let row = |exchange: &Exchange| {
        let answer = exchange.answer.as_deref().unwrap_or("no answer");
        (exchange.about, format!("{:<width$}  {answer}", exchange.question))
    };
    exchanges.iter().map(row).collect()
}

fn libtorch_rows(libtorch: &Libtorch) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("version", libtorch.version.to_owned()),
        ("folder", libtorch.folder.clone().unwrap_or_else(|| "not found".to_owned())),
        ("threads", format!("{} of {} processors", libtorch.threads, libtorch.processors)),
        ("CUDA", libtorch.cuda.clone()),
    ];
    rows.extend(libtorch.gpus.iter().map(|gpu| ("GPU", gpu.clone())));
    rows
}
