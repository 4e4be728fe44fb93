//! A method's parameters, and what the user sets them to.

use std::fmt;

use super::Method;
use crate::model::suggestion;

/// Something of a method that can be set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// The name by which it is set.
    pub name: &'static str,
    /// What it means, with its unit.
    pub meaning: &'static str,
    /// What it may be, and what it is where nobody sets it.
    pub range: Range,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// A whole number.
    Whole {
        /// Where nobody sets it.
        default: i64,
        /// The least.
        least: i64,
        /// The greatest.
        most: i64,
    },
    /// A real number.
    Real {
        /// Where nobody sets it.
        default: f64,
        /// The least.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// One of several words, the first where nobody sets it.
    Choice(&'static [&'static str]),
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { least, most, .. } => write!(f, "a whole number from {least} to {most}"),
            Self::Real { least, most, .. } => write!(f, "a number from {least} to {most}"),
            Self::Choice(words) => f.write_str(&words.join(" or ")),
        }
    }
}

/// A setting that a method does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not of the form NAME=VALUE.
    #[error("'{0}' is no setting: write NAME=VALUE")]
    Form(String),
    /// The method has no such parameter.
    #[error("{method} has no parameter '{name}'{known}")]
    Unknown {
        /// The method.
        method: &'static str,
        /// The name.
        name: String,
        /// The parameters that it has.
        known: String,
    },
    /// A value out of range.
    #[error("{method}: {name} is {range}, not '{value}'")]
    OutOfRange {
        /// The method.
        method: &'static str,
        /// The parameter.
        name: &'static str,
        /// What it may be.
        range: String,
        /// What was given.
        value: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Whole(i64),
    Real(f64),
    Word(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Values for all of a method's parameters, within their ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    method: &'static str,
    values: Vec<(Parameter, Value)>,
}

impl Settings {
    /// The defaults.
    pub fn of(method: &Method) -> Self {
        let default = |parameter: &Parameter| match parameter.range {
            Range::Whole { default, .. } => Value::Whole(default),
            Range::Real { default, .. } => Value::Real(default),
            Range::Choice(words) => Value::Word(words.first().copied().unwrap_or_default()),
        };
        let values = method.parameters.iter().map(|parameter| (*parameter, default(parameter))).collect();
        Self { method: method.name, values }
    }

    /// Takes `NAME=VALUE`.
    ///
    /// # Errors
    /// When the method has no such parameter or the value is out of its range.
    pub fn set(&mut self, text: &str) -> Result<(), SettingError> {
        let (name, value) = text.split_once('=').ok_or_else(|| SettingError::Form(text.to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        let names: Vec<&str> = self.values.iter().map(|(parameter, _)| parameter.name).collect();
        let method = self.method;
        let Some((parameter, place)) = self.values.iter_mut().find(|(parameter, _)| parameter.name == name) else {
            let near = suggestion(name, names.iter().copied());
            let known = match names.as_slice() {
                [] => "; it has none".to_owned(),
                names if near.is_empty() => format!("; it has {}", names.join(", ")),
                _ => near,
            };
            return Err(SettingError::Unknown { method, name: name.to_owned(), known });
        };
        let read = match parameter.range {
            Range::Whole { least, most, .. } => {
                value.parse().ok().filter(|number| (least..=most).contains(number)).map(Value::Whole)
            }
            Range::Real { least, most, .. } => {
                value.parse().ok().filter(|number| (least..=most).contains(number)).map(Value::Real)
            }
            Range::Choice(words) => words.iter().find(|word| **word == value).copied().map(Value::Word),
        };
        *place = read.ok_or_else(|| SettingError::OutOfRange {
            method,
            name: parameter.name,
            range: parameter.range.to_string(),
            value: value.to_owned(),
        })?;
        Ok(())
    }

    /// Name and value of every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.values.iter().map(|(parameter, value)| (parameter.name, value.to_string()))
    }

    /// Name and value of every parameter as a JSON object, numbers as such.
    pub fn document(&self) -> serde_json::Value {
        let value = |value: Value| match value {
            Value::Whole(number) => serde_json::Value::from(number),
            Value::Real(number) => serde_json::Value::from(number),
            Value::Word(word) => serde_json::Value::from(word),
        };
        self.values.iter().map(|(parameter, set)| (parameter.name.to_owned(), value(*set))).collect()
    }

    /// A whole number.
    ///
    /// # Panics
    /// When the method's table has no such parameter, which its own tests would show.
    pub fn whole(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Whole(number) => number,
            other => unreachable!("{}: {name} is {other}, not whole", self.method),
        }
    }

    /// A real number.
    ///
    /// # Panics
    /// As [`Settings::whole`].
    pub fn real(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Real(number) => number,
            other => unreachable!("{}: {name} is {other}, not real", self.method),
        }
    }

    /// One of several words.
    ///
    /// # Panics
    /// As [`Settings::whole`].
    pub fn word(&self, name: &str) -> &'static str {
        match self.value(name) {
            Value::Word(word) => word,
            other => unreachable!("{}: {name} is {other}, no word", self.method),
        }
    }

    fn value(&self, name: &str) -> Value {
        let found = self.values.iter().find(|(parameter, _)| parameter.name == name);
        found.map_or_else(|| unreachable!("{} has no parameter {name}", self.method), |(_, value)| *value)
    }
}
