//! Operators that give the same numbers another shape or order: `Reshape`, `Transpose`, `Concat`, `Split` and their like.

use std::rc::Rc;

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Numbers, Tensor};
use crate::model::graph::{Argument, SizeOperator};

/// `known` in another shape, without a node where it is a constant.
fn reshaped(call: &mut Call, known: &Known, shape: &[Number]) -> Result<Known> {
    let fixed: Option<Vec<usize>> = shape.iter().map(|size| usize::try_from(size.int()?).ok()).collect();
    if let Some(fixed) = fixed {
        let count = fixed.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        match known {
            Known::Numbers(numbers) if count == Some(numbers.items.len()) => {
                return Ok(Known::Numbers(Numbers { shape: fixed, ..numbers.clone() }));
            }
            Known::Constant(constant) if count == Some(constant.elements()) && constant.strides.is_none() => {
                return Ok(Known::Constant(Rc::new(constant.view(fixed, None))));
            }
            _ => {}
        }
    }
    let tensor = call.lowering.tensor(known)?;
    Ok(Known::Tensor(call.reshape(&tensor, shape)))
}

/// How many elements some dimensions have: a number, times the number of pictures to a power.
fn product(dims: &[Dim]) -> Option<(i64, u32)> {
    dims.iter().try_fold((1_i64, 0), |(product, pictures), dim| match dim {
        Dim::Fixed(size) => Some((product.checked_mul(*size)?, pictures)),
        Dim::Batch(size) => Some((product.checked_mul(*size)?, pictures + 1)),
        Dim::Open => None,
    })
}

/// `Reshape`. A file that was made with one picture says so in its shapes; where the first dimension of the input is the number
/// of pictures, the first of the result is left open for more.
pub(super) fn reshape(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let sizes = known.sizes().ok_or_else(|| call.fail("its input is no tensor"))?;
    let told = if call.version < 5 {
        let shape = call.int_list("shape")?.unwrap_or_default();
        shape.into_iter().map(Number::Int).collect()
    } else {
        call.numbers(1)?.ok_or_else(|| call.fail("its shape is missing"))?
    };
    let zero_is_zero = call.flag("allowzero")?;
    let mut shape = told;
    for (axis, size) in shape.iter_mut().enumerate() {
        if *size == Number::Int(0) && !zero_is_zero {
            if axis >= sizes.len() {
                return Err(call.fail("it keeps a dimension that its input does not have"));
            }
            let tensor = call.lowering.tensor(&known)?;
            *size = call.lowering.size(&tensor, axis);
        }
    }
    resolve(call, &sizes, &mut shape)?;
    let made = reshaped(call, &known, &shape)?;
    Ok(vec![match made {
        Known::Tensor(tensor) => {
            let sizes = dims_of(call, &sizes, &shape);
            Known::Tensor(Tensor { sizes, ..tensor })
        }
        other => other,
    }])
}

/// Replaces −1 by the number that it stands for, and leaves the number of pictures open.
fn resolve(call: &mut Call, sizes: &[Dim], shape: &mut [Number]) -> Result<()> {
    let open = shape.iter().position(|&size| size == Number::Int(-1));
    let (Some((elements, pictures)), Some((others, told))) = (product(sizes), told_product(call, shape)) else {
        return Ok(());
    };
    let leads = matches!(sizes.first(), Some(Dim::Batch(_))) && pictures == 1;
    match open {
        Some(at) if pictures == told => {
            if others > 0 && elements % others == 0 {
                shape[at] = Number::Int(elements / others);
            } else if others > 0 {
                return Err(call.fail(format!("{elements} elements do not fit into its shape")));
            }
        }
        Some(at) if at > 0 && leads && told == 0 && others > 0 && elements % others == 0 => {
            shape[at] = Number::Int(elements / others);
            shape[0] = Number::Int(-1);
        }
        None if leads && told == 0 && !shape.is_empty() => {
            if others != elements {
                return Err(
                    call.fail(format!("{elements} elements for each picture do not fit into its shape of {others}"))
                );
            }
            shape[0] = Number::Int(-1);
        }
        None if pictures == 0 && told == 0 && elements != others => {
            return Err(call.fail(format!("{elements} elements do not fit into its shape of {others}")));
        }
        _ => {}
    }
    Ok(())
}

/// As [`product`], of a shape that is asked for, without its −1.
fn told_product(call: &Call, shape: &[Number]) -> Option<(i64, u32)> {
    let dims: Vec<Dim> =
        shape.iter().filter(|&&size| size != Number::Int(-1)).map(|&size| call.lowering.dim(size)).collect();
    product(&dims)
}

