//! The most memory that each method takes under a limit: class activation maps, attributions, patterns, and how far maps are to be trusted.
//!
//! `cargo bench --bench memory -- MODEL PICTURE LAYER SIZE LIMIT [METHOD...]`, with a side in pixels and an amount as `--memory-limit`
//! takes it: `vgg16.pt2 both.png features.29 1024 6GB`. Every method is a process of its own, which is stopped after half a minute: what goes
//! on longer works through batches, and has had its largest by then.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use layerscope::engine::MemoryLimit;
use layerscope::methods::registry::{self, Kind, Method};

const PATIENCE: Duration = Duration::from_secs(30);

/// How a method's process came to its end.
enum End {
    Done,
    Stopped,
    /// With what it said last.
    Failed(String),
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [model, picture, layer, size, limit, only @ ..] = arguments.as_slice() else {
        println!(
            "left out: name what to run, cargo bench --bench memory -- MODEL PICTURE LAYER SIZE LIMIT [METHOD...]"
        );
        return;
    };
    let MemoryLimit::Bytes(most) = limit.parse().expect("an amount of memory") else {
        panic!("the limit is to be in bytes");
    };
    let kinds = [Kind::Map, Kind::Attribution, Kind::Pattern, Kind::Faithfulness];
    let mut over = Vec::new();
    for method in kinds.into_iter().flat_map(registry::all) {
        if !only.is_empty() && !only.iter().any(|name| name == method.name) {
            continue;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerscope"));
        command.args(words(method, model, picture, layer, size)).args(["--memory-limit", limit]);
        let start = Instant::now();
        let (peak, end) = watched(&mut command);
        let seconds = start.elapsed().as_secs_f64();
        let megabytes = |bytes: u64| bytes / 1_000_000;
        let note = match &end {
            End::Done => String::new(),
            End::Stopped => "stopped".to_owned(),
            End::Failed(line) => line.clone(),
        };
        println!("{:<20} {:>6} MB of {:>6} MB {seconds:>6.1} s  {note}", method.name, megabytes(peak), megabytes(most));
        if peak > most {
            over.push(method.name);
        }
    }
    println!("over the limit: {}", if over.is_empty() { "none".to_owned() } else { over.join(", ") });
}

/// The command that makes what the method makes.
fn words(method: &Method, model: &str, picture: &str, layer: &str, size: &str) -> Vec<String> {
    let mut words = match method.run.kind() {
        Kind::Map => vec!["cam", model, picture, "--layer", layer, "--method", method.name],
        Kind::Attribution => vec!["attribute", model, picture, "--method", method.name],
        Kind::Pattern => {
            vec!["patterns", model, "--layer", layer, "--recipe", method.name, "--size", size, "--no-cache"]
        }
        Kind::Faithfulness => vec!["cam", model, picture, "--layer", layer, "--trust", method.name],
    };
    let prepared = format!("resize={size}×{size}");
    if method.name == "guided-grad-cam" {
        words.extend(["--layer", layer]);
    }
    words.extend(["--preprocess", prepared.as_str()]);
    words.into_iter().map(str::to_owned).collect()
}

/// The most memory that the process has held, in bytes.
fn watched(command: &mut Command) -> (u64, End) {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process");
    let (start, mut peak) = (Instant::now(), 0);
    let status = loop {
        // It never falls, so that only what happens after the last look is missed.
        peak = peak_of(&child).unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("a status") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().expect("an end");
            child.wait().expect("an end");
            return (peak, End::Stopped);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let last = said.lines().next_back().unwrap_or("it said nothing").to_owned();
    (peak, if status.success() { End::Done } else { End::Failed(last) })
}

fn peak_of(child: &Child) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
