//! Convolutions: full (grouped and dilated too), depthwise, separable.

use super::KerasError;
use super::activation;
use super::layers::Call;
use super::padding::{Bordered, Window};
use super::tensor::Tensor;
use super::weights;
use crate::model::graph::{Argument, ValueId, WeightRole};

/// `Conv2D`.
pub(super) fn full(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let (sizes, channels) = call.maps(input)?;
    let window = window(call)?;
    let filters = required(call, "filters")?;
    let groups = call.options.size("groups")?.unwrap_or(1);
    if channels % groups != 0 || filters % groups != 0 {
        return Err(call.options.wrong(format!(
            "neither its {channels} channels nor its {filters} filters may leave a rest in {groups} groups"
        )));
    }
    let shape = [window.size[0], window.size[1], channels / groups, filters].map(|size| size as usize);
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, weights::kernel(shape))?;
    let bias = bias(call, filters)?;
    let output = convolve(call, input, sizes, &window, (kernel, bias, groups, filters))?;
    activation::option(call, output)
}

/// `DepthwiseConv2D`.
pub(super) fn depthwise(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let (sizes, channels) = call.maps(input)?;
    let window = window(call)?;
    let (kernel, outputs) = depthwise_kernel(call, &window, channels)?;
    let bias = bias(call, outputs)?;
    let output = convolve(call, input, sizes, &window, (kernel, bias, channels, outputs))?;
    activation::option(call, output)
}

/// `SeparableConv2D`: depthwise without bias, then 1×1.
pub(super) fn separable(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let (sizes, channels) = call.maps(input)?;
    let window = window(call)?;
    let filters = required(call, "filters")?;
    let (kernel, between) = depthwise_kernel(call, &window, channels)?;
    let shape = [1, 1, between as usize, filters as usize];
    let pointwise = call.weight(&["pointwise_kernel"], &shape, WeightRole::Parameter, weights::kernel(shape))?;
    let bias = bias(call, filters)?;
    let maps = convolve(call, input, sizes, &window, (kernel, Argument::None, channels, between))?;
    let one = Window { size: [1, 1], stride: [1, 1], dilation: [1, 1], same: false };
    let sizes = [maps.sizes[0], maps.sizes[1]];
    let output = convolve(call, &maps, sizes, &one, (pointwise, bias, 1, filters))?;
    activation::option(call, output)
}

fn required(call: &Call, key: &str) -> Result<i64, KerasError> {
    call.options.size(key)?.ok_or_else(|| call.options.wrong(format!("it has no {key}")))
}

fn window(call: &Call) -> Result<Window, KerasError> {
    call.options.channels_last()?;
    let size = call.options.pair("kernel_size")?.ok_or_else(|| call.options.wrong("it has no kernel_size"))?;
    Ok(Window {
        size,
        stride: call.options.pair("strides")?.unwrap_or([1, 1]),
        dilation: call.options.pair("dilation_rate")?.unwrap_or([1, 1]),
        same: call.options.same_padding()?,
    })
}

fn depthwise_kernel(call: &mut Call, window: &Window, channels: i64) -> Result<(ValueId, i64), KerasError> {
    let multiplier = call.options.size("depth_multiplier")?.unwrap_or(1);
    let outputs = channels
        .checked_mul(multiplier)
        .ok_or_else(|| call.options.wrong(format!("its depth_multiplier is {multiplier}")))?;
    let shape = [window.size[0], window.size[1], channels, multiplier].map(|size| size as usize);
    let names = if call.options.class == "DepthwiseConv2D" {
        ["kernel", "depthwise_kernel"]
    } else {
        ["depthwise_kernel", "kernel"]
    };
    let kernel = call.weight(&names, &shape, WeightRole::Parameter, weights::depthwise(shape))?;
    Ok((kernel, outputs))
}

/// The bias, where the layer has one.
pub(super) fn bias(call: &mut Call, outputs: i64) -> Result<Argument, KerasError> {
    if !call.options.flag("use_bias", true)? {
        return Ok(Argument::None);
    }
    let shape = [outputs as usize];
    Ok(call.weight(&["bias"], &shape, WeightRole::Parameter, weights::plain(&shape))?.into())
}

fn convolve(
    call: &mut Call,
    input: &Tensor,
    sizes: [Option<i64>; 2],
    window: &Window,
    (kernel, bias, groups, outputs): (ValueId, Argument, i64, i64),
) -> Result<Tensor, KerasError> {
    let [height, width] = window.steps(call, sizes)?;
    let (value, padding) = match window.border(call, input, sizes, 0.0)? {
        Bordered::ByOperator(padding) => (input.value, padding),
        Bordered::Filled { value, .. } => (value, [0, 0]),
    };
    let arguments = [
        ("input", value.into()),
        ("weight", kernel.into()),
        ("bias", bias),
        ("stride", Argument::ints(window.stride)),
        ("padding", Argument::ints(padding)),
        ("dilation", Argument::ints(window.dilation)),
        ("groups", Argument::Int(groups)),
    ];
    let value = call.node("convolution", ("conv2d", ""), arguments)?;
    Ok(Tensor { value, sizes: vec![height, width, Some(outputs)] })
}
