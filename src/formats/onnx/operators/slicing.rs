//! Parts of tensors: `Slice`, and elements by their indices.

use super::super::call::Call;
use super::super::error::Result;
use super::super::fold::window;
use super::super::values::{Dim, Known, Number, Tensor};
use crate::model::graph::{Argument, DType, SizeOperator};

pub(super) fn slice(call: &mut Call) -> Result<Vec<Known>> {
    let mut tensor = call.tensor(0)?;
    let old = call.version < 10;
    let numbers = |call: &mut Call, index: usize, name: &str| -> Result<Option<Vec<Number>>> {
        if old {
            return Ok(call.int_list(name)?.map(|list| list.into_iter().map(Number::Int).collect()));
        }
        call.numbers(index)
    };
    let starts = numbers(call, 1, "starts")?.ok_or_else(|| call.fail("its starts are missing"))?;
    let ends = numbers(call, 2, "ends")?.ok_or_else(|| call.fail("its ends are missing"))?;
    let axes = if old { call.int_list("axes")? } else { call.ints(3)? };
    let axes = call.axes(&axes.unwrap_or_else(|| (0..starts.len() as i64).collect()), tensor.rank())?;
    let steps = if old { None } else { call.ints(4)? }.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(call.fail("its starts, ends, axes and steps are of different lengths"));
    }
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        tensor = match step {
            0 => return Err(call.fail("its step is 0")),
            1.. => forwards(call, &tensor, axis, (start, end, step)),
            _ => backwards(call, &tensor, axis, (start, end, step.max(-i64::from(i32::MAX))))?,
        };
    }
    Ok(vec![Known::Tensor(tensor)])
}

fn forwards(call: &mut Call, input: &Tensor, axis: usize, (start, end, step): (Number, Number, i64)) -> Tensor {
    let length = match (start, end, input.sizes[axis]) {
        (Number::Int(start), Number::Int(end), Dim::Fixed(size)) => {
            window(start, end, step, size).map_or(Dim::Open, |(_, length)| Dim::Fixed(length as i64))
        }
        (Number::Int(0), Number::Int(end), size) if end >= i64::from(i32::MAX) && step == 1 => size,
        _ => Dim::Open,
    };
    if length == input.sizes[axis] && length != Dim::Open {
        return input.clone();
    }
    let mut sizes = input.sizes.clone();
    sizes[axis] = length;
    let arguments = vec![
        ("dim", Argument::Int(axis as i64)),
        ("start", start.argument()),
        ("end", end.argument()),
        ("step", Argument::Int(step)),
    ];
    call.shaped(("slice", "Tensor"), input, arguments, sizes)
}

/// libtorch steps forwards only: the dimension is turned around first.
fn backwards(
    call: &mut Call,
    input: &Tensor,
    axis: usize,
    (start, end, step): (Number, Number, i64),
) -> Result<Tensor> {
    let turned = call.like(("flip", ""), input, vec![("dims", Argument::ints([axis as i64]))]);
    let size = call.lowering.size(input, axis);
    if let (Number::Int(size), Number::Int(start), Number::Int(end)) = (size, start, end) {
        let (first, length) = window(start, end, step, size).unwrap_or((0, 0));
        let begin = size - 1 - first;
        let after =
            if length == 0 { begin } else { (length as i64 - 1).saturating_mul(-step).saturating_add(begin + 1) };
        return Ok(forwards(call, &turned, axis, (Number::Int(begin), Number::Int(after), -step)));
    }
    // Element `at` from the front is element size − 1 − at of the turned tensor, and one counted from the back −1 − at.
    let mut place = |number: Number, all: bool| -> Result<Number> {
        match number {
            Number::Int(at) if at >= i64::from(i32::MAX) => Ok(Number::Int(0)),
            Number::Int(at) if at <= -i64::from(i32::MAX) && all => Ok(size),
            Number::Int(at) if at < 0 => Ok(Number::Int(-1 - at)),
            number => {
                let last = call.lowering.arithmetic(SizeOperator::Sub, size, Number::Int(1))?;
                call.lowering.arithmetic(SizeOperator::Sub, last, number)
            }
        }
    };
    let (begin, after) = (place(start, false)?, place(end, true)?);
    Ok(forwards(call, &turned, axis, (begin, after, -step)))
}

/// `indices` with those from the back counted from the front.
fn counted(call: &mut Call, indices: &Tensor, size: Number) -> Tensor {
    let indices = call.cast(indices, DType::Int64);
    let below = call.binary(("lt", "Tensor"), &indices, Number::Int(0));
    let below = Tensor { dtype: DType::Bool, ..below };
    let moved = call.binary(("mul", "Tensor"), &Tensor { dtype: DType::Int64, ..below }, size);
    call.binary(("add", "Tensor"), &indices, &moved)
}

