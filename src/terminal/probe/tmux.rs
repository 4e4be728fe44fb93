//! What tmux's server says about itself and the terminal outside.

use std::process::{Command, Stdio};

use super::conversation::Round;
use crate::model::printable;

/// Whether sequences reach the terminal outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passthrough {
    /// They do: `allow-passthrough` was set for this pane, or this tmux always lets them through.
    On,
    /// They may: the server is on another machine, or cannot be asked for this reason.
    Unknown(String),
}

/// tmux, where the program runs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmux {
    /// Whether sequences reach the terminal outside.
    pub passthrough: Passthrough,
    /// The terminal outside, as it told tmux: its answer to XTVERSION.
    pub client: Option<String>,
    /// Whether the terminal outside draws sixel, as far as tmux knows it.
    pub client_sixel: Option<bool>,
    /// What the terminal outside answers.
    pub outer: Option<Round>,
}

/// What tmux is asked about the terminal outside.
const CLIENT: &str = "#{client_termtype};#{client_termfeatures}";

impl Tmux {
    /// Whether the terminal outside draws sixel, as far as it is known.
    pub fn outer_sixel(&self) -> bool {
        self.client_sixel == Some(true) || self.outer.as_ref().is_some_and(Round::sixel)
    }

    /// Lets sequences through, for this pane alone, and asks who is outside.
    pub(super) fn open(server: bool) -> Self {
        let client = server.then(|| tmux("display-message", &["-p", CLIENT])).and_then(Result::ok);
        let (client, features) = client.as_deref().and_then(|client| client.split_once(';')).unzip();
        let client_sixel = features.map(|features| features.split(',').any(|feature| feature.trim() == "sixel"));
        let client = client.map(str::to_owned).filter(|name| !name.is_empty());
        let passthrough = match server.then(|| tmux("set-option", &["-p", "allow-passthrough", "on"])) {
            None => Passthrough::Unknown("TMUX is not set: its server is on another machine".to_owned()),
            Some(Ok(_)) => Passthrough::On,
            // Before tmux 3.3 there is no such option, and everything is passed through.
            Some(Err(reason)) if reason.contains("invalid option") => Passthrough::On,
            Some(Err(reason)) => Passthrough::Unknown(reason),
        };
        Self { passthrough, client, client_sixel, outer: None }
    }
}

/// What tmux prints, or what is wrong.
fn tmux(name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("tmux");
    command.arg(name);
    if let Some(pane) = std::env::var_os("TMUX_PANE") {
        command.arg("-t").arg(pane);
    }
    let done = command.args(arguments).stdin(Stdio::null()).output().map_err(|error| format!("tmux: {error}"))?;
    let text = |bytes: &[u8]| printable(String::from_utf8_lossy(bytes).trim()).into_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}
