//! Parts of a set of pictures that can be scanned apart.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Classes of pictures that are looked at one by one to join parts.
const MOST_CLASSES: u32 = 1 << 16;

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
        let common = gcd(self.count.into(), other.count.into());
        u64::from(self.index) % common == u64::from(other.index) % common
    }

    /// Parts that do not overlap, in a form that tells only what they hold together, not how that was cut: everything is the
    /// whole, and parts that make up a larger part are that part.
    pub fn normalised(mut parts: Vec<Self>) -> Vec<Self> {
        if hold_everything(&parts) {
            return vec![Self::WHOLE];
        }
        parts.sort_unstable();
        joined(&parts).unwrap_or(parts)
    }
}

/// Whether parts that do not overlap have shares that add up to 1. Shares with too large a common denominator do not.
fn hold_everything(parts: &[Shard]) -> bool {
    let sum = parts.iter().try_fold((0_u64, 1_u64), |(numerator, denominator), part| {
        let common = lcm(denominator, part.count.into())?;
        let sum = numerator.checked_mul(common / denominator)?.checked_add(common / u64::from(part.count))?;
        Some((sum, common))
    });
    sum.is_some_and(|(numerator, denominator)| numerator == denominator)
}

/// The largest parts that hold what these hold, the larger first; none where their counts have too large a common multiple.
fn joined(parts: &[Shard]) -> Option<Vec<Shard>> {
    let period = parts.iter().try_fold(1, |period, part| lcm(period, part.count.into()))?;
    let period = u32::try_from(period).ok().filter(|&period| period <= MOST_CLASSES)?;
    let classes = |part: Shard| (part.index..period).step_by(part.count as usize).map(|class| class as usize);
    let mut left = vec![false; period as usize];
    for &part in parts {
        classes(part).for_each(|class| left[class] = true);
    }
    let mut joined = Vec::new();
    for count in (1..=period).filter(|count| period % count == 0) {
        for part in (0..count).map(|index| Shard { index, count }) {
            if classes(part).all(|class| left[class]) {
                classes(part).for_each(|class| left[class] = false);
                joined.push(part);
            }
        }
    }
    joined.sort_unstable();
    Some(joined)
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

fn gcd(one: u64, two: u64) -> u64 {
    if two == 0 { one } else { gcd(two, one % two) }
}

fn lcm(one: u64, two: u64) -> Option<u64> {
    one.checked_mul(two / gcd(one, two))
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
