//! Functions that only rearrange numbers: shapes, slices, pieces, borders.

use serde_json::Value as Json;

use super::super::KerasError;
use super::super::arguments::Given;
use super::super::layers::Call;
use super::super::tensor::Tensor;
use super::super::{padding, shaping};
use super::function::Function;
use crate::model::graph::{Argument, Node, Output, ValueId};

/// Lowers the function if it is one of these.
pub(super) fn lower(call: &mut Call, function: &Function) -> Result<Option<Vec<Tensor>>, KerasError> {
    let Some(input) = function.given.tensors().into_iter().next() else { return Ok(None) };
    let result = match &*function.name {
        "reshape" => {
            let shape = function.ints(1, &["newshape", "shape"]);
            let shape = shape.ok_or_else(|| call.options.unsupported("a shape that is computed"))?;
            // The first is the batch's.
            shaping::reshape_to(call, &input, shape.get(1..).unwrap_or_default().to_vec())?
        }
        "transpose" => {
            let order = function.ints(1, &["axes", "perm"]);
            let order = order.ok_or_else(|| call.options.unsupported("a transposition of the batch"))?;
            let rank = input.rank() as i64;
            let order: Vec<i64> = order.iter().map(|&axis| if axis < 0 { axis + rank } else { axis }).collect();
            shaping::transpose(call, &input, &order)?
        }
        "swapaxes" => {
            let axes = function.axes(call, input.rank(), 1, &["axis1"])?.into_iter().flatten();
            let axes: Vec<usize> =
                axes.chain(function.axes(call, input.rank(), 2, &["axis2"])?.into_iter().flatten()).collect();
            let mut order: Vec<i64> = (0..input.rank() as i64).collect();
            match axes.as_slice() {
                &[one, other] => order.swap(one, other),
                _ => return Ok(None),
            }
            shaping::transpose(call, &input, &order)?
        }
        "expanddims" => expand(call, function, &input)?,
        "squeeze" => squeeze(call, function, &input)?,
        "flatten" => shaping::flatten(call, &input)?,
        "getitem" => get_item(call, function, &input)?,
        "pad" => pad(call, function, &input)?,
        "split" => return split(call, function, &input).map(Some),
        "flip" => {
            let axes = function.axes(call, input.rank(), 1, &["axis"])?.unwrap_or_default();
            let dims = Argument::ints(axes.iter().map(|&axis| input.graph_axis(axis)));
            call.unary("flip", ("flip", ""), &input, [("dims", dims)])?
        }
        "repeat" => {
            let times = function.plain(1, &["repeats"]).and_then(Json::as_i64);
            let Some(times) = times.filter(|times| (1..=4096).contains(times)) else { return Ok(None) };
            let axis = function.axis(call, input.rank(), 2)?;
            let arguments = [("repeats", Argument::Int(times)), ("dim", Argument::Int(input.graph_axis(axis)))];
            let mut result = call.unary("repeat", ("repeat_interleave", "self_int"), &input, arguments)?;
            result.sizes[axis - 1] = result.sizes[axis - 1].and_then(|size| size.checked_mul(times));
            result
        }
        "stack" => stack(call, function)?,
        _ => return Ok(None),
    };
    Ok(Some(vec![result]))
}

fn expand(call: &mut Call, function: &Function, input: &Tensor) -> Result<Tensor, KerasError> {
    let axis = function.axis(call, input.rank() + 1, 1)?;
    let value = call.keras_order(input)?;
    let arguments = [("self", value.into()), ("dim", Argument::Int(axis as i64))];
    let value = call.node("unsqueeze", ("unsqueeze", ""), arguments)?;
    let mut sizes = input.sizes.clone();
    sizes.insert(axis - 1, Some(1));
    call.place(value, sizes)
}

fn squeeze(call: &mut Call, function: &Function, input: &Tensor) -> Result<Tensor, KerasError> {
    let axes = function.axes(call, input.rank(), 1, &["axis"])?;
    let ones = || (1..input.rank()).filter(|&axis| input.sizes[axis - 1] == Some(1)).collect();
    let axes: Vec<usize> = axes.unwrap_or_else(ones);
    let value = call.keras_order(input)?;
    let dims = Argument::ints(axes.iter().map(|&axis| axis as i64));
    let value = call.node("squeeze", ("squeeze", "dims"), [("self", value.into()), ("dim", dims)])?;
    let kept = (1..input.rank()).filter(|axis| !axes.contains(axis)).map(|axis| input.sizes[axis - 1]);
    call.place(value, kept.collect())
}

