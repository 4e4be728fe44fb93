//! Suites that compare methods with their reference implementations, through the command line that users have.

mod case;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::Value;
use tch::Tensor;

use crate::arguments::Options;
use crate::child;
use crate::run::{array, difference};
use crate::suites::{self, Comparison, Table};
use case::{Case, Check, Outcome};
use report::Report;

/// Runs all suites and prints the table.
pub(crate) fn compare(options: &Options) -> ExitCode {
    let program = match layerscope() {
        Ok(program) => program,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    suites::compare(options, &mut Methods { options, program, report: Report::new(options.list) })
}

/// The program itself, which cargo builds beside this one.
fn layerscope() -> Result<PathBuf, String> {
    let here = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let program = here.with_file_name(format!("layerscope{}", std::env::consts::EXE_SUFFIX));
    if program.exists() { Ok(program) } else { Err(format!("{} is not built: cargo build", program.display())) }
}

struct Methods<'a> {
    options: &'a Options,
    program: PathBuf,
    report: Report,
}

impl Comparison for Methods<'_> {
    type Case = Case;

    fn case(&mut self, suite: &str, case: &Case, folder: &Path) {
        for check in &case.checks {
            let start = Instant::now();
            let outcome = self.outcome(check, folder);
            self.report.row(suite, &case.name, check, outcome, start.elapsed().as_secs_f64());
        }
    }

    fn table(&mut self) -> &mut dyn Table {
        &mut self.report
    }
}

impl Methods<'_> {
    fn outcome(&self, check: &Check, folder: &Path) -> Outcome {
        if let Some(why) = &check.skipped {
            return Outcome::Skipped(why.clone());
        }
        match self.difference(check, folder) {
            Ok(difference) if difference <= check.tolerance => Outcome::Agrees(difference),
            Ok(difference) => Outcome::Differs(difference),
            Err(why) => Outcome::Failed(why),
        }
    }

    fn difference(&self, check: &Check, folder: &Path) -> Result<f64, String> {
        let golden = array(check.golden.as_deref().ok_or("the script names no golden array")?)?;
        if golden.f_abs().and_then(|size| size.f_max()).is_ok_and(|most| most.double_value(&[]) == 0.0) {
            return Err("the reference is zero everywhere, which shows nothing".to_owned());
        }
        let mut command = Command::new(&self.program);
        command.args(&check.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ours = if check.at.is_empty() {
            let raw = folder.join("ours.npy");
            child::output(command.arg("--raw").arg(&raw), self.options.limit, self.options.memory)?;
            let ours = array(&raw)?;
            std::fs::remove_file(&raw).map_err(|error| format!("{}: {error}", raw.display()))?;
            ours
        } else {
            let told = child::output(command.args(["--format", "json"]), self.options.limit, self.options.memory)?;
            numbers(&told, &check.at)?
        };
        Ok(difference(&ours, &golden)?.0)
    }
}

/// The numbers of a document at JSON pointers.
fn numbers(document: &str, at: &[String]) -> Result<Tensor, String> {
    let document: Value = serde_json::from_str(document).map_err(|error| format!("what it printed: {error}"))?;
    let number = |pointer: &String| {
        let found = document.pointer(pointer).and_then(Value::as_f64);
        found.ok_or_else(|| format!("there is no number at {pointer} of what it printed"))
    };
    let numbers = at.iter().map(number).collect::<Result<Vec<f64>, _>>()?;
    Tensor::f_from_slice(&numbers).map_err(|error| error.to_string())
}