/// The dimensions of the result: −1 is what is left.
fn dims_of(call: &Call, sizes: &[Dim], shape: &[Number]) -> Vec<Dim> {
    let left = product(sizes).zip(told_product(call, shape)).and_then(|((elements, pictures), (others, told))| {
        if others <= 0 || elements % others != 0 {
            return None;
        }
        match pictures.checked_sub(told)? {
            0 => Some(Dim::Fixed(elements / others)),
            1 => Some(Dim::Batch(elements / others)),
            _ => None,
        }
    });
    let dim =
        |size: &Number| if *size == Number::Int(-1) { left.unwrap_or(Dim::Open) } else { call.lowering.dim(*size) };
    shape.iter().map(dim).collect()
}

pub(super) fn flatten(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let sizes = known.sizes().ok_or_else(|| call.fail("its input is no tensor"))?;
    let rank = sizes.len();
    let told = call.int("axis", 1)?;
    let axis = if told == rank as i64 { rank } else { call.axis(told, rank)? };
    if axis == 1 && rank >= 2 && matches!(known, Known::Tensor(_)) {
        let tensor = call.lowering.tensor(&known)?;
        let rest = product(&sizes[1..]).filter(|&(_, pictures)| pictures == 0);
        let sizes = vec![sizes[0], rest.map_or(Dim::Open, |(size, _)| Dim::Fixed(size))];
        return Ok(vec![Known::Tensor(call.shaped(
            ("flatten", "using_ints"),
            &tensor,
            vec![("start_dim", Argument::Int(1))],
            sizes,
        ))]);
    }
    let tensor = call.lowering.tensor(&known)?;
    let shape = call.lowering.shape(&tensor);
    let mut flat = [Number::Int(1), Number::Int(1)];
    for (at, size) in shape.into_iter().enumerate() {
        let side = usize::from(at >= axis);
        flat[side] = call.lowering.arithmetic(SizeOperator::Mul, flat[side], size)?;
    }
    Ok(vec![reshaped(call, &known, &flat)?])
}

/// Axes from an input since version 13, from an attribute before.
fn axes(call: &Call) -> Result<Option<Vec<i64>>> {
    if call.version >= 13 { call.ints(1) } else { call.int_list("axes") }
}

pub(super) fn squeeze(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let sizes = known.sizes().ok_or_else(|| call.fail("its input is no tensor"))?;
    let axes = match axes(call)? {
        Some(axes) => call.axes(&axes, sizes.len())?,
        None => (0..sizes.len()).filter(|&axis| sizes[axis] == Dim::Fixed(1)).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| sizes[axis].fixed().is_some_and(|size| size != 1)) {
        return Err(call.fail(format!("its axis {axis} is not of size 1")));
    }
    let kept: Vec<Dim> = (0..sizes.len()).filter(|axis| !axes.contains(axis)).map(|axis| sizes[axis]).collect();
    if let (Known::Tensor(tensor), false) = (&known, axes.is_empty()) {
        let dims = Argument::ints(axes.iter().map(|&axis| axis as i64));
        return Ok(vec![Known::Tensor(call.shaped(("squeeze", "dims"), tensor, vec![("dim", dims)], kept))]);
    }
    let shape: Vec<Number> = kept.iter().map(|size| Number::Int(size.fixed().unwrap_or(-1))).collect();
    if axes.is_empty() { Ok(vec![known]) } else { Ok(vec![reshaped(call, &known, &shape)?]) }
}

pub(super) fn unsqueeze(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let sizes = known.sizes().ok_or_else(|| call.fail("its input is no tensor"))?;
    let axes = axes(call)?.ok_or_else(|| call.fail("its axes are missing"))?;
    let mut axes = call.axes(&axes, sizes.len() + axes.len())?;
    axes.sort_unstable();
    if let Known::Tensor(tensor) = &known {
        return Ok(vec![Known::Tensor(call.unsqueeze(tensor, &axes))]);
    }
    let mut shape: Vec<Number> = sizes.iter().map(|size| Number::Int(size.fixed().unwrap_or(-1))).collect();
    for axis in axes {
        shape.insert(axis, Number::Int(1));
    }
    Ok(vec![reshaped(call, &known, &shape)?])
}

pub(super) fn transpose(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let rank = known.sizes().map_or(0, |sizes| sizes.len());
    let order = match call.int_list("perm")? {
        Some(order) if order.len() == rank => call.axes(&order, rank)?,
        Some(order) => return Err(call.fail(format!("its perm {order:?} is none of {rank} dimensions"))),
        None => (0..rank).rev().collect(),
    };
    if let Known::Constant(constant) = &known {
        let (shape, steps) = (&constant.shape, constant.steps());
        let turned = |list: &[usize]| order.iter().map(|&axis| list[axis]).collect::<Vec<_>>();
        return Ok(vec![Known::Constant(Rc::new(constant.view(turned(shape), Some(turned(&steps)))))]);
    }
    let tensor = call.lowering.tensor(&known)?;
    Ok(vec![Known::Tensor(call.permute(&tensor, &order))])
}

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

