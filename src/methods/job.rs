//! What every longer piece of work is given beside its subject.

use crate::engine::Cancel;

/// How a method is stopped, says how far it is, and draws its random numbers.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Looked at between nodes and between batches.
    pub cancel: &'a Cancel,
    /// Told the steps done and the steps in all.
    pub progress: &'a dyn Fn(usize, usize),
    /// Seed of everything random.
    pub seed: u64,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("cancel", &self.cancel).field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl<'a> Job<'a> {
    /// Work that tells nobody how far it is.
    pub fn quiet(cancel: &'a Cancel, seed: u64) -> Self {
        Self { cancel, progress: &|_, _| {}, seed }
    }
}
