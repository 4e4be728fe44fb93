//! Parts of a set of pictures that can be scanned apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of several parts of the pictures. Which part a picture belongs to is told by its path alone (from the folder that is
/// scanned), so that it does not depend on the order of the listing or on what else is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// From 0.
    index: u32,
    count: u32,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Whether a picture belongs to it.
    pub fn holds(self, path: &str) -> bool {
        hash(path) % u64::from(self.count) == u64::from(self.index)
    }

    /// Whether some path can belong to both.
    pub fn overlaps(self, other: Self) -> bool {
        let common = gcd(self.count, other.count);
        self.index % common == other.index % common
    }

    /// Parts in order, and all parts of one count as the whole.
    pub fn normalised(mut parts: Vec<Self>) -> Vec<Self> {
        parts.sort_unstable();
        let complete = parts.first().is_some_and(|first| {
            parts.len() == first.count as usize
                && parts.iter().zip(0..).all(|(part, index)| *part == Self { index, count: first.count })
        });
        if complete { vec![Self::WHOLE] } else { parts }
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((number, count)) if (1..=count).contains(&number) => Ok(Self { index: number - 1, count }),
            _ => Err(format!("'{text}' is no shard: write 3/64 for the third of 64, from 1/64 to 64/64")),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

fn gcd(one: u32, two: u32) -> u32 {
    if two == 0 { one } else { gcd(two, one % two) }
}

/// FNV-1a with the last mixing of `MurmurHash3`, which spreads the differences over all bits: the same on every machine.
pub(super) fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mut hash = text.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}
