//! `cargo xtask architectures`: graphs without weights, exported by the Python scripts of `assets/architectures/make`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::checkout::Checkout;
use crate::python::Python;
use crate::report::{self, Failure};

/// What is to be made, and by which Python.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Patterns of `SOURCE/NAME`, with commas between: only these are exported, and no archive is made of them.
    pub(crate) only: Option<OsString>,
    /// A Python that has the packages already.
    pub(crate) python: Option<PathBuf>,
}

const FOLDER: &str = "assets/architectures";

/// Exports the architectures that are not in `target/architectures` yet, and makes the archive and the golden numbers.
pub(crate) fn architectures(checkout: &Checkout, wanted: &Wanted) -> Result<(), Failure> {
    let asked = wanted.python.as_deref();
    let size = "4 GB to download, 8 GB on disk";
    let python = Python::with(checkout, asked, &format!("{FOLDER}/make/requirements.txt"), "architectures", size)?;
    let script = |name: &str, arguments: &dyn Fn(&mut Command)| {
        report::say(&format!("running {FOLDER}/make/{name}"));
        let mut command = Command::new(python.program());
        command.arg(checkout.path(FOLDER).join("make").join(name));
        arguments(&mut command);
        python.lend(&mut command);
        let status = command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr())).status();
        let status = status
            .map_err(|error| Failure::new(format!("cannot run the Python {}: {error}", python.program().display())))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("{FOLDER}/make/{name} failed ({status}), its own message is above")))
    };
    script("make.py", &|command| {
        command.arg(checkout.path("target/architectures"));
        match &wanted.only {
            Some(pattern) => command.arg("--only").arg(pattern),
            None => command.arg("--pack").arg(checkout.path(FOLDER)),
        };
    })?;
    if wanted.only.is_some() {
        return Ok(());
    }
    script("golden.py", &|command| {
        command.arg(checkout.path("tests/fixtures/architectures/golden.json"));
    })
}
