//! The built-in demo.

use std::fmt;
use std::io::{BufReader, Cursor};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{OpenError, Reason, architectures, checkpoint, keras, open};
use crate::model::{Labels, Model, Source};

/// A model that the program brings with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Demo {
    /// EfficientNet-Lite0 with its ImageNet weights, from a checkpoint in half precision.
    #[default]
    Lite0,
    /// The small cats-and-dogs convnet of the book, from its Keras file.
    Book,
}

impl Demo {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Lite0, Self::Book];

    /// What the command line calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lite0 => "lite0",
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
    let made = match which {
        Demo::Lite0 => lite0(),
        Demo::Book => book(),
    };
    made.map_err(|reason| OpenError { file: format!("the built-in demo {which}"), reason })
}

fn lite0() -> Result<Model, Reason> {
    let checkpoint = checkpoint::read(BufReader::new(Cursor::new(LITE0)))?;
    let bound =
        architectures::bind(checkpoint, Some("efficientnet-lite0"), Path::new("efficientnet_lite0.safetensors"))?;
    let model = open::from_checkpoint(bound, "");
    Ok(Model { name: "EfficientNet-Lite0".to_owned(), ..model })
}

/// With its preprocessing and labels.
fn book() -> Result<Model, Reason> {
    let model = keras::read(BOOK.to_vec())?;
    let mut model = model.into_model("cats_and_dogs_small_2".to_owned());
    model.input.source = Source::Architecture;
    model.labels = Some(Labels::from_list(["dog"]));
    model.negative_label = Some("cat".to_owned());
    Ok(model)
}

static LITE0: &[u8] = include_bytes!("../../assets/efficientnet_lite0.safetensors");
static BOOK: &[u8] = include_bytes!("../../assets/cats_and_dogs_small_2.h5");
