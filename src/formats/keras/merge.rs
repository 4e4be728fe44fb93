//! Layers that make one tensor of several.

use super::KerasError;
use super::layers::Call;
use super::tensor::{Tensor, shape_text};
use crate::model::graph::Argument;

/// `Add`, `Multiply`, `Concatenate` and their like.
pub(super) fn lower(call: &mut Call, inputs: &[Tensor]) -> Result<Tensor, KerasError> {
    let rank = inputs.iter().map(Tensor::rank).max().unwrap_or(0);
    let inputs: Vec<Tensor> = inputs.iter().map(|input| stretched(call, input, rank)).collect::<Result<_, _>>()?;
    let Some((first, rest)) = inputs.split_first() else { return Err(call.options.wrong("it is called with nothing")) };
    let (word, operator) = match &*call.options.class {
        "Concatenate" => {
            let axis = call.options.axis(rank)?;
            return concatenate(call, &inputs, axis);
        }
        "Dot" => return dot(call, &inputs),
        "Multiply" => ("mul", ("mul", "Tensor")),
        "Subtract" => ("sub", ("sub", "Tensor")),
        "Maximum" => ("maximum", ("maximum", "")),
        "Minimum" => ("minimum", ("minimum", "")),
        _ => ("add", ("add", "Tensor")),
    };
    let mut merged = first.clone();
    for input in rest {
        merged = call.binary(word, operator, &merged, input)?;
    }
    if call.options.class == "Average" {
        let count = Argument::Float(inputs.len() as f64);
        return call.unary("div", ("div", "Tensor"), &merged, [("other", count)]);
    }
    if rest.is_empty() {
        return call.unary("identity", ("alias", ""), &merged, []);
    }
    Ok(merged)
}

/// Keras puts dimensions of 1 behind the batch where one input has fewer than another.
fn stretched(call: &mut Call, input: &Tensor, rank: usize) -> Result<Tensor, KerasError> {
    if input.rank() == rank || call.options.class == "Dot" || call.options.class == "Concatenate" {
        return Ok(input.clone());
    }
    let mut value = call.keras_order(input)?;
    let mut sizes = input.sizes.clone();
    while sizes.len() + 1 < rank {
        value = call.node("unsqueeze", ("unsqueeze", ""), [("self", value.into()), ("dim", Argument::Int(1))])?;
        sizes.insert(0, Some(1));
    }
    call.place(value, sizes)
}

/// Joins tensors along a dimension of Keras's.
pub(super) fn concatenate(call: &mut Call, inputs: &[Tensor], axis: usize) -> Result<Tensor, KerasError> {
    let Some(first) = inputs.first() else { return Err(call.options.wrong("it is called with nothing")) };
    if inputs.iter().any(|input| input.rank() != first.rank()) {
        return Err(call.options.unsupported("a number of dimensions that differs between its inputs"));
    }
    let mut sizes = first.sizes.clone();
    for (at, size) in sizes.iter_mut().enumerate() {
        let mut all = inputs.iter().map(|input| input.sizes[at]);
        if at + 1 == axis {
            *size = all.try_fold(0_i64, |sum, size| sum.checked_add(size?));
        } else {
            let known: Vec<_> = all.flatten().collect();
            if known.windows(2).any(|pair| pair[0] != pair[1]) {
                return Err(shapes_differ(call, inputs));
            }
            *size = known.first().copied();
        }
    }
    let same = inputs.iter().all(|input| input.moved == first.moved);
    let mut values = Vec::with_capacity(inputs.len());
    for input in inputs {
        values.push(Argument::Value(if same { input.value } else { call.keras_order(input)? }));
    }
    let along = if same { first.graph_axis(axis) } else { axis as i64 };
    let value = call.node("cat", ("cat", ""), [("tensors", Argument::List(values)), ("dim", Argument::Int(along))])?;
    if same { Ok(Tensor { value, sizes, moved: first.moved }) } else { call.place(value, sizes) }
}

/// `Dot`: sums of products along one dimension of each input, vectors or sequences.
fn dot(call: &mut Call, inputs: &[Tensor]) -> Result<Tensor, KerasError> {
    let [first, second] = inputs else { return Err(call.options.wrong("it takes two tensors")) };
    let rank = first.rank();
    if rank != second.rank() || !matches!(rank, 2 | 3) {
        return Err(call.options.unsupported("inputs that are neither two vectors nor two sequences"));
    }
    let axes = call.options.numbers("axes")?.unwrap_or_default();
    let counted = |number: f64| {
        let number = if number < 0.0 { number + rank as f64 } else { number };
        if number >= 1.0 && number < rank as f64 { Some(number as usize) } else { None }
    };
    let axes = match axes.as_slice() {
        [both] => counted(*both).map(|both| [both, both]),
        [one, other] => counted(*one).zip(counted(*other)).map(|(one, other)| [one, other]),
        _ => None,
    };
    let axes = axes.ok_or_else(|| call.options.wrong("its axes are no dimensions of its inputs"))?;
    let mut values = Vec::new();
    for (input, axis) in [first, second].into_iter().zip(axes) {
        let mut value = call.keras_order(input)?;
        if call.options.flag("normalize", false)? {
            value = call.unit_length(value, &[axis as i64])?;
        }
        values.push(Argument::Value(value));
    }
    let equation = match (rank, axes) {
        (2, _) => "ni,ni->n",
        (_, [1, 1]) => "nia,nib->nab",
        (_, [1, _]) => "nia,nbi->nab",
        (_, [_, 1]) => "nai,nib->nab",
        _ => "nai,nbi->nab",
    };
    let arguments = [("equation", Argument::String(equation.to_owned())), ("tensors", Argument::List(values))];
    let value = call.node("dot", ("einsum", ""), arguments)?;
    if rank == 2 {
        let value = call.node("unsqueeze", ("unsqueeze", ""), [("self", value.into()), ("dim", Argument::Int(1))])?;
        return Ok(Tensor::plain(value, vec![Some(1)]));
    }
    Ok(Tensor::plain(value, vec![first.sizes[2 - axes[0]], second.sizes[2 - axes[1]]]))
}

fn shapes_differ(call: &Call, inputs: &[Tensor]) -> KerasError {
    let shapes: Vec<_> = inputs.iter().take(4).map(|input| shape_text(&input.sizes)).collect();
    call.options.wrong(format!("its inputs of {} do not go together", shapes.join(" and ")))
}
