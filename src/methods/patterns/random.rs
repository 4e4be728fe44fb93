//! Random numbers that depend on the seed, the pattern and the step alone: a pattern is the same in every batch, and goes on as
//! if it had never been stopped.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What random numbers are drawn for: each draws its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What a pattern starts from.
    Start = 1,
    /// A step's transforms of one pattern.
    Transforms = 2,
    /// A step's scale, which all patterns share.
    Scale = 3,
    /// A step's crops of one pattern.
    Crops = 4,
    /// A step's noise over the crops of one pattern.
    Noise = 5,
}

/// One pattern of several that grow together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane {
    /// The channel, or the class.
    pub channel: usize,
    /// Which of the channel's pictures, where it has several.
    pub copy: usize,
}

/// `ChaCha8` with a key of its own for every seed, pattern and purpose, and a stream for every step.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    pub(super) fn new(seed: u64, lane: Lane, purpose: Purpose, step: usize) -> Self {
        let mut key = [0; 32];
        let parts = [seed, lane.channel as u64, lane.copy as u64, purpose as u64];
        for (place, part) in key.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(step as u64);
        Self(random)
    }

    /// The book's start: a generator that is numbered by seed and channel.
    pub(super) fn numbered(seed: u64, lane: Lane) -> Self {
        let channel = (lane.channel as u64).wrapping_add((lane.copy as u64) << 32);
        Self(ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(channel)))
    }

    /// From 0 up to 1.
    pub(super) fn uniform(&mut self) -> f32 {
        // The upper 24 bits make every float of the interval equally likely.
        (self.0.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
    }

    /// One of the first `count` whole numbers.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    /// Numbers of mean 0 and standard deviation 1 (Box and Muller's method).
    pub(super) fn normal(&mut self, count: usize) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(count + 1);
        while numbers.len() < count {
            // Above 0, of which there is no logarithm.
            let radius = (f64::from(self.0.next_u32()) + 1.0) / f64::from(u32::MAX);
            let angle = std::f64::consts::TAU * f64::from(self.0.next_u32()) / (f64::from(u32::MAX) + 1.0);
            let radius = (-2.0 * radius.min(1.0).ln()).sqrt();
            numbers.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
        }
        numbers.truncate(count);
        numbers
    }
}
