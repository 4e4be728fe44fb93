//! What the user has set once and for all: the configuration file and the environment.
//!
//! The values become the defaults of the command line's options, so that an option wins over an environment variable, and
//! that over the file, each for itself. What is wrong is a line of [`Configuration::warnings`] and is left out.

pub mod document;
mod settings;
mod theme_choice;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use document::{Document, Entry, Wrong};
pub use settings::{SETTINGS, Setting};
pub use theme_choice::ThemeChoice;

use crate::folders;
use crate::model::printable::printable_path;
use crate::model::{printable, suggestion};

/// The file that documents every setting, with the values that hold without one. The keys follow it.
pub const DEFAULT: &str = include_str!("default.toml");

/// The table of keys.
const KEYS: &str = "keys";

/// Names the file.
const FILE_VARIABLE: &str = "LAYERSCOPE_CONFIG";

/// A line that binds keys: `"g g" = "first"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebinding {
    /// Keys with spaces between them.
    pub keys: String,
    /// Name of an action, or `none`.
    pub action: String,
    /// The line that says so, counted from 1.
    pub line: usize,
}

/// A value and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// As an option would be given it.
    pub text: String,
    /// The file and line, or the variable.
    pub from: String,
}

/// What is set by the file and the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// The user's folder of themes; it need not exist.
    pub themes: Option<PathBuf>,
    /// Keys bound anew.
    pub keys: Vec<Rebinding>,
    /// What is wrong, a line each.
    pub warnings: Vec<String>,
    values: BTreeMap<&'static str, Value>,
}

/// The file that the user named cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("--config {}: {reason}", printable_path(file))]
pub struct ConfigError {
    file: PathBuf,
    reason: std::io::Error,
}

impl Configuration {
    /// Reads the file and the environment. `named` is the file of `--config`; `variable` gives the environment.
    ///
    /// # Errors
    /// The named file cannot be read. Everything else is a warning.
    pub fn load(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = folders::own("XDG_CONFIG_HOME", ".config", variable);
        let mut configuration = Self { themes: home.as_ref().map(|home| home.join("themes")), ..Self::default() };
        if let Some(file) = named {
            let text = fs::read_to_string(file);
            let text = text.map_err(|reason| ConfigError { file: file.to_path_buf(), reason })?;
            configuration.read(file, &text);
        } else if let Some(file) = variable(FILE_VARIABLE).map(PathBuf::from) {
            configuration.read_if_possible(&file, FILE_VARIABLE);
        } else if let Some(file) = home.map(|home| home.join("config.toml")).filter(|file| file.exists()) {
            configuration.read_if_possible(&file, "configuration");
        }
        configuration.read_environment(variable);
        Ok(configuration)
    }

    /// The value of a setting, where the file or the environment has one.
    pub fn value(&self, setting: &str) -> Option<&Value> {
        self.values.get(setting)
    }

    /// Leaves a value out, and says why.
    pub fn refuse(&mut self, setting: &str, reason: &str) {
        if let Some(value) = self.values.remove(setting) {
            self.warnings.push(format!("{}: {reason}", value.from));
        }
    }

    /// Says that a line of the file is wrong.
    pub fn warn(&mut self, line: usize, message: &str) {
        let place = self.file.as_deref().map_or_else(String::new, |file| place(file, line));
        self.warnings.push(format!("{place}: {message}"));
    }

    fn read_if_possible(&mut self, file: &Path, named_by: &str) {
        match fs::read_to_string(file) {
            Ok(text) => self.read(file, &text),
            Err(error) => self.warnings.push(format!("{named_by} {}: {error}", printable_path(file))),
        }
    }

    fn read(&mut self, file: &Path, text: &str) {
        self.file = Some(file.to_path_buf());
        let document = match Document::parse(text) {
            Ok(document) => document,
            Err(wrong) => return self.warn(wrong.line, &format!("no TOML: {}; defaults are used", wrong.message)),
        };
        for entry in document.entries() {
            if let Err(wrong) = self.read_entry(file, &entry) {
                self.warn(wrong.line, &wrong.message);
            }
        }
    }

    fn read_entry(&mut self, file: &Path, entry: &Entry<'_>) -> Result<(), Wrong> {
        if entry.name == KEYS {
            let lines = entry.table().ok_or_else(|| entry.wrong("keys is a table: [keys]"))?;
            for line in lines {
                if let Ok(action) = line.string() {
                    let (keys, action) = (line.name.to_owned(), action.to_owned());
                    self.keys.push(Rebinding { keys, action, line: line.line });
                } else {
                    let name = printable(line.name);
                    self.warn(line.line, &format!("write `\"{name}\" = \"action\"`, the key first"));
                }
            }
            return Ok(());
        }
        let names = || SETTINGS.iter().map(|setting| setting.name).chain([KEYS]);
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == entry.name) else {
            let hint = suggestion(entry.name, names());
            return Err(entry.wrong(format!("there is no setting '{}'{hint}", printable(entry.name))));
        };
        let text = setting.read(entry)?;
        self.values.insert(setting.name, Value { text, from: place(file, entry.line) });
        Ok(())
    }

    fn read_environment(&mut self, variable: impl Fn(&str) -> Option<OsString>) {
        if variable("NO_COLOR").is_some() {
            self.values.insert("theme", Value { text: "monochrome".to_owned(), from: "NO_COLOR".to_owned() });
        }
        for setting in SETTINGS {
            let name = setting.variable();
            let Some(given) = variable(&name) else { continue };
            match setting.checked(&given.to_string_lossy()) {
                Ok(text) => drop(self.values.insert(setting.name, Value { text, from: name })),
                Err(message) => self.warnings.push(format!("{name}: {message}")),
            }
        }
    }
}

fn place(file: &Path, line: usize) -> String {
    format!("{}:{line}", printable_path(file))
}
