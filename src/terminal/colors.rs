//! What the terminal says about its colours: how many there are, and whether the background is light.

use std::time::Duration;

use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};

use super::ColorDepth;

/// Longest wait for a terminal that does not say what its background is.
const PATIENCE: Duration = Duration::from_millis(500);

/// Terminals with 24-bit colours that are known by `TERM`; over SSH that is all that is known of them.
const TRUE_COLOR: [&str; 7] = ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour", "rio"];

impl ColorDepth {
    /// The colours that `COLORTERM` and `TERM` promise; `variable` gives the environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let term = variable("TERM").unwrap_or_default();
        let promised = variable("COLORTERM").is_some_and(|colors| matches!(colors.as_str(), "truecolor" | "24bit"));
        let known = TRUE_COLOR.iter().any(|name| term.starts_with(name));
        if promised || known || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256color") {
            Self::Indexed256
        } else {
            Self::Ansi16
        }
    }
}

/// Whether the terminal's background is light; `None` where it does not say. Asks, so nothing else may read the keyboard.
pub fn light_background() -> Option<bool> {
    let mut options = QueryOptions::default();
    options.timeout = PATIENCE;
    theme_mode(options).ok().map(|mode| mode == ThemeMode::Light)
}
