//! What tmux's server says about itself and the terminal outside.

use std::process::{Command, Stdio};

use super::conversation::Round;

/// Whether sequences reach the terminal outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passthrough {
    /// They do: `allow-passthrough` was set for this pane, or this tmux always lets them through.
    On,
    /// The server refuses.
    Refused(String),
    /// The server is on another machine, or cannot be asked.
    Unknown,
}

/// tmux, where the program runs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmux {
    /// Whether sequences reach the terminal outside.
    pub passthrough: Passthrough,
    /// The terminal outside, as it told tmux: its answer to XTVERSION.
    pub client: Option<String>,
    /// What the terminal outside answers.
    pub outer: Option<Round>,
}

impl Tmux {
    /// Lets sequences through, for this pane alone, and asks who is outside.
    pub(super) fn open(server: bool) -> Self {
        let client = server.then(|| tmux(&["display-message", "-p", "#{client_termtype}"])).and_then(Result::ok);
        let client = client.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let passthrough = match server.then(|| tmux(&["set-option", "-p", "allow-passthrough", "on"])) {
            None => Passthrough::Unknown,
            Some(Ok(_)) => Passthrough::On,
            // Before tmux 3.3 there is no such option, and everything is passed through.
            Some(Err(Some(reason))) if reason.contains("invalid option") => Passthrough::On,
            Some(Err(Some(reason))) => Passthrough::Refused(reason),
            Some(Err(None)) => Passthrough::Unknown,
        };
        Self { passthrough, client, outer: None }
    }
}

/// What tmux prints; what it complains about; or nothing where there is no such program.
fn tmux(arguments: &[&str]) -> Result<String, Option<String>> {
    let mut command = Command::new("tmux");
    if let Some(pane) = std::env::var_os("TMUX_PANE") {
        command.arg(arguments[0]).arg("-t").arg(pane).args(&arguments[1..]);
    } else {
        command.args(arguments);
    }
    let done = command.stdin(Stdio::null()).output().map_err(|_| None)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(Some(text(&done.stderr))) }
}