/// An input of indices as a tensor of numbers from 0 on.
fn indices(call: &mut Call, index: usize, size: Number) -> Result<Tensor> {
    let known = call.known(index)?;
    let places =
        known.numbers().and_then(|numbers| numbers.items.iter().map(|item| item.int()).collect::<Option<Vec<_>>>());
    match places {
        Some(places) if places.iter().all(|&at| at >= 0) || size.int().is_some() => {
            let shape = known
                .sizes()
                .unwrap_or_default()
                .iter()
                .filter_map(|size| size.fixed())
                .map(|size| size as usize)
                .collect();
            let count = |at: i64| Number::Int(if at < 0 { at + size.int().unwrap_or_default() } else { at });
            call.constant(DType::Int64, shape, places.into_iter().map(count).collect())
        }
        _ => {
            let tensor = call.lowering.tensor(&known)?;
            Ok(counted(call, &tensor, size))
        }
    }
}

pub(super) fn gather(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", 0)?, input.rank())?;
    let known = call.known(1)?;
    let dim = ("dim", Argument::Int(axis as i64));
    let places = known.sizes().ok_or_else(|| call.fail("its indices are no tensor"))?;
    if let Some(Number::Int(at)) =
        known.numbers().filter(|numbers| numbers.shape.is_empty()).and_then(|numbers| numbers.single())
    {
        let mut sizes = input.sizes.clone();
        sizes.remove(axis);
        return Ok(vec![Known::Tensor(call.shaped(
            ("select", "int"),
            &input,
            vec![dim, ("index", Argument::Int(at))],
            sizes,
        ))]);
    }
    let size = call.lowering.size(&input, axis);
    let at = indices(call, 1, size)?;
    let flat = if at.rank() == 1 { at.clone() } else { call.reshape(&at, &[Number::Int(-1)]) };
    let mut sizes = input.sizes.clone();
    sizes[axis] = if at.rank() == 1 { places[0] } else { Dim::Open };
    let taken = call.shaped(("index_select", ""), &input, vec![dim, ("index", flat.value.into())], sizes);
    if at.rank() == 1 {
        return Ok(vec![Known::Tensor(taken)]);
    }
    let mut shape = call.lowering.shape(&input)[..axis].to_vec();
    shape.extend(call.lowering.shape(&at));
    shape.extend(&call.lowering.shape(&input)[axis + 1..]);
    Ok(vec![Known::Tensor(call.reshape(&taken, &shape))])
}

pub(super) fn gather_elements(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", 0)?, input.rank())?;
    let size = call.lowering.size(&input, axis);
    let at = indices(call, 1, size)?;
    let rest = vec![("dim", Argument::Int(axis as i64)), ("index", at.value.into())];
    Ok(vec![Known::Tensor(call.shaped(("gather", ""), &input, rest, at.sizes))])
}

pub(super) fn scatter_elements(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", 0)?, input.rank())?;
    let size = call.lowering.size(&input, axis);
    let at = indices(call, 1, size)?;
    let updates = call.tensor(2)?;
    let mut rest = vec![("dim", Argument::Int(axis as i64)), ("index", at.value.into()), ("src", updates.value.into())];
    let operator = match reduction(call)? {
        None => ("scatter", "src"),
        Some(reduction) => {
            rest.push(("reduce", Argument::String(reduction.to_owned())));
            ("scatter_reduce", "two")
        }
    };
    Ok(vec![Known::Tensor(call.like(operator, &input, rest))])
}

fn reduction(call: &Call) -> Result<Option<&'static str>> {
    Ok(match call.text("reduction", "none")? {
        "none" => None,
        "add" => Some("sum"),
        "mul" => Some("prod"),
        "max" => Some("amax"),
        "min" => Some("amin"),
        other => return Err(call.unknown("reduction", other)),
    })
}

/// Where the slices that rows of indices point to begin, counted over the dimensions that they index.
fn offsets(call: &mut Call, input: &Tensor, at: &Tensor, first: usize, count: usize) -> Result<Tensor> {
    let last = at.rank() - 1;
    let mut total: Option<Tensor> = None;
    for column in 0..count {
        let mut sizes = at.sizes.clone();
        sizes.remove(last);
        let rest = vec![("dim", Argument::Int(last as i64)), ("index", Argument::Int(column as i64))];
        let index = call.shaped(("select", "int"), at, rest, sizes);
        let size = call.lowering.size(input, first + column);
        let index = counted(call, &index, size);
        total = Some(match total {
            None => index,
            Some(total) => {
                let scaled = call.binary(("mul", "Tensor"), &total, size);
                call.binary(("add", "Tensor"), &scaled, &index)
            }
        });
    }
    total.ok_or_else(|| call.fail("its indices index nothing"))
}

