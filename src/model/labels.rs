//! What the outputs of a classifier mean: the label of every index, and the index of a label.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::nearest::suggestion;
use super::printable::{printable, printable_path};

/// The 1000 labels of ImageNet in index order.
const IMAGENET: &str = include_str!("../../assets/imagenet1k_labels.json");

/// Label files are lists of names; anything larger is another kind of file.
const LARGEST_FILE: u64 = 64 << 20;

/// The labels of a network's outputs, by index. Free of control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    by_index: BTreeMap<usize, String>,
}

/// Why labels could not be read, or a class not be found.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The file cannot be read.
    #[error("labels {file}: {reason}; give `imagenet` or a file with one label a line, or a JSON list or object")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// No class has that name.
    #[error("unknown class `{typed}`{hint}")]
    Unknown {
        /// What was asked for.
        typed: String,
        /// Names like it.
        hint: String,
    },
    /// An index beyond the outputs.
    #[error("class {index} does not exist: the network has {classes} outputs, 0 to {}", classes.saturating_sub(1))]
    OutOfRange {
        /// What was asked for.
        index: usize,
        /// Number of outputs.
        classes: usize,
    },
    /// Several classes have that name.
    #[error("class `{typed}` is not one class but {}: give the index", indices.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// What was asked for.
        typed: String,
        /// The classes of that name.
        indices: Vec<usize>,
    },
}

impl Labels {
    /// Labels in index order.
    pub fn from_list<T: AsRef<str>>(labels: impl IntoIterator<Item = T>) -> Self {
        Self::from_pairs(labels.into_iter().enumerate())
    }

    fn from_pairs<T: AsRef<str>>(pairs: impl IntoIterator<Item = (usize, T)>) -> Self {
        let clean = |label: &str| printable(label).trim().to_owned();
        Self { by_index: pairs.into_iter().map(|(index, label)| (index, clean(label.as_ref()))).collect() }
    }

    /// The 1000 classes of ImageNet, as all published classifiers order them.
    pub fn imagenet() -> Self {
        parse(IMAGENET).unwrap_or_default()
    }

    /// What `--labels` names: `imagenet`, or a file with one label a line, a JSON list, or a JSON object of index and label.
    ///
    /// # Errors
    /// A file that cannot be read or holds no labels.
    pub fn named(name_or_file: &str) -> Result<Self, LabelError> {
        if name_or_file.eq_ignore_ascii_case("imagenet") {
            return Ok(Self::imagenet());
        }
        Self::from_file(Path::new(name_or_file))
    }

    /// Labels of a file: one a line, a JSON list, or a JSON object of index and label.
    ///
    /// # Errors
    /// A file that cannot be read or holds no labels.
    pub fn from_file(file: &Path) -> Result<Self, LabelError> {
        let failed = |reason: String| LabelError::Unreadable { file: printable_path(file), reason };
        let length = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
        if length > LARGEST_FILE {
            return Err(failed(format!("{} MB is too large for a list of labels", length >> 20)));
        }
        let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| failed("not a text file".into()))?;
        parse(&text).map_err(failed)
    }

    /// The label of an output.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.by_index.get(&index).map(String::as_str)
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.by_index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_index.is_empty()
    }

    /// Indices and labels in index order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.by_index.iter().map(|(index, label)| (*index, label.as_str()))
    }

    /// The output that `typed` names among `classes` outputs: by index, by exact label, or by a label that differs from it
    /// only in upper and lower case.
    ///
    /// # Errors
    /// An index beyond the outputs, an unknown label (with the nearest ones), or a label of several outputs.
    pub fn find(&self, typed: &str, classes: usize) -> Result<usize, LabelError> {
        let typed = typed.trim();
        if let Ok(index) = typed.parse::<usize>() {
            return if index < classes { Ok(index) } else { Err(LabelError::OutOfRange { index, classes }) };
        }
        let lower = typed.to_lowercase();
        let here = || self.iter().filter(|(index, _)| *index < classes);
        let exact: Vec<usize> = here().filter(|(_, label)| *label == typed).map(|(index, _)| index).collect();
        let indices: Vec<usize> = if exact.is_empty() {
            here().filter(|(_, label)| label.to_lowercase() == lower).map(|(index, _)| index).collect()
        } else {
            exact
        };
        match indices.as_slice() {
            [index] => Ok(*index),
            [] if self.is_empty() => Err(LabelError::Unknown {
                typed: printable(typed).into_owned(),
                hint: "; the outputs have no labels here: give an index, or --labels".into(),
            }),
            [] => Err(LabelError::Unknown {
                typed: printable(typed).into_owned(),
                hint: suggestion(typed, here().map(|(_, label)| label)),
            }),
            _ => Err(LabelError::Ambiguous { typed: printable(typed).into_owned(), indices }),
        }
    }
}

fn parse(text: &str) -> Result<Labels, String> {
    let text = text.trim_start_matches('\u{feff}');
    let labels = if text.trim_start().starts_with(['[', '{']) {
        match serde_json::from_str(text).map_err(|error| format!("not valid JSON ({error})"))? {
            Value::Array(labels) => {
                Labels::from_pairs(labels.iter().map(label).collect::<Result<Vec<_>, _>>()?.into_iter().enumerate())
            }
            Value::Object(labels) => Labels::from_pairs(
                labels
                    .iter()
                    .map(|(index, value)| {
                        let index: usize =
                            index.trim().parse().map_err(|_| format!("`{}` is not a class index", printable(index)))?;
                        Ok((index, label(value)?))
                    })
                    .collect::<Result<Vec<_>, String>>()?,
            ),
            _ => return Err("neither a list nor an object of labels".into()),
        }
    } else {
        match text.trim_end() {
            "" => Labels::default(),
            lines => Labels::from_list(lines.lines()),
        }
    };
    if labels.is_empty() { Err("no labels in it".into()) } else { Ok(labels) }
}

/// A label, or the last name of a list such as Keras's `["n01440764", "tench"]`.
fn label(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(label) => Ok(label),
        Value::Array(names) => names.last().and_then(Value::as_str).ok_or_else(|| "a label that is no text".into()),
        _ => Err("a label that is no text".into()),
    }
}
