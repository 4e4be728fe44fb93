//! Which terminal it is, as far as that decides how pictures are drawn.

use super::environment::Environment;

/// A version: `3.5a` is 3 and 5.
type Version = (u16, u16);

/// A terminal or multiplexer that is known to do something otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// kitty; its version where it says so.
    Kitty(Option<Version>),
    /// Ghostty.
    Ghostty,
    /// `WezTerm`.
    WezTerm,
    /// KDE's Konsole.
    Konsole,
    /// xterm.js: VS Code and others made with it.
    XtermJs,
    /// iTerm2.
    Iterm2,
    /// mintty, of Cygwin, MSYS2 and Git for Windows.
    Mintty,
    /// Warp.
    Warp,
    /// Rio.
    Rio,
    /// Apple's Terminal.
    Apple,
    /// Terminals with nothing peculiar but colours of 24 bits.
    TrueColor,
    /// tmux.
    Tmux(Option<Version>),
    /// Zellij.
    Zellij,
    /// Any other.
    Other,
}

/// Names as XTVERSION begins, in lower case.
const NAMES: [(&str, Identity); 17] = [
    ("ghostty", Identity::Ghostty),
    ("wezterm", Identity::WezTerm),
    ("konsole", Identity::Konsole),
    ("xterm.js", Identity::XtermJs),
    ("iterm2", Identity::Iterm2),
    ("mintty", Identity::Mintty),
    ("warp", Identity::Warp),
    ("rio", Identity::Rio),
    ("zellij", Identity::Zellij),
    ("foot", Identity::TrueColor),
    ("contour", Identity::TrueColor),
    ("alacritty", Identity::TrueColor),
    ("vte", Identity::TrueColor),
    ("mlterm", Identity::TrueColor),
    ("blackbox", Identity::TrueColor),
    ("windows terminal", Identity::TrueColor),
    ("xterm", Identity::TrueColor),
];

/// Values of `TERM_PROGRAM`, in lower case.
const PROGRAMS: [(&str, Identity); 9] = [
    ("vscode", Identity::XtermJs),
    ("tabby", Identity::XtermJs),
    ("hyper", Identity::XtermJs),
    ("wezterm", Identity::WezTerm),
    ("iterm.app", Identity::Iterm2),
    ("mintty", Identity::Mintty),
    ("warpterminal", Identity::Warp),
    ("rio", Identity::Rio),
    ("apple_terminal", Identity::Apple),
];

/// Values of `TERM` that only one terminal has.
const TERMS: [(&str, Identity); 6] = [
    ("xterm-kitty", Identity::Kitty(None)),
    ("xterm-ghostty", Identity::Ghostty),
    ("wezterm", Identity::WezTerm),
    ("alacritty", Identity::TrueColor),
    ("foot", Identity::TrueColor),
    ("contour", Identity::TrueColor),
];

impl Identity {
    /// By the answer to XTVERSION.
    pub fn of(version: &str) -> Self {
        let name = version.trim().to_ascii_lowercase();
        if let Some(number) = name.strip_prefix("kitty") {
            return Self::Kitty(number_in(number));
        }
        if let Some(number) = name.strip_prefix("tmux") {
            return Self::Tmux(number_in(number));
        }
        find(&NAMES, |known| name.starts_with(known)).unwrap_or(Self::Other)
    }

    /// By the environment, where the terminal does not say who it is. tmux sets `TERM_PROGRAM` to its own name.
    pub fn guessed(environment: &Environment) -> Self {
        let program = environment.term_program.as_deref().unwrap_or_default().to_ascii_lowercase();
        let term = environment.term();
        if environment.tmux || program == "tmux" || term.starts_with("tmux") {
            return Self::Tmux(None);
        }
        if environment.zellij {
            return Self::Zellij;
        }
        find(&PROGRAMS, |known| known == program)
            .or_else(|| find(&TERMS, |known| term.starts_with(known)))
            .unwrap_or(Self::Other)
    }

    /// Whether it draws kitty's pictures at placeholders; where it does not, why.
    ///
    /// # Errors
    /// What is known of this terminal.
    pub fn draws_placeholders(self) -> Result<(), &'static str> {
        match self {
            Self::Kitty(Some(version)) if version < (0, 28) => Err("kitty before 0.28 has no Unicode placeholders"),
            Self::WezTerm => Err("WezTerm has no Unicode placeholders"),
            Self::Konsole => Err("Konsole has no Unicode placeholders"),
            Self::XtermJs => Err("xterm.js has no Unicode placeholders"),
            Self::Iterm2 => Err("iTerm2 has no Unicode placeholders"),
            Self::Warp => Err("Warp has no Unicode placeholders"),
            Self::Rio => Err("Rio has no Unicode placeholders"),
            Self::Zellij => Err("Zellij has no Unicode placeholders"),
            _ => Ok(()),
        }
    }

    /// Whether it is known to have colours of 24 bits: over SSH `COLORTERM` is usually lost.
    pub const fn has_true_color(self) -> bool {
        !matches!(self, Self::Other | Self::Apple)
    }
}

fn find(known: &[(&str, Identity)], is: impl Fn(&str) -> bool) -> Option<Identity> {
    known.iter().find(|(name, _)| is(name)).map(|(_, identity)| *identity)
}

/// The first two numbers of `(0.41.1)`, ` 3.5a` or ` next-3.6`.
fn number_in(text: &str) -> Option<Version> {
    let digits = text.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let mut numbers = digits.split('.').map(|part| {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().ok()
    });
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}
