//! Many runs of a part of the network, in batches.

use std::ops::Range;

use tch::Tensor;

use super::MapInput;
use crate::methods::MethodError;
use crate::model::graph::ValueId;

/// What runs start from.
pub(super) type Given = Vec<(ValueId, Tensor)>;

/// The target of `count` runs, in order, at most `most` at once. `given` makes what the runs of a range start from, a batch; `from` are the values that it
/// gives, of which each run takes `beside` bytes more than the network's own.
///
/// # Errors
/// When memory is short, that the work was stopped, what `given` says, or what a run says.
pub(super) fn targets(
    input: &MapInput<'_>,
    (count, most): (usize, usize),
    (from, beside): (&[ValueId], u64),
    given: &dyn Fn(Range<usize>) -> Result<Given, MethodError>,
) -> Result<Tensor, MethodError> {
    let network = input.network;
    let tap = input.target.tap(network)?;
    let each = network.cost(from, &[tap], &[], input.forward.shapes()) + beside;
    let found = network.in_batches_of(most, count, each, &input.job, |range| {
        let size = range.len() as i64;
        let run = network.engine.run(&given(range)?, &[tap], input.job.cancel)?;
        tch::no_grad(|| input.target.of_each(network, run.get(tap.value)?, size))
    })?;
    Ok(Tensor::f_cat(&found, 0)?)
}
