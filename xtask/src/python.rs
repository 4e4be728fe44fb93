//! A Python with the packages that a file of requirements names.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::Checkout;
use crate::pip::Home;
use crate::report::{self, Failure};

const INSTEAD: &str = "Or give a Python that has the packages with --python";

/// A Python, and the folder of packages it is to use if they are not its own.
pub(crate) struct Python {
    program: PathBuf,
    packages: Option<PathBuf>,
}

impl Python {
    /// The Python that was asked for, or python3 with the packages of a file of requirements (a path of the checkout), which
    /// are installed into `target/fixtures-python/NAME` once; `size` says how much that is.
    pub(crate) fn with(
        checkout: &Checkout,
        asked: Option<&Path>,
        file: &str,
        name: &str,
        size: &str,
    ) -> Result<Self, Failure> {
        if let Some(program) = asked {
            return Ok(Self { program: program.to_path_buf(), packages: None });
        }
        let requirements = checkout.path(file);
        let folder = checkout.path("target/fixtures-python").join(name);
        let sources = digest(&[&requirements])?;
        let (packages, stamp) = (folder.join("packages"), folder.join("packages/requirements-digest"));
        let is_there = || std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == sources);
        let home = Home::hold(&folder)?;
        if !is_there() {
            report::say(&format!("installing {file} from PyPI into {}, once: {size}", folder.display()));
            let fresh = home.install(&["--requirement", &requirements.to_string_lossy()], INSTEAD)?;
            let stamp = fresh.join("requirements-digest");
            std::fs::write(&stamp, &sources).map_err(Failure::file("write", &stamp))?;
            let whole = fresh.parent().unwrap_or(&fresh);
            home.take(whole, &["packages"])?;
        }
        Ok(Self { program: "python3".into(), packages: Some(packages) })
    }

    /// The program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Lets a command, and what it starts, find the packages.
    pub(crate) fn lend(&self, command: &mut Command) {
        if let Some(packages) = &self.packages {
            command.env("PYTHONPATH", packages).env("PYTHONNOUSERSITE", "1");
        }
    }
}

/// Tells whether files have changed since something was made of them.
pub(crate) fn digest(files: &[&Path]) -> Result<String, Failure> {
    let mut hasher = DefaultHasher::new();
    for path in files {
        hasher.write(&std::fs::read(path).map_err(Failure::file("read", path))?);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
