//! Which theme the user wants: one, or one for light and one for dark terminals.

use std::fmt;
use std::str::FromStr;

/// Themes by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThemeChoice {
    /// This one.
    Always(String),
    /// By the terminal's background.
    ByBackground {
        /// On a light terminal.
        light: String,
        /// On a dark terminal.
        dark: String,
    },
}

impl ThemeChoice {
    /// All names that it asks for.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Always(name) => vec![name],
            Self::ByBackground { light, dark } => vec![light, dark],
        }
    }
}

impl FromStr for ThemeChoice {
    type Err = String;

    /// `NAME`, or `light=NAME,dark=NAME`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut light, mut dark) = (None, None);
        if !text.contains('=') {
            return Ok(Self::Always(text.trim().to_owned()));
        }
        for part in text.split(',') {
            let value =
                |name: &str| Some(part.trim().strip_prefix(name)?.trim_start().strip_prefix('=')?.trim().to_owned());
            light = value("light").or(light);
            dark = value("dark").or(dark);
        }
        match (light, dark) {
            (Some(light), Some(dark)) => Ok(Self::ByBackground { light, dark }),
            _ => Err(format!("'{text}' is no choice of themes: give a NAME or light=NAME,dark=NAME")),
        }
    }
}

impl fmt::Display for ThemeChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(name) => out.write_str(name),
            Self::ByBackground { light, dark } => write!(out, "light={light},dark={dark}"),
        }
    }
}
