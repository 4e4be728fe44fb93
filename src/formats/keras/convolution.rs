//! Convolutions over one to three dimensions: full (grouped and dilated too), depthwise, separable, transposed.

use super::KerasError;
use super::activation;
use super::layers::Call;
use super::options::Padding;
use super::padding::{Bordered, Window, fill_border};
use super::tensor::{Maps, Tensor};
use super::weights;
use crate::model::graph::{Argument, ValueId, WeightRole};

/// What a convolution multiplies with and adds.
struct Filters {
    kernel: ValueId,
    bias: Argument,
    groups: i64,
}

/// The shape of a kernel: the window's, then these.
fn shape(window: &Window, more: [i64; 2]) -> Vec<usize> {
    window.size.iter().chain(&more).map(|&size| size as usize).collect()
}

/// `Conv1D` to `Conv3D`.
pub(super) fn full(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let window = window(call, dimensions)?;
    let filters = required(call, "filters")?;
    let groups = call.options.size("groups")?.unwrap_or(1);
    if maps.channels % groups != 0 || filters % groups != 0 {
        return Err(call.options.wrong(format!(
            "neither its {} channels nor its {filters} filters may leave a rest in {groups} groups",
            maps.channels
        )));
    }
    let shape = shape(&window, [maps.channels / groups, filters]);
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, weights::kernel(&shape))?;
    let bias = bias(call, filters)?;
    let (value, sizes) = convolve(call, &maps, &window, Filters { kernel, bias, groups })?;
    let output = call.give(value, sizes, Some(filters))?;
    activation::option(call, output)
}

/// `DepthwiseConv1D` and `DepthwiseConv2D`.
pub(super) fn depthwise(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let window = window(call, dimensions)?;
    let (kernel, outputs) = depthwise_kernel(call, &window, maps.channels, ["kernel", "depthwise_kernel"])?;
    let bias = bias(call, outputs)?;
    let groups = maps.channels;
    let (value, sizes) = convolve(call, &maps, &window, Filters { kernel, bias, groups })?;
    let output = call.give(value, sizes, Some(outputs))?;
    activation::option(call, output)
}

/// `SeparableConv1D` and `SeparableConv2D`: depthwise without bias, then 1×1.
pub(super) fn separable(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let window = window(call, dimensions)?;
    let filters = required(call, "filters")?;
    let (kernel, between) = depthwise_kernel(call, &window, maps.channels, ["depthwise_kernel", "kernel"])?;
    let one = vec![1; dimensions];
    let point = Window { size: one.clone(), stride: one.clone(), dilation: one, padding: Padding::Valid };
    let shape = shape(&point, [between, filters]);
    let pointwise = call.weight(&["pointwise_kernel"], &shape, WeightRole::Parameter, weights::kernel(&shape))?;
    let bias = bias(call, filters)?;
    let depthwise = Filters { kernel, bias: Argument::None, groups: maps.channels };
    let (value, sizes) = convolve(call, &maps, &window, depthwise)?;
    let maps = Maps { value, sizes, channels: between };
    let mixing = Filters { kernel: pointwise, bias, groups: 1 };
    let (value, sizes) = convolve(call, &maps, &point, mixing)?;
    let output = call.give(value, sizes, Some(filters))?;
    activation::option(call, output)
}

fn required(call: &Call, key: &str) -> Result<i64, KerasError> {
    call.options.size(key)?.ok_or_else(|| call.options.wrong(format!("it has no {key}")))
}

fn window(call: &Call, dimensions: usize) -> Result<Window, KerasError> {
    let sizes = |key: &str| call.options.sizes(key, dimensions);
    let padding = call.options.padding()?;
    if padding == Padding::Causal && dimensions > 1 {
        return Err(call.options.unsupported("padding 'causal'"));
    }
    Ok(Window {
        size: sizes("kernel_size")?.ok_or_else(|| call.options.wrong("it has no kernel_size"))?,
        stride: sizes("strides")?.unwrap_or_else(|| vec![1; dimensions]),
        dilation: sizes("dilation_rate")?.unwrap_or_else(|| vec![1; dimensions]),
        padding,
    })
}

