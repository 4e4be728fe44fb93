//! Shape arithmetic at load: operators on small tensors whose elements are known, or are sizes, give such tensors again.

use super::call::Call;
use super::error::Result;
use super::values::{Known, Number, Numbers};
use crate::model::graph::{DType, SizeOperator};

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
        "Neg" | "Floor" | "Ceil" | "Sqrt" | "Abs" | "Not" => unary(call, &first)?,
        "Where" => match (second, inputs.get(2).cloned().flatten()) {
            (Some(yes), Some(no)) => choose(call, &first, &yes, &no)?,
            _ => None,
        },
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => reduce(call, &first)?,
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

fn is_real(dtype: DType) -> bool {
    matches!(dtype, DType::Float16 | DType::BFloat16 | DType::Float32 | DType::Float64)
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
            Number::Size(_) if is_real(from) && !is_real(to) => call.lowering.of_one(SizeOperator::ToInt, item)?,
            Number::Size(_) => item,
            Number::Int(int) if is_real(to) => rounded(Number::Float(int as f64), to),
            Number::Int(int) if to == DType::Bool => Number::Int(i64::from(int != 0)),
            Number::Int(_) => rounded(item, to),
            Number::Float(_) if is_real(to) => rounded(item, to),
            Number::Float(real) if to == DType::Bool => Number::Int(i64::from(real != 0.0)),
            Number::Float(real) => Number::Int(real as i64),
        });
    }
    Ok(Some(Numbers { dtype: to, shape: numbers.shape, items }))
}

/// A tensor of `shape` whose element at an index is the one that `from` finds.
fn picked(numbers: &Numbers, shape: Vec<usize>, from: impl Fn(&[usize]) -> Option<usize>) -> Option<Numbers> {
    let count =
        shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size)).filter(|&count| count <= MOST)?;
    let mut index = vec![0; shape.len()];
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(*numbers.items.get(from(&index)?)?);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Some(Numbers { dtype: numbers.dtype, shape, items })
}

/// Where the element of an index stands.
fn flat(index: &[usize], shape: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |at, (&index, &size)| at * size + index)
}

/// Where the element of a broadcast index stands.
fn flat_broadcast(index: &[usize], shape: &[usize]) -> usize {
    let index = &index[index.len() - shape.len()..];
    index.iter().zip(shape).fold(0, |at, (&index, &size)| at * size + if size == 1 { 0 } else { index })
}

fn broadcast_shape(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let rank = shapes.iter().map(|shape| shape.len()).max()?;
    let mut result = vec![1; rank];
    for shape in shapes {
        for (to, &size) in result[rank - shape.len()..].iter_mut().zip(*shape) {
            if *to == 1 {
                *to = size;
            } else if size != 1 && size != *to {
                return None;
            }
        }
    }
    Some(result)
}

fn expand(numbers: &Numbers, shape: &[i64]) -> Option<Numbers> {
    let wanted: Vec<usize> = shape.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<_>>()?;
    let shape = broadcast_shape(&[&numbers.shape, &wanted])?;
    picked(numbers, shape, |index| Some(flat_broadcast(index, &numbers.shape)))
}

fn tile(numbers: &Numbers, repeats: &[i64]) -> Option<Numbers> {
    let sizes = numbers.shape.iter().zip(repeats);
    let shape: Vec<usize> =
        sizes.map(|(&size, &times)| size.checked_mul(usize::try_from(times).ok()?)).collect::<Option<_>>()?;
    picked(numbers, shape, |index| {
        let wrapped: Vec<usize> = index.iter().zip(&numbers.shape).map(|(&index, &size)| index % size.max(1)).collect();
        Some(flat(&wrapped, &numbers.shape))
    })
}

fn transpose(call: &Call, numbers: &Numbers) -> Result<Option<Numbers>> {
    let rank = numbers.shape.len();
    let order = match call.int_list("perm")? {
        Some(order) => call.axes(&order, rank)?,
        None => (0..rank).rev().collect(),
    };
    if order.len() != rank {
        return Err(call.fail("its perm is none of its input's dimensions"));
    }
    let shape = order.iter().map(|&axis| numbers.shape[axis]).collect();
    Ok(picked(numbers, shape, |index| {
        let mut source = vec![0; rank];
        order.iter().zip(index).for_each(|(&axis, &index)| source[axis] = index);
        Some(flat(&source, &numbers.shape))
    }))
}

