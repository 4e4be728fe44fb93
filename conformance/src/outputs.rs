//! Suites that compare what networks give.

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::Options;
use crate::case::Case;
use crate::child;
use crate::report::Report;
use crate::suites::{self, Comparison, Table};

/// Runs all suites and prints the table.
pub(crate) fn compare(options: &Options) -> ExitCode {
    suites::compare(options, &mut Outputs { options, report: Report::new(options.list) })
}

struct Outputs<'a> {
    options: &'a Options,
    report: Report,
}

impl Comparison for Outputs<'_> {
    type Case = Case;

    fn case(&mut self, suite: &str, case: &Case, _folder: &Path) {
        let result = child::run(case, self.options.limit, self.options.memory);
        self.report.row(suite, case, result);
    }

    fn table(&mut self) -> &mut dyn Table {
        &mut self.report
    }
}
