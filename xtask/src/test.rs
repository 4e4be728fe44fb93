//! `cargo xtask test`: everything that CI runs.

use crate::checkout::Checkout;
use crate::report::{self, Failure};
use crate::setup;

/// One step: its name, cargo's command and the arguments of that.
struct Step(&'static str, &'static str, &'static [&'static str]);

/// What fails quickly comes first. All of them use the dev profile, so that torch-sys is compiled once.
const STEPS: [Step; 5] = [
    Step("format", "fmt", &["--all", "--check"]),
    Step("clippy", "clippy", &["--workspace", "--all-targets", "--", "-D", "warnings"]),
    Step("documentation", "doc", &["--no-deps", "--workspace"]),
    Step("build", "build", &["--workspace"]),
    Step("tests", "test", &["--workspace"]),
];

/// Sets up and runs every step, until one fails.
pub(crate) fn test(checkout: &Checkout) -> Result<(), Failure> {
    report::say(&setup::setup(checkout, None)?);
    for (index, Step(name, command, arguments)) in STEPS.iter().enumerate() {
        let shown = format!("cargo {command} {}", arguments.join(" "));
        report::say(&format!("{}/{} {name}: {shown}", index + 1, STEPS.len()));
        let status = checkout
            .cargo(command)
            .args(*arguments)
            .env("RUSTDOCFLAGS", "-D warnings")
            .status()
            .map_err(|error| Failure::new(format!("cannot run cargo: {error}")))?;
        if !status.success() {
            return Err(Failure::new(format!("{name} failed: {shown} ({status})")));
        }
    }
    report::say("all steps passed");
    Ok(())
}
