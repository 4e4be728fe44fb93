//! Many runs of a part of the network, in batches.

use std::ops::Range;

use tch::Tensor;

use super::MapInput;
use crate::engine::EngineError;
use crate::methods::MethodError;
use crate::model::graph::ValueId;

/// Runs that are made together.
const BATCH: usize = 32;

/// What runs start from.
pub(super) type Given = Vec<(ValueId, Tensor)>;

/// The target of `count` runs, in order. `given` makes what the runs of a range start from, a batch. The batch is halved when
/// memory is short, and a graph that takes a single picture is run one by one.
///
/// # Errors
/// What `given` says, or what a run of one says.
pub(super) fn targets(
    input: &MapInput<'_>,
    count: usize,
    given: &dyn Fn(Range<usize>) -> Result<Given, MethodError>,
) -> Result<Tensor, MethodError> {
    let tap = input.target.tap(input.network)?;
    let run = |range: Range<usize>| -> Result<Tensor, MethodError> {
        let run = input.network.engine.run(&given(range)?, &[tap], input.job.cancel)?;
        input.target.of(input.network, run.get(tap.value)?)
    };
    let mut batch = BATCH;
    let mut found = Vec::new();
    let mut done = 0;
    while done < count {
        (input.job.progress)(done, count);
        let size = batch.min(count - done);
        let result = tch::no_grad(|| run(done..done + size));
        match result {
            Ok(targets) if targets.size() == [size as i64] => {
                found.push(targets);
                done += size;
            }
            Ok(_) if size > 1 => batch = 1,
            Ok(targets) => return Err(MethodError::NoScores(targets.size())),
            Err(error) if size > 1 => batch = smaller(size, error)?,
            Err(error) => return Err(error),
        }
    }
    (input.job.progress)(count, count);
    Ok(Tensor::f_cat(&found, 0)?)
}

/// The batch to try after one that failed.
fn smaller(size: usize, error: MethodError) -> Result<usize, MethodError> {
    match &error {
        MethodError::Engine(EngineError::Node { reason, .. } | EngineError::Torch(reason)) => {
            let lower = reason.to_lowercase();
            let short = lower.contains("out of memory") || lower.contains("can't allocate");
            Ok(if short { size / 2 } else { 1 })
        }
        _ => Err(error),
    }
}
