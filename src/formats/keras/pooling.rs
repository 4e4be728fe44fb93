//! Pooling over windows and over whole feature maps.

use super::KerasError;
use super::layers::Call;
use super::padding::{Bordered, Window, fill_border};
use super::tensor::Tensor;
use crate::model::graph::{Argument, ValueId};

/// `MaxPooling2D` and `AveragePooling2D`.
pub(super) fn window(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    call.options.channels_last()?;
    let (sizes, channels) = call.maps(input)?;
    let size = call.options.pair("pool_size")?.unwrap_or([2, 2]);
    let window = Window {
        size,
        stride: call.options.pair("strides")?.unwrap_or(size),
        dilation: [1, 1],
        same: call.options.same_padding()?,
    };
    let [height, width] = window.steps(call, sizes)?;
    let maximum = call.options.class == "MaxPooling2D";
    let border = window.border(call, input, sizes, if maximum { f64::NEG_INFINITY } else { 0.0 })?;
    let value = match (maximum, border) {
        (true, Bordered::ByOperator(padding)) => max_pool(call, input.value, &window, padding)?,
        (true, Bordered::Filled { value, .. }) => max_pool(call, value, &window, [0, 0])?,
        (false, Bordered::ByOperator(padding)) => average_pool(call, input.value, &window, padding)?,
        (false, Bordered::Filled { value, border }) => {
            // Pixels of the border count for nothing: the mean is divided by the share of real pixels in the window.
            let sums = average_pool(call, value, &window, [0, 0])?;
            let ones = call.node("ones", ("ones_like", ""), [("self", input.value.into())])?;
            let ones = fill_border(call, ones, border, 0.0)?;
            let shares = average_pool(call, ones, &window, [0, 0])?;
            call.node("div", ("div", "Tensor"), [("self", sums.into()), ("other", shares.into())])?
        }
    };
    Ok(Tensor { value, sizes: vec![height, width, Some(channels)] })
}

fn pool_arguments(value: ValueId, window: &Window, padding: [i64; 2]) -> [(&'static str, Argument); 4] {
    [
        ("self", value.into()),
        ("kernel_size", Argument::ints(window.size)),
        ("stride", Argument::ints(window.stride)),
        ("padding", Argument::ints(padding)),
    ]
}

fn max_pool(call: &mut Call, value: ValueId, window: &Window, padding: [i64; 2]) -> Result<ValueId, KerasError> {
    call.node("max_pool", ("max_pool2d", ""), pool_arguments(value, window, padding))
}

fn average_pool(call: &mut Call, value: ValueId, window: &Window, padding: [i64; 2]) -> Result<ValueId, KerasError> {
    let without_border = ("count_include_pad", Argument::Bool(false));
    let arguments = pool_arguments(value, window, padding).into_iter().chain([without_border]);
    call.node("avg_pool", ("avg_pool2d", ""), arguments)
}

/// `GlobalMaxPooling2D` and `GlobalAveragePooling2D`.
pub(super) fn global(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    call.options.channels_last()?;
    let (_, channels) = call.maps(input)?;
    let keep = call.options.flag("keepdims", false)?;
    let (word, operator) = match &*call.options.class {
        "GlobalMaxPooling2D" => ("amax", ("amax", "")),
        _ => ("mean", ("mean", "dim")),
    };
    let arguments = [("self", input.value.into()), ("dim", Argument::ints([2, 3])), ("keepdim", Argument::Bool(keep))];
    let value = call.node(word, operator, arguments)?;
    let sizes = if keep { vec![Some(1), Some(1), Some(channels)] } else { vec![Some(channels)] };
    Ok(Tensor { value, sizes })
}
