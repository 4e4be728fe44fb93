//! `Pad` in all modes, and `CenterCropPad`.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use crate::model::graph::{Argument, DType, SizeOperator};

pub(super) fn pad(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let rank = input.rank();
    let old = call.version < 11;
    let pads = if old {
        let name = if call.version < 2 { "paddings" } else { "pads" };
        call.int_list(name)?.map(|pads| pads.into_iter().map(Number::Int).collect())
    } else {
        call.numbers(1)?
    };
    let pads: Vec<Number> = pads.ok_or_else(|| call.fail("its pads are missing"))?;
    let axes = match if old { None } else { call.ints(3)? } {
        Some(axes) => call.axes(&axes, rank)?,
        None => (0..rank).collect(),
    };
    if pads.len() != axes.len() * 2 {
        return Err(call.fail(format!("its pads are {} numbers for {} dimensions", pads.len(), axes.len())));
    }
    let (mut begin, mut end) = (vec![Number::Int(0); rank], vec![Number::Int(0); rank]);
    for (at, &axis) in axes.iter().enumerate() {
        begin[axis] = pads[at];
        end[axis] = pads[at + axes.len()];
    }
    let made = match call.text("mode", "constant")? {
        "constant" => {
            let value = if old { Some(call.float("value", 0.0)?) } else { call.one_real(2)? }.unwrap_or(0.0);
            // Leading dimensions without padding are left out, so that libtorch sees rows and columns.
            let first = (0..rank).find(|&axis| begin[axis] != Number::Int(0) || end[axis] != Number::Int(0));
            let Some(first) = first else { return Ok(vec![Known::Tensor(input)]) };
            let value = match input.dtype {
                DType::Bool | DType::UInt8 | DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => {
                    Argument::Int(value as i64)
                }
                _ => Argument::Float(value),
            };
            call.pad(&input, &begin[first..], &end[first..], value)
        }
        mode @ ("reflect" | "edge" | "wrap") => around(call, &input, (&begin, &end), mode)?,
        other => return Err(call.unknown("mode", other)),
    };
    Ok(vec![Known::Tensor(made)])
}

/// Padding with what is inside, one dimension after the other; parts that are cut off come first.
fn around(call: &mut Call, input: &Tensor, pads: (&[Number], &[Number]), mode: &str) -> Result<Tensor> {
    let zero = Number::Int(0);
    let part = |list: &[Number], cut: bool| -> Vec<Number> {
        list.iter().map(|&pad| if (pad.int().is_some_and(|pad| pad < 0)) == cut { pad } else { zero }).collect()
    };
    let cut = call.pad(input, &part(pads.0, true), &part(pads.1, true), Argument::Int(0));
    let (begin, end) = (part(pads.0, false), part(pads.1, false));
    if let Some(made) = direct(call, &cut, (&begin, &end), mode) {
        return Ok(made);
    }
    let mut padded = cut;
    for axis in 0..padded.rank() {
        if begin[axis] != zero || end[axis] != zero {
            padded = along(call, &padded, axis, (begin[axis], end[axis]), mode)?;
        }
    }
    Ok(padded)
}

/// By libtorch's own operators, where only rows and columns are padded.
fn direct(call: &mut Call, input: &Tensor, (begin, end): (&[Number], &[Number]), mode: &str) -> Option<Tensor> {
    let zero = Number::Int(0);
    let name = match mode {
        "reflect" => "reflection_pad2d",
        "edge" => "replication_pad2d",
        _ => return None,
    };
    if input.rank() != 4 || begin[..2].iter().chain(&end[..2]).any(|&pad| pad != zero) {
        return None;
    }
    let small = |axis: usize| match (begin[axis], end[axis], input.sizes[axis]) {
        (Number::Int(begin), Number::Int(end), Dim::Fixed(size)) => mode == "edge" || begin.max(end) < size,
        _ => mode == "edge",
    };
    let whole = !matches!(input.dtype, DType::Float32 | DType::Float64);
    if whole || !(small(2) && small(3)) {
        return None;
    }
    let mut sizes = input.sizes.clone();
    for axis in 2..4 {
        sizes[axis] = match (sizes[axis], begin[axis].int(), end[axis].int()) {
            (Dim::Fixed(size), Some(begin), Some(end)) => Dim::Fixed(size + begin + end),
            _ => Dim::Open,
        };
    }
    let list = [begin[3], end[3], begin[2], end[2]].map(Number::argument);
    Some(call.shaped((name, ""), input, vec![("padding", Argument::List(list.to_vec()))], sizes))
}

/// Along one dimension: each element of the result is one of the input's, by an index that is computed.
fn along(call: &mut Call, input: &Tensor, axis: usize, (begin, end): (Number, Number), mode: &str) -> Result<Tensor> {
    let size = call.lowering.size(input, axis);
    let start = call.lowering.of_one(SizeOperator::Neg, begin)?;
    let stop = call.lowering.arithmetic(SizeOperator::Add, size, end)?;
    let last = call.lowering.arithmetic(SizeOperator::Sub, size, Number::Int(1))?;
    let arguments = vec![
        ("start", start.argument()),
        ("end", stop.argument()),
        ("dtype", Argument::DType(DType::Int64)),
        ("device", Argument::Device),
    ];
    let places =
        Tensor { value: call.aten(("arange", "start"), arguments), dtype: DType::Int64, sizes: vec![Dim::Open] };
    let places = match mode {
        "edge" => {
            let rest = vec![("min", Argument::Int(0)), ("max", last.argument())];
            call.like(("clamp", ""), &places, rest)
        }
        "wrap" => call.binary(("remainder", "Tensor"), &places, size),
        _ => {
            // There and back: a period of 2·(size − 1), of which the second half runs backwards.
            let period = call.lowering.arithmetic(SizeOperator::Mul, last, Number::Int(2))?;
            let period = call.lowering.arithmetic(SizeOperator::Max, period, Number::Int(1))?;
            let within = call.binary(("remainder", "Tensor"), &places, period);
            let centred = call.binary(("sub", "Tensor"), &within, last);
            let distance = call.like(("abs", ""), &centred, Vec::new());
            let negative = call.like(("neg", ""), &distance, Vec::new());
            call.binary(("add", "Tensor"), &negative, last)
        }
    };
    let mut sizes = input.sizes.clone();
    let whole = call.lowering.arithmetic(SizeOperator::Sub, stop, start)?;
    sizes[axis] = call.lowering.dim(whole);
    let rest = vec![("dim", Argument::Int(axis as i64)), ("index", places.value.into())];
    Ok(call.shaped(("index_select", ""), input, rest, sizes))
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
