//! What a scan's file says of itself.

use serde::{Deserialize, Serialize};

use super::exclude::Glob;
use super::file::Filter;
use super::shard::Shard;
use crate::methods::excitation::{Keep, Tally};

/// Version of the file's layout.
const VERSION: u32 = 1;

/// What a scan was of, and how far it is: JSON in the file's metadata, under [`Header::KEY`]. Nothing in it depends on how the
/// scan was cut into parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the file's layout.
    pub version: u32,
    /// Name of the model; of shards that were scanned under several names the first.
    pub model: String,
    /// Tells models apart, whatever their names.
    pub fingerprint: String,
    /// What was done to the pictures, as `--preprocess` takes it.
    pub preprocessing: String,
    /// The layers, in the order of the rows.
    pub layers: Vec<LayerRows>,
    /// How much is kept for a channel.
    pub keep: Keep,
    /// Whether the network was asked what it sees.
    pub predictions: bool,
    /// Where it is known from what a picture shows: `none`, `folders` or `list`.
    pub truth: String,
    /// Tells lists of what the pictures show apart. Not in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_list: Option<String>,
    /// The longer side of a crop, at most.
    pub crop: u32,
    /// The longer side of a patch in pixels of what the network is fed, at most, where there is a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<u32>,
    /// What was left out of the folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Glob>,
    /// The parts of the pictures that are in it.
    pub shards: Vec<Shard>,
    /// The folder, so that whole pictures can be found again; of shards that were scanned under several names the first. Not in
    /// files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// What became of the pictures.
    pub tally: Tally,
    /// Of a scan that is not done: where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

/// A layer, and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRows {
    /// Its name.
    pub name: String,
    /// Its channels.
    pub channels: usize,
    /// The row group that its first channels are in; [`Header::CHANNELS`] of them in each.
    pub first_group: usize,
}

/// Where a scan stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The folder that is scanned.
    pub folder: String,
    /// The last picture that is counted; all before it in the order of the folder are.
    pub last: Option<String>,
}

impl Header {
    /// The key in the file's metadata.
    pub const KEY: &'static str = "layerscope";
    /// Channels in a row group.
    pub const CHANNELS: usize = 32;

    /// Without layers' rows and without pictures yet.
    pub(super) fn new(model: String, fingerprint: u64, preprocessing: String, layers: &[String]) -> Self {
        let layer = |name: &String| LayerRows { name: name.clone(), channels: 0, first_group: 0 };
        Self {
            version: VERSION,
            model,
            fingerprint: Self::fingerprint_text(fingerprint),
            preprocessing,
            layers: layers.iter().map(layer).collect(),
            keep: Keep::default(),
            predictions: true,
            truth: String::new(),
            truth_list: None,
            crop: 0,
            patch: None,
            exclude: Vec::new(),
            shards: vec![Shard::WHOLE],
            folder: None,
            tally: Tally::default(),
            unfinished: None,
        }
    }

    /// A model's fingerprint as [`Header::fingerprint`] has it, or a list's as [`Header::truth_list`] has it.
    pub fn fingerprint_text(fingerprint: u64) -> String {
        format!("{fingerprint:016x}")
    }

    /// How many pictures of a channel the scan vouches for; see [`Filter::complete`].
    pub fn complete(&self, filter: &Filter) -> Option<usize> {
        filter.complete(self.keep, self.tally.pictures, self.has_truth())
    }

    /// Whether it is known of the pictures what they show.
    pub fn has_truth(&self) -> bool {
        self.truth != "none"
    }

    /// Whether this program knows the layout.
    pub(super) fn is_known(&self) -> bool {
        self.version == VERSION
    }

    /// What keeps two scans from being parts of one: the first difference, with this one's and the other's.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let names = |header: &Self| header.layers.iter().map(|layer| layer.name.clone()).collect::<Vec<_>>().join(", ");
        let asked = |header: &Self| if header.predictions { "with" } else { "without" }.to_owned();
        let excluded = |header: &Self| match header.exclude.as_slice() {
            [] => "nothing".to_owned(),
            globs => globs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let sides = |of: &dyn Fn(&Self) -> String, what: &str| {
            let (one, two) = (of(self), of(other));
            (one != two).then(|| format!("{what}: {one} and {two}"))
        };
        let model = || {
            let differs = self.fingerprint != other.fingerprint;
            differs.then(|| format!("the models: {} and {} have other graphs or weights", self.model, other.model))
        };
        model()
            .or_else(|| sides(&names, "the layers"))
            .or_else(|| sides(&|header| header.keep.top.to_string(), "--top"))
            .or_else(|| sides(&|header| header.keep.per_class.to_string(), "--per-class"))
            .or_else(|| sides(&|header| header.preprocessing.clone(), "the preprocessing"))
            .or_else(|| sides(&asked, "predictions"))
            .or_else(|| sides(&|header| header.truth.clone(), "where the truth is from"))
            .or_else(|| told_apart("the list of --truth", self.truth_list.as_ref(), other.truth_list.as_ref()))
            .or_else(|| sides(&|header| header.crop.to_string(), "--crop"))
            .or_else(|| sides(&|header| header.patch.map_or("none".to_owned(), |side| side.to_string()), "--patch"))
            .or_else(|| sides(&excluded, "--exclude"))
    }

    /// What makes a scan with this header another than one whose file is there: shards of one scan may lie in different folders,
    /// but a file is no other folder's.
    pub(super) fn difference_from_file(&self, file: &Self) -> Option<String> {
        let shards = |header: &Self| header.shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (one, two) = (shards(self), shards(file));
        self.difference(file)
            .or_else(|| (one != two).then(|| format!("--shard: {one} and {two}")))
            .or_else(|| told_apart("the folder", self.folder.as_ref(), file.folder.as_ref()))
    }

    /// The row group that holds a channel, and the channels of a row group.
    pub(super) fn group(&self, layer: usize, channel: usize) -> Option<usize> {
        let rows = self.layers.get(layer).filter(|rows| channel < rows.channels)?;
        rows.first_group.checked_add(channel / Self::CHANNELS)
    }
}

/// The difference between two things, where both are known: files of earlier versions do not have everything.
fn told_apart(what: &str, one: Option<&String>, two: Option<&String>) -> Option<String> {
    let (one, two) = one.zip(two)?;
    (one != two).then(|| format!("{what}: {one} and {two}"))
}
