//! Random numbers that depend on a seed and on which sample they are for, whatever the batches are.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Draws the numbers of one sample.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The generator of a sample: samples have streams of their own.
    pub(super) fn new(seed: u64, sample: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(sample as u64);
        Self(random)
    }

    /// From 0 to 1, without 1.
    pub(super) fn uniform(&mut self) -> f32 {
        // The upper 24 bits make every float of the interval equally likely.
        (self.0.next_u32() >> 8) as f32 / (1_u32 << 24) as f32
    }

    /// A whole number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((f64::from(self.0.next_u32()) / 4_294_967_296.0) * bound as f64) as usize
    }

    /// Standard normal numbers, by Box and Muller.
    pub(super) fn normal(&mut self, count: usize) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(count + 1);
        while numbers.len() < count {
            let radius = (-2.0 * (1.0 - f64::from(self.uniform())).ln()).sqrt();
            let angle = std::f64::consts::TAU * f64::from(self.uniform());
            numbers.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
        }
        numbers.truncate(count);
        numbers
    }
}
