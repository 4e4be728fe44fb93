//! `Attention` of the standard's version 23 on.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Known, Number, Tensor};
use crate::model::graph::{Argument, DType, SizeOperator};

/// Scaled dot products of queries with keys, a softmax of them, and the values weighted by it.
pub(super) fn attention(call: &mut Call) -> Result<Vec<Known>> {
    let (query, key, value) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let heads = (call.maybe_int("q_num_heads")?, call.maybe_int("kv_num_heads")?);
    let flat = query.rank() == 3;
    let mut query = by_head(call, &query, heads.0)?;
    let mut key = by_head(call, &key, heads.1)?;
    let mut value = by_head(call, &value, heads.1)?;
    if let Some(past) = call.maybe_tensor(4)? {
        key = behind(call, &past, &key);
    }
    if let Some(past) = call.maybe_tensor(5)? {
        value = behind(call, &past, &value);
    }
    if call.given(6).is_some() {
        return Err(call.fail("lengths that differ between pictures cannot be run here"));
    }
    let present = (key.clone(), value.clone());
    (key, value) = (repeated(call, &query, &key)?, repeated(call, &query, &value)?);
    let scale = match call.maybe_float("scale")? {
        Some(scale) => scale,
        None => match query.sizes[3].fixed() {
            Some(size) if size > 0 => 1.0 / (size as f64).sqrt(),
            _ => return Err(call.fail("the size of its heads is not known")),
        },
    };
    // Half of the scale on each side keeps half precision from overflowing, as the standard has it.
    let root = scale.abs().sqrt();
    let kind = query.dtype;
    query = call.binary(("mul", "Tensor"), &query, root * scale.signum());
    let keys = call.permute(&key, &[0, 1, 3, 2]);
    let keys = call.binary(("mul", "Tensor"), &keys, root);
    let mut scores = super::matrix::product(call, &query, &keys);
    let mode = call.int("qk_matmul_output_mode", 0)?;
    let mut shown = scores.clone();
    let cap = call.float("softcap", 0.0)?;
    let capped = |call: &mut Call, scores: &Tensor| {
        if cap == 0.0 {
            return scores.clone();
        }
        let small = call.binary(("div", "Tensor"), scores, cap);
        let bent = call.like(("tanh", ""), &small, Vec::new());
        call.binary(("mul", "Tensor"), &bent, cap)
    };
    let bent = capped(call, &scores);
    let hidden = mask(call, &bent, &query, &key)?;
    match mode {
        1 => shown = bent,
        2 => shown = hidden.clone(),
        _ => {}
    }
    scores = hidden;
    let mut weights = call.like(("softmax", "int"), &scores, vec![("dim", Argument::Int(-1))]);
    if call.given(3).is_some() || call.flag("is_causal")? {
        // A query that may look at nothing gets nothing.
        let nothing = call.binary(("eq", "Tensor"), &scores, f64::NEG_INFINITY);
        let rest = vec![("mask", nothing.value.into()), ("value", Argument::Float(0.0))];
        weights = call.like(("masked_fill", "Scalar"), &weights, rest);
    }
    if mode == 3 {
        shown = weights.clone();
    }
    let weights = call.cast(&weights, kind);
    let mut summed = super::matrix::product(call, &weights, &value);
    if flat {
        let turned = call.permute(&summed, &[0, 2, 1, 3]);
        let shape = call.lowering.shape(&turned);
        let width = call.lowering.arithmetic(SizeOperator::Mul, shape[2], shape[3])?;
        summed = call.reshape(&turned, &[shape[0], shape[1], width]);
    }
    Ok(vec![Known::Tensor(summed), Known::Tensor(present.0), Known::Tensor(present.1), Known::Tensor(shown)])
}

/// N×T×(heads·size) as N×heads×T×size.
fn by_head(call: &mut Call, tensor: &Tensor, heads: Option<i64>) -> Result<Tensor> {
    if tensor.rank() == 4 {
        return Ok(tensor.clone());
    }
    let heads = heads.filter(|&heads| heads > 0 && tensor.rank() == 3);
    let heads = Number::Int(heads.ok_or_else(|| call.fail("its number of heads is missing"))?);
    let shape = call.lowering.shape(tensor);
    let size = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[2], heads)?;
    let split = call.reshape(tensor, &[shape[0], shape[1], heads, size]);
    Ok(call.permute(&split, &[0, 2, 1, 3]))
}

