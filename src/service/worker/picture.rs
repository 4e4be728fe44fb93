//! Runs the network, and the one that it is compared with, on a picture.

use std::path::PathBuf;

use image::RgbImage;

use super::super::open;
use super::super::protocol::{Event, Pane, Prediction, Rgb, Ticket};
use super::Worker;
use super::error::WorkError;
use super::subject::Subject;
use crate::engine::Cancel;
use crate::methods::predictions;
use crate::picture::load::{Input, Loaded, decode_picture};

/// Classes that the inspector lists below the heatmap.
const TOP_CLASSES: usize = 10;

impl Worker<'_> {
    /// Runs a picture. The one before is kept until it has run.
    pub(super) fn picture(&mut self, ticket: Ticket, path: Option<PathBuf>, cancel: &Cancel) -> Result<(), WorkError> {
        self.leave_patterns();
        self.progress(Pane::Input, "running the network".to_owned());
        let loaded = load(path.as_ref())?;
        let (input, picture) = open::fed(self.subject.network, &loaded)?;
        let mut subject = Subject::new(self.subject.network);
        subject.run_on(&input, cancel)?;
        let layers = subject.layers(cancel)?;
        let predictions = top(&subject)?;
        self.subject = subject;
        let preprocess = self.subject.network.input.preprocessing.to_string();
        self.say(Event::Ran { ticket, path, picture: rgb(&picture), preprocess, predictions, layers });
        self.compare(ticket, &loaded, cancel)
    }
}

/// The classes that a network says, best first; none where it ends before it says any.
///
/// # Errors
/// When there is no picture.
pub(super) fn top(subject: &Subject<'_>) -> Result<Vec<Prediction>, WorkError> {
    if subject.network.ends_early().is_some() {
        return Ok(Vec::new());
    }
    let output = subject.forward()?.get(subject.network.head.output)?;
    Ok(predictions::top(subject.network, output, TOP_CLASSES)?)
}

fn load(path: Option<&PathBuf>) -> Result<Loaded, WorkError> {
    let Some(path) = path else {
        return Ok(Loaded::Picture(decode_picture(open::DEMO_PICTURE, "the demo's picture")?));
    };
    let mut inputs = Input::resolve([path])?;
    if inputs.is_empty() {
        return Err(WorkError::NoInput);
    }
    Ok(inputs.swap_remove(0).load()?)
}

/// A picture as the protocol has it.
pub(super) fn rgb(picture: &RgbImage) -> Rgb {
    Rgb { width: picture.width(), height: picture.height(), pixels: picture.as_raw().clone() }
}
