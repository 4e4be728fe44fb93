//! `Flatten` and `Reshape`, in Keras's order of numbers: height, width, channels.

use serde_json::Value as Json;

use super::KerasError;
use super::layers::Call;
use super::options::SIZES;
use super::tensor::Tensor;
use crate::model::graph::{Argument, ValueId};

/// The value in Keras's own order of dimensions.
pub(super) fn channels_last(call: &mut Call, input: &Tensor) -> Result<ValueId, KerasError> {
    if input.sizes.len() == 3 { permute(call, input.value, [0, 2, 3, 1]) } else { Ok(input.value) }
}

/// A value in Keras's own order, as the graph has it.
pub(super) fn channels_first(call: &mut Call, value: ValueId, sizes: Vec<Option<i64>>) -> Result<Tensor, KerasError> {
    let value = if sizes.len() == 3 { permute(call, value, [0, 3, 1, 2])? } else { value };
    Ok(Tensor { value, sizes })
}

fn permute(call: &mut Call, value: ValueId, order: [i64; 4]) -> Result<ValueId, KerasError> {
    call.node("permute", ("permute", ""), [("self", value.into()), ("dims", Argument::ints(order))])
}

/// Product of sizes that are all known.
fn elements(sizes: &[Option<i64>]) -> Option<i64> {
    sizes.iter().try_fold(1_i64, |all, size| all.checked_mul((*size)?))
}

/// `Flatten`.
pub(super) fn flatten(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    call.options.channels_last()?;
    let value = channels_last(call, input)?;
    let arguments = [("self", value.into()), ("start_dim", Argument::Int(1)), ("end_dim", Argument::Int(-1))];
    let value = call.node("flatten", ("flatten", "using_ints"), arguments)?;
    Ok(Tensor { value, sizes: vec![elements(&input.sizes)] })
}

/// `Reshape`.
pub(super) fn reshape(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let target = call.options.get("target_shape").and_then(Json::as_array);
    let target: Option<Vec<i64>> = target.and_then(|sizes| sizes.iter().map(Json::as_i64).collect());
    let target =
        target.filter(|sizes| sizes.len() <= 7 && sizes.iter().all(|size| *size == -1 || SIZES.contains(size)));
    let target = target.ok_or_else(|| call.options.wrong("its target_shape is no list of sizes"))?;
    let all = elements(&input.sizes);
    let given = target.iter().filter(|&&size| size > 0).try_fold(1_i64, |product, &size| product.checked_mul(size));
    let given = given.ok_or_else(|| call.options.wrong("its target_shape is too large"))?;
    let fits = match (target.iter().filter(|&&size| size == -1).count(), all) {
        (0, Some(all)) => all == given,
        (1, Some(all)) => all % given == 0,
        (0 | 1, None) => true,
        _ => false,
    };
    if !fits {
        return Err(call.options.wrong(format!("its input does not fit into the target_shape {target:?}")));
    }
    let open = all.map(|all| all / given);
    let sizes: Vec<_> = target.iter().map(|&size| if size == -1 { open } else { Some(size) }).collect();
    let value = channels_last(call, input)?;
    let batch = call.node("size", ("sym_size", "int"), [("self", value.into()), ("dim", Argument::Int(0))])?;
    let shape = std::iter::once(batch.into()).chain(target.into_iter().map(Argument::Int)).collect();
    let value = call.node("reshape", ("reshape", ""), [("self", value.into()), ("shape", Argument::List(shape))])?;
    channels_first(call, value, sizes)
}
