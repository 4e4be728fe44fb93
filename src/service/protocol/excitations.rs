//! What a scan of many pictures found: answers of the thread that reads its file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Rgb;
use crate::methods::excitation::Distribution;

/// Left, top, width and height of a part of a picture.
pub type Part = (u32, u32, u32, u32);

/// A scan that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanInfo {
    /// The file.
    pub path: PathBuf,
    /// Name of the model that was scanned.
    pub model: String,
    /// Tells that model from others.
    pub fingerprint: String,
    /// What was done to the pictures, as a SPEC.
    pub preprocess: String,
    /// The layers, each with its channels.
    pub layers: Vec<(String, usize)>,
    /// Pictures that were shown to the network.
    pub pictures: u64,
    /// Pictures that are kept for a channel: so many of all, of those that the network is right about, and of those that it is
    /// wrong about.
    pub top: usize,
    /// Pictures of each class that are kept beside those.
    pub per_class: usize,
    /// Whether it is known what the pictures show.
    pub has_truth: bool,
}

/// What excites a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExcitationPage {
    /// Index of the layer in the scan.
    pub layer: usize,
    /// Number of the channel.
    pub channel: usize,
    /// The pictures, the most exciting first.
    pub pictures: Vec<Exciting>,
    /// How the channel answers to all pictures, whichever were asked for.
    pub distribution: Distribution,
    /// Why there are crops where whole pictures were asked for.
    pub note: Option<String>,
}

impl ExcitationPage {
    /// What is drawn of a picture.
    pub fn shown(&self, index: usize) -> Option<&Rgb> {
        self.pictures.get(index)?.shown.as_ref()
    }
}

/// A picture that excites a channel. Its names are printable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exciting {
    /// The greatest value of the channel's map.
    pub value: f32,
    /// The path, from the folder that was scanned.
    pub picture: String,
    /// What the network says, and its probability.
    pub said: Option<(String, f32)>,
    /// What the picture shows, where somebody says so.
    pub truth: Option<String>,
    /// Whether the network is right.
    pub right: Option<bool>,
    /// The part that the position sees, or the whole picture; none where it was gone when it should have been cut out.
    pub shown: Option<Rgb>,
    /// Of a whole picture: what the position sees.
    pub marked: Option<Part>,
}