fn stack(call: &mut Call, function: &Function) -> Result<Tensor, KerasError> {
    let tensors = function.given.tensors();
    let Some(first) = tensors.first() else { return Err(call.options.wrong("it is called with nothing")) };
    let axis = function.axis(call, first.rank() + 1, 1)?;
    let mut values = Vec::new();
    for tensor in &tensors {
        values.push(Argument::Value(call.keras_order(tensor)?));
    }
    let arguments = [("tensors", Argument::List(values)), ("dim", Argument::Int(axis as i64))];
    let value = call.node("stack", ("stack", ""), arguments)?;
    let mut sizes = first.sizes.clone();
    sizes.insert(axis - 1, Some(tensors.len() as i64));
    call.place(value, sizes)
}

/// What is taken along one dimension.
enum Part {
    Slice(Json),
    Index(i64),
    New,
}

/// `x[:, 1:3, ..., 0]`
fn get_item(call: &mut Call, function: &Function, input: &Tensor) -> Result<Tensor, KerasError> {
    let computed = || call.options.unsupported("an index that is computed");
    let key = function.given.get(1, &["key", "slice_spec"]);
    let Some(Given::Plain(key)) = key else { return Err(computed()) };
    let items = key.as_array().cloned().unwrap_or_else(|| vec![key.clone()]);
    let is_ellipsis = |item: &Json| {
        let class = item.get("class_name").and_then(Json::as_str);
        class == Some("__ellipsis__") || item.as_str() == Some("...") || item.get("ellipsis").is_some()
    };
    let mut parts = Vec::new();
    let counted = items.iter().filter(|item| !item.is_null() && !is_ellipsis(item)).count();
    for item in &items {
        if is_ellipsis(item) {
            let open = input.rank().saturating_sub(counted);
            parts.extend((0..open).map(|_| Part::Slice(Json::Null)));
        } else if item.is_null() {
            parts.push(Part::New);
        } else if let Some(index) = item.as_i64() {
            parts.push(Part::Index(index));
        } else {
            // Keras 2 writes the slice itself, Keras 3 with its class around it.
            let slice = item.get("config").unwrap_or(item);
            if !slice.is_object() {
                return Err(computed());
            }
            parts.push(Part::Slice(slice.clone()));
        }
    }
    let mut value = call.keras_order(input)?;
    let mut sizes = Vec::new();
    let (mut axis, mut dimension) = (0, 0_i64);
    for part in parts {
        let size = if axis == 0 { None } else { input.sizes.get(axis - 1).copied().flatten() };
        if !matches!(part, Part::New) && axis >= input.rank() {
            return Err(call.options.wrong("it has more indices than its input has dimensions"));
        }
        match part {
            Part::New if axis == 0 => return Err(call.options.unsupported("a batch of batches")),
            Part::New => {
                let arguments = [("self", value.into()), ("dim", Argument::Int(dimension))];
                value = call.node("unsqueeze", ("unsqueeze", ""), arguments)?;
                sizes.push(Some(1));
                dimension += 1;
            }
            Part::Index(index) => {
                if axis == 0 {
                    return Err(call.options.unsupported("an index into the batch"));
                }
                let arguments =
                    [("self", value.into()), ("dim", Argument::Int(dimension)), ("index", Argument::Int(index))];
                value = call.node("select", ("select", "int"), arguments)?;
                axis += 1;
            }
            Part::Slice(slice) => {
                let bound = |name: &str| match slice.get(name) {
                    None | Some(Json::Null) => Ok(None),
                    Some(number) => number.as_i64().map(Some).ok_or_else(computed),
                };
                let (start, end, step) = (bound("start")?.unwrap_or(0), bound("stop")?, bound("step")?.unwrap_or(1));
                let whole = start == 0 && end.is_none() && step == 1;
                if whole {
                    sizes.push(size);
                } else {
                    if axis == 0 || step < 1 {
                        return Err(call.options.unsupported("a slice of the batch, or backwards"));
                    }
                    value = call.slice(value, dimension, start, end, step)?;
                    sizes.push(size.map(|size| length(size, start, end, step)));
                }
                axis += 1;
                dimension += 1;
            }
        }
    }
    sizes.extend((axis..input.rank()).map(|axis| axis.checked_sub(1).and_then(|at| input.sizes[at])));
    if dimension == 0 {
        return Err(call.options.unsupported("an index into the batch"));
    }
    call.place(value, sizes.split_off(1))
}

