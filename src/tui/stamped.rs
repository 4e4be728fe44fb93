//! Answers of the engine that can be told apart.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A shared value with a number that no other value ever has. Its address would not do: what is freed makes room for the
/// answer that follows it.
#[derive(Debug)]
pub struct Stamped<T> {
    value: Arc<T>,
    stamp: u64,
}

impl<T> Stamped<T> {
    /// Gives the value the next number.
    pub fn new(value: T) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { value: Arc::new(value), stamp: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// The number; clones have the same.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }
}

impl<T> Clone for Stamped<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), stamp: self.stamp }
    }
}

impl<T> Deref for Stamped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
