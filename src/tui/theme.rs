//! Colours of the interface, from TOML files that are built in.

use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Deserializer};

/// The themes that are built in, by name.
const BUILT_IN: [&str; 5] = [
    include_str!("../../themes/ansi.toml"),
    include_str!("../../themes/night.toml"),
    include_str!("../../themes/paper.toml"),
    include_str!("../../themes/catppuccin-mocha.toml"),
    include_str!("../../themes/catppuccin-latte.toml"),
];

/// Colours by what they are for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Theme {
    /// Name by which it is asked for.
    pub name: String,
    #[serde(deserialize_with = "color")]
    text: Color,
    #[serde(deserialize_with = "color")]
    dim: Color,
    #[serde(deserialize_with = "color")]
    accent: Color,
    #[serde(deserialize_with = "color")]
    selection_text: Color,
    #[serde(deserialize_with = "color")]
    selection: Color,
    #[serde(deserialize_with = "color")]
    border: Color,
    #[serde(deserialize_with = "color")]
    focus: Color,
    #[serde(deserialize_with = "color")]
    title: Color,
    #[serde(deserialize_with = "color")]
    good: Color,
    #[serde(deserialize_with = "color")]
    warning: Color,
    #[serde(deserialize_with = "color")]
    error: Color,
    #[serde(deserialize_with = "color")]
    bar: Color,
    #[serde(deserialize_with = "color")]
    background: Color,
}

/// `#rrggbb`, or one of the sixteen colours by name; `reset` is the terminal's own.
fn color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Color, D::Error> {
    let text = String::deserialize(deserializer)?;
    Color::from_str(&text)
        .map_err(|_| serde::de::Error::custom(format!("'{text}' is no colour: #rrggbb or a name such as cyan")))
}

/// A theme file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("theme, line {line}: {message}")]
pub struct ThemeError {
    line: usize,
    message: String,
}

impl Theme {
    /// Reads a theme file.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, ThemeError> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            ThemeError { line: before.matches('\n').count() + 1, message: error.message().to_owned() }
        })
    }

    /// All built-in themes.
    ///
    /// # Errors
    /// Only when a built-in file is damaged.
    pub fn built_in() -> Result<Vec<Self>, ThemeError> {
        BUILT_IN.iter().map(|text| Self::parse(text)).collect()
    }

    /// Plain text on the theme's background.
    pub fn base(&self) -> Style {
        Style::new().fg(self.text).bg(self.background)
    }

    /// What matters less.
    pub fn dim(&self) -> Style {
        Style::new().fg(self.dim)
    }

    /// What is chosen or stands out.
    pub fn accent(&self) -> Style {
        Style::new().fg(self.accent)
    }

    /// The row under the cursor of the focused pane.
    pub fn selection(&self) -> Style {
        Style::new().fg(self.selection_text).bg(self.selection)
    }

    /// A pane's frame.
    pub fn border(&self, focused: bool) -> Style {
        Style::new().fg(if focused { self.focus } else { self.border })
    }

    /// A pane's title.
    pub fn title(&self, focused: bool) -> Style {
        let style = Style::new().fg(if focused { self.focus } else { self.title });
        if focused { style.add_modifier(Modifier::BOLD) } else { style }
    }

    /// Something went well.
    pub fn good(&self) -> Style {
        Style::new().fg(self.good)
    }

    /// Something deserves a look.
    pub fn warning(&self) -> Style {
        Style::new().fg(self.warning)
    }

    /// Something went wrong.
    pub fn error(&self) -> Style {
        Style::new().fg(self.error)
    }

    /// Bars of shares.
    pub fn bar(&self) -> Style {
        Style::new().fg(self.bar)
    }
}
