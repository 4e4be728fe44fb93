//! A suite's Python script, which makes one case after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use crate::arguments::Options;
use crate::case::Line;
use crate::suites::Comparison;

/// Runs all cases of a suite. The error is why the suite could not be worked through.
pub(crate) fn run(options: &Options, suite: &Path, comparison: &mut impl Comparison) -> Result<(), String> {
    let name = suite.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = Folder::new(&name)?;
    let mut after = None;
    // A script that dies in the middle is started again behind the case that it died at.
    while let End::At(case) = once(options, suite, &name, &folder, after.as_deref(), comparison)? {
        after = Some(case);
    }
    Ok(())
}

enum End {
    Done,
    At(String),
}

fn once(
    options: &Options,
    suite: &Path,
    name: &str,
    folder: &Folder,
    after: Option<&str>,
    comparison: &mut impl Comparison,
) -> Result<End, String> {
    let mut script = Script::start(options, suite, &folder.0, after)?;
    let mut making: Option<String> = None;
    loop {
        let line = match script.lines.recv_timeout(options.limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                script.stop();
                let why = format!("the script took more than {} s", options.limit.as_secs());
                return ended(making, why, name, comparison);
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = script.child.wait().map_err(|error| error.to_string())?;
                if status.success() {
                    return Ok(End::Done);
                }
                return ended(making, format!("the script ended with {status}"), name, comparison);
            }
        };
        match serde_json::from_str(&line).map_err(|error| format!("a line that is no case ({error}): {line}"))? {
            Line::Making { making: case } => {
                making = Some(case);
                continue;
            }
            // The script goes on by itself.
            Line::Listed(case) => {
                println!("{name} {} {}", case.name, case.family);
                continue;
            }
            Line::Skipped { name: case, skipped } => comparison.table().skipped(name, &case, &skipped),
            Line::Case(case) => comparison.case(name, &case, &folder.0),
        }
        making = None;
        folder.clear()?;
        script.next();
    }
}

/// A script that ended in the middle of a case: one row, and on with the next case.
fn ended(making: Option<String>, why: String, suite: &str, comparison: &mut impl Comparison) -> Result<End, String> {
    let Some(case) = making else { return Err(why) };
    comparison.table().failed(suite, &case, &why);
    Ok(End::At(case))
}

struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Script {
    fn start(options: &Options, suite: &Path, folder: &Path, after: Option<&str>) -> Result<Self, String> {
        let mut command = Command::new(&options.python);
        command.arg(suite).arg("--folder").arg(folder);
        if let Some(only) = &options.only {
            command.args(["--only", only]);
        }
        if options.list {
            command.arg("--list");
        }
        if let Some(after) = after {
            command.args(["--after", after]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run the Python {}: {error}", options.python.display()))?;
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, lines })
    }

    fn next(&mut self) {
        if let Some(stdin) = &mut self.stdin {
            // A script that is gone already shows in its output.
            let _ = stdin.write_all(b"next\n").and_then(|()| stdin.flush());
        }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A folder for a suite's files, gone when the suite is done.
struct Folder(PathBuf);

impl Folder {
    fn new(suite: &str) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("layerscope-conformance-{suite}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self(folder))
    }

    fn clear(&self) -> Result<(), String> {
        let fail = |error: std::io::Error| format!("{}: {error}", self.0.display());
        std::fs::remove_dir_all(&self.0).and_then(|()| std::fs::create_dir_all(&self.0)).map_err(fail)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
