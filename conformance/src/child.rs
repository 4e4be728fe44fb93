//! A case in a process of its own, under limits of time and memory.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::case::{Case, Measured};

/// Runs a case. The error is one line: what the case said, how its process ended, or which limit it met.
pub(crate) fn run(case: &Case, limit: Duration, memory: u64) -> Result<Measured, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let told = serde_json::to_vec(case).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("one").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let answer = answer(&mut command, &told, limit, memory)?;
    serde_json::from_str(&answer).map_err(|error| format!("an answer that cannot be read: {error}"))
}

/// Runs a command that takes nothing on stdin. The error is one line, as [`run`]'s; what it prints is its answer.
pub(crate) fn output(command: &mut Command, limit: Duration, memory: u64) -> Result<String, String> {
    answer(command, &[], limit, memory)
}

fn answer(command: &mut Command, told: &[u8], limit: Duration, memory: u64) -> Result<String, String> {
    let mut child = command.spawn().map_err(|error| format!("a process for the case: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A process that is gone already is reported by its end.
        let _ = stdin.write_all(told);
    }
    let (answer, errors) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = wait(&mut child, limit, memory)?;
    let answer = answer.join().unwrap_or_default();
    let errors = errors.join().unwrap_or_default();
    let last = || errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned();
    match status.code() {
        Some(0) => Ok(answer),
        Some(1 | 2) => Err(last()),
        _ => Err(format!("its process ended with {status}: {}", last())),
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration, memory: u64) -> Result<ExitStatus, String> {
    let start = Instant::now();
    let over = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            break format!("stopped after {} s", limit.as_secs());
        }
        if resident(child.id()).is_some_and(|bytes| bytes > memory) {
            break format!("stopped at {} GB of memory", memory >> 30);
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let _ = child.kill();
    let _ = child.wait();
    Err(over)
}

/// Bytes of memory that a process holds now.
fn resident(process: u32) -> Option<u64> {
    field(&format!("/proc/{process}/status"), "VmRSS:")
}

/// The most bytes of memory that this process has held.
pub(crate) fn own_peak() -> u64 {
    field("/proc/self/status", "VmHWM:").unwrap_or(0)
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
