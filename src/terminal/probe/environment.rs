//! What the environment says about the terminal.

/// The variables that matter; an empty one counts as none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
pub struct Environment {
    /// `TERM`.
    pub term: Option<String>,
    /// `COLORTERM`.
    pub color_term: Option<String>,
    /// `TERM_PROGRAM`.
    pub term_program: Option<String>,
    /// `COLORFGBG`, which rxvt and Konsole set: `15;0`.
    pub foreground_background: Option<String>,
    /// `TMUX`: a tmux server of this machine, or what is left of one.
    pub tmux: bool,
    /// `STY`: GNU screen.
    pub screen: bool,
    /// `ZELLIJ`.
    pub zellij: bool,
    /// `SSH_CONNECTION` or `SSH_TTY`.
    pub ssh: bool,
    /// The program was started by mosh's server.
    pub mosh: bool,
    /// `NO_COLOR`.
    pub no_color: bool,
    /// `CLICOLOR_FORCE`, unless it is 0.
    pub force_color: bool,
}

impl Environment {
    /// The environment of this process.
    pub fn read() -> Self {
        Self { mosh: started_by("mosh-server"), ..Self::of(|name| std::env::var(name).ok()) }
    }

    /// The environment that these variables make.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| variable(name).filter(|value| !value.is_empty());
        let set = |name: &str| text(name).is_some();
        Self {
            term: text("TERM"),
            color_term: text("COLORTERM"),
            term_program: text("TERM_PROGRAM"),
            foreground_background: text("COLORFGBG"),
            tmux: set("TMUX"),
            screen: set("STY"),
            zellij: set("ZELLIJ"),
            ssh: set("SSH_CONNECTION") || set("SSH_TTY"),
            mosh: false,
            no_color: set("NO_COLOR"),
            force_color: text("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        }
    }

    /// `TERM`, or nothing.
    pub fn term(&self) -> &str {
        self.term.as_deref().unwrap_or_default()
    }

    /// Whether anything hints at a multiplexer, to which a question about pictures would mean something else.
    pub fn hints_at_multiplexer(&self) -> bool {
        self.tmux || self.screen || self.term().starts_with("tmux") || self.term().starts_with("screen")
    }
}

/// Whether a program of this name is among those that this one was started by. Mosh says nothing else about itself.
fn started_by(name: &str) -> bool {
    let mut process = std::process::id();
    // Longer than any line of shells, and an end where the kernel's answers make no sense.
    for _ in 0..32 {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else { return false };
        let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        if field("Name:") == Some(name) {
            return true;
        }
        match field("PPid:").and_then(|parent| parent.parse().ok()) {
            Some(parent) if parent > 1 => process = parent,
            _ => return false,
        }
    }
    false
}
