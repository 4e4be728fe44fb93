//! Packages from PyPI into a folder of their own, by python3's pip.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lock;
use crate::report::Failure;

/// A folder that packages are installed into, held against other installs until it is dropped.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    lock: File,
}

impl Home {
    /// Waits until nobody else installs into `folder`.
    pub(crate) fn hold(folder: &Path) -> Result<Self, Failure> {
        Ok(Self { folder: folder.to_path_buf(), lock: lock::hold(folder)? })
    }

    /// Installs into a new folder within, and returns that folder. Nothing but `take` makes it last: what a stopped or
    /// failed install leaves behind is swept away. `instead` says what the user can do where this cannot work.
    pub(crate) fn install(&self, arguments: &[&str], instead: &str) -> Result<PathBuf, Failure> {
        self.sweep()?;
        let partial = self.partial();
        let (packages, scratch) = (partial.join("packages"), partial.join("scratch"));
        std::fs::create_dir_all(&scratch).map_err(Failure::file("make the folder", &scratch))?;
        let installed = self.pip(arguments, &packages, &scratch, instead);
        if installed.is_err() {
            self.sweep()?;
        }
        installed.map(|()| packages)
    }

    /// Moves `names` of a finished install into the folder, in this order, in place of what was there under these names.
    pub(crate) fn take(&self, packages: &Path, names: &[&str]) -> Result<(), Failure> {
        let old = self.partial().join("old");
        std::fs::create_dir_all(&old).map_err(Failure::file("make the folder", &old))?;
        // The last name is the one that says that the install is complete: it goes first and comes last.
        for name in names.iter().rev() {
            move_if_there(&self.folder.join(name), &old.join(name))?;
        }
        for name in names {
            move_if_there(&packages.join(name), &self.folder.join(name))?;
        }
        self.sweep()
    }

    fn partial(&self) -> PathBuf {
        self.folder.join("partial")
    }

    fn sweep(&self) -> Result<(), Failure> {
        let partial = self.partial();
        match std::fs::remove_dir_all(&partial) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file("remove", &partial)(error)),
            _ => Ok(()),
        }
    }

    fn pip(&self, arguments: &[&str], packages: &Path, scratch: &Path, instead: &str) -> Result<(), Failure> {
        let python = python_version(instead)?;
        let lock = self.lock.try_clone().map_err(Failure::file("open", &self.folder))?;
        let status = Command::new("python3")
            .args(["-m", "pip", "install", "--no-input", "--no-compile", "--no-warn-conflicts", "--target"])
            .arg(packages)
            .args(arguments)
            // As variables, because older versions of pip do not know all of these as options.
            .envs([
                ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
                ("PIP_ROOT_USER_ACTION", "ignore"),
                ("PIP_RESUME_RETRIES", "10"),
                ("PIP_USER", "0"),
                ("PIP_REQUIRE_VIRTUALENV", "0"),
            ])
            // /tmp may be small and on another disk: unpacked here, files are only moved.
            .env("TMPDIR", scratch)
            // As long as pip runs, even if xtask was killed, the folder is held.
            .stdin(Stdio::from(lock))
            .stdout(Stdio::from(std::io::stderr()))
            .status()
            .map_err(|error| Failure::new(format!("cannot run python3: {error}")))?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "pip could not install the packages ({status}, its own message is above): is the network there, and is python3, \
             which is {python}, 3.10 or later? {instead}"
        )))
    }
}

/// The version of python3, if it is there and has pip.
fn python_version(instead: &str) -> Result<String, Failure> {
    let script =
        "import platform, importlib.util as u; print(platform.python_version(), u.find_spec('pip') is not None)";
    let output = match Command::new("python3").args(["-c", script]).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::new(format!("there is no python3: install Python 3.10 or later with pip. {instead}")));
        }
        Err(error) => return Err(Failure::new(format!("cannot run python3: {error}"))),
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    match answer.split_whitespace().collect::<Vec<_>>().as_slice() {
        [version, "True"] => Ok((*version).to_owned()),
        [version, _] => Err(Failure::new(format!(
            "python3 ({version}) has no pip: install it (Debian and Ubuntu: apt install python3-pip). {instead}"
        ))),
        _ => Err(Failure::new(format!("python3 does not run ({}): is it a Python 3? {instead}", output.status))),
    }
}

fn move_if_there(from: &Path, to: &Path) -> Result<(), Failure> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file("move", from)(error)),
        _ => Ok(()),
    }
}
