//! Works through suites, whatever it is that they compare.

use std::path::Path;
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use crate::arguments::Options;
use crate::script;

/// What is compared.
pub(crate) trait Comparison {
    /// What a script says of a model.
    type Case: DeserializeOwned;

    /// Compares a case. `folder` holds its files and is emptied afterwards.
    fn case(&mut self, suite: &str, case: &Self::Case, folder: &Path);

    /// Where the rows go.
    fn table(&mut self) -> &mut dyn Table;
}

/// The table that comes of it.
pub(crate) trait Table {
    /// A case that the script did not come to the end of.
    fn failed(&mut self, suite: &str, name: &str, why: &str);

    /// A case that the script leaves out.
    fn skipped(&mut self, suite: &str, name: &str, why: &str);

    /// A suite that could not be worked through.
    fn broken(&mut self, suite: &Path, why: &str);

    /// Prints what it comes to.
    fn summary(&self);

    /// Whether nothing differs, failed or broke.
    fn all_agree(&self) -> bool;

    /// Writes all rows as one JSON array.
    fn write(&self, path: &Path) -> std::io::Result<()>;
}

/// Runs all suites and prints the table.
pub(crate) fn compare(options: &Options, comparison: &mut impl Comparison) -> ExitCode {
    for suite in &options.suites {
        if let Err(message) = script::run(options, suite, comparison) {
            comparison.table().broken(suite, &message);
        }
    }
    let table = comparison.table();
    if !options.list {
        table.summary();
    }
    if let Some(path) = &options.json
        && let Err(error) = table.write(path)
    {
        eprintln!("error: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if table.all_agree() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
