//! The line on stderr that says how far a command is.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Back to the line's beginning, and nothing on it.
const ERASED: &str = "\r\x1b[K";

/// A line on stderr that is written over, for whoever watches. It goes with its value, however the work ends, so that whatever is
/// said next stands on an empty line.
#[derive(Debug)]
pub(super) struct ProgressLine {
    watched: bool,
    said: Cell<bool>,
}

impl ProgressLine {
    /// Before anything is said.
    pub(super) fn new() -> Self {
        Self { watched: std::io::stderr().is_terminal(), said: Cell::new(false) }
    }

    /// Whether stderr is a terminal: elsewhere nothing is said.
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Says how far it is, in place of what was said before.
    pub(super) fn say(&self, words: impl Display) {
        if self.watched {
            self.said.set(true);
            write_to_terminal(format_args!("{ERASED}{words}"));
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.said.get() {
            write_to_terminal(ERASED);
        }
    }
}

fn write_to_terminal(words: impl Display) {
    let mut stderr = std::io::stderr();
    // Progress that cannot be shown is no reason to stop.
    let _ = write!(stderr, "{words}").and_then(|()| stderr.flush());
}
