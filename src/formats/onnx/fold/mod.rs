//! Shape arithmetic at load: operators on small tensors whose elements are known, or are sizes, give such tensors again.

mod arithmetic;
mod moving;

use super::call::Call;
use super::error::Result;
use super::values::{Known, Number, Numbers};
use crate::model::graph::{DType, SizeOperator};
use arithmetic::{binary, choose, many, reduce, unary};
use moving::{concat, expand, gather, scatter, slice, split, tile, transpose};

pub(super) use moving::window;

/// Results of more elements are left to the graph.
const MOST: usize = 4096;

/// The outputs, if the operator is one of shape arithmetic and all that it reads is known; else the graph must compute it.
pub(super) fn fold(call: &mut Call) -> Result<Option<Vec<Known>>> {
    if call.node.operator == "CastLike" {
        // Of the second only the type is read.
        let to = call.known(1)?.dtype();
        return Ok(match (call.known(0)?.numbers(), to) {
            (Some(numbers), Some(to)) => cast(call, numbers, to)?.map(|numbers| vec![Known::Numbers(numbers)]),
            _ => None,
        });
    }
    let mut inputs = Vec::with_capacity(call.input_count());
    for index in 0..call.input_count() {
        match call.given(index) {
            Some(known) => match known.numbers() {
                Some(numbers) => inputs.push(Some(numbers)),
                None => return Ok(None),
            },
            None => inputs.push(None),
        }
    }
    let Some(Some(first)) = inputs.first().cloned() else { return Ok(None) };
    let second = inputs.get(1).cloned().flatten();
    let folded = match call.node.operator.as_str() {
        "Cast" => match call.dtype("to")? {
            Some(to) => cast(call, first, to)?,
            None => None,
        },
        "Concat" => concat(call, &inputs.into_iter().flatten().collect::<Vec<_>>())?,
        "Gather" => match second {
            Some(indices) => gather(call, &first, &indices)?,
            None => None,
        },
        "Neg" | "Floor" | "Ceil" | "Sqrt" | "Abs" | "Not" | "Relu" => unary(call, &first)?,
        "Where" => match (second, inputs.get(2).cloned().flatten()) {
            (Some(yes), Some(no)) => choose(call, &first, &yes, &no)?,
            _ => None,
        },
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => reduce(call, &first)?,
        "Split" => return split(call, &first),
        "Slice" => return Ok(slice(call, &first)?.map(|numbers| vec![Known::Numbers(numbers)])),
        "Expand" => match second.and_then(|shape| whole(&shape)) {
            Some(shape) => expand(&first, &shape),
            None => None,
        },
        "Tile" => match second.and_then(|repeats| whole(&repeats)) {
            Some(repeats) => tile(&first, &repeats),
            None => None,
        },
        "Transpose" => transpose(call, &first)?,
        "Range" => range(&inputs.into_iter().flatten().collect::<Vec<_>>()),
        "NonZero" => non_zero(&first),
        "ScatterND" => match (second, inputs.get(2).cloned().flatten()) {
            (Some(indices), Some(updates)) => scatter(&first, &indices, &updates),
            _ => None,
        },
        "Max" | "Min" | "Sum" => many(call, inputs)?,
        _ => match second {
            Some(second) => binary(call, &first, &second)?,
            None => None,
        },
    };
    Ok(folded.map(|numbers| vec![Known::Numbers(numbers)]))
}

/// The items as whole numbers, where all are known.
fn whole(numbers: &Numbers) -> Option<Vec<i64>> {
    numbers.items.iter().map(|item| item.int()).collect()
}

/// A number as its element type holds it.
fn rounded(number: Number, dtype: DType) -> Number {
    match (number, dtype) {
        (Number::Float(real), DType::Float32) => Number::Float(f64::from(real as f32)),
        (Number::Int(int), DType::Int32) => Number::Int((int as i32).into()),
        (number, _) => number,
    }
}

fn cast(call: &mut Call, numbers: Numbers, to: DType) -> Result<Option<Numbers>> {
    if matches!(to, DType::UInt8 | DType::Int8 | DType::Int16) {
        return Ok(None);
    }
    let from = numbers.dtype;
    let mut items = Vec::with_capacity(numbers.items.len());
    for item in numbers.items {
        items.push(match item {
            Number::Size(_) if to == DType::Bool && from != DType::Bool => {
                call.lowering.arithmetic(SizeOperator::Ne, item, Number::Int(0))?
            }
            Number::Size(_) if from.is_float() && !to.is_float() => call.lowering.of_one(SizeOperator::ToInt, item)?,
            Number::Size(_) => item,
            Number::Int(int) if to.is_float() => rounded(Number::Float(int as f64), to),
            Number::Int(int) if to == DType::Bool => Number::Int(i64::from(int != 0)),
            Number::Int(_) => rounded(item, to),
            Number::Float(_) if to.is_float() => rounded(item, to),
            Number::Float(real) if to == DType::Bool => Number::Int(i64::from(real != 0.0)),
            Number::Float(real) => Number::Int(real as i64),
        });
    }
    Ok(Some(Numbers { dtype: to, shape: numbers.shape, items }))
}

fn range(inputs: &[Numbers]) -> Option<Numbers> {
    let [start, limit, step] = inputs else { return None };
    let dtype = start.dtype;
    if let (Number::Int(start), Number::Int(limit), Number::Int(step)) =
        (start.single()?, limit.single()?, step.single()?)
    {
        let length = match step {
            0 => return None,
            1.. => limit.checked_sub(start)?.max(0).unsigned_abs().div_ceil(step.unsigned_abs()),
            _ => start.checked_sub(limit)?.max(0).unsigned_abs().div_ceil(step.unsigned_abs()),
        };
        let length = usize::try_from(length).ok().filter(|&length| length <= MOST)?;
        let items: Vec<Number> = (0..length as i64).map(|at| Number::Int(start + at * step)).collect();
        return Some(Numbers { dtype, shape: vec![items.len()], items });
    }
    None
}

/// Indices of the elements that are not zero, a row for each dimension.
fn non_zero(numbers: &Numbers) -> Option<Numbers> {
    let rank = numbers.shape.len().max(1);
    let mut rows: Vec<Vec<Number>> = vec![Vec::new(); rank];
    for (at, item) in numbers.items.iter().enumerate() {
        if item.real()? == 0.0 {
            continue;
        }
        let mut rest = at;
        for axis in (0..rank).rev() {
            let size = numbers.shape.get(axis).copied().unwrap_or(1).max(1);
            rows[axis].push(Number::Int((rest % size) as i64));
            rest /= size;
        }
    }
    let count = rows.first().map_or(0, Vec::len);
    Some(Numbers { dtype: DType::Int64, shape: vec![rank, count], items: rows.into_iter().flatten().collect() })
}
