//! Operators that only move elements: what is known stays known.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Known, Numbers};
use super::{MOST, whole};

/// A tensor of `shape` whose element at an index is the one that `from` finds.
pub(super) fn picked(
    numbers: &Numbers,
    shape: Vec<usize>,
    from: impl Fn(&[usize]) -> Option<usize>,
) -> Option<Numbers> {
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
pub(super) fn flat_broadcast(index: &[usize], shape: &[usize]) -> usize {
    let index = &index[index.len() - shape.len()..];
    index.iter().zip(shape).fold(0, |at, (&index, &size)| at * size + if size == 1 { 0 } else { index })
}

pub(super) fn broadcast_shape(shapes: &[&[usize]]) -> Option<Vec<usize>> {
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

/// A row in parts, as long as an input (since version 13) or attribute says, or equal ones with a smaller last.
pub(super) fn split(call: &Call, numbers: &Numbers) -> Result<Option<Vec<Known>>> {
    if numbers.shape.len() != 1 {
        return Ok(None);
    }
    let length = numbers.items.len();
    let told = if call.version >= 13 { call.ints(1)? } else { call.int_list("split")? };
    let parts = if let Some(parts) = told {
        parts.into_iter().map(usize::try_from).collect::<std::result::Result<Vec<_>, _>>().ok()
    } else {
        let count = call.maybe_int("num_outputs")?.and_then(|count| usize::try_from(count).ok());
        let count = count.unwrap_or(call.node.outputs.len());
        (1..=MOST).contains(&count).then(|| {
            let part = length.div_ceil(count);
            (0..count).map(|at| length.saturating_sub(at * part).min(part)).collect()
        })
    };
    let Some(parts) =
        parts.filter(|parts| parts.iter().try_fold(0_usize, |sum, &part| sum.checked_add(part)) == Some(length))
    else {
        return Ok(None);
    };
    let mut rest = numbers.items.as_slice();
    let part = |length: usize| {
        let (part, after) = rest.split_at(length);
        rest = after;
        Known::Numbers(Numbers { dtype: numbers.dtype, shape: vec![length], items: part.to_vec() })
    };
    Ok(Some(parts.into_iter().map(part).collect()))
}

pub(super) fn expand(numbers: &Numbers, shape: &[i64]) -> Option<Numbers> {
    let wanted: Vec<usize> = shape.iter().map(|&size| usize::try_from(size).ok()).collect::<Option<_>>()?;
    let shape = broadcast_shape(&[&numbers.shape, &wanted])?;
    picked(numbers, shape, |index| Some(flat_broadcast(index, &numbers.shape)))
}

pub(super) fn tile(numbers: &Numbers, repeats: &[i64]) -> Option<Numbers> {
    let sizes = numbers.shape.iter().zip(repeats);
    let shape: Vec<usize> =
        sizes.map(|(&size, &times)| size.checked_mul(usize::try_from(times).ok()?)).collect::<Option<_>>()?;
    picked(numbers, shape, |index| {
        let wrapped: Vec<usize> = index.iter().zip(&numbers.shape).map(|(&index, &size)| index % size.max(1)).collect();
        Some(flat(&wrapped, &numbers.shape))
    })
}

pub(super) fn transpose(call: &Call, numbers: &Numbers) -> Result<Option<Numbers>> {
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

pub(super) fn concat(call: &Call, inputs: &[Numbers]) -> Result<Option<Numbers>> {
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

pub(super) fn gather(call: &Call, numbers: &Numbers, indices: &Numbers) -> Result<Option<Numbers>> {
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
pub(super) fn slice(call: &Call, numbers: &Numbers) -> Result<Option<Numbers>> {
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

/// First element and number of elements of a slice of `size` elements, none where that is below zero, as numpy counts; `None` for a
/// step of 0.
pub(in crate::formats::onnx) fn window(start: i64, end: i64, step: i64, size: i64) -> Option<(i64, usize)> {
    let size = size.max(0);
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

/// Replaces elements of a row.
pub(super) fn scatter(numbers: &Numbers, indices: &Numbers, updates: &Numbers) -> Option<Numbers> {
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
