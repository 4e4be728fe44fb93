//! A method of the table with what the user sets of it.

use serde::{Deserialize, Serialize};

use super::{KINDS, Kind, Method, SettingError, Settings, UnknownMethod, all};
use crate::model::suggestion;

/// A method with its parameters. As data it is the method's name and what differs from the defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Chosen {
    method: &'static Method,
    settings: Settings,
}

impl PartialEq for Chosen {
    fn eq(&self, other: &Self) -> bool {
        // They hold the method's name as well.
        self.settings == other.settings
    }
}

impl From<&'static Method> for Chosen {
    fn from(method: &'static Method) -> Self {
        Self { method, settings: Settings::of(method) }
    }
}

impl Chosen {
    /// The first method of a kind: what is taken where nobody says another.
    ///
    /// # Panics
    /// When the table has none of the kind.
    pub fn usual(kind: Kind) -> Self {
        all(kind).next().map_or_else(|| unreachable!("the table has methods of every kind"), Self::from)
    }

    /// The method.
    pub fn method(&self) -> &'static Method {
        self.method
    }

    /// Its parameters.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes `NAME=VALUE`.
    ///
    /// # Errors
    /// When the method has no such parameter or the value is out of its range.
    pub fn set(&mut self, text: &str) -> Result<(), SettingError> {
        self.settings.set(text)
    }

    /// What differs from the defaults, each as `NAME=VALUE`.
    pub fn changed(&self) -> Vec<String> {
        let usual: Vec<(&str, String)> = Settings::of(self.method).iter().collect();
        let differs = self.settings.iter().filter(|setting| !usual.contains(setting));
        differs.map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// A chosen method as data.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Written {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    set: Vec<String>,
}

impl From<Chosen> for Written {
    fn from(chosen: Chosen) -> Self {
        Self { name: chosen.method.name.to_owned(), set: chosen.changed() }
    }
}

/// Why data is no method.
#[derive(Debug, thiserror::Error)]
enum WrittenError {
    #[error(transparent)]
    Method(#[from] UnknownMethod),
    #[error(transparent)]
    Setting(#[from] SettingError),
}

impl TryFrom<Written> for Chosen {
    type Error = WrittenError;

    fn try_from(written: Written) -> Result<Self, WrittenError> {
        let methods = || KINDS.into_iter().flat_map(all);
        let found = methods().find(|method| method.name == written.name).ok_or_else(|| UnknownMethod {
            suggestion: suggestion(&written.name, methods().map(|method| method.name)),
            known: methods().map(|method| method.name).collect::<Vec<_>>().join(", "),
            name: written.name.clone(),
        })?;
        let mut chosen = Self::from(found);
        written.set.iter().try_for_each(|text| chosen.set(text))?;
        Ok(chosen)
    }
}
