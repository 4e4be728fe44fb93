//! Arithmetic on elements that are numbers or sizes.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Number, Numbers};
use super::moving::{broadcast_shape, flat_broadcast, picked};
use super::{rounded, whole};
use crate::model::graph::{DType, SizeOperator};

pub(super) fn unary(call: &mut Call, numbers: &Numbers) -> Result<Option<Numbers>> {
    let operator = call.node.operator.as_str();
    let mut items = Vec::with_capacity(numbers.items.len());
    for &item in &numbers.items {
        items.push(match operator {
            "Neg" => call.lowering.of_one(SizeOperator::Neg, item)?,
            "Floor" => rounded_up_or_down(call, SizeOperator::Floor, item)?,
            "Ceil" => rounded_up_or_down(call, SizeOperator::Ceil, item)?,
            "Sqrt" => match item {
                Number::Size(_) => call.lowering.of_one(SizeOperator::Sqrt, item)?,
                known => known.real().map_or(known, |real| rounded(Number::Float(real.sqrt()), numbers.dtype)),
            },
            "Abs" => {
                let negative = call.lowering.of_one(SizeOperator::Neg, item)?;
                call.lowering.arithmetic(SizeOperator::Max, item, negative)?
            }
            "Relu" => match item {
                Number::Float(real) => Number::Float(real.max(0.0)),
                whole => call.lowering.arithmetic(SizeOperator::Max, whole, Number::Int(0))?,
            },
            _ => call.lowering.arithmetic(SizeOperator::Eq, item, Number::Int(0))?,
        });
    }
    Ok(Some(Numbers { dtype: numbers.dtype, shape: numbers.shape.clone(), items }))
}

/// ONNX rounds a real number to a real number; of sizes it is the same number.
fn rounded_up_or_down(call: &mut Call, operator: SizeOperator, item: Number) -> Result<Number> {
    Ok(match item {
        Number::Float(real) => Number::Float(if operator == SizeOperator::Floor { real.floor() } else { real.ceil() }),
        other => call.lowering.of_one(operator, other)?,
    })
}

pub(super) fn binary(call: &mut Call, a: &Numbers, b: &Numbers) -> Result<Option<Numbers>> {
    use SizeOperator as Op;
    let real = a.dtype.is_float();
    let truth = a.dtype == DType::Bool;
    let (operator, dtype) = match call.node.operator.as_str() {
        "Add" => (Op::Add, a.dtype),
        "Sub" => (Op::Sub, a.dtype),
        "Mul" => (Op::Mul, a.dtype),
        "Div" if real => (Op::TrueDiv, a.dtype),
        "Div" => return quotients(call, a, b),
        "Mod" if !real && !call.flag("fmod")? => (Op::Mod, a.dtype),
        "Pow" => (Op::Pow, a.dtype),
        "Equal" => (Op::Eq, DType::Bool),
        "Less" => (Op::Lt, DType::Bool),
        "LessOrEqual" => (Op::Le, DType::Bool),
        "Greater" => (Op::Gt, DType::Bool),
        "GreaterOrEqual" => (Op::Ge, DType::Bool),
        "And" if truth => (Op::Min, DType::Bool),
        "Or" if truth => (Op::Max, DType::Bool),
        "Xor" if truth => (Op::Ne, DType::Bool),
        _ => return Ok(None),
    };
    if call.version < 7 && !matches!(operator, Op::Eq) {
        return Ok(None);
    }
    elementwise(call, operator, dtype, a, b)
}

fn elementwise(
    call: &mut Call,
    operator: SizeOperator,
    dtype: DType,
    a: &Numbers,
    b: &Numbers,
) -> Result<Option<Numbers>> {
    let Some(shape) = broadcast_shape(&[&a.shape, &b.shape]) else { return Ok(None) };
    let (Some(one), Some(two)) = (spread(a, &shape), spread(b, &shape)) else { return Ok(None) };
    // Powers of negative exponents and divisions by zero are for the graph, which has all numbers of the type.
    let plain = |number: &Number| !matches!(number, Number::Int(number) if *number < 0);
    if operator == SizeOperator::Pow && !dtype.is_float() && !two.iter().all(plain)
        || operator == SizeOperator::Mod && two.contains(&Number::Int(0))
    {
        return Ok(None);
    }
    let mut items = Vec::with_capacity(one.len());
    for (a, b) in one.into_iter().zip(two) {
        items.push(rounded(
            call.lowering.arithmetic(operator, a, b).map_err(|error| call.fail(error.to_string()))?,
            dtype,
        ));
    }
    Ok(Some(Numbers { dtype, shape, items }))
}

