//! Suites that compare methods with their reference implementations, through the command line that users have.

mod case;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

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
        let raw = folder.join("ours.npy");
        let mut command = Command::new(&self.program);
        command.args(&check.arguments).arg("--raw").arg(&raw);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        child::output(&mut command, self.options.limit, self.options.memory)?;
        let ours = array(&raw)?;
        std::fs::remove_file(&raw).map_err(|error| format!("{}: {error}", raw.display()))?;
        Ok(difference(&ours, &golden)?.0)
    }
}