fn concat(call: &Call, inputs: &[Numbers]) -> Result<Option<Numbers>> {
    let Some(first) = inputs.first() else { return Ok(None) };
    let axis = call.axis(call.int("axis", 1)?, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for input in inputs {
        let fits = input.shape.len() == shape.len()
            && (0..shape.len()).all(|other| other == axis || input.shape[other] == first.shape[other]);
        if !fits {
            return Err(call.fail("its inputs' shapes do not fit together"));
        }
        shape[axis] += input.shape[axis];
    }
    let outer: usize = shape[..axis].iter().product();
    let mut items = Vec::new();
    for row in 0..outer {
        for input in inputs {
            let length: usize = input.shape[axis..].iter().product();
            items.extend_from_slice(&input.items[row * length..(row + 1) * length]);
        }
    }
    Ok((items.len() <= MOST).then_some(Numbers { dtype: first.dtype, shape, items }))
}

fn gather(call: &Call, numbers: &Numbers, indices: &Numbers) -> Result<Option<Numbers>> {
    let axis = call.axis(call.int("axis", 0)?, numbers.shape.len())?;
    let Some(places) = whole(indices) else { return Ok(None) };
    let size = numbers.shape[axis];
    let places: Option<Vec<usize>> = places
        .iter()
        .map(|&at| usize::try_from(if at < 0 { at + size as i64 } else { at }).ok().filter(|&at| at < size))
        .collect();
    let places = places.ok_or_else(|| call.fail("it takes an element that is not there"))?;
    let mut shape = numbers.shape[..axis].to_vec();
    shape.extend(&indices.shape);
    shape.extend(&numbers.shape[axis + 1..]);
    let taken = indices.shape.len();
    Ok(picked(numbers, shape, |index| {
        let mut source = index[..axis].to_vec();
        source.push(*places.get(flat(&index[axis..axis + taken], &indices.shape))?);
        source.extend(&index[axis + taken..]);
        Some(flat(&source, &numbers.shape))
    }))
}

/// Starts, ends, axes and steps of a `Slice`, from inputs or, before version 10, from attributes.
fn slice(call: &Call, numbers: &Numbers) -> Result<Option<Numbers>> {
    let list = |index: usize, name: &str| -> Result<Option<Vec<i64>>> {
        if call.version < 10 {
            return call.int_list(name);
        }
        Ok(call.given(index).and_then(Known::numbers).and_then(|numbers| whole(&numbers)))
    };
    let (Some(starts), Some(ends)) = (list(1, "starts")?, list(2, "ends")?) else { return Ok(None) };
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let axes = call.axes(&axes, numbers.shape.len())?;
    let steps = if call.version < 10 { None } else { list(4, "steps")? };
    let mut shape = numbers.shape.clone();
    let mut from = vec![(0_i64, 1_i64); shape.len()];
    for (at, &axis) in axes.iter().enumerate() {
        let step = steps.as_ref().map_or(Some(1), |steps| steps.get(at).copied()).unwrap_or(1);
        let (Some(&start), Some(&end)) = (starts.get(at), ends.get(at)) else { return Ok(None) };
        let (start, length) = window(start, end, step, shape[axis] as i64).ok_or_else(|| call.fail("its step is 0"))?;
        shape[axis] = length;
        from[axis] = (start, step);
    }
    Ok(picked(numbers, shape, |index| {
        let place = |(&index, &(start, step)): (&usize, &(i64, i64))| usize::try_from(start + index as i64 * step).ok();
        let source: Option<Vec<usize>> = index.iter().zip(&from).map(place).collect();
        Some(flat(&source?, &numbers.shape))
    }))
}

/// First element and number of elements of a slice of `size` elements, as numpy counts; `None` for a step of 0.
pub(super) fn window(start: i64, end: i64, step: i64, size: i64) -> Option<(i64, usize)> {
    let (lowest, highest) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let place = |at: i64| if at < 0 { at.saturating_add(size) } else { at }.clamp(lowest, highest);
    let (start, end) = (place(start), place(end));
    let length = match step {
        0 => return None,
        1.. => (end - start).max(0) as u64,
        _ => (start - end).max(0) as u64,
    };
    Some((start, length.div_ceil(step.unsigned_abs()) as usize))
}

fn unary(call: &mut Call, numbers: &Numbers) -> Result<Option<Numbers>> {
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

fn binary(call: &mut Call, a: &Numbers, b: &Numbers) -> Result<Option<Numbers>> {
    use SizeOperator as Op;
    let real = is_real(a.dtype);
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
    if operator == SizeOperator::Pow && !is_real(dtype) && !two.iter().all(plain)
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

fn many(call: &mut Call, inputs: Vec<Option<Numbers>>) -> Result<Option<Numbers>> {
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

fn choose(call: &mut Call, condition: &Numbers, yes: &Numbers, no: &Numbers) -> Result<Option<Numbers>> {
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
fn reduce(call: &mut Call, numbers: &Numbers) -> Result<Option<Numbers>> {
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

/// Replaces elements of a row.
fn scatter(numbers: &Numbers, indices: &Numbers, updates: &Numbers) -> Option<Numbers> {
    if numbers.shape.len() != 1 || indices.shape.last() != Some(&1) || indices.items.len() != updates.items.len() {
        return None;
    }
    let mut result = numbers.clone();
    for (index, &update) in whole(indices)?.into_iter().zip(&updates.items) {
        let at = if index < 0 { index + numbers.items.len() as i64 } else { index };
        *result.items.get_mut(usize::try_from(at).ok()?)? = update;
    }
    Some(result)
}
