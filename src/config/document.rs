//! A TOML file read entry by entry: each wrong entry is told with its line, and the others still count.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::printable;

/// What is wrong in a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Wrong {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A file that is TOML.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    table: DeTable<'a>,
}

impl<'a> Document<'a> {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it is no TOML, and why.
    pub fn parse(text: &'a str) -> Result<Self, Wrong> {
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { text, table: table.into_inner() }),
            Err(error) => {
                let line = line_of(text, error.span().map_or(0, |span| span.start));
                let message = text.lines().nth(line - 1).and_then(bare_text);
                let message = message.unwrap_or_else(|| error.message().lines().collect::<Vec<_>>().join(", "));
                Err(Wrong { line, message })
            }
        }
    }

    /// The entries that are in no table, and the tables, in the order of their lines.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        entries(self.text, &self.table)
    }
}

fn entries<'d>(text: &'d str, table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
    let mut entries: Vec<(usize, Entry<'d>)> = table
        .iter()
        .map(|(name, value)| {
            let start = name.span().start;
            (start, Entry { name: name.get_ref(), line: line_of(text, start), text, value })
        })
        .collect();
    entries.sort_by_key(|(start, _)| *start);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// What to say about `theme = nord`, the commonest slip, which TOML takes for a number that went wrong.
fn bare_text(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let word = value.split('#').next()?.trim();
    let bare = word.starts_with(|first: char| first.is_alphabetic()) && !word.contains('"');
    bare.then(|| format!("a text stands in quotes: {} = \"{}\"", printable(name.trim()), printable(word)))
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

/// A name and its value.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'d> {
    /// The name.
    pub name: &'d str,
    /// Its line, counted from 1.
    pub line: usize,
    text: &'d str,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Entry<'d> {
    /// This entry is wrong.
    pub fn wrong(&self, message: impl Into<String>) -> Wrong {
        Wrong { line: self.line, message: message.into() }
    }

    fn other_than(&self, wanted: &str) -> Wrong {
        let article = if self.value.get_ref().type_str().starts_with(['a', 'i']) { "an" } else { "a" };
        self.wrong(format!("{} is {wanted}, not {article} {}", self.name, self.value.get_ref().type_str()))
    }

    /// A text.
    ///
    /// # Errors
    /// Another kind of value.
    pub fn string(&self) -> Result<&'d str, Wrong> {
        self.value.get_ref().as_str().ok_or_else(|| self.other_than("a text in quotes"))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Another kind of value.
    pub fn boolean(&self) -> Result<bool, Wrong> {
        self.value.get_ref().as_bool().ok_or_else(|| self.other_than("true or false"))
    }

    /// A number as it is written.
    ///
    /// # Errors
    /// Another kind of value.
    pub fn number(&self) -> Result<&'d str, Wrong> {
        match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str()),
            DeValue::Float(number) => Ok(number.as_str()),
            _ => Err(self.other_than("a number")),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    /// Another kind of value, or something else in the list.
    pub fn strings(&self) -> Result<Vec<&'d str>, Wrong> {
        let wrong = || self.other_than("a list of texts");
        let list = self.value.get_ref().as_array().ok_or_else(wrong)?;
        list.iter().map(|value| value.get_ref().as_str().ok_or_else(wrong)).collect()
    }

    /// Entries of a table; nothing for other kinds of values.
    pub fn table(&self) -> Option<Vec<Entry<'d>>> {
        Some(entries(self.text, self.value.get_ref().as_table()?))
    }
}