fn spread(numbers: &Numbers, shape: &[usize]) -> Option<Vec<Number>> {
    picked(numbers, shape.to_vec(), |index| Some(flat_broadcast(index, &numbers.shape))).map(|numbers| numbers.items)
}

/// Whole numbers are divided towards zero; sizes are never negative, so that the graph's division downwards is the same.
fn quotients(call: &mut Call, a: &Numbers, b: &Numbers) -> Result<Option<Numbers>> {
    if b.items.contains(&Number::Int(0)) {
        return Ok(None);
    }
    if let (Some(one), Some(two)) = (whole(a), whole(b)) {
        let Some(shape) = broadcast_shape(&[&a.shape, &b.shape]) else { return Ok(None) };
        let row = |ints: &[i64], like: &Numbers| {
            let items = ints.iter().map(|&int| Number::Int(int)).collect();
            spread(&Numbers { dtype: like.dtype, shape: like.shape.clone(), items }, &shape)
        };
        let (Some(one), Some(two)) = (row(&one, a), row(&two, b)) else { return Ok(None) };
        let items = one.into_iter().zip(two).map(|pair| match pair {
            (Number::Int(a), Number::Int(b)) => a.checked_div(b).map(Number::Int),
            _ => None,
        });
        return Ok(items.collect::<Option<Vec<_>>>().map(|items| Numbers { dtype: a.dtype, shape, items }));
    }
    elementwise(call, SizeOperator::FloorDiv, a.dtype, a, b)
}

pub(super) fn many(call: &mut Call, inputs: Vec<Option<Numbers>>) -> Result<Option<Numbers>> {
    let operator = match call.node.operator.as_str() {
        "Max" => SizeOperator::Max,
        "Min" => SizeOperator::Min,
        _ => SizeOperator::Add,
    };
    let mut inputs = inputs.into_iter().flatten();
    let Some(mut result) = inputs.next() else { return Ok(None) };
    for next in inputs {
        let dtype = result.dtype;
        match elementwise(call, operator, dtype, &result, &next)? {
            Some(folded) => result = folded,
            None => return Ok(None),
        }
    }
    Ok(Some(result))
}

pub(super) fn choose(call: &mut Call, condition: &Numbers, yes: &Numbers, no: &Numbers) -> Result<Option<Numbers>> {
    let Some(shape) = broadcast_shape(&[&condition.shape, &yes.shape, &no.shape]) else { return Ok(None) };
    let (Some(which), Some(yes_items), Some(no_items)) =
        (spread(condition, &shape), spread(yes, &shape), spread(no, &shape))
    else {
        return Ok(None);
    };
    let mut items = Vec::with_capacity(which.len());
    for ((which, yes), no) in which.into_iter().zip(yes_items).zip(no_items) {
        items.push(match which {
            Number::Int(0) => no,
            Number::Int(_) => yes,
            _ if yes == no => yes,
            which => {
                let lowering = &mut *call.lowering;
                let other = lowering.arithmetic(SizeOperator::Sub, Number::Int(1), which)?;
                let one = lowering.arithmetic(SizeOperator::Mul, which, yes)?;
                let two = lowering.arithmetic(SizeOperator::Mul, other, no)?;
                lowering.arithmetic(SizeOperator::Add, one, two)?
            }
        });
    }
    Ok(Some(Numbers { dtype: yes.dtype, shape, items }))
}

/// Reductions over all of a row.
pub(super) fn reduce(call: &mut Call, numbers: &Numbers) -> Result<Option<Numbers>> {
    let from_input = call.given(1).is_some();
    let axes = if from_input { call.ints(1)? } else { call.int_list("axes")? };
    if numbers.shape.len() > 1 || numbers.items.is_empty() || call.flag("noop_with_empty_axes")? {
        return Ok(None);
    }
    if axes.is_some_and(|axes| axes.len() != 1) {
        return Ok(None);
    }
    let operator = match call.node.operator.as_str() {
        "ReduceProd" => SizeOperator::Mul,
        "ReduceSum" => SizeOperator::Add,
        "ReduceMax" => SizeOperator::Max,
        _ => SizeOperator::Min,
    };
    let mut items = numbers.items.iter();
    let Some(&first) = items.next() else { return Ok(None) };
    let mut result = first;
    for &item in items {
        result = rounded(call.lowering.arithmetic(operator, result, item)?, numbers.dtype);
    }
    let shape = if call.int("keepdims", 1)? != 0 { vec![1; numbers.shape.len()] } else { Vec::new() };
    Ok(Some(Numbers { dtype: numbers.dtype, shape, items: vec![result] }))
}
