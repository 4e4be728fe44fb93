//! The built-in demo.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::OpenError;
use super::keras::{self, KerasError};
use crate::model::{Labels, Model, Source};

/// A model that the program brings with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Demo {
    /// The small cats-and-dogs convnet of the book, from its Keras file.
    #[default]
    Book,
}

impl Demo {
    /// All of them, the default first.
    pub const ALL: [Self; 1] = [Self::Book];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
        }
    }
}

impl FromStr for Demo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(" or ");
        Self::ALL
            .into_iter()
            .find(|demo| demo.name() == text)
            .ok_or_else(|| format!("'{text}' is no built-in demo: {names}"))
    }
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Opens a model that the program brings with it.
///
/// # Errors
/// Only when the program's own data is damaged.
pub fn demo(which: Demo) -> Result<Model, OpenError> {
    match which {
        Demo::Book => book(),
    }
}

/// With its preprocessing and labels.
fn book() -> Result<Model, OpenError> {
    let fail = |reason: KerasError| OpenError { file: "the built-in demo".to_owned(), reason: reason.into() };
    let model = keras::read(BOOK.to_vec()).map_err(fail)?;
    let mut model = model.into_model("cats_and_dogs_small_2".to_owned());
    model.input.source = Source::Architecture;
    model.labels = Some(Labels::from_list(["dog"]));
    model.negative_label = Some("cat".to_owned());
    Ok(model)
}

const BOOK: &[u8] = include_bytes!("../../assets/cats_and_dogs_small_2.h5");
