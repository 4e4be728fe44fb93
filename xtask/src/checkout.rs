//! Where things are in this checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout that `cargo xtask` was called in.
#[derive(Debug)]
pub(crate) struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// Cargo says at run time where the package is; without cargo it is where xtask was built.
    pub(crate) fn here() -> Self {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        Self { root: package.parent().unwrap_or(Path::new("/")).to_path_buf() }
    }

    /// A path of the checkout.
    pub(crate) fn path(&self, within: &str) -> PathBuf {
        self.root.join(within)
    }

    /// A cargo command for this checkout's workspace. It runs in the folder that the user is in.
    pub(crate) fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg(command).arg("--manifest-path").arg(self.path("Cargo.toml"));
        cargo
    }
}
