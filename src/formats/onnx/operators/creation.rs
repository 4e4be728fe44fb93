//! Tensors from nothing or from shapes: constants, ranges, masks.

use std::rc::Rc;

use super::super::call::Call;
use super::super::error::Result;
use super::super::proto::AttributeValue;
use super::super::values::{Dim, Known, Number, Numbers, Tensor};
use crate::model::graph::{Argument, DType};

pub(super) fn constant(call: &mut Call) -> Result<Vec<Known>> {
    let reals = |values: &[f32]| values.iter().map(|&value| Number::Float(value.into())).collect();
    let ints = |values: &[i64]| values.iter().map(|&value| Number::Int(value)).collect();
    let numbers = |dtype, shape, items| vec![Known::Numbers(Numbers { dtype, shape, items })];
    for name in ["value", "value_int", "value_ints", "value_float", "value_floats"] {
        return Ok(match call.attribute(name) {
            Some(AttributeValue::Tensor(tensor)) => {
                let mut constant = call.lowering.store.constant(tensor, false)?;
                if constant.name.is_empty() {
                    constant.name = call.node.outputs.first().cloned().unwrap_or_default();
                }
                vec![Known::Constant(Rc::new(constant))]
            }
            Some(AttributeValue::Int(value)) => numbers(DType::Int64, Vec::new(), ints(&[*value])),
            Some(AttributeValue::Ints(values)) => numbers(DType::Int64, vec![values.len()], ints(values)),
            Some(AttributeValue::Float(value)) => numbers(DType::Float32, Vec::new(), reals(&[*value])),
            Some(AttributeValue::Floats(values)) => numbers(DType::Float32, vec![values.len()], reals(values)),
            _ => continue,
        });
    }
    Err(call.fail("a constant that is no tensor of numbers"))
}

pub(super) fn shape(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let rank = known.sizes().ok_or_else(|| call.fail("its input is no tensor"))?.len() as i64;
    let place = |at: i64| if at < 0 { at + rank } else { at }.clamp(0, rank) as usize;
    let (start, end) = (place(call.int("start", 0)?), place(call.int("end", rank)?));
    let shape = sizes(call, &known)?;
    Ok(vec![Known::Numbers(Numbers::row(shape.get(start..end).unwrap_or_default().to_vec()))])
}

pub(super) fn sizes(call: &mut Call, known: &Known) -> Result<Vec<Number>> {
    match known {
        Known::Tensor(tensor) => Ok(call.lowering.shape(tensor)),
        other => {
            let sizes = other.sizes().ok_or_else(|| call.fail("its input is no tensor"))?;
            Ok(sizes.iter().map(|size| Number::Int(size.fixed().unwrap_or_default())).collect())
        }
    }
}

pub(super) fn size(call: &mut Call) -> Result<Vec<Known>> {
    let known = call.known(0)?;
    let mut product = Number::Int(1);
    for size in sizes(call, &known)? {
        product = call.lowering.arithmetic(crate::model::graph::SizeOperator::Mul, product, size)?;
    }
    Ok(vec![Known::Numbers(Numbers { dtype: DType::Int64, shape: Vec::new(), items: vec![product] })])
}

/// Element type and value of what fills a tensor.
fn filling(call: &mut Call) -> Result<(DType, Number)> {
    match call.attribute("value") {
        Some(AttributeValue::Tensor(tensor)) => {
            let constant = call.lowering.store.constant(tensor, false)?;
            let number = constant.numbers().and_then(|numbers| numbers.single());
            Ok((constant.dtype, number.ok_or_else(|| call.fail("its value is not one number"))?))
        }
        _ => Ok((DType::Float32, Number::Float(0.0))),
    }
}

pub(super) fn constant_of_shape(call: &mut Call) -> Result<Vec<Known>> {
    let shape = call.numbers(0)?.ok_or_else(|| call.fail("its shape is missing"))?;
    let (dtype, number) = filling(call)?;
    let fixed: Option<Vec<usize>> = shape.iter().map(|size| usize::try_from(size.int()?).ok()).collect();
    let count =
        fixed.as_ref().and_then(|shape| shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size)));
    if let (Some(shape), Some(count @ 0..=4096)) = (fixed, count) {
        return Ok(vec![Known::Numbers(Numbers { dtype, shape, items: vec![number; count] })]);
    }
    let sizes = shape.iter().map(|&size| call.lowering.dim(size)).collect();
    let arguments = vec![
        ("size", Argument::List(shape.iter().map(|size| size.argument()).collect())),
        ("fill_value", number.argument()),
        ("dtype", Argument::DType(dtype)),
        ("device", Argument::Device),
    ];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("full", ""), arguments), dtype, sizes })])
}

