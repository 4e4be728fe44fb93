//! What excites a channel: over many pictures, those that make its map greatest, and how its maxima are distributed.
//!
//! Top activating images as in Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (2014), section 4:
//! for every picture the greatest value of the channel's map counts, and the patch is the receptive field of its position.
//!
//! [`Probe`] runs batches and takes from them what [`Excitations`] keeps. That is a reduction: what is kept of parts of a set of
//! pictures merges, in any grouping and order, into what is kept of the whole set.

mod answer;
mod distribution;
mod fingerprint;
mod patch;
mod probe;
mod sum;
mod top;

use std::collections::BTreeMap;

pub use distribution::{Bin, Distribution};
pub use fingerprint::fingerprint;
pub use probe::{Batch, Probe, Shown, Stop, Taken, Truth};
pub use sum::ExactSum;
pub use top::{Channel, Excitation, Keep, Patch, Said, Seen};

/// What excites the channels of some layers, over the pictures so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Excitations {
    /// How much is kept.
    pub keep: Keep,
    /// The layers, in the order in which they were asked for.
    pub layers: Vec<Layer>,
    /// What became of the pictures.
    pub tally: Tally,
}

/// What excites the channels of a layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Its channels; none before the first picture.
    pub channels: Vec<Channel>,
}

/// What became of the pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Pictures that were shown to the network.
    pub pictures: u64,
    /// Those that the network was right about.
    pub right: u64,
    /// Those that it was wrong about.
    pub wrong: u64,
    /// Pictures that could not be read, or that the network does not take.
    pub unreadable: u64,
    /// The first of them by path, at most [`Tally::NAMED`], with why.
    pub named: BTreeMap<String, String>,
}

impl Tally {
    /// Unreadable pictures that are named; the others are only counted.
    pub const NAMED: usize = 100;

    /// Counts a picture that could not be read.
    pub fn add_unreadable(&mut self, path: String, reason: String) {
        self.unreadable += 1;
        self.name(path, reason);
    }

    fn name(&mut self, path: String, reason: String) {
        self.named.insert(path, reason);
        if self.named.len() > Self::NAMED {
            self.named.pop_last();
        }
    }

    /// Takes in what became of other pictures.
    pub fn merge(&mut self, other: &Self) {
        self.pictures = self.pictures.saturating_add(other.pictures);
        self.right = self.right.saturating_add(other.right);
        self.wrong = self.wrong.saturating_add(other.wrong);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
        for (path, reason) in &other.named {
            self.name(path.clone(), reason.clone());
        }
    }
}

impl Excitations {
    /// Nothing yet, of these layers.
    pub fn new(keep: Keep, layers: impl IntoIterator<Item = String>) -> Self {
        let layer = |name| Layer { name, channels: Vec::new() };
        Self { keep, layers: layers.into_iter().map(layer).collect(), tally: Tally::default() }
    }

    /// Takes in the excitations of the same layers by other pictures: associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        for (layer, more) in self.layers.iter_mut().zip(&other.layers) {
            if layer.channels.len() < more.channels.len() {
                layer.channels.resize_with(more.channels.len(), Channel::default);
            }
            for (channel, more) in layer.channels.iter_mut().zip(&more.channels) {
                channel.merge(self.keep, more);
            }
        }
    }
}
