//! The built-in demo.

use super::keras::{self, KerasError};
use super::{OpenError, open};
use crate::model::{Labels, Model, Source};

/// The built-in demo: the small cats-and-dogs convnet of the book, with its preprocessing and labels.
///
/// # Errors
/// Only when the program's own data is damaged.
pub fn demo() -> Result<Model, OpenError> {
    let fail = |reason: KerasError| OpenError { file: "the built-in demo".to_owned(), reason: reason.into() };
    let model = keras::read(DEMO.to_vec()).map_err(fail)?;
    let mut model = open::from_keras(model, "cats_and_dogs_small_2".to_owned());
    model.input.source = Source::Architecture;
    model.labels = Some(Labels::from_list(["dog"]));
    model.negative_label = Some("cat".to_owned());
    Ok(model)
}

const DEMO: &[u8] = include_bytes!("../../assets/cats_and_dogs_small_2.h5");
