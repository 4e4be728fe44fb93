//! `If` and `Loop` where what decides is known at load, and sequences of tensors, which are taken apart at load.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Numbers, Tensor};
use crate::model::graph::{Argument, DType};

/// Rounds of a loop that are unrolled.
const MOST_ROUNDS: i64 = 4096;

pub(super) fn branch(call: &mut Call) -> Result<Vec<Known>> {
    let condition = call.known(0)?.numbers().and_then(|numbers| numbers.single()).and_then(Number::int);
    let Some(condition) = condition else {
        return Err(
            call.fail("its condition depends on the picture; only conditions that are known at load can be run here")
        );
    };
    let graph = call.graph(if condition != 0 { "then_branch" } else { "else_branch" })?;
    call.lowering.nested(graph, Vec::new())
}

/// A loop whose number of rounds is known is unrolled.
pub(super) fn repeat(call: &mut Call) -> Result<Vec<Known>> {
    let body = call.graph("body")?;
    let rounds = match call.given(0) {
        Some(_) => call.one_int(0)?.unwrap_or(0),
        None => MOST_ROUNDS + 1,
    };
    let truth = |known: &Known| known.numbers().and_then(|numbers| numbers.single()).and_then(Number::int);
    let mut go_on = match call.given(1) {
        Some(known) => truth(known).ok_or_else(|| {
            call.fail("its condition depends on the picture; only conditions that are known at load can be run here")
        })?,
        None => 1,
    };
    let carried = call.input_count().saturating_sub(2);
    let mut state = Vec::with_capacity(carried);
    for index in 0..carried {
        state.push(call.known(index + 2)?);
    }
    let scans = call.node.outputs.len().saturating_sub(carried);
    let mut collected: Vec<Vec<Known>> = vec![Vec::new(); scans];
    let mut round = 0;
    while round < rounds && go_on != 0 {
        if round >= MOST_ROUNDS {
            return Err(call.fail(format!("it runs for more than {MOST_ROUNDS} rounds")));
        }
        let number =
            |item: i64, dtype| Known::Numbers(Numbers { dtype, shape: Vec::new(), items: vec![Number::Int(item)] });
        let mut inputs = vec![number(round, DType::Int64), number(1, DType::Bool)];
        inputs.append(&mut state);
        let mut outputs = call.lowering.nested(body, inputs)?.into_iter();
        let condition = outputs.next().ok_or_else(|| call.fail("its body gives no condition"))?;
        go_on = truth(&condition).ok_or_else(|| {
            call.fail(
                "how often it runs depends on the picture; only loops whose rounds are known at load can be run here",
            )
        })?;
        state = outputs.by_ref().take(carried).collect();
        for (scan, made) in collected.iter_mut().zip(outputs) {
            scan.push(made);
        }
        round += 1;
    }
    for scan in collected {
        if scan.is_empty() {
            return Err(call.fail("it gives a row of nothing"));
        }
        let mut tensors = Vec::with_capacity(scan.len());
        for made in &scan {
            tensors.push(call.lowering.tensor(made)?);
        }
        state.push(Known::Tensor(stack(call, &tensors, 0)));
    }
    Ok(state)
}

fn stack(call: &mut Call, tensors: &[Tensor], axis: usize) -> Tensor {
    let mut sizes = tensors[0].sizes.clone();
    sizes.insert(axis.min(sizes.len()), Dim::Fixed(tensors.len() as i64));
    let list = Argument::List(tensors.iter().map(|tensor| tensor.value.into()).collect());
    let arguments = vec![("tensors", list), ("dim", Argument::Int(axis as i64))];
    Tensor { value: call.aten(("stack", ""), arguments), dtype: tensors[0].dtype, sizes }
}

pub(super) fn sequence(call: &mut Call) -> Result<Vec<Known>> {
    let mut items = Vec::with_capacity(call.input_count());
    for index in 0..call.input_count() {
        items.push(call.known(index)?);
    }
    Ok(vec![Known::Sequence(items)])
}

fn items(call: &Call) -> Result<Vec<Known>> {
    match call.known(0)? {
        Known::Sequence(items) => Ok(items),
        _ => Err(call.fail("its input is no sequence")),
    }
}

