//! The JSON of a recording, as `torchscript_recording.cpp` writes it.

use serde::Deserialize;

/// A run: the calls in their order.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    pub(super) nodes: Vec<Call>,
    /// Path and type of the modules around a call, outermost first.
    pub(super) scopes: Vec<Vec<(String, String)>>,
    pub(super) weights: Vec<WeightEntry>,
    /// The value that is fed.
    pub(super) input: usize,
    pub(super) outputs: Vec<usize>,
    /// How many values there are.
    pub(super) values: usize,
    /// How often control flow asked for the input's size or numbers.
    pub(super) decisions: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) overload: String,
    pub(super) scope: usize,
    pub(super) arguments: Vec<(String, Given)>,
    pub(super) outputs: Vec<Made>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WeightEntry {
    /// As the module tree calls it; empty for a constant of the program.
    pub(super) name: String,
    /// `parameter`, `buffer` or `constant`.
    pub(super) role: String,
    pub(super) value: usize,
}

/// An argument.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Given {
    None(()),
    Bool(bool),
    Int(i64),
    String(String),
    List(Vec<Given>),
    Tagged(Tagged),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tagged {
    Value(usize),
    Float(Real),
    Dtype(i32),
    MemoryFormat(i8),
    Device(()),
}

/// JSON has no word for what is no finite number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Real {
    Number(f64),
    Word(String),
}

impl Real {
    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Word(word) => match word.as_str() {
                "inf" => f64::INFINITY,
                "-inf" => f64::NEG_INFINITY,
                _ => f64::NAN,
            },
        }
    }
}

/// What a return of a call is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Made {
    Nothing(()),
    One(usize),
    Many(Vec<usize>),
}