fn depthwise_kernel(
    call: &mut Call,
    window: &Window,
    channels: i64,
    names: [&str; 2],
) -> Result<(ValueId, i64), KerasError> {
    let multiplier = call.options.size("depth_multiplier")?.unwrap_or(1);
    let outputs = channels
        .checked_mul(multiplier)
        .ok_or_else(|| call.options.wrong(format!("its depth_multiplier is {multiplier}")))?;
    let shape = shape(window, [channels, multiplier]);
    let kernel = call.weight(&names, &shape, WeightRole::Parameter, weights::depthwise(&shape))?;
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
    input: &Maps,
    window: &Window,
    filters: Filters,
) -> Result<(ValueId, Vec<Option<i64>>), KerasError> {
    let sizes = window.steps(call, &input.sizes)?;
    let (value, padding) = match window.border(call, input, 0.0)? {
        Bordered::ByOperator(padding) => (input.value, padding),
        Bordered::Filled { value, .. } => (value, vec![0; window.size.len()]),
    };
    let arguments = [
        ("input", value.into()),
        ("weight", filters.kernel.into()),
        ("bias", filters.bias),
        ("stride", Argument::ints(window.stride.iter().copied())),
        ("padding", Argument::ints(padding)),
        ("dilation", Argument::ints(window.dilation.iter().copied())),
        ("groups", Argument::Int(filters.groups)),
    ];
    let operator = ["conv1d", "conv2d", "conv3d"].get(window.size.len() - 1).copied().unwrap_or("convolution");
    let value = call.node("convolution", (operator, ""), arguments)?;
    Ok((value, sizes))
}

/// `Conv1DTranspose` to `Conv3DTranspose`: all that the filters spread, then cut or filled up to the size that Keras gives.
pub(super) fn transposed(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let maps = call.maps(input, dimensions)?;
    let window = window(call, dimensions)?;
    let filters = required(call, "filters")?;
    let shape = shape(&window, [filters, maps.channels]);
    let view = weights::kernel(&shape);
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, view)?;
    let bias = bias(call, filters)?;
    let more = call.options.sizes("output_padding", dimensions).or_else(|_| zeros(call, dimensions))?;
    let (mut sizes, mut missing, mut cut) = (Vec::new(), Vec::new(), Vec::new());
    for axis in 0..dimensions {
        let (span, stride) = (window.span(axis), window.stride[axis]);
        // How much longer than `stride` times the input the result is: as Keras counts it, and as the filters reach.
        let spread = span - stride;
        let wanted = match (window.padding, more.as_ref().map(|more| more[axis])) {
            (Padding::Same, None) => 0,
            (Padding::Same, Some(more)) => span - stride - 2 * (span / 2) + more,
            (_, None) => spread.max(0),
            (_, Some(more)) => spread + more,
        };
        let total = spread - wanted;
        let before = if window.padding == Padding::Same { total.max(0) / 2 } else { 0 };
        missing.push((-total).max(0));
        cut.push([before, total.max(0) - before]);
        sizes.push(maps.sizes[axis].map(|size| size.saturating_mul(stride).saturating_add(wanted)));
    }
    if sizes.iter().flatten().any(|&size| size < 1) {
        return Err(call.options.wrong("it leaves nothing of its input"));
    }
    let symmetric = cut.iter().all(|[before, after]| before == after);
    let padding = if symmetric { cut.iter().map(|[before, _]| *before).collect() } else { vec![0; dimensions] };
    let arguments = [
        ("input", maps.value.into()),
        ("weight", kernel.into()),
        ("bias", bias),
        ("stride", Argument::ints(window.stride.iter().copied())),
        ("padding", Argument::ints(padding)),
        ("output_padding", Argument::ints(missing)),
        ("groups", Argument::Int(1)),
        ("dilation", Argument::ints(window.dilation.iter().copied())),
    ];
    let operator = [("conv_transpose1d", ""), ("conv_transpose2d", "input"), ("conv_transpose3d", "input")];
    let operator = operator.get(dimensions - 1).copied().unwrap_or_default();
    let mut value = call.node("convolution", operator, arguments)?;
    if !symmetric {
        let border = cut.iter().rev().flatten().map(|&by| Argument::Int(-by)).collect();
        value = fill_border(call, value, border, 0.0)?;
    }
    let output = call.give(value, sizes, Some(filters))?;
    activation::option(call, output)
}

/// An `output_padding` of zeros, which is none of the sizes that [`super::options::Options::sizes`] takes.
fn zeros(call: &Call, dimensions: usize) -> Result<Option<Vec<i64>>, KerasError> {
    let borders = call.options.get("output_padding").map(std::string::ToString::to_string).unwrap_or_default();
    let digits: Vec<i64> =
        borders.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    match digits.as_slice() {
        [all] if *all < 64 => Ok(Some(vec![*all; dimensions])),
        all if all.len() == dimensions && all.iter().all(|&size| size < 64) => Ok(Some(all.to_vec())),
        _ => Err(call.options.wrong(format!("its output_padding is {borders}"))),
    }
}