pub(super) fn sequence_at(call: &mut Call) -> Result<Vec<Known>> {
    let items = items(call)?;
    let at = call.one_int(1)?.ok_or_else(|| call.fail("its position is missing"))?;
    let at = call.axis(at, items.len())?;
    Ok(vec![items[at].clone()])
}

pub(super) fn sequence_length(call: &mut Call) -> Result<Vec<Known>> {
    let length = items(call)?.len() as i64;
    Ok(vec![Known::Numbers(Numbers { dtype: DType::Int64, shape: Vec::new(), items: vec![Number::Int(length)] })])
}

pub(super) fn sequence_insert(call: &mut Call) -> Result<Vec<Known>> {
    let mut items = items(call)?;
    let new = call.known(1)?;
    let at = match call.one_int(2)? {
        // A negative position counts from the last of those that are there.
        Some(at) if at < 0 => call.axis(at, items.len())?,
        Some(at) => call.axis(at, items.len() + 1)?,
        None => items.len(),
    };
    items.insert(at, new);
    Ok(vec![Known::Sequence(items)])
}

pub(super) fn sequence_erase(call: &mut Call) -> Result<Vec<Known>> {
    let mut items = items(call)?;
    let at = call.one_int(1)?.unwrap_or(-1);
    let at = call.axis(at, items.len())?;
    items.remove(at);
    Ok(vec![Known::Sequence(items)])
}

pub(super) fn concat_sequence(call: &mut Call) -> Result<Vec<Known>> {
    let items = items(call)?;
    let mut tensors = Vec::with_capacity(items.len());
    for item in &items {
        tensors.push(call.lowering.tensor(item)?);
    }
    if tensors.is_empty() {
        return Err(call.fail("its sequence is empty"));
    }
    let axis = call.maybe_int("axis")?.ok_or_else(|| call.fail("its axis is missing"))?;
    if call.flag("new_axis")? {
        let axis = call.axis(axis, tensors[0].rank() + 1)?;
        return Ok(vec![Known::Tensor(stack(call, &tensors, axis))]);
    }
    Ok(vec![Known::Tensor(super::joining::join(call, tensors)?)])
}

/// A sequence of parts of one dimension, of the size that an input says, or of 1.
pub(super) fn split_sequence(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", 0)?, input.rank())?;
    let single = call.given(1).is_none();
    let scalar = call.given(1).and_then(Known::sizes).is_some_and(|sizes| sizes.is_empty());
    let parts: Vec<i64> = match call.ints(1)? {
        Some(parts) if !scalar => parts,
        other => {
            let size = input.sizes[axis].fixed();
            let size = size.ok_or_else(|| call.fail("how many parts it gives depends on the input"))?;
            let part = other.and_then(|parts| parts.first().copied()).unwrap_or(1);
            if part < 1 || size / part > 1 << 16 {
                return Err(call.fail(format!("parts of {part} of {size}")));
            }
            let mut parts = vec![part; (size / part) as usize];
            parts.extend((size % part != 0).then_some(size % part));
            parts
        }
    };
    let keep = !single || call.int("keepdims", 1)? != 0;
    let arguments = vec![
        ("self", input.value.into()),
        ("split_sizes", Argument::ints(parts.iter().copied())),
        ("dim", Argument::Int(axis as i64)),
    ];
    let values = call.aten_many(("split_with_sizes", ""), arguments, parts.len(), true);
    let mut items = Vec::with_capacity(parts.len());
    for (value, part) in values.into_iter().zip(parts) {
        let mut sizes = input.sizes.clone();
        sizes[axis] = Dim::Fixed(part);
        let tensor = Tensor { value, dtype: input.dtype, sizes };
        items.push(Known::Tensor(if keep {
            tensor
        } else {
            let mut sizes = tensor.sizes.clone();
            sizes.remove(axis);
            call.shaped(("squeeze", "dims"), &tensor, vec![("dim", Argument::ints([axis as i64]))], sizes)
        }));
    }
    Ok(vec![Known::Sequence(items)])
}
