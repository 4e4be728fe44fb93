//! `cargo xtask run`: from a fresh checkout to the running program.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;

use crate::checkout::Checkout;
use crate::report::Failure;
use crate::setup;

/// Sets up, then becomes `cargo run --release`, which becomes layerscope: the terminal and its signals are the program's.
pub(crate) fn run(checkout: &Checkout, arguments: &[OsString]) -> Result<(), Failure> {
    setup::setup(checkout, None)?;
    let error = checkout.cargo("run").args(["--release", "--package", "layerscope", "--"]).args(arguments).exec();
    Err(Failure::new(format!("cannot run cargo: {error}")))
}
