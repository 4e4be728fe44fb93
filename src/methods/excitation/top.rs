//! The pictures that excite a channel most.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::distribution::Distribution;

/// A picture that was shown to the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Where it is, from the folder that is scanned, with `/` between its parts.
    pub path: String,
    /// What the network said, where that was asked.
    pub said: Option<Said>,
    /// What is right, where somebody says so.
    pub truth: Option<Arc<str>>,
    /// Whether the network said what is right, where both are known.
    pub right: Option<bool>,
}

/// What the network says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Label of the class.
    pub class: Arc<str>,
    /// Its probability.
    pub probability: f32,
}

impl Seen {
    /// The class that it is filed under: what is right where that is known, else what the network said.
    pub fn class(&self) -> Option<&Arc<str>> {
        self.truth.as_ref().or(self.said.as_ref().map(|said| &said.class))
    }
}

/// A rectangle of a picture in its own pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Patch {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width; at least 1.
    pub width: u32,
    /// Height; at least 1.
    pub height: u32,
}

/// What a picture does to a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Excitation {
    /// The greatest value of the channel's map.
    pub value: f32,
    /// Row of that value in the map, the first where there are several.
    pub row: u32,
    /// Its column.
    pub column: u32,
    /// What the position sees of the picture: its receptive field, without what lies beyond the border.
    pub patch: Patch,
    /// The picture.
    pub picture: Arc<Seen>,
}

/// The greater value first, then the path.
fn order(one: (f32, &str), two: (f32, &str)) -> Ordering {
    two.0.total_cmp(&one.0).then_with(|| one.1.cmp(two.1))
}

impl Excitation {
    fn key(&self) -> (f32, &str) {
        (self.value, &self.picture.path)
    }
}

/// The first few in the order of value and path.
#[derive(Debug, Clone, Default, PartialEq)]
struct Top(Vec<Excitation>);

impl Top {
    fn admits(&self, most: usize, key: (f32, &str)) -> bool {
        self.0.len() < most || self.0.last().is_some_and(|last| most > 0 && order(key, last.key()).is_lt())
    }

    fn insert(&mut self, most: usize, excitation: &Excitation) {
        if !self.admits(most, excitation.key()) {
            return;
        }
        let place = self.0.partition_point(|known| order(known.key(), excitation.key()).is_lt());
        // The same picture again, as when two tops with common parts are merged.
        if self.0.get(place).is_some_and(|known| order(known.key(), excitation.key()).is_eq()) {
            return;
        }
        self.0.insert(place, excitation.clone());
        self.0.truncate(most);
    }
}

/// How many pictures are kept for a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Keep {
    /// Of all pictures, of those that the network was right about, and of those that it was wrong about: each so many.
    pub top: usize,
    /// Of each class beside those: so many.
    pub per_class: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { top: 9, per_class: 0 }
    }
}

/// What is known of a channel: the pictures that excite it most, and how it answers to all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channel {
    /// How it answers.
    pub distribution: Distribution,
    all: Top,
    right: Top,
    wrong: Top,
    classes: BTreeMap<Arc<str>, Top>,
}

impl Channel {
    /// Whether a picture with this value would be kept.
    pub fn admits(&self, keep: Keep, value: f32, picture: &Seen) -> bool {
        let key = (value, picture.path.as_str());
        let judged = || self.judged(picture.right).is_some_and(|top| top.admits(keep.top, key));
        let filed = || {
            let class = picture.class().filter(|_| keep.per_class > 0);
            class.is_some_and(|class| self.classes.get(class).is_none_or(|top| top.admits(keep.per_class, key)))
        };
        value.is_finite() && (self.all.admits(keep.top, key) || judged() || filed())
    }

    fn judged(&self, right: Option<bool>) -> Option<&Top> {
        right.map(|right| if right { &self.right } else { &self.wrong })
    }

    /// Keeps a picture if it is one of those to be kept. [`Distribution::add`] is told of it apart from that.
    pub fn insert(&mut self, keep: Keep, excitation: &Excitation) {
        self.all.insert(keep.top, excitation);
        match excitation.picture.right {
            Some(true) => self.right.insert(keep.top, excitation),
            Some(false) => self.wrong.insert(keep.top, excitation),
            None => {}
        }
        if let Some(class) = excitation.picture.class().filter(|_| keep.per_class > 0) {
            self.classes.entry(class.clone()).or_default().insert(keep.per_class, excitation);
        }
    }

    /// Takes in what is known of other pictures: associative and commutative.
    pub fn merge(&mut self, keep: Keep, other: &Self) {
        self.distribution.merge(&other.distribution);
        for excitation in other.kept() {
            self.insert(keep, excitation);
        }
    }

    /// Everything that is kept, the most exciting first. The first [`Keep::top`] of it are the first of all pictures; so are the
    /// first that the network was right, or wrong, about, and the first [`Keep::per_class`] of a class.
    pub fn kept(&self) -> Vec<&Excitation> {
        let groups = [&self.all, &self.right, &self.wrong].into_iter().chain(self.classes.values());
        let mut kept: Vec<&Excitation> = groups.flat_map(|top| &top.0).collect();
        kept.sort_by(|one, two| order(one.key(), two.key()));
        kept.dedup_by(|one, two| order(one.key(), two.key()).is_eq());
        kept
    }
}
