//! What can be set: the name of each setting, what it may be, and what is said where it is something else.

use std::str::FromStr;

use clap::ValueEnum;

use super::document::{Entry, Wrong};
use super::theme_choice::ThemeChoice;
use crate::engine::DeviceChoice;
use crate::picture::{ColorMap, Scale};
use crate::terminal::Graphics;

/// How a setting is written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Text,
    Switch,
    Number,
    /// A text or a table of two.
    Theme,
}

/// Something that can be set: in the file by its name, in the environment as [`Setting::variable`], and as an option.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, which is also the option's: `log-file` is `--log-file`.
    pub name: &'static str,
    /// Whether it is for every command; otherwise for the inspector.
    pub for_commands: bool,
    written: Written,
    check: fn(&str) -> Result<(), String>,
}

const fn setting(name: &'static str, written: Written, check: fn(&str) -> Result<(), String>) -> Setting {
    Setting { name, for_commands: false, written, check }
}

const fn for_commands(setting: Setting) -> Setting {
    Setting { for_commands: true, ..setting }
}

/// All settings.
pub const SETTINGS: &[Setting] = &[
    setting("theme", Written::Theme, is::<ThemeChoice>),
    setting("graphics", Written::Text, graphics),
    setting("colormap", Written::Text, is::<ColorMap>),
    setting("scale", Written::Text, is::<Scale>),
    setting("overlay-strength", Written::Number, share),
    setting("crisp", Written::Switch, switch),
    setting("mouse", Written::Switch, switch),
    for_commands(setting("device", Written::Text, is::<DeviceChoice>)),
    for_commands(setting("threads", Written::Number, threads)),
    setting("log-file", Written::Text, path),
];

impl Setting {
    /// The environment variable that sets it: `LAYERSCOPE_LOG_FILE`.
    pub fn variable(&self) -> String {
        format!("LAYERSCOPE_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// The value if it may be one.
    ///
    /// # Errors
    /// What would be right, in one line.
    pub fn checked(&self, value: &str) -> Result<String, String> {
        (self.check)(value).map(|()| value.to_owned())
    }

    /// The value that stands in a file.
    pub(super) fn read(&self, entry: &Entry<'_>) -> Result<String, Wrong> {
        let value = match (self.written, entry.table()) {
            (Written::Theme, Some(choices)) => theme(entry, &choices)?,
            (Written::Text | Written::Theme, _) => entry.string()?.to_owned(),
            (Written::Switch, _) => entry.boolean()?.to_string(),
            (Written::Number, _) => entry.number()?.to_owned(),
        };
        self.checked(&value).map_err(|message| entry.wrong(format!("{}: {message}", self.name)))
    }
}

/// `{ light = "…", dark = "…" }`.
fn theme(entry: &Entry<'_>, choices: &[Entry<'_>]) -> Result<String, Wrong> {
    let (mut light, mut dark) = (None, None);
    for choice in choices {
        match choice.name {
            "light" => light = Some(choice.string()?.to_owned()),
            "dark" => dark = Some(choice.string()?.to_owned()),
            other => {
                return Err(choice.wrong(format!("theme has light and dark, not '{}'", crate::model::printable(other))));
            }
        }
    }
    match (light, dark) {
        (Some(light), Some(dark)) => Ok(ThemeChoice::ByBackground { light, dark }.to_string()),
        (None, _) => Err(entry.wrong("theme: `light` is missing beside `dark`")),
        (_, None) => Err(entry.wrong("theme: `dark` is missing beside `light`")),
    }
}

fn is<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(), String> {
    T::from_str(text).map(drop).map_err(|error| error.to_string())
}

fn graphics(text: &str) -> Result<(), String> {
    let names = Graphics::value_variants().iter().filter_map(Graphics::to_possible_value);
    let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
    if names.iter().any(|name| name == text) {
        return Ok(());
    }
    let hint = crate::model::suggestion(text, names.iter().map(String::as_str));
    Err(format!("'{}' is none of {}{hint}", crate::model::printable(text), names.join(", ")))
}

fn share(text: &str) -> Result<(), String> {
    match text.parse::<f32>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(()),
        _ => Err(format!("'{}' is no number from 0 to 1", crate::model::printable(text))),
    }
}

fn threads(text: &str) -> Result<(), String> {
    match text.parse::<u16>() {
        Ok(threads) if threads > 0 => Ok(()),
        _ => Err(format!("'{}' is no number of threads: 1 to 65535", crate::model::printable(text))),
    }
}

fn switch(text: &str) -> Result<(), String> {
    text.parse::<bool>().map(drop).map_err(|_| format!("'{}' is neither true nor false", crate::model::printable(text)))
}

fn path(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("the name of a file is missing".to_owned()) } else { Ok(()) }
}
