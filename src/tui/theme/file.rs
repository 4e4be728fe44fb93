//! A theme file as it is written: styles by purpose, with the names of a palette.

use std::collections::BTreeMap;
use std::str::FromStr;

use ratatui::style::{Color, Modifier, Style};

use super::Appearance;
use crate::config::document::{Document, Entry, Wrong};
use crate::model::{printable, suggestion};

/// A theme file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("theme {theme}, {wrong}")]
pub struct ThemeError {
    pub(super) theme: String,
    pub(super) wrong: Wrong,
}

/// Purposes of styles, as a file names them.
pub(super) const PURPOSES: [&str; 12] = [
    "text",
    "dim",
    "accent",
    "selection",
    "border",
    "focus",
    "title",
    "title-focused",
    "good",
    "warning",
    "error",
    "bar",
];

/// What else a file may say.
const OTHERS: [&str; 5] = ["name", "appearance", "inherits", "background", "palette"];

/// Modifiers of styles.
const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
    ("crossed-out", Modifier::CROSSED_OUT),
];

/// A text of a file with its line.
pub(super) type Placed = (String, usize);

/// A style whose colours may be names of a palette.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    foreground: Option<Placed>,
    background: Option<Placed>,
    modifiers: Modifier,
}

/// A theme file.
#[derive(Debug, Clone, Default)]
pub(super) struct ThemeFile {
    pub(super) name: String,
    pub(super) appearance: Option<Appearance>,
    pub(super) inherits: Option<Placed>,
    pub(super) background: Option<Placed>,
    pub(super) palette: BTreeMap<String, Color>,
    pub(super) styles: BTreeMap<&'static str, Written>,
}

impl ThemeFile {
    /// Reads a file; `name` is the theme's unless the file says another.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, ThemeError> {
        let mut file = Self { name: name.to_owned(), ..Self::default() };
        let read =
            Document::parse(text).and_then(|document| document.entries().iter().try_for_each(|entry| file.read(entry)));
        match read {
            Ok(()) => Ok(file),
            Err(wrong) => Err(ThemeError { theme: file.name, wrong }),
        }
    }

    fn read(&mut self, entry: &Entry<'_>) -> Result<(), Wrong> {
        let placed = || entry.string().map(|text| (text.to_owned(), entry.line));
        match entry.name {
            "name" => self.name = printable(entry.string()?).into_owned(),
            "appearance" => {
                self.appearance = Some(match entry.string()? {
                    "dark" => Appearance::Dark,
                    "light" => Appearance::Light,
                    other => {
                        return Err(entry.wrong(format!("appearance is dark or light, not '{}'", printable(other))));
                    }
                });
            }
            "inherits" => self.inherits = Some(placed()?),
            "background" => self.background = Some(placed()?),
            "palette" => {
                for color in entry.table().ok_or_else(|| entry.wrong("palette is a table: [palette]"))? {
                    let value = plain_color(color.string()?).map_err(|message| color.wrong(message))?;
                    self.palette.insert(color.name.to_owned(), value);
                }
            }
            other => {
                let Some(purpose) = PURPOSES.into_iter().find(|purpose| *purpose == other) else {
                    let hint = suggestion(other, PURPOSES.into_iter().chain(OTHERS));
                    return Err(entry.wrong(format!("a theme has no '{}'{hint}", printable(other))));
                };
                self.styles.insert(purpose, Written::read(entry)?);
            }
        }
        Ok(())
    }
}

impl Written {
    /// A colour, or `{ fg, bg, modifiers }`.
    fn read(entry: &Entry<'_>) -> Result<Self, Wrong> {
        let Some(parts) = entry.table() else {
            let color = entry.string().map_err(|_| {
                entry.wrong(format!("{} is a colour or {{ fg = …, bg = …, modifiers = [ … ] }}", entry.name))
            })?;
            return Ok(Self { foreground: Some((color.to_owned(), entry.line)), ..Self::default() });
        };
        let mut written = Self::default();
        for part in parts {
            match part.name {
                "fg" => written.foreground = Some((part.string()?.to_owned(), part.line)),
                "bg" => written.background = Some((part.string()?.to_owned(), part.line)),
                "modifiers" => {
                    for name in part.strings()? {
                        let known = MODIFIERS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                            let names = MODIFIERS.map(|(name, _)| name).join(", ");
                            part.wrong(format!("'{}' is no modifier; there are {names}", printable(name)))
                        })?;
                        written.modifiers |= known.1;
                    }
                }
                other => {
                    let message = format!("a style has fg, bg and modifiers, not '{}'", printable(other));
                    return Err(part.wrong(message));
                }
            }
        }
        Ok(written)
    }

    /// With the colours that the palette's names stand for.
    pub(super) fn resolve(&self, palette: &BTreeMap<String, Color>) -> Result<Style, Wrong> {
        let mut style = Style::new().add_modifier(self.modifiers);
        if let Some(foreground) = &self.foreground {
            style = style.fg(color(foreground, palette)?);
        }
        if let Some(background) = &self.background {
            style = style.bg(color(background, palette)?);
        }
        Ok(style)
    }
}

/// A name of the palette, or a colour.
pub(super) fn color((text, line): &Placed, palette: &BTreeMap<String, Color>) -> Result<Color, Wrong> {
    if let Some(color) = palette.get(text) {
        return Ok(*color);
    }
    plain_color(text).map_err(|message| {
        let hint = suggestion(text, palette.keys().map(String::as_str));
        Wrong { line: *line, message: format!("{message}{hint}") }
    })
}

/// `#rrggbb`, one of the sixteen colours by name, or a number of the 256; `reset` is the terminal's own.
fn plain_color(text: &str) -> Result<Color, String> {
    Color::from_str(text)
        .map_err(|_| format!("'{}' is no colour: #rrggbb, a name such as cyan, or one of the palette", printable(text)))
}
