//! Functions that make one number of many.

use super::super::KerasError;
use super::super::layers::Call;
use super::super::tensor::Tensor;
use super::function::Function;
use crate::model::graph::Argument;

/// Lowers the function if it is one of these.
pub(super) fn lower(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
    let name = function.name.strip_prefix("reduce").unwrap_or(&function.name);
    let (word, operator) = match name {
        "mean" => ("mean", ("mean", "dim")),
        "sum" => ("sum", ("sum", "dim_IntList")),
        "max" | "amax" => ("amax", ("amax", "")),
        "min" | "amin" => ("amin", ("amin", "")),
        "variance" | "var" => ("var", ("var", "correction")),
        "std" => ("std", ("std", "correction")),
        "logsumexp" => ("logsumexp", ("logsumexp", "")),
        _ => return Ok(None),
    };
    let input = function.input(call)?;
    let axes = function.axes(call, input.rank(), 1, &["axis"])?;
    let axes = axes.ok_or_else(|| call.options.unsupported("a reduction over the batch"))?;
    let keep = function.flag(2, &["keepdims", "keep_dims"], false);
    let graph_axes = Argument::ints(axes.iter().map(|&axis| input.graph_axis(axis)));
    let mut arguments = vec![("self", input.value.into()), ("dim", graph_axes), ("keepdim", Argument::Bool(keep))];
    if matches!(word, "var" | "std") {
        arguments.push(("correction", Argument::Int(0)));
    }
    let value = call.node(word, operator, arguments)?;
    if keep {
        let mut sizes = input.sizes.clone();
        for axis in axes {
            sizes[axis - 1] = Some(1);
        }
        return Ok(Some(Tensor { value, sizes, moved: input.moved }));
    }
    let left = |axis: &usize| !axes.contains(axis);
    let sizes: Vec<_> = (1..input.rank()).filter(left).map(|axis| input.sizes[axis - 1]).collect();
    // What is left of moved maps still has its channels first, if it has any.
    let channels_left = left(&(input.rank() - 1));
    if input.moved && channels_left && sizes.len() >= 2 {
        let rank = sizes.len() as i64 + 1;
        let value = call.permute(value, std::iter::once(0).chain(2..rank).chain([1]).collect())?;
        return call.place(value, sizes).map(Some);
    }
    call.place(value, sizes).map(Some)
}
