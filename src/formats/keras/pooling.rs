//! Pooling over windows and over whole feature maps, in one to three dimensions.

use super::KerasError;
use super::layers::Call;
use super::padding::{Bordered, Window, fill_border};
use super::tensor::{Maps, Tensor};
use crate::model::graph::{Argument, ValueId};

/// `MaxPooling1D` to `3D` and `AveragePooling1D` to `3D`.
pub(super) fn window(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let size = call.options.sizes("pool_size", dimensions)?.unwrap_or_else(|| vec![2; dimensions]);
    let window = Window {
        stride: call.options.sizes("strides", dimensions)?.unwrap_or_else(|| size.clone()),
        size,
        dilation: vec![1; dimensions],
        padding: call.options.padding()?,
    };
    let sizes = window.steps(call, &maps.sizes)?;
    let maximum = call.options.class.starts_with("Max");
    let value = pool(call, &maps, &window, maximum)?;
    call.give(value, sizes, Some(maps.channels))
}

fn pool(call: &mut Call, maps: &Maps, window: &Window, maximum: bool) -> Result<ValueId, KerasError> {
    let none = vec![0; window.size.len()];
    let border = window.border(call, maps, if maximum { f64::NEG_INFINITY } else { 0.0 })?;
    match (maximum, border) {
        (true, Bordered::ByOperator(padding)) => max_pool(call, maps.value, window, padding),
        (true, Bordered::Filled { value, .. }) => max_pool(call, value, window, none),
        (false, Bordered::ByOperator(padding)) => average_pool(call, maps.value, window, padding),
        (false, Bordered::Filled { value, border }) => {
            // Pixels of the border count for nothing: the mean is divided by the share of real pixels in the window.
            let sums = average_pool(call, value, window, none.clone())?;
            let ones = call.node("ones", ("ones_like", ""), [("self", maps.value.into())])?;
            let ones = fill_border(call, ones, border, 0.0)?;
            let shares = average_pool(call, ones, window, none)?;
            call.node("div", ("div", "Tensor"), [("self", sums.into()), ("other", shares.into())])
        }
    }
}

fn pool_arguments(value: ValueId, window: &Window, padding: Vec<i64>) -> [(&'static str, Argument); 4] {
    [
        ("self", value.into()),
        ("kernel_size", Argument::ints(window.size.iter().copied())),
        ("stride", Argument::ints(window.stride.iter().copied())),
        ("padding", Argument::ints(padding)),
    ]
}

fn max_pool(call: &mut Call, value: ValueId, window: &Window, padding: Vec<i64>) -> Result<ValueId, KerasError> {
    let operator = ["max_pool1d", "max_pool2d", "max_pool3d"].get(window.size.len() - 1).copied().unwrap_or_default();
    call.node("max_pool", (operator, ""), pool_arguments(value, window, padding))
}

fn average_pool(call: &mut Call, value: ValueId, window: &Window, padding: Vec<i64>) -> Result<ValueId, KerasError> {
    let without_border = ("count_include_pad", Argument::Bool(false));
    let arguments = pool_arguments(value, window, padding).into_iter().chain([without_border]);
    let operator = ["avg_pool1d", "avg_pool2d", "avg_pool3d"].get(window.size.len() - 1).copied().unwrap_or_default();
    call.node("avg_pool", (operator, ""), arguments)
}

/// `GlobalMaxPooling1D` to `3D` and `GlobalAveragePooling1D` to `3D`.
pub(super) fn global(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let keep = call.options.flag("keepdims", false)?;
    let (word, operator) =
        if call.options.class.starts_with("GlobalMax") { ("amax", ("amax", "")) } else { ("mean", ("mean", "dim")) };
    let over = Argument::ints(2..dimensions as i64 + 2);
    let arguments = [("self", maps.value.into()), ("dim", over), ("keepdim", Argument::Bool(keep))];
    let value = call.node(word, operator, arguments)?;
    if keep {
        return call.give(value, vec![Some(1); dimensions], Some(maps.channels));
    }
    Ok(Tensor::plain(value, vec![Some(maps.channels)]))
}
