//! Many runs in batches that fit the memory.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use super::job::Job;
use super::{MethodError, Network};
use crate::engine::{Cancel, EngineError};
use crate::model::graph::{Tap, ValueId};

/// More at once gains nothing on any device that was tried, and makes stopping slow.
const MOST: usize = 64;

/// How many go at once: fewer from then on where that proved too many.
#[derive(Debug)]
pub(super) struct Batch(Cell<usize>);

impl Batch {
    /// At most `size` at once.
    pub(super) fn of(size: usize) -> Self {
        Self(Cell::new(size.max(1)))
    }

    /// How many go at once now.
    pub(super) fn size(&self) -> usize {
        self.0.get()
    }

    /// Works through `count` things: half as many at once where memory runs out, one by one where the graph takes a single picture.
    ///
    /// # Errors
    /// That the work was stopped, and whatever `run` says of a single one.
    pub(super) fn run<T>(
        &self,
        count: usize,
        cancel: &Cancel,
        mut run: impl FnMut(Range<usize>) -> Result<T, MethodError>,
    ) -> Result<Vec<T>, MethodError> {
        let mut done = Vec::new();
        let mut start = 0;
        while start < count {
            if cancel.is_raised() {
                return Err(EngineError::Cancelled.into());
            }
            let range = start..count.min(start + self.size());
            match run(range.clone()) {
                Ok(result) => {
                    done.push(result);
                    start = range.end;
                }
                Err(MethodError::Engine(EngineError::OutOfMemory { .. })) if range.len() > 1 => {
                    self.0.set(range.len().div_ceil(2));
                }
                // Some graphs were exported for one picture.
                Err(MethodError::Engine(EngineError::Node { .. } | EngineError::Torch(_))) if range.len() > 1 => {
                    self.0.set(1);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

impl Network {
    /// Does `count` things in batches, each of which takes about `each` bytes: as many at once as fit what memory is left, half
    /// as many where a device runs out of it all the same, one by one where the graph takes a single picture.
    ///
    /// # Errors
    /// When not even one fits, that the work was stopped, and whatever `run` says.
    pub fn in_batches<T>(
        &self,
        count: usize,
        each: u64,
        job: &Job<'_>,
        run: impl FnMut(Range<usize>) -> Result<T, MethodError>,
    ) -> Result<Vec<T>, MethodError> {
        self.in_batches_of(MOST, count, each, job, run)
    }

    /// As [`Network::in_batches`], at most `most` at once.
    ///
    /// # Errors
    /// As [`Network::in_batches`].
    pub fn in_batches_of<T>(
        &self,
        most: usize,
        count: usize,
        each: u64,
        job: &Job<'_>,
        mut run: impl FnMut(Range<usize>) -> Result<T, MethodError>,
    ) -> Result<Vec<T>, MethodError> {
        let batch = Batch::of(self.batch_of(each)?.min(most));
        let done = batch.run(count, job.cancel, |range| {
            (job.progress)(range.start, count);
            run(range)
        })?;
        (job.progress)(count, count);
        Ok(done)
    }

    /// How many things of `each` bytes may be in memory at once.
    ///
    /// # Errors
    /// When not even one may.
    pub fn batch_of(&self, each: u64) -> Result<usize, MethodError> {
        self.batch_beside(0, each)
    }

    /// As [`Network::batch_of`], beside `kept` bytes that are there all the time.
    ///
    /// # Errors
    /// As [`Network::batch_of`].
    pub fn batch_beside(&self, kept: u64, each: u64) -> Result<usize, MethodError> {
        let memory = self.engine.memory();
        let left = memory.left();
        match left.saturating_sub(kept) / each.max(1) {
            0 => Err(MethodError::Memory { needed: kept + each, left, ceiling: memory.ceiling() }),
            fit => Ok(usize::try_from(fit).unwrap_or(MOST).min(MOST)),
        }
    }

    /// About how many bytes one picture of a run takes: from `given` to `taps`, with gradients at `gradients_at` where there are
    /// some. `shapes` are those of one picture.
    pub fn cost(
        &self,
        given: &[ValueId],
        taps: &[Tap],
        gradients_at: &[Tap],
        shapes: &HashMap<ValueId, Vec<i64>>,
    ) -> u64 {
        self.engine.footprint(given, taps, gradients_at, shapes)
    }

    /// Shapes of every tensor behind an input of another size than usual, from one run without a record.
    ///
    /// # Errors
    /// The node that failed, or that the run was stopped.
    pub fn shapes_of(
        &self,
        input: &tch::Tensor,
        taps: &[Tap],
        cancel: &Cancel,
    ) -> Result<HashMap<ValueId, Vec<i64>>, MethodError> {
        let mut shapes = self.known_shapes(input)?;
        let graph = self.engine.graph();
        self.engine.run_observed(&[(self.source()?, input.shallow_clone())], taps, cancel, &mut |node, results| {
            super::forward::record_shapes(&mut shapes, &graph.nodes[node], results);
        })?;
        Ok(shapes)
    }
}