fn all(call: &mut Call, sizes: &[Number]) -> Result<Number> {
    sizes.iter().try_fold(Number::Int(1), |product, &size| call.lowering.arithmetic(SizeOperator::Mul, product, size))
}

/// The number of dimensions that rows of indices index.
fn indexed(call: &Call, at: &Tensor, room: usize) -> Result<usize> {
    let count = at.sizes.last().and_then(|size| size.fixed()).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|&count| count >= 1 && count <= room);
    count.ok_or_else(|| call.fail("the last dimension of its indices does not fit its input"))
}

pub(super) fn gather_nd(call: &mut Call) -> Result<Vec<Known>> {
    let (input, at) = (call.tensor(0)?, call.tensor(1)?);
    let batch = usize::try_from(call.int("batch_dims", 0)?).unwrap_or(usize::MAX);
    if batch >= input.rank() || batch >= at.rank() {
        return Err(call.fail("its batch_dims are more than its inputs have"));
    }
    let count = indexed(call, &at, input.rank() - batch)?;
    let shape = call.lowering.shape(&input);
    let places = call.lowering.shape(&at);
    let pictures = all(call, &shape[..batch])?;
    let within = all(call, &shape[batch..batch + count])?;
    let inner = all(call, &shape[batch + count..])?;
    let wanted = all(call, &places[batch..places.len() - 1])?;
    let index = offsets(call, &input, &at, batch, count)?;
    let index = call.reshape(&index, &[pictures, wanted, Number::Int(1)]);
    let index = super::joining::expanded(call, &index, &[pictures, wanted, inner])?;
    let flat = call.reshape(&input, &[pictures, within, inner]);
    let rest = vec![("dim", Argument::Int(1)), ("index", index.value.into())];
    let taken = call.shaped(("gather", ""), &flat, rest, index.sizes);
    let mut result = places[..places.len() - 1].to_vec();
    result.extend(&shape[batch + count..]);
    Ok(vec![Known::Tensor(call.reshape(&taken, &result))])
}

pub(super) fn scatter_nd(call: &mut Call) -> Result<Vec<Known>> {
    let (input, at, updates) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let count = indexed(call, &at, input.rank())?;
    let shape = call.lowering.shape(&input);
    let places = call.lowering.shape(&at);
    let outer = all(call, &shape[..count])?;
    let inner = all(call, &shape[count..])?;
    let wanted = all(call, &places[..places.len() - 1])?;
    let index = offsets(call, &input, &at, 0, count)?;
    let index = call.reshape(&index, &[wanted, Number::Int(1)]);
    let index = super::joining::expanded(call, &index, &[wanted, inner])?;
    let flat = call.reshape(&input, &[outer, inner]);
    let updates = call.reshape(&updates, &[wanted, inner]);
    let mut rest = vec![("dim", Argument::Int(0)), ("index", index.value.into()), ("src", updates.value.into())];
    let operator = match reduction(call)? {
        None => ("scatter", "src"),
        Some(reduction) => {
            rest.push(("reduce", Argument::String(reduction.to_owned())));
            ("scatter_reduce", "two")
        }
    };
    let made = call.like(operator, &flat, rest);
    Ok(vec![Known::Tensor(call.reshape(&made, &shape))])
}

/// The slices of one dimension where a condition holds.
pub(super) fn compress(call: &mut Call) -> Result<Vec<Known>> {
    let mut input = call.tensor(0)?;
    let condition = call.tensor(1)?;
    let axis = if let Some(axis) = call.maybe_int("axis")? {
        call.axis(axis, input.rank())?
    } else {
        input = call.reshape(&input, &[Number::Int(-1)]);
        0
    };
    let rest = Vec::new();
    let places = call.shaped(("nonzero", ""), &condition, rest, vec![Dim::Open, Dim::Fixed(1)]);
    let places = call.reshape(&Tensor { dtype: DType::Int64, ..places }, &[Number::Int(-1)]);
    let mut sizes = input.sizes.clone();
    sizes[axis] = Dim::Open;
    let rest = vec![("dim", Argument::Int(axis as i64)), ("index", places.value.into())];
    Ok(vec![Known::Tensor(call.shaped(("index_select", ""), &input, rest, sizes))])
}
