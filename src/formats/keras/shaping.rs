//! Layers that only rearrange numbers: `Flatten`, `Reshape`, `Permute`, `RepeatVector`.

use serde_json::Value as Json;

use super::KerasError;
use super::layers::Call;
use super::options::SIZES;
use super::tensor::{Tensor, elements};
use crate::model::graph::Argument;

/// `Flatten`, in Keras's order of numbers: height, width, channels, whatever the layout.
pub(super) fn flatten(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let mut value = call.keras_order(input)?;
    let rank = input.rank() as i64;
    if call.options.channels_first()? && rank > 2 {
        value = call.permute(value, std::iter::once(0).chain(2..rank).chain([1]).collect())?;
    }
    if rank == 1 {
        return Err(call.options.unsupported("an input without dimensions"));
    }
    let arguments = [("self", value.into()), ("start_dim", Argument::Int(1)), ("end_dim", Argument::Int(-1))];
    let value = call.node("flatten", ("flatten", "using_ints"), arguments)?;
    Ok(Tensor::plain(value, vec![elements(&input.sizes)]))
}

/// `Reshape`.
pub(super) fn reshape(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let target = call.options.get("target_shape").and_then(Json::as_array);
    let target: Option<Vec<i64>> = target.and_then(|sizes| sizes.iter().map(Json::as_i64).collect());
    let target = target.ok_or_else(|| call.options.wrong("its target_shape is no list of sizes"))?;
    reshape_to(call, input, target)
}

/// Another shape without the batch, one size of which may be -1.
pub(super) fn reshape_to(call: &mut Call, input: &Tensor, target: Vec<i64>) -> Result<Tensor, KerasError> {
    if target.len() > 7 || target.iter().any(|size| *size != -1 && !SIZES.contains(size)) {
        return Err(call.options.wrong("its target_shape is no list of sizes"));
    }
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
    let value = call.keras_order(input)?;
    let batch = call.node("size", ("sym_size", "int"), [("self", value.into()), ("dim", Argument::Int(0))])?;
    let shape = std::iter::once(batch.into()).chain(target.into_iter().map(Argument::Int)).collect();
    let value = call.node("reshape", ("reshape", ""), [("self", value.into()), ("shape", Argument::List(shape))])?;
    call.place(value, sizes)
}

/// `Permute`: `dims` counts from 1.
pub(super) fn permute(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let order = call.options.numbers("dims")?.unwrap_or_default();
    let order: Vec<i64> = std::iter::once(0).chain(order.into_iter().map(|axis| axis as i64)).collect();
    transpose(call, input, &order)
}

/// Keras's dimensions, the batch first, in another order.
pub(super) fn transpose(call: &mut Call, input: &Tensor, order: &[i64]) -> Result<Tensor, KerasError> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..input.rank() as i64) || order.first() != Some(&0) {
        return Err(call.options.unsupported(format!("the order {order:?}")));
    }
    let value = call.keras_order(input)?;
    let value = call.permute(value, order.to_vec())?;
    let sizes = order.iter().skip(1).map(|&axis| input.sizes[axis as usize - 1]).collect();
    call.place(value, sizes)
}

/// `RepeatVector`: one vector at each of `n` steps.
pub(super) fn repeat(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let times = call.options.size("n")?.ok_or_else(|| call.options.wrong("it has no n"))?;
    let &[size] = input.sizes.as_slice() else { return Err(call.options.wrong("it takes a vector")) };
    let arguments = [("self", input.value.into()), ("dim", Argument::Int(1))];
    let value = call.node("unsqueeze", ("unsqueeze", ""), arguments)?;
    let arguments = [("self", value.into()), ("size", Argument::ints([-1, times, -1]))];
    Ok(Tensor::plain(call.node("expand", ("expand", ""), arguments)?, vec![Some(times), size]))
}