pub(super) fn range(call: &mut Call) -> Result<Vec<Known>> {
    let dtype = call.known(0)?.dtype().unwrap_or(DType::Int64);
    let mut ends = Vec::with_capacity(3);
    for index in 0..3 {
        let known = call.known(index)?;
        ends.push(if let Some(number) = known.numbers().and_then(|numbers| numbers.single()) {
            number
        } else {
            let tensor = call.lowering.tensor(&known)?;
            super::super::lower::element(call.lowering, &tensor, 0)
        });
    }
    let arguments = vec![
        ("start", ends[0].argument()),
        ("end", ends[1].argument()),
        ("step", ends[2].argument()),
        ("dtype", Argument::DType(dtype)),
        ("device", Argument::Device),
    ];
    Ok(vec![Known::Tensor(Tensor {
        value: call.aten(("arange", "start_step"), arguments),
        dtype,
        sizes: vec![Dim::Open],
    })])
}

pub(super) fn eye_like(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let dtype = call.dtype("dtype")?.unwrap_or(input.dtype);
    if input.rank() != 2 {
        return Err(call.fail(format!("an input of {} dimensions", input.rank())));
    }
    let ones = call.like(("ones_like", ""), &input, vec![("dtype", Argument::DType(DType::Int64))]);
    let ones = Tensor { dtype: DType::Int64, ..ones };
    // Where the column less the row is k.
    let diagonal = call.int("k", 0)?;
    let upper = call.like(("triu", ""), &ones, vec![("diagonal", Argument::Int(diagonal))]);
    let both = call.like(("tril", ""), &upper, vec![("diagonal", Argument::Int(diagonal))]);
    Ok(vec![Known::Tensor(call.cast(&both, dtype))])
}

pub(super) fn trilu(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let diagonal = call.one_int(1)?.unwrap_or(0);
    let name = if call.int("upper", 1)? != 0 { "triu" } else { "tril" };
    Ok(vec![Known::Tensor(call.like((name, ""), &input, vec![("diagonal", Argument::Int(diagonal))]))])
}

pub(super) fn non_zero(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let sizes = vec![Dim::Open, Dim::Fixed(input.rank() as i64)];
    let rows = call.shaped(("nonzero", ""), &input, Vec::new(), sizes);
    Ok(vec![Known::Tensor(call.permute(&Tensor { dtype: DType::Int64, ..rows }, &[1, 0]))])
}

/// A vector of one `on` among `off` for each index.
pub(super) fn one_hot(call: &mut Call) -> Result<Vec<Known>> {
    let indices = call.tensor(0)?;
    let depth = call.numbers(1)?.and_then(|numbers| numbers.first().copied());
    let depth = match depth {
        Some(Number::Float(depth)) => Number::Int(depth as i64),
        Some(depth) => depth,
        None => return Err(call.fail("its depth is missing")),
    };
    let values = call.tensor(2)?;
    let rank = indices.rank() + 1;
    let axis = call.axis(call.int("axis", -1)?, rank)?;
    let indices = call.cast(&indices, DType::Int64);
    let wrapped = call.binary(("remainder", "Tensor"), &indices, depth);
    let lowest = call.lowering.of_one(crate::model::graph::SizeOperator::Neg, depth)?;
    // Indices outside −depth … depth − 1 light nothing.
    let above = call.binary(("ge", "Tensor"), &indices, lowest);
    let below = call.binary(("lt", "Tensor"), &indices, depth);
    let inside = call.binary(("logical_and", ""), &above, &below);
    let arguments =
        vec![("end", depth.argument()), ("dtype", Argument::DType(DType::Int64)), ("device", Argument::Device)];
    let places = Tensor {
        value: call.aten(("arange", ""), arguments),
        dtype: DType::Int64,
        sizes: vec![call.lowering.dim(depth)],
    };
    let mut column = vec![Number::Int(1); rank];
    column[axis] = Number::Int(-1);
    let places = call.reshape(&places, &column);
    let (spread, inside) = (call.unsqueeze(&wrapped, &[axis]), call.unsqueeze(&inside, &[axis]));
    let equal = call.binary(("eq", "Tensor"), &spread, &places);
    let lit = call.binary(("logical_and", ""), &equal, &inside);
    let mut choice = |at: i64| {
        call.shaped(
            ("select", "int"),
            &values,
            vec![("dim", Argument::Int(0)), ("index", Argument::Int(at))],
            Vec::new(),
        )
    };
    let (off, on) = (choice(0), choice(1));
    let arguments = vec![("condition", lit.value.into()), ("self", on.value.into()), ("other", off.value.into())];
    Ok(vec![Known::Tensor(Tensor {
        value: call.aten(("where", "self"), arguments),
        dtype: values.dtype,
        sizes: lit.sizes,
    })])
}
