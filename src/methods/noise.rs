//! Random numbers that depend on a seed and a sample's number alone: the same whatever the batch size and whoever else draws.
//!
//! libtorch's own generator is shared by all threads of the process, so it is not used.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// `count` numbers, uniform over [0, 1).
pub fn uniform(seed: u64, sample: u64, count: usize) -> Vec<f32> {
    let mut random = generator(seed, sample);
    // The upper 24 bits make every float of the interval equally likely.
    (0..count).map(|_| (random.next_u32() >> 8) as f32 / (1_u32 << 24) as f32).collect()
}

/// `count` standard normal numbers, by Box and Muller's transformation.
pub fn normal(seed: u64, sample: u64, count: usize) -> Vec<f32> {
    let mut random = generator(seed, sample);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let mut numbers = Vec::with_capacity(count + 1);
    while numbers.len() < count {
        // The logarithm's argument is never zero.
        let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), std::f64::consts::TAU * unit());
        numbers.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
    }
    numbers.truncate(count);
    numbers
}

fn generator(seed: u64, sample: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(sample);
    random
}
