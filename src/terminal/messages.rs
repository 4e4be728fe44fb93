//! What others write to stderr, libtorch above all, while the screen is ours: into the log.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::dup2_stderr;

use crate::folders;

/// The user's stderr while it is elsewhere.
static USERS: Mutex<Option<OwnedFd>> = Mutex::new(None);

static HOOK: Once = Once::new();

/// First number for a descriptor of ours: above stdin, stdout and stderr.
pub(super) const ABOVE_STDIO: i32 = 3;

/// A log that is longer in bytes is put aside, so that it does not grow for ever.
const LONGEST_LOG: u64 = 1 << 20;

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// Into the file that the user named: it must be possible.
    Named(PathBuf),
    /// Into the usual file, where that is possible.
    Usual(PathBuf),
    /// Nowhere: there is no home.
    Nowhere,
}

impl Log {
    /// The named file, or `$XDG_STATE_HOME/layerscope/layerscope.log`; `variable` gives the environment.
    pub fn new(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        if let Some(file) = named {
            return Self::Named(file.to_path_buf());
        }
        let state = folders::own("XDG_STATE_HOME", ".local/state", variable);
        state.map_or(Self::Nowhere, |state| Self::Usual(state.join("layerscope.log")))
    }

    /// The file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Named(file) | Self::Usual(file) => Some(file),
            Self::Nowhere => None,
        }
    }

    fn open(&self) -> io::Result<File> {
        let append = |file: &Path| OpenOptions::new().create(true).append(true).open(file);
        let usual = |file: &Path| {
            fs::create_dir_all(file.parent().unwrap_or(file))?;
            if fs::metadata(file).is_ok_and(|data| data.len() > LONGEST_LOG) {
                fs::rename(file, file.with_extension("log.old"))?;
            }
            append(file)
        };
        let nowhere = || OpenOptions::new().write(true).open("/dev/null");
        match self {
            Self::Named(file) => append(file),
            // Nobody asked for this file: a full or read-only disk is no reason not to start.
            Self::Usual(file) => usual(file).or_else(|_| nowhere()),
            Self::Nowhere => nowhere(),
        }
    }
}

/// Messages are elsewhere until this is dropped. A panic is reported where the user sees it.
#[derive(Debug)]
pub struct Elsewhere(());

impl Elsewhere {
    /// Sends messages to the end of the log, after lines of our own. A stderr that is no terminal stays as it is, unless the
    /// user named a file.
    ///
    /// # Errors
    /// The named file cannot be written.
    pub fn send(log: &Log, lines: &[String]) -> io::Result<Self> {
        if !matches!(log, Log::Named(_)) && !io::stderr().is_terminal() {
            return Ok(Self(()));
        }
        let mut file = log.open()?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
        let users = fcntl_dupfd_cloexec(io::stderr(), ABOVE_STDIO)?;
        dup2_stderr(&file)?;
        *USERS.lock().unwrap_or_else(PoisonError::into_inner) = Some(users);
        HOOK.call_once(|| {
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                bring_back();
                report(panic);
            }));
        });
        Ok(Self(()))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        bring_back();
    }
}

/// Writes a line to the log, where messages are elsewhere.
pub fn note(line: &str) {
    if USERS.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
        // A full disk is no reason to stop.
        let _ = writeln!(io::stderr(), "layerscope: {line}");
    }
}

fn bring_back() {
    if let Some(users) = USERS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Where it cannot be brought back there is nowhere to say so.
        let _ = dup2_stderr(users);
    }
}
