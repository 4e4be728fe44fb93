//! Colours of the interface: built-in themes, and the user's own, from TOML files.

mod depth;
mod file;
mod library;

use ratatui::style::{Color, Modifier, Style};

pub use file::ThemeError;
pub use library::Library;

/// Whether a theme is for dark or for light rooms; those that keep the terminal's own background have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appearance {
    /// Light text on a dark background.
    Dark,
    /// Dark text on a light background.
    Light,
}

/// Colours by what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Name by which it is asked for.
    pub name: String,
    /// Dark or light.
    pub appearance: Option<Appearance>,
    background: Color,
    styles: Styles,
}

/// A style for each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Styles {
    text: Style,
    dim: Style,
    accent: Style,
    selection: Style,
    border: Style,
    focus: Style,
    title: Style,
    focused_title: Style,
    good: Style,
    warning: Style,
    error: Style,
    bar: Style,
}

impl Styles {
    fn each(&mut self) -> [&mut Style; 12] {
        let Self { text, dim, accent, selection, border, focus, title, focused_title, good, warning, error, bar } =
            self;
        [text, dim, accent, selection, border, focus, title, focused_title, good, warning, error, bar]
    }
}

impl Theme {
    /// Reads a theme file that inherits from none or from a built-in one.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(text: &str) -> Result<Self, ThemeError> {
        Library::built_in()?.with_theme("theme", text)
    }

    /// All built-in themes; the first is the one to begin with.
    ///
    /// # Errors
    /// Only when a built-in file is damaged.
    pub fn built_in() -> Result<Vec<Self>, ThemeError> {
        Ok(Library::built_in()?.themes)
    }

    /// Plain text on the theme's background.
    pub fn base(&self) -> Style {
        let background = Style::new().bg(self.background);
        background.patch(self.styles.text)
    }

    /// What matters less.
    pub fn dim(&self) -> Style {
        self.styles.dim
    }

    /// What is chosen or stands out.
    pub fn accent(&self) -> Style {
        self.styles.accent
    }

    /// The row under the cursor of the focused pane.
    pub fn selection(&self) -> Style {
        self.styles.selection
    }

    /// A pane's frame.
    pub fn border(&self, focused: bool) -> Style {
        if focused { self.styles.focus } else { self.styles.border }
    }

    /// A pane's title.
    pub fn title(&self, focused: bool) -> Style {
        if focused { self.styles.focused_title } else { self.styles.title }
    }

    /// Something went well.
    pub fn good(&self) -> Style {
        self.styles.good
    }

    /// Something deserves a look.
    pub fn warning(&self) -> Style {
        self.styles.warning
    }

    /// Something went wrong.
    pub fn error(&self) -> Style {
        self.styles.error
    }

    /// Bars of shares.
    pub fn bar(&self) -> Style {
        self.styles.bar
    }
}

/// What a style is where a theme says nothing about it.
fn emphasised(style: Style) -> Style {
    style.add_modifier(Modifier::BOLD)
}
