//! `cargo xtask parity`: our methods beside their reference implementations.

use std::process::Command;

use crate::checkout::Checkout;
use crate::conformance::{Wanted, runner, suites};
use crate::python::Python;
use crate::report::{self, Failure};
use crate::setup;

/// What stands beside the suites in their folder.
const HELPERS: [&str; 3] = ["protocol", "models", "random_numbers"];

/// Builds the program and the runner, and lets it work through the suites.
pub(crate) fn parity(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let suites = suites(&checkout.path("parity/python"), &HELPERS, &wanted.suites)?;
    report::say(&setup::setup(checkout, None)?);
    let asked = wanted.python.as_deref();
    let size = "2 GB to download, 6 GB on disk";
    let python = Python::with(checkout, asked, "parity/python/requirements.txt", "parity", size)?;
    let mut build = checkout.cargo("build");
    build.args(["--quiet", "--bin", "layerscope"]);
    if wanted.release {
        build.arg("--release");
    }
    let status =
        |mut command: Command| command.status().map_err(|error| Failure::new(format!("cannot run cargo: {error}")));
    if !status(build)?.success() {
        return Err(Failure::new("layerscope does not build"));
    }
    let agrees = status(runner(checkout, wanted, &["parity"], &suites, &python))?.success();
    if agrees { Ok(()) } else { Err(Failure::new("not everything agrees: the rows above say what")) }
}