fn behind(call: &mut Call, past: &Tensor, now: &Tensor) -> Tensor {
    let mut sizes = now.sizes.clone();
    sizes[2] = match (past.sizes[2].fixed(), now.sizes[2].fixed()) {
        (Some(past), Some(now)) => super::super::values::Dim::Fixed(past + now),
        _ => super::super::values::Dim::Open,
    };
    let arguments =
        vec![("tensors", Argument::List(vec![past.value.into(), now.value.into()])), ("dim", Argument::Int(2))];
    Tensor { value: call.aten(("cat", ""), arguments), dtype: now.dtype, sizes }
}

/// Keys or values of fewer heads, each for several heads of the queries.
fn repeated(call: &mut Call, query: &Tensor, tensor: &Tensor) -> Result<Tensor> {
    let (Some(wanted), Some(there)) = (query.sizes[1].fixed(), tensor.sizes[1].fixed()) else {
        return Ok(tensor.clone());
    };
    if wanted == there || there == 0 {
        return Ok(tensor.clone());
    }
    if wanted % there != 0 {
        return Err(call.fail(format!("{wanted} heads of queries for {there} of keys")));
    }
    let mut sizes = tensor.sizes.clone();
    sizes[1] = query.sizes[1];
    let rest = vec![("repeats", Argument::Int(wanted / there)), ("dim", Argument::Int(1))];
    Ok(call.shaped(("repeat_interleave", "self_int"), tensor, rest, sizes))
}

/// The scores with those of what must not be looked at at minus infinity.
fn mask(call: &mut Call, scores: &Tensor, query: &Tensor, key: &Tensor) -> Result<Tensor> {
    let mut made = scores.clone();
    // How far a query sees to either side of its own position.
    let window = |call: &Call, name: &str| call.int(name, -1).map(|size| (size >= 0).then_some(size));
    let right = if call.flag("is_causal")? { Some(0) } else { window(call, "right_window_size")? };
    let left = window(call, "left_window_size")?;
    if right.is_some() || left.is_some() {
        let (rows, columns) = (call.lowering.size(query, 2), call.lowering.size(key, 2));
        let before = match call.maybe_tensor(4)? {
            Some(past) => call.lowering.size(&past, 2),
            None => Number::Int(0),
        };
        let arguments = vec![
            ("size", Argument::List(vec![rows.argument(), columns.argument()])),
            ("dtype", Argument::DType(DType::Bool)),
            ("device", Argument::Device),
        ];
        let sizes = vec![query.sizes[2], key.sizes[2]];
        let mut seen = Tensor { value: call.aten(("ones", ""), arguments), dtype: DType::Bool, sizes };
        if let Some(right) = right {
            let last = call.lowering.arithmetic(SizeOperator::Add, before, Number::Int(right))?;
            seen = call.like(("tril", ""), &seen, vec![("diagonal", last.argument())]);
        }
        if let Some(left) = left {
            let first = call.lowering.arithmetic(SizeOperator::Sub, before, Number::Int(left))?;
            seen = call.like(("triu", ""), &seen, vec![("diagonal", first.argument())]);
        }
        let hidden = call.like(("logical_not", ""), &seen, Vec::new());
        made = covered(call, &made, &hidden);
    }
    let Some(mask) = call.maybe_tensor(3)? else { return Ok(made) };
    // A mask of fewer columns than there are keys hides the rest.
    let mask = match (mask.sizes.last().and_then(|size| size.fixed()), key.sizes[2].fixed()) {
        (Some(there), Some(wanted)) if there < wanted => {
            let value =
                if mask.dtype == DType::Bool { Argument::Bool(false) } else { Argument::Float(f64::NEG_INFINITY) };
            call.pad(&mask, &[Number::Int(0)], &[Number::Int(wanted - there)], value)
        }
        _ => mask,
    };
    if mask.dtype == DType::Bool {
        let hidden = call.like(("logical_not", ""), &mask, Vec::new());
        return Ok(covered(call, &made, &hidden));
    }
    Ok(call.binary(("add", "Tensor"), &made, &mask))
}

fn covered(call: &mut Call, scores: &Tensor, hidden: &Tensor) -> Tensor {
    let rest = vec![("mask", hidden.value.into()), ("value", Argument::Float(f64::NEG_INFINITY))];
    call.like(("masked_fill", "Scalar"), scores, rest)
}
