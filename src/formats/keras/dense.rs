//! Linear maps: `Dense` of the last dimension, `EinsumDense` of any.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use super::{activation, convolution, weights};
use crate::model::graph::{Argument, WeightRole};

/// `Dense`. Of feature maps it maps the channels, pixel by pixel.
pub(super) fn lower(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let inputs = input.sizes.last().copied().flatten();
    let inputs = inputs.ok_or_else(|| call.options.wrong("the size of its input is not known"))?;
    let units = call.options.size("units")?.ok_or_else(|| call.options.wrong("it has no units"))?;
    let shape = [inputs, units].map(|size| size as usize);
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, weights::transposed(shape))?;
    let bias = convolution::bias(call, units)?;
    let value = call.keras_order(input)?;
    let arguments = [("input", value.into()), ("weight", kernel.into()), ("bias", bias)];
    let value = call.node("linear", ("linear", ""), arguments)?;
    let mut sizes = input.sizes.clone();
    sizes.pop();
    sizes.push(Some(units));
    let output = call.place(value, sizes)?;
    activation::option(call, output)
}

/// `EinsumDense`: an equation of an input and a kernel, and a bias along some letters of the result.
pub(super) fn einsum(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let equation = call.options.text("equation", "")?.replace(' ', "");
    let malformed = || call.options.unsupported(format!("equation '{equation}'"));
    let (left, result) = equation.split_once("->").ok_or_else(malformed)?;
    let (first, second) = left.split_once(',').ok_or_else(malformed)?;
    let plain = |letters: &str| letters.chars().all(|letter| letter.is_ascii_alphabetic());
    let (first, result) = (ellipsis(first, input.rank()), ellipsis(result, input.rank()));
    let (Some(first), Some(result)) = (first, result) else { return Err(malformed()) };
    if !plain(second) || !plain(&first) || !plain(&result) || first.len() != input.rank() || result.is_empty() {
        return Err(malformed());
    }
    let shape = call.weight_shape(&["kernel"])?;
    if shape.len() != second.len() {
        return Err(call
            .options
            .wrong(format!("its kernel has {} dimensions, not those of '{equation}'", shape.len())));
    }
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, weights::plain(&shape))?;
    let size = |letter: char| -> Option<i64> {
        let in_kernel = second.find(letter).map(|at| shape[at] as i64);
        in_kernel.or_else(|| input.sizes.get(first.find(letter)?.checked_sub(1)?).copied().flatten())
    };
    let sizes: Vec<Option<i64>> = result.chars().skip(1).map(size).collect();
    let value = call.keras_order(input)?;
    let arguments = [
        ("equation", Argument::String(format!("{first},{second}->{result}"))),
        ("tensors", Argument::List(vec![value.into(), kernel.into()])),
    ];
    let mut value = call.node("einsum", ("einsum", ""), arguments)?;
    let axes = call.options.text("bias_axes", "")?.to_owned();
    if !axes.is_empty() {
        let along: Option<Vec<usize>> = axes.chars().map(|letter| Some(size(letter)? as usize)).collect();
        let along = along.ok_or_else(|| call.options.unsupported(format!("bias_axes '{axes}'")))?;
        let letters = result.trim_start_matches(|letter| !axes.contains(letter)).chars();
        let full = letters.map(|letter| if axes.contains(letter) { size(letter).unwrap_or(1) as usize } else { 1 });
        let view = weights::plain(&full.collect::<Vec<_>>());
        let bias = call.weight(&["bias"], &along, WeightRole::Parameter, view)?;
        value = call.node("add", ("add", "Tensor"), [("self", value.into()), ("other", bias.into())])?;
    }
    let output = call.place(value, sizes)?;
    activation::option(call, output)
}

/// Letters in place of `...`: `...x` of a rank of 3 is `YZx`. `None` where there are more letters than dimensions.
fn ellipsis(letters: &str, rank: usize) -> Option<String> {
    let Some((before, after)) = letters.split_once("...") else { return Some(letters.to_owned()) };
    let open = rank.checked_sub(before.len() + after.len())?;
    let names = "UVWXYZ";
    Some(format!("{before}{}{after}", names.get(names.len().checked_sub(open)?..)?))
}
