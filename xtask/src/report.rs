//! What the commands tell: one line each, on stderr, so that stdout stays layerscope's own.

use std::io::IsTerminal;
use std::path::Path;

/// Why a command ends early: one line for the reader, and the exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: u8,
    message: String,
}

impl Failure {
    /// Something went wrong: exit status 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { status: 1, message: message.into() }
    }

    /// The command line is wrong: exit status 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { status: 2, message: message.into() }
    }

    /// A file operation went wrong: `doing` says what was tried with `path`.
    pub(crate) fn file<'a>(doing: &'a str, path: &'a Path) -> impl Fn(std::io::Error) -> Self + 'a {
        move |error| Self::new(format!("cannot {doing} {}: {error}", path.display()))
    }
}

/// One line of progress.
pub(crate) fn say(text: &str) {
    eprintln!("{} {text}", coloured("1;36", "xtask:"));
}

/// The last line of a command that failed.
pub(crate) fn error(failure: &Failure) {
    eprintln!("{} {}", coloured("1;31", "error:"), failure.message);
}

fn coloured(code: &str, text: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stderr().is_terminal() { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}
