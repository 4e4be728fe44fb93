//! The architectures that come with the program: an archive of graphs without weights, and what is known about each.
//!
//! `index.json` lists them, `weights.txt` has the names and shapes that they are found by, `SOURCE/NAME.json` the graph and
//! `SOURCE/NAME.bin` its constants. `assets/architectures/make` makes the archive.

use std::io::Cursor;

use bytes::Bytes;
use serde::Deserialize;

use super::ArchitectureError;
use super::skeleton::{Skeleton, Wanted};
use crate::formats::archive::Archive;
use crate::formats::exported_program;
use crate::model::graph::{DType, Weight, WeightRole};

static ARCHIVE: &[u8] = include_bytes!("../../../assets/architectures/architectures.zip");

/// What is known about an architecture.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    /// `resnet18`.
    pub(super) name: String,
    /// The package that it comes from: `torchvision`.
    pub(super) source: String,
    /// Where its graph is; architectures that compute the same share one.
    pub(super) graph: String,
    /// The preprocessing of its published weights, as `--preprocess` takes it.
    pub(super) preprocessing: String,
    /// The labels of its published weights: `imagenet`, `cifar10`.
    pub(super) labels: Option<String>,
    /// How many classes those weights have.
    pub(super) classes: usize,
    /// A variant with the tensors of a network that is far more common: taken only where it is named.
    #[serde(default)]
    pub(super) named_only: bool,
}

impl Entry {
    /// `torchvision's resnet18`.
    pub(super) fn said(&self) -> String {
        format!("{}'s {}", self.source, self.name)
    }
}

/// The archive, opened.
pub(super) struct Library {
    archive: Archive<Cursor<&'static [u8]>>,
    pub(super) entries: Vec<Entry>,
}

/// Names and shapes of all graphs.
pub(super) struct Tables(String);

/// Names and shapes of one graph.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    /// Which graph.
    pub(super) graph: &'a str,
    lines: &'a str,
}

/// A line of a table.
#[derive(Debug, Clone)]
pub(super) enum Line<'a> {
    /// A tensor that a checkpoint must have.
    Weight {
        name: &'a str,
        role: WeightRole,
        dtype: DType,
        shape: Vec<usize>,
        /// Whether its first dimension counts the classes.
        counts_classes: bool,
    },
    /// A constant, and where its bytes begin.
    Constant { name: &'a str, dtype: DType, shape: Vec<usize>, at: usize },
    /// A tensor that a checkpoint may have, and that takes no part in the outputs.
    Unused { name: &'a str },
}

fn dtype(letter: &str) -> Option<DType> {
    Some(match letter {
        "f" => DType::Float32,
        "h" => DType::Float16,
        "i" => DType::Int64,
        "j" => DType::Int32,
        "u" => DType::UInt8,
        "b" => DType::Bool,
        _ => return None,
    })
}

impl<'a> Line<'a> {
    /// `p f conv1.weight 64 3 7 7`, `c i index 49 49 @0`, `u aux.fc.weight`.
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ');
        let role = words.next()?;
        if role == "u" {
            return Some(Self::Unused { name: words.next()? });
        }
        let (dtype, name) = (dtype(words.next()?)?, words.next()?);
        let (mut shape, mut at) = (Vec::with_capacity(4), None);
        for word in words {
            match word.strip_prefix('@') {
                Some(place) => at = Some(place.parse().ok()?),
                None => shape.push(word.parse().ok()?),
            }
        }
        let weight = |role, counts_classes, shape| Self::Weight { name, role, dtype, shape, counts_classes };
        Some(match role {
            "p" => weight(WeightRole::Parameter, false, shape),
            "P" => weight(WeightRole::Parameter, true, shape),
            "b" => weight(WeightRole::Buffer, false, shape),
            "c" => Self::Constant { name, dtype, shape, at: at? },
            _ => return None,
        })
    }
}

impl Tables {
    /// The tables in the order of preference.
    pub(super) fn iter(&self) -> impl Iterator<Item = Table<'_>> {
        let tables = self.0.split('%').filter_map(|table| table.split_once('\n'));
        tables.map(|(graph, lines)| Table { graph, lines })
    }
}

impl<'a> Table<'a> {
    /// What the table lists; lines that cannot be read are left out, and missed when the graph is filled.
    pub(super) fn lines(self) -> impl Iterator<Item = Line<'a>> {
        self.lines.lines().filter_map(Line::read)
    }
}

impl Library {
    /// Opens the archive and reads its index, no graph.
    pub(super) fn open() -> Result<Self, ArchitectureError> {
        let mut archive = Archive::open(Cursor::new(ARCHIVE))?;
        let index = archive.read("index.json")?;
        let entries = serde_json::from_slice(&index)
            .map_err(|error| ArchitectureError::Damaged(format!("index.json: {error}")))?;
        Ok(Self { archive, entries })
    }

    /// Names and shapes of all graphs.
    pub(super) fn tables(&mut self) -> Result<Tables, ArchitectureError> {
        let text = self.archive.read("weights.txt")?;
        String::from_utf8(text).map(Tables).map_err(|_| ArchitectureError::Damaged("weights.txt is no text".to_owned()))
    }

    /// A graph and what is to be filled into it.
    pub(super) fn skeleton(&mut self, table: Table) -> Result<Skeleton, ArchitectureError> {
        let damaged = |name: &str| ArchitectureError::Damaged(format!("{name} of {}", table.graph));
        let program = self.archive.read(&format!("{}.json", table.graph))?;
        let (mut graph, unfilled, input) = exported_program::without_weights(&program)?;
        let mut wanted = Vec::new();
        let mut constants = None;
        let mut lines = table.lines().filter(|line| !matches!(line, Line::Unused { .. }));
        for tensor in unfilled {
            let line = lines.next().ok_or_else(|| damaged(&tensor.name))?;
            match line {
                Line::Weight { name, role, dtype, shape, counts_classes } if name == tensor.name => {
                    let (name, value) = (tensor.name, tensor.value);
                    wanted.push(Wanted { name, value, role, dtype, shape, counts_classes });
                }
                Line::Constant { name, dtype, shape, at } if name == tensor.name => {
                    if constants.is_none() {
                        constants = Some(Bytes::from(self.archive.read(&format!("{}.bin", table.graph))?));
                    }
                    let length = shape.iter().product::<usize>() * dtype.size();
                    let whole = constants.as_ref().filter(|bytes| at + length <= bytes.len());
                    let data = whole.map(|bytes| bytes.slice(at..at + length)).ok_or_else(|| damaged(name))?;
                    graph.weights.push(Weight {
                        name: tensor.name,
                        value: tensor.value,
                        role: WeightRole::Constant,
                        dtype,
                        shape,
                        strides: None,
                        data,
                    });
                }
                _ => return Err(damaged(&tensor.name)),
            }
        }
        Ok(Skeleton { graph, wanted, input })
    }
}
