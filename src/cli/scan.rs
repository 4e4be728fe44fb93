//! `layerscope scan`: what excites the channels of some layers, over a folder of pictures.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::common::{Failure, Format, ModelOptions};
use super::progress::ProgressLine;
use super::report::{print_json, print_lines, table, thousands};
use crate::engine::Cancel;
use crate::methods::excitation::{Keep, Tally};
use crate::model::Source;
use crate::scan::{self, Glob, Header, Outcome, Progress, Scan, ScanError, Shard};

/// Find the pictures of a folder that excite each channel of some layers most, and keep them in one file
///
/// The file is a Parquet table with a crop for every picture: `layerscope excitations` shows it, and so do pandas and SQL. A scan that was stopped goes on when the same command is given again. Shards can be scanned apart and merged.
#[derive(Debug, Args)]
#[command(
    override_usage = "layerscope scan [OPTIONS] <MODEL> <FOLDER> --layer <LAYER> --out <FILE>\n       layerscope scan --merge <FILE>... --out <FILE>"
)]
pub(super) struct ScanCommand {
    /// Model file, or `demo`
    #[arg(required_unless_present = "merge")]
    model: Option<PathBuf>,
    /// Folder of pictures; those in folders inside it count too
    #[arg(required_unless_present = "merge")]
    folder: Option<PathBuf>,
    /// Path of a layer or name of a node, as `summary` prints it; may be repeated
    #[arg(long, value_name = "LAYER", required_unless_present = "merge")]
    layer: Vec<String>,
    /// The file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Pictures to keep for a channel: so many of all, of those that the network is right about, and of those that it is wrong about
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// Pictures of each class to keep beside those
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    per_class: u16,
    /// What the pictures show: a list of `path,class` lines; without this the folders that they lie in, where they are named
    /// like classes
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Leave out pictures and folders that match; may be repeated. `*` is any part of a name, `**` any folders: thumbs, *.gif, val/**/old
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Glob>,
    /// Do not ask the network what it sees: only what the layers need is run
    #[arg(long)]
    no_predictions: bool,
    /// Scan one part of the pictures only: 3/64 is the third of 64
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Merge the files of shards in place of scanning
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["model", "folder", "layer", "top", "per_class", "truth", "no_predictions", "shard", "exclude", "patch"])]
    merge: Vec<PathBuf>,
    /// Pictures that are shown to the network at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// Threads that read pictures; without this, one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    readers: Option<u16>,
    /// Longer side of a crop in pixels, at most
    #[arg(long, value_name = "PIXELS", default_value_t = 224, value_parser = clap::value_parser!(u16).range(8..=2048))]
    crop: u16,
    /// Longer side of a patch in pixels of what the network is fed, at most: of a larger receptive field its middle
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    patch: Option<u16>,
    /// Seconds from one saving of what was found to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    save_every: u64,
    /// table or json
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
    #[command(flatten)]
    options: ModelOptions,
}

