//! What others write to stderr, libtorch above all, while the screen is ours: into a file, or nowhere.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::dup2_stderr;

/// The user's stderr while it is elsewhere.
static USERS: Mutex<Option<OwnedFd>> = Mutex::new(None);

static HOOK: Once = Once::new();

/// First number for the user's stderr: above stdin, stdout and stderr.
const ABOVE_STDIO: i32 = 3;

/// Messages are elsewhere until this is dropped. A panic is reported where the user sees it.
#[derive(Debug)]
pub struct Elsewhere(());

impl Elsewhere {
    /// Sends messages to the end of a file, after lines of our own; without a file to nowhere, unless stderr is no terminal.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn send(log: Option<&Path>, lines: &[String]) -> io::Result<Self> {
        if log.is_none() && !io::stderr().is_terminal() {
            return Ok(Self(()));
        }
        let mut file = match log {
            Some(log) => OpenOptions::new().create(true).append(true).open(log)?,
            None => OpenOptions::new().write(true).open("/dev/null")?,
        };
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

fn bring_back() {
    if let Some(users) = USERS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Where it cannot be brought back there is nowhere to say so.
        let _ = dup2_stderr(users);
    }
}