/// As many as Python's `range(size)[start:stop:step]` has.
fn length(size: i64, start: i64, end: Option<i64>, step: i64) -> i64 {
    let bound = |at: i64| if at < 0 { at.saturating_add(size).max(0) } else { at.min(size) };
    let (start, end) = (bound(start), end.map_or(size, bound));
    (end - start).max(0).saturating_add(step - 1) / step
}

fn pad(call: &mut Call, function: &Function, input: &Tensor) -> Result<Tensor, KerasError> {
    let mode = function.plain(2, &["mode"]).and_then(Json::as_str).unwrap_or("constant").to_ascii_lowercase();
    let fill = function.number(3, &["constant_values"]).unwrap_or(0.0);
    let widths = function.ints(1, &["pad_width", "paddings"]).unwrap_or_default();
    let widths = match widths.as_slice() {
        [one] => vec![*one; 2 * input.rank()],
        [before, after] => [*before, *after].repeat(input.rank()),
        _ => widths,
    };
    let sane = widths.iter().all(|width| (0..1 << 30).contains(width));
    if mode != "constant" || widths.len() != 2 * input.rank() || widths[..2] != [0, 0] || !sane {
        return Err(call.options.unsupported(format!("mode '{mode}' with such widths")));
    }
    let mut border = vec![Argument::Int(0); 2 * (input.rank() - 1)];
    let mut result = input.clone();
    for axis in 1..input.rank() {
        // The operator wants the last dimension first.
        let place = 2 * (input.rank() - 1 - input.graph_axis(axis) as usize);
        let (before, after) = (widths[2 * axis], widths[2 * axis + 1]);
        border[place] = Argument::Int(before);
        border[place + 1] = Argument::Int(after);
        result.sizes[axis - 1] = result.sizes[axis - 1].map(|size| size.saturating_add(before + after));
    }
    result.value = padding::fill_border(call, input.value, border, fill)?;
    Ok(result)
}

fn split(call: &mut Call, function: &Function, input: &Tensor) -> Result<Vec<Tensor>, KerasError> {
    let axis = function.axis(call, input.rank(), 2)?;
    let whole = input.sizes[axis - 1].ok_or_else(|| call.options.unsupported("an open size"))?;
    let how = function.ints(1, &["indices_or_sections", "num_or_size_splits"]).unwrap_or_default();
    let single = function.plain(1, &["indices_or_sections", "num_or_size_splits"]).is_some_and(Json::is_i64);
    let lengths: Vec<i64> = match how.as_slice() {
        [count] if single && *count > 0 && *count <= 4096 && whole % count == 0 => vec![whole / count; *count as usize],
        // Keras 3 names the places to cut at, TensorFlow the sizes.
        places if !single && call.options.class != "TFOpLambda" => {
            let ends = places.iter().copied().chain([whole]);
            ends.scan(0, |start, end| Some(end.saturating_sub(std::mem::replace(start, end)))).collect()
        }
        sizes if !single => sizes.to_vec(),
        _ => return Err(call.options.wrong("its pieces do not fill its input")),
    };
    if lengths.iter().any(|length| !(1..=whole).contains(length)) || lengths.iter().sum::<i64>() != whole {
        return Err(call.options.wrong("its pieces do not fill its input"));
    }
    let graph = &mut call.lowering.graph;
    let pieces: Vec<ValueId> = (0..lengths.len()).map(|at| graph.value(format!("{}.split_{at}", call.path))).collect();
    let name = call.lowering.unique(format!("{}.split", call.path));
    let arguments = [
        ("self", Argument::Value(input.value)),
        ("split_sizes", Argument::ints(lengths.iter().copied())),
        ("dim", Argument::Int(input.graph_axis(axis))),
    ];
    call.lowering.graph.nodes.push(Node {
        name,
        operator: crate::model::graph::Operator::aten("split_with_sizes", ""),
        arguments: arguments.map(|(name, argument)| (name.into(), argument)).to_vec(),
        outputs: vec![Output::List(pieces.clone())],
        scope: call.scope.clone(),
    });
    let piece = |(value, length): (ValueId, i64)| {
        let mut piece = input.with(value);
        piece.sizes[axis - 1] = Some(length);
        piece
    };
    Ok(pieces.into_iter().zip(lengths).map(piece).collect())
}