/// Channels to blocks of pixels: `DepthToSpace`.
pub(super) fn depth_to_space(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let block = call.maybe_int("blocksize")?.filter(|&block| (1..1 << 20).contains(&block));
    let block = block.ok_or_else(|| call.fail("its blocksize is missing"))?;
    if input.rank() != 4 {
        return Err(call.fail(format!("an input of {} dimensions", input.rank())));
    }
    let scaled = |size: Dim| size.fixed().and_then(|size| size.checked_mul(block)).map_or(Dim::Open, Dim::Fixed);
    let channels = input.sizes[1].fixed().map_or(Dim::Open, |channels| Dim::Fixed(channels / (block * block)));
    let sizes = vec![input.sizes[0], channels, scaled(input.sizes[2]), scaled(input.sizes[3])];
    match call.text("mode", "DCR")? {
        "CRD" => {
            let rest = vec![("upscale_factor", Argument::Int(block))];
            Ok(vec![Known::Tensor(call.shaped(("pixel_shuffle", ""), &input, rest, sizes))])
        }
        "DCR" => {
            let shape = call.lowering.shape(&input);
            let number = Number::Int(block);
            let inner = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[1], Number::Int(block * block))?;
            let split = call.reshape(&input, &[shape[0], number, number, inner, shape[2], shape[3]]);
            let order = call.permute(&split, &[0, 3, 4, 1, 5, 2]);
            let height = call.lowering.arithmetic(SizeOperator::Mul, shape[2], number)?;
            let width = call.lowering.arithmetic(SizeOperator::Mul, shape[3], number)?;
            Ok(vec![Known::Tensor(call.reshape(&order, &[shape[0], inner, height, width]))])
        }
        other => Err(call.unknown("mode", other)),
    }
}

/// Blocks of pixels to channels, the block's place first or (`CRD`) last: `SpaceToDepth`.
pub(super) fn space_to_depth(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let block = call.maybe_int("blocksize")?.filter(|&block| (1..1 << 20).contains(&block));
    let block = Number::Int(block.ok_or_else(|| call.fail("its blocksize is missing"))?);
    if input.rank() != 4 {
        return Err(call.fail(format!("an input of {} dimensions", input.rank())));
    }
    let shape = call.lowering.shape(&input);
    let height = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[2], block)?;
    let width = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[3], block)?;
    let split = call.reshape(&input, &[shape[0], shape[1], height, block, width, block]);
    let order = match call.text("mode", "DCR")? {
        "CRD" => call.permute(&split, &[0, 1, 3, 5, 2, 4]),
        _ => call.permute(&split, &[0, 3, 5, 1, 2, 4]),
    };
    let area = call.lowering.arithmetic(SizeOperator::Mul, block, block)?;
    let channels = call.lowering.arithmetic(SizeOperator::Mul, shape[1], area)?;
    Ok(vec![Known::Tensor(call.reshape(&order, &[shape[0], channels, height, width]))])
}

/// Cut or padded around the middle to a shape: `CenterCropPad`.
pub(super) fn center_crop_pad(call: &mut Call) -> Result<Vec<Known>> {
    let mut tensor = call.tensor(0)?;
    let rank = tensor.rank();
    let wanted = call.ints(1)?.ok_or_else(|| call.fail("its shape is missing"))?;
    let axes = match call.int_list("axes")? {
        Some(axes) => call.axes(&axes, rank)?,
        None => (0..rank).collect(),
    };
    if axes.len() != wanted.len() {
        return Err(call.fail("its shape is not one number for each axis"));
    }
    let (mut begin, mut end) = (vec![Number::Int(0); rank], vec![Number::Int(0); rank]);
    for (&axis, &wanted) in axes.iter().zip(&wanted) {
        let size = tensor.sizes[axis].fixed().ok_or_else(|| call.fail("an input whose size is open"))?;
        // Of an odd number the larger half is padded or cut behind.
        let before = wanted.saturating_sub(size) / 2;
        begin[axis] = Number::Int(before);
        end[axis] = Number::Int(wanted.saturating_sub(size).saturating_sub(before));
    }
    tensor = call.pad(&tensor, &begin, &end, Argument::Int(0));
    Ok(vec![Known::Tensor(tensor)])
}
