//! Operators that give the same numbers another shape or order: `Reshape`, `Flatten`, `Squeeze`, `Transpose`.

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
