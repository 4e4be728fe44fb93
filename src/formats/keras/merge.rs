//! Layers that make one tensor of several.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use crate::model::graph::Argument;

/// `Add`, `Multiply`, `Concatenate` and their like.
pub(super) fn lower(call: &mut Call, inputs: &[Tensor]) -> Result<Tensor, KerasError> {
    let Some((first, rest)) = inputs.split_first() else { return Err(call.options.wrong("it is called with nothing")) };
    if rest.iter().any(|input| input.rank() != first.rank()) {
        return Err(call.options.unsupported("a number of dimensions that differs between its inputs"));
    }
    if call.options.class == "Concatenate" {
        return concatenate(call, first, inputs);
    }
    let (word, operator) = match &*call.options.class {
        "Multiply" => ("mul", ("mul", "Tensor")),
        "Subtract" => ("sub", ("sub", "Tensor")),
        "Maximum" => ("maximum", ("maximum", "")),
        "Minimum" => ("minimum", ("minimum", "")),
        _ => ("add", ("add", "Tensor")),
    };
    let mut merged = first.clone();
    for input in rest {
        for (size, other) in merged.sizes.iter_mut().zip(&input.sizes) {
            // A size of 1 goes together with any other, and an open one may turn out right.
            if size.is_none_or(|size| size == 1) && *other != Some(1) {
                *size = *other;
            } else if other.is_some_and(|other| other != 1) && other != size {
                return Err(shapes_differ(call, inputs));
            }
        }
        let arguments = [("self", merged.value.into()), ("other", input.value.into())];
        merged.value = call.node(word, operator, arguments)?;
    }
    if call.options.class == "Average" {
        let count = Argument::Float(inputs.len() as f64);
        return call.unary("div", ("div", "Tensor"), &merged, [("other", count)]);
    }
    Ok(merged)
}

fn concatenate(call: &mut Call, first: &Tensor, inputs: &[Tensor]) -> Result<Tensor, KerasError> {
    let axis = call.options.axis(first.rank())?;
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
    let tensors = inputs.iter().map(|input| input.value.into()).collect();
    let arguments = [("tensors", Argument::List(tensors)), ("dim", Argument::Int(first.graph_axis(axis)))];
    Ok(Tensor { value: call.node("cat", ("cat", ""), arguments)?, sizes })
}

fn shapes_differ(call: &Call, inputs: &[Tensor]) -> KerasError {
    let shape = |input: &Tensor| {
        let sizes = input.sizes.iter().map(|size| size.map_or("?".to_owned(), |size| size.to_string()));
        sizes.collect::<Vec<_>>().join("×")
    };
    let shapes: Vec<_> = inputs.iter().take(4).map(shape).collect();
    call.options.wrong(format!("its inputs of {} do not go together", shapes.join(" and ")))
}