impl ScanCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        if !self.merge.is_empty() {
            let header = scan::merge(&self.merge, &self.out)?;
            return self.report(&header, None);
        }
        scan::must_be_writable(&self.out)?;
        let network = self.options.network(self.model.as_deref())?;
        if let Source::Guessed(reason) = &network.input.source {
            super::errors::warn(&format!("{reason} ({}); --preprocess says otherwise", network.input.preprocessing));
        }
        let mut layers: Vec<String> = Vec::new();
        for layer in &self.layer {
            if !layers.contains(layer) {
                layers.push(layer.clone());
            }
        }
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let plan = Scan {
            folder: self.folder.clone().unwrap_or_default(),
            layers,
            keep: Keep { top: self.top.into(), per_class: self.per_class.into() },
            predictions: !self.no_predictions,
            truth: self.truth.clone(),
            shard: self.shard,
            batch: self.batch.into(),
            workers: self.readers.map_or(processors, usize::from),
            crop: self.crop.into(),
            patch: self.patch.map(u32::from),
            exclude: self.exclude.clone(),
            out: self.out.clone(),
            save_every: Duration::from_secs(self.save_every),
        };
        let cancel = Cancel::new();
        let done = Arc::new(AtomicBool::new(false));
        stop_on_signals(&cancel, &done)?;
        let (line, mut said) = (ProgressLine::new(), Instant::now());
        let outcome = scan::scan(&network, &plan, &cancel, &mut |progress| {
            if line.is_watched() {
                line.say(words(progress));
            } else if said.elapsed() >= LOGGED {
                said = Instant::now();
                let _ = writeln!(std::io::stderr(), "{}", words(progress));
            }
        });
        done.store(true, Ordering::Relaxed);
        drop(line);
        match outcome {
            Ok(outcome) => self.report(&outcome.header, Some(&outcome)),
            Err(ScanError::Stopped) => Err(Failure::Stopped(format!(
                "stopped; what was found is in {}, and the same command goes on",
                scan::unfinished(&self.out).display()
            ))),
            Err(error) => Err(error.into()),
        }
    }

    fn report(&self, header: &Header, outcome: Option<&Outcome>) -> Result<(), Failure> {
        let tally = &header.tally;
        if self.format == Format::Json {
            let time = outcome.map(|outcome| {
                let time = outcome.time;
                json!({ "pictures": time.pictures, "network": time.network, "waiting": time.waiting, "reading": time.reading, "finishing": time.finishing })
            });
            let layers: Vec<_> =
                header.layers.iter().map(|layer| json!({ "layer": layer.name, "channels": layer.channels })).collect();
            return print_json(&json!({
                "file": self.out.display().to_string(),
                "model": header.model,
                "preprocess": header.preprocessing,
                "layers": layers,
                "shards": header.shards,
                "pictures": tally.pictures,
                "right": tally.right,
                "wrong": tally.wrong,
                "unreadable": { "count": tally.unreadable, "named": tally.named },
                "resumed": outcome.map(|outcome| outcome.resumed),
                "seconds": time,
                "per_second": outcome.filter(|outcome| !outcome.was_done).map(|outcome| rate(tally, outcome)),
            }));
        }
        let mut lines: Vec<String> =
            tally.named.iter().map(|(path, reason)| format!("not read: {path}: {reason}")).collect();
        if tally.unreadable > tally.named.len() as u64 {
            lines.push(format!("not read: {} more", thousands(tally.unreadable - tally.named.len() as u64)));
        }
        let rows: Vec<Vec<String>> =
            header.layers.iter().map(|layer| vec![layer.name.clone(), layer.channels.to_string()]).collect();
        lines.extend(table(&["layer", "channels"], &rows));
        let mut said = vec![format!("{} pictures", thousands(tally.pictures))];
        if tally.right + tally.wrong > 0 {
            let share = tally.right as f64 / (tally.right + tally.wrong) as f64 * 100.0;
            said.push(format!(", the network is right about {share:.1} %"));
        }
        if tally.unreadable > 0 {
            said.push(format!(", {} not read", thousands(tally.unreadable)));
        }
        if header.shards != [Shard::WHOLE] {
            let shards: Vec<String> = header.shards.iter().map(ToString::to_string).collect();
            said.push(format!(" (shard {})", shards.join(", ")));
        }
        lines.push(said.concat());
        if let Some(outcome) = outcome.filter(|outcome| !outcome.was_done) {
            let time = outcome.time;
            lines.push(format!(
                "{:.1} pictures a second: the network {:.1} s, waiting for pictures {:.1} s; crops {:.1} s",
                rate(tally, outcome),
                time.network,
                time.waiting,
                time.finishing
            ));
        }
        let was_done = outcome.is_some_and(|outcome| outcome.was_done);
        let verb = if was_done { "done already:" } else { "saved" };
        lines.push(format!("{verb} {}", self.out.display()));
        print_lines(lines)
    }
}

/// Pictures that this run took down, by second.
fn rate(tally: &Tally, outcome: &Outcome) -> f64 {
    (tally.pictures + tally.unreadable).saturating_sub(outcome.resumed) as f64 / outcome.time.pictures.max(1e-9)
}

/// Ctrl-C and SIGTERM stop between two nodes, so that what was found can be saved. A second one ends the program.
fn stop_on_signals(cancel: &Cancel, done: &Arc<AtomicBool>) -> Result<(), Failure> {
    let seen = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, seen.clone())?;
        signal_hook::flag::register(signal, seen.clone())?;
    }
    let (cancel, done) = (cancel.clone(), done.clone());
    std::thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            if seen.load(Ordering::Relaxed) {
                cancel.raise();
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    Ok(())
}

/// How often a log, which is no terminal, is told how far it is.
const LOGGED: Duration = Duration::from_mins(1);

/// How far a scan is.
fn words(progress: Progress) -> String {
    let cutting = if progress.cutting { ", cutting crops" } else { "" };
    let unreadable =
        if progress.unreadable > 0 { format!(", {} not read", thousands(progress.unreadable)) } else { String::new() };
    format!("{} pictures{unreadable}, {:.1} a second{cutting}", thousands(progress.pictures), progress.rate)
}
