//! Many runs of a part of the network, in batches.

use std::ops::Range;

use tch::Tensor;

use super::MapInput;
use crate::engine::EngineError;
use crate::methods::MethodError;
use crate::model::graph::ValueId;

/// What runs start from.
pub(super) type Given = Vec<(ValueId, Tensor)>;

/// The target of `count` runs, in order. `given` makes what the runs of a range start from, a batch; `from` are the values that it
/// gives, of which each run takes `beside` bytes more than the network's own.
///
/// # Errors
/// When memory is short, that the work was stopped, what `given` says, or what a run says.
pub(super) fn targets(
    input: &MapInput<'_>,
    count: usize,
    (from, beside): (&[ValueId], u64),
    given: &dyn Fn(Range<usize>) -> Result<Given, MethodError>,
) -> Result<Tensor, MethodError> {
    let network = input.network;
    let tap = input.target.tap(network)?;
    let each = network.cost(from, &[tap], &[], input.forward.shapes()) + beside;
    let found = network.in_batches(count, each, &input.job, |range| {
        let size = range.len() as i64;
        let run = network.engine.run(&given(range)?, &[tap], input.job.cancel)?;
        let targets = tch::no_grad(|| input.target.of(network, run.get(tap.value)?))?;
        // A graph that was exported for one picture may make one of many without a word.
        let wrong = || EngineError::Torch(format!("the network gave {} results for {size} pictures", targets.numel()));
        if targets.size() == [size] { Ok(targets) } else { Err(wrong().into()) }
    })?;
    Ok(Tensor::f_cat(&found, 0)?)
}
