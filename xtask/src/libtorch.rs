//! Which libtorch the build will use, and whether it is the right one. The rules are those of torch-sys's build script.

use std::env::{self, consts::DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::Checkout;
use crate::report::Failure;

/// The only version that torch-sys 0.26 builds against.
pub(crate) const VERSION: &str = "2.13.0";

/// Where the build takes libtorch from.
#[derive(Debug)]
pub(crate) enum Source {
    /// `.libtorch` in the checkout, which `cargo xtask setup` fills.
    Checkout,
    /// The folder that the user's own LIBTORCH names.
    Folder(PathBuf),
    /// The PyTorch that python3 imports.
    Python(PathBuf),
}

/// What LIBTORCH and `LIBTORCH_USE_PYTORCH` ask for, checked: what is wrong with it is one clear line.
pub(crate) fn source(checkout: &Checkout) -> Result<Source, Failure> {
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        let folder = pytorch()?;
        check(&folder, "LIBTORCH_USE_PYTORCH is set, but")?;
        return Ok(Source::Python(folder));
    }
    let Some(folder) = env::var_os("LIBTORCH").map(PathBuf::from) else { return Ok(Source::Checkout) };
    // Cargo sets LIBTORCH for xtask too, to what .cargo/config.toml says.
    if same(&folder, &checkout.path(".libtorch/torch")) {
        return Ok(Source::Checkout);
    }
    if folder.is_relative() {
        return Err(Failure::new(format!(
            "LIBTORCH is '{}', which is no absolute path: correct it, or unset it to have libtorch installed",
            folder.display()
        )));
    }
    check(&folder, "LIBTORCH is set, but")?;
    Ok(Source::Folder(folder))
}

/// The version of the libtorch in `folder`, if there is one that says its version.
pub(crate) fn version(folder: &Path) -> Option<String> {
    if !folder.join(format!("lib/libtorch_cpu{DLL_SUFFIX}")).is_file() {
        return None;
    }
    let written = std::fs::read_to_string(folder.join("build-version")).ok().or_else(|| {
        let python = std::fs::read_to_string(folder.join("version.py")).ok()?;
        let line = python.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(line.trim_matches(['\'', '"']).to_owned())
    })?;
    Some(written.trim().to_owned())
}

fn check(folder: &Path, cause: &str) -> Result<(), Failure> {
    let at = folder.display();
    let instead = format!("give it a libtorch {VERSION}, or unset it to have one installed");
    let library = format!("lib/libtorch_cpu{DLL_SUFFIX}");
    if !folder.join(&library).is_file() {
        return Err(Failure::new(format!("{cause} {at} is no libtorch, it has no {library}: {instead}")));
    }
    if env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some() {
        return Ok(());
    }
    match version(folder) {
        Some(found) if is_right(&found) => Ok(()),
        Some(found) => Err(Failure::new(format!("{cause} {at} is version {found}: {instead}"))),
        None => Err(Failure::new(format!(
            "{cause} {at} has no build-version or version.py to tell its version: {instead}, or set \
             LIBTORCH_BYPASS_VERSION_CHECK=1"
        ))),
    }
}

/// `2.13.0+cu130` is 2.13.0.
pub(crate) fn is_right(version: &str) -> bool {
    version.split('+').next() == Some(VERSION)
}

/// The folder of the PyTorch that torch-sys will ask for, found without importing it, which takes seconds.
fn pytorch() -> Result<PathBuf, Failure> {
    let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let script = "import importlib.util as u; found = u.find_spec('torch'); \
                  print(found.submodule_search_locations[0] if found else '')";
    let output = Command::new(python).args(["-c", script]).output();
    let output = output.map_err(|error| {
        Failure::new(format!(
            "LIBTORCH_USE_PYTORCH is set, but {python} does not run ({error}): install it, or unset it"
        ))
    })?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "" => Err(Failure::new(format!(
            "LIBTORCH_USE_PYTORCH is set, but {python} has no PyTorch: install torch=={VERSION} for it, or unset it to have \
             libtorch installed"
        ))),
        folder => Ok(PathBuf::from(folder)),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
