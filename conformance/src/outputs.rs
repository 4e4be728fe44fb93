//! Suites that compare what networks give.

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::Options;
use crate::case::Line;
use crate::child;
use crate::report::Report;
use crate::script::{self, Listener, Said};

/// Runs all suites and prints the table.
pub(crate) fn compare(options: &Options) -> ExitCode {
    let mut outputs = Outputs { options, report: Report::new(options.list) };
    for suite in &options.suites {
        if let Err(message) = script::run(options, suite, &mut outputs) {
            outputs.report.broken(suite, &message);
        }
    }
    let report = outputs.report;
    if !options.list {
        report.summary();
    }
    if let Some(path) = &options.json
        && let Err(error) = report.write(path)
    {
        eprintln!("error: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if report.all_agree() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Outputs<'a> {
    options: &'a Options,
    report: Report,
}

impl Listener for Outputs<'_> {
    fn line(&mut self, suite: &str, line: &str, _folder: &Path) -> Result<Said, String> {
        match serde_json::from_str(line).map_err(|error| format!("a line that is no case ({error}): {line}"))? {
            Line::Making { making } => return Ok(Said::Making(making)),
            Line::Listed(case) => {
                println!("{suite} {} {}", case.name, case.family);
                return Ok(Said::Listed);
            }
            Line::Skipped { name, skipped } => self.report.skipped(suite, &name, &skipped),
            Line::Case(case) => {
                let result = child::run(&case, self.options.limit, self.options.memory);
                self.report.row(suite, &case, result);
            }
        }
        Ok(Said::Case)
    }

    fn failed(&mut self, suite: &str, case: &str, why: &str) {
        self.report.failed(suite, case, why);
    }
}
