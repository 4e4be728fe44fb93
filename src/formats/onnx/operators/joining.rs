//! Tensors put behind each other, taken apart and repeated: `Concat`, `Split`, `Expand`, `Tile`.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use crate::model::graph::{Argument, SizeOperator};

/// Puts tensors behind each other. One that is the same for every picture is repeated beside one that is not.
pub(super) fn concat(call: &mut Call) -> Result<Vec<Known>> {
    let mut tensors = Vec::with_capacity(call.input_count());
    for index in 0..call.input_count() {
        tensors.push(call.tensor(index)?);
    }
    Ok(vec![Known::Tensor(join(call, tensors)?)])
}

/// Tensors behind each other along the node's axis.
pub(super) fn join(call: &mut Call, mut tensors: Vec<Tensor>) -> Result<Tensor> {
    let first = tensors.first().cloned().ok_or_else(|| call.fail("it has no input"))?;
    let axis = call.axis(call.int("axis", 1)?, first.rank())?;
    if tensors.iter().any(|tensor| tensor.rank() != first.rank()) {
        return Err(call.fail("its inputs have different numbers of dimensions"));
    }
    if tensors.len() == 1 {
        return Ok(first);
    }
    let of_pictures = tensors.iter().find(|tensor| matches!(tensor.sizes.first(), Some(Dim::Batch(_)))).cloned();
    if let Some(pictures) = of_pictures.filter(|_| axis != 0) {
        let count = call.lowering.size(&pictures, 0);
        for tensor in &mut tensors {
            if tensor.sizes[0] == Dim::Fixed(1) {
                let mut sizes = tensor.sizes.clone();
                sizes[0] = pictures.sizes[0];
                let mut shape = vec![count.argument()];
                shape.resize(tensor.rank(), Argument::Int(-1));
                *tensor = call.shaped(("expand", ""), tensor, vec![("size", Argument::List(shape))], sizes);
            }
        }
    }
    let mut sizes = first.sizes.clone();
    for (other, size) in sizes.iter_mut().enumerate() {
        let all = tensors.iter().map(|tensor| tensor.sizes[other]);
        *size = if other == axis {
            all.map(Dim::fixed).try_fold(0_i64, |sum, size| sum.checked_add(size?)).map_or(Dim::Open, Dim::Fixed)
        } else {
            let mut all = all;
            all.find(|&size| size != Dim::Open).unwrap_or(Dim::Open)
        };
    }
    let list = Argument::List(tensors.iter().map(|tensor| tensor.value.into()).collect());
    let arguments = vec![("tensors", list), ("dim", Argument::Int(axis as i64))];
    Ok(Tensor { value: call.aten(("cat", ""), arguments), dtype: first.dtype, sizes })
}

/// `Split` into parts of the sizes that an input (since version 13) or attribute says, or into equal ones.
pub(super) fn split(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", 0)?, input.rank())?;
    let told = if call.version >= 13 {
        call.numbers(1)?
    } else {
        call.int_list("split")?.map(|list| list.into_iter().map(Number::Int).collect())
    };
    let parts = if let Some(parts) = told {
        parts
    } else {
        let count = call.maybe_int("num_outputs")?.unwrap_or(call.node.outputs.len() as i64);
        equal_parts(call, &input, axis, count)?
    };
    let dim = ("dim", Argument::Int(axis as i64));
    let list = Argument::List(parts.iter().map(|part| part.argument()).collect());
    let arguments = vec![("self", input.value.into()), ("split_sizes", list), dim];
    let values = call.aten_many(("split_with_sizes", ""), arguments, parts.len(), true);
    let tensor = |(value, part): (_, &Number)| {
        let mut sizes = input.sizes.clone();
        sizes[axis] = call.lowering.dim(*part);
        Known::Tensor(Tensor { value, dtype: input.dtype, sizes })
    };
    Ok(values.into_iter().zip(&parts).map(tensor).collect())
}

/// Parts of the same size; the last is smaller where the size is no multiple.
fn equal_parts(call: &mut Call, input: &Tensor, axis: usize, count: i64) -> Result<Vec<Number>> {
    if !(1..=1 << 16).contains(&count) {
        return Err(call.fail(format!("it splits into {count} parts")));
    }
    let size = call.lowering.size(input, axis);
    let more = call.lowering.arithmetic(SizeOperator::Add, size, Number::Int(count - 1))?;
    let part = call.lowering.arithmetic(SizeOperator::FloorDiv, more, Number::Int(count))?;
    let others = call.lowering.arithmetic(SizeOperator::Mul, part, Number::Int(count - 1))?;
    let last = call.lowering.arithmetic(SizeOperator::Sub, size, others)?;
    let mut parts = vec![part; count as usize - 1];
    parts.push(last);
    Ok(parts)
}

pub(super) fn expand(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let told = call.numbers(1)?.ok_or_else(|| call.fail("its shape is missing"))?;
    Ok(vec![Known::Tensor(expanded(call, &input, &told)?)])
}

/// `input` repeated to a shape that it is broadcast with.
pub(super) fn expanded(call: &mut Call, input: &Tensor, told: &[Number]) -> Result<Tensor> {
    let rank = told.len().max(input.rank());
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        let own = (axis + input.rank()).checked_sub(rank);
        let own_size = own.and_then(|axis| input.sizes.get(axis).copied()).unwrap_or(Dim::Fixed(1));
        let asked = (axis + told.len()).checked_sub(rank).and_then(|axis| told.get(axis).copied());
        shape.push(match (own_size, asked) {
            (Dim::Fixed(1), Some(asked)) => asked,
            (Dim::Fixed(size), _) => Number::Int(size),
            (_, None | Some(Number::Int(1))) | (Dim::Batch(_), _) => call.lowering.size(input, own.unwrap_or(axis)),
            // Which of the two is 1 is seen when the graph runs.
            (Dim::Open, Some(asked)) => {
                let size = call.lowering.size(input, own.unwrap_or(axis));
                call.lowering.arithmetic(SizeOperator::Max, size, asked)?
            }
        });
    }
    let sizes = shape.iter().map(|&size| call.lowering.dim(size)).collect();
    let list = Argument::List(shape.iter().map(|size| size.argument()).collect());
    Ok(call.shaped(("expand", ""), input, vec![("size", list)], sizes))
}

pub(super) fn tile(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let repeats = call.numbers(1)?.ok_or_else(|| call.fail("its repeats are missing"))?;
    if repeats.len() != input.rank() {
        return Err(call.fail("its repeats are not one for each dimension"));
    }
    let mut sizes = Vec::with_capacity(repeats.len());
    for (axis, &times) in repeats.iter().enumerate() {
        sizes.push(match (input.sizes[axis], times) {
            (size, Number::Int(1)) => size,
            (Dim::Fixed(size), Number::Int(times)) => size.checked_mul(times).map_or(Dim::Open, Dim::Fixed),
            (Dim::Fixed(1), times) => call.lowering.dim(times),
            _ => Dim::Open,
        });
    }
    let list = Argument::List(repeats.iter().map(|times| times.argument()).collect());
    Ok(vec![Known::Tensor(call.shaped(("repeat", ""), &input, vec![("repeats", list)], sizes))])
}
