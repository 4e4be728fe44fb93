//! `cargo xtask conformance`: our outputs beside those of the packages that models come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::Checkout;
use crate::nearest::nearest;
use crate::python::Python;
use crate::report::{self, Failure};
use crate::setup;

/// Which suites, and how.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Names of scripts in `conformance/python`; none means all.
    pub(crate) suites: Vec<String>,
    /// A regular expression that a model's name or family matches.
    pub(crate) only: Option<String>,
    /// Print the names.
    pub(crate) list: bool,
    /// A Python that has the packages already.
    pub(crate) python: Option<PathBuf>,
    /// Where the rows go as JSON.
    pub(crate) json: Option<PathBuf>,
    /// Build optimised: for the seconds in the table.
    pub(crate) release: bool,
}

/// What stands beside the suites in their folder.
const HELPERS: [&str; 4] = ["serving", "protocol", "programs", "checkpoints"];

/// Builds the runner and lets it work through the suites.
pub(crate) fn conformance(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let suites = suites(&checkout.path("conformance/python"), &HELPERS, &wanted.suites)?;
    report::say(&setup::setup(checkout, None)?);
    let asked = wanted.python.as_deref();
    let size = "4 GB to download, 8 GB on disk";
    let python = Python::with(checkout, asked, "conformance/python/requirements.txt", "conformance", size)?;
    let mut runner = runner(checkout, wanted, &[], &suites, &python);
    let status = runner.status().map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new("not everything agrees: the rows above say what")) }
}

/// The command that runs suites; `mode` comes before them.
pub(crate) fn runner(
    checkout: &Checkout,
    wanted: &Wanted,
    mode: &[&str],
    suites: &[PathBuf],
    python: &Python,
) -> Command {
    let mut cargo = checkout.cargo("run");
    cargo.args(["--quiet", "--package", "conformance"]);
    if wanted.release {
        cargo.arg("--release");
    }
    cargo.arg("--").args(mode).args(suites).arg("--python").arg(python.program());
    if let Some(only) = &wanted.only {
        cargo.args(["--only", only]);
    }
    if let Some(json) = &wanted.json {
        cargo.arg("--json").arg(json);
    }
    if wanted.list {
        cargo.arg("--list");
    }
    python.lend(&mut cargo);
    cargo
}

/// The scripts of the named suites, or of all that are in the folder; `helpers` are none.
pub(crate) fn suites(folder: &Path, helpers: &[&str], names: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let known = known(folder, helpers)?;
    let path = |name: &String| folder.join(format!("{name}.py"));
    if names.is_empty() {
        return Ok(known.iter().map(path).collect());
    }
    for name in names {
        if !known.contains(name) {
            let words: Vec<&str> = known.iter().map(String::as_str).collect();
            let near = nearest(name, &words);
            let meant = if near.is_empty() { words.join(", ") } else { near.join(" or ") };
            return Err(Failure::usage(format!("there is no suite '{name}': {meant}")));
        }
    }
    Ok(names.iter().map(path).collect())
}

fn known(folder: &Path, helpers: &[&str]) -> Result<Vec<String>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(Failure::file("read", folder))?;
    let script = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let name = path.file_stem()?.to_str()?.to_owned();
        let is_suite = path.extension().is_some_and(|kind| kind == "py") && !helpers.contains(&name.as_str());
        is_suite.then_some(name)
    };
    let mut names: Vec<String> = entries.filter_map(Result::ok).filter_map(script).collect();
    names.sort();
    Ok(names)
}
