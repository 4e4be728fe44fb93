//! Scans a folder of pictures for what excites the channels of some layers, and keeps the outcome in one file.
//!
//! [`scan`] streams: pictures are decoded on worker threads, a bounded number ahead, and shown to the network in batches. What
//! was found is saved every so often, so that a scan that was stopped goes on where it was. Parts of a folder ([`Shard`]) can be
//! scanned by different processes, and [`merge`] makes of their files the file that one scan of everything makes.

mod crops;
mod exclude;
pub mod file;
mod folder;
mod header;
mod merge;
mod ordered;
mod path_text;
mod run;
mod saved;
mod shard;
pub mod sheet;
mod truth;

use std::path::PathBuf;
use std::time::Duration;

pub use exclude::Glob;
pub use file::{ChannelRows, ExcitationFile, Filter, Kept};
pub use header::{Header, LayerRows, Unfinished};
pub use merge::merge;
pub(crate) use path_text::path_of;
pub use run::scan;
pub use saved::{must_be_writable, unfinished};
pub use shard::Shard;

use crate::methods::MethodError;
use crate::methods::excitation::{Keep, Tally};

/// What is scanned, and how.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The folder, with the folders in it.
    pub folder: PathBuf,
    /// Pictures and folders in it that are left out.
    pub exclude: Vec<Glob>,
    /// Layers or nodes by name.
    pub layers: Vec<String>,
    /// How much is kept.
    pub keep: Keep,
    /// Whether the network is asked what it sees in each picture. Without that, only what the layers need is run.
    pub predictions: bool,
    /// A list of what the pictures show, in place of the folders' names.
    pub truth: Option<PathBuf>,
    /// The part of the pictures.
    pub shard: Shard,
    /// Pictures that are shown at once.
    pub batch: usize,
    /// Threads that read pictures.
    pub workers: usize,
    /// The longer side of a crop, at most.
    pub crop: u32,
    /// The longer side of a patch in pixels of what the network is fed, at most: what is seen around the middle of a larger
    /// receptive field.
    pub patch: Option<u32>,
    /// The file that is made.
    pub out: PathBuf,
    /// How often it is saved what was found so far.
    pub save_every: Duration,
}

/// How far a scan is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Pictures that are taken down, those of earlier runs included.
    pub pictures: u64,
    /// Of those, how many could not be read.
    pub unreadable: u64,
    /// Pictures that this run took down, by second.
    pub rate: f64,
    /// Whether the pictures are done, and crops are being cut.
    pub cutting: bool,
}

/// What a scan came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What the file says of itself.
    pub header: Header,
    /// How many of the pictures were taken down by earlier runs.
    pub resumed: u64,
    /// Whether the file was there already, made by the same scan.
    pub was_done: bool,
    /// Where the time went.
    pub time: Time,
}

/// Where the time of a scan went, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Time {
    /// From the first picture to the last.
    pub pictures: f64,
    /// Of that, the network and what is taken from it.
    pub network: f64,
    /// Of that, waiting for pictures to be read.
    pub waiting: f64,
    /// Reading and preparing pictures, summed over the threads.
    pub reading: f64,
    /// Cutting crops and writing the file.
    pub finishing: f64,
}

impl Outcome {
    /// What became of the pictures.
    pub fn tally(&self) -> &Tally {
        &self.header.tally
    }
}

/// Why a scan was not done.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The network cannot be run, or has no such layer.
    #[error(transparent)]
    Method(#[from] MethodError),
    /// The network fails with a picture; what was found before is saved.
    #[error("{file}: {error}")]
    Picture {
        /// The picture.
        file: String,
        /// What fails.
        error: MethodError,
    },
    /// It was stopped; what was found is saved.
    #[error("stopped")]
    Stopped,
    /// A file or folder that cannot be read.
    #[error("{file}: {reason}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {file}: {reason}")]
    Write {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// Nothing to scan.
    #[error("{0}: no pictures in this folder or in those inside it")]
    NoPictures(String),
    /// A list of truths that cannot be used.
    #[error("--truth {0}")]
    Truth(String),
    /// A picture that is fed in a size that the network does not take.
    #[error(
        "pictures are fed as {given}, but the network takes {wanted} pixels: give --preprocess with resize={wanted}"
    )]
    Size {
        /// Width and height that the preprocessing gives.
        given: String,
        /// Width and height that the network takes.
        wanted: String,
    },
    /// A file that is no scan, or a damaged one.
    #[error("{file}: not a scan of layerscope ({reason})")]
    NotAScan {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A scan that is not done.
    #[error("{0}: this scan is not finished; the command that began it goes on with it")]
    Unfinished(String),
    /// Scans that cannot be parts of one.
    #[error("{one} and {other} are not parts of one scan: they differ in {what}")]
    Different {
        /// A file.
        one: String,
        /// Another.
        other: String,
        /// What differs.
        what: String,
    },
    /// A scan of something else where this one's file should be.
    #[error("{file} holds another scan: they differ in {what}; give another --out, or remove it")]
    Occupied {
        /// The file.
        file: String,
        /// What differs.
        what: String,
    },
    /// The same pictures twice.
    #[error("{one} and {other} hold the same pictures: shard {shards}")]
    Overlap {
        /// A file.
        one: String,
        /// Another.
        other: String,
        /// The shards.
        shards: String,
    },
    /// Pictures that came or went while the scan was stopped.
    #[error(
        "{folder}: the pictures have changed since the scan began ({before} were counted up to {last}, now {now} are there); remove {state} to begin anew"
    )]
    Changed {
        /// The folder.
        folder: String,
        /// Pictures that were counted.
        before: u64,
        /// Pictures that are there.
        now: u64,
        /// The last that was counted.
        last: String,
        /// What is saved.
        state: String,
    },
    /// A layer that was not scanned.
    #[error("{file}: layer {layer} was not scanned; it has {layers}")]
    NoLayer {
        /// The file.
        file: String,
        /// The layer that was asked for.
        layer: String,
        /// The layers that it has.
        layers: String,
    },
}
