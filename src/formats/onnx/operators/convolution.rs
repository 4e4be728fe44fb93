//! `Conv` and `ConvTranspose`.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use super::windows::Window;
use crate::model::graph::{Argument, SizeOperator};

/// Sizes of the kernel's last dimensions: of the weight itself, or as the node says.
fn kernel(call: &Call, weight: &Tensor) -> Result<Vec<i64>> {
    let of_weight: Option<Vec<i64>> = weight.sizes.iter().skip(2).map(|size| size.fixed()).collect();
    match (of_weight, call.int_list("kernel_shape")?) {
        (Some(sizes), Some(told)) if sizes != told => {
            Err(call.fail(format!("its kernel_shape is {told:?}, but its weight's is {sizes:?}")))
        }
        (Some(sizes), _) => Ok(sizes),
        (None, Some(told)) => Ok(told),
        (None, None) => Err(call.fail("the size of its kernel depends on the data")),
    }
}

pub(super) fn conv(call: &mut Call) -> Result<Vec<Known>> {
    let (input, weight) = (call.tensor(0)?, call.tensor(1)?);
    let bias = call.maybe_argument(2)?;
    Ok(vec![Known::Tensor(convolve(call, &input, &weight, bias)?)])
}

/// The convolution of `input` with `weight` by the node's attributes.
pub(super) fn convolve(call: &mut Call, input: &Tensor, weight: &Tensor, bias: Argument) -> Result<Tensor> {
    let kernel = kernel(call, weight)?;
    let operator = match kernel.len() {
        1 => "conv1d",
        2 => "conv2d",
        3 => "conv3d",
        count => return Err(call.fail(format!("a convolution over {count} dimensions; 1, 2 and 3 can be run here"))),
    };
    let groups = call.int("group", 1)?;
    let mut window = Window::read(call, input, kernel)?;
    window.auto_pad(call, input)?;
    let sizes = window.sizes(input, weight.sizes[0], false);
    let (input, padding) = match window.symmetric() {
        Some(padding) => (input.clone(), padding),
        None => (call.pad(input, &window.begin, &window.end, Argument::Float(0.0)), vec![0; window.kernel.len()]),
    };
    let arguments = vec![
        ("input", input.value.into()),
        ("weight", weight.value.into()),
        ("bias", bias),
        ("stride", Window::argument(&window.strides)),
        ("padding", Window::argument(&padding)),
        ("dilation", Window::argument(&window.dilations)),
        ("groups", Argument::Int(groups)),
    ];
    Ok(Tensor { value: call.aten((operator, ""), arguments), dtype: input.dtype, sizes })
}

pub(super) fn conv_transpose(call: &mut Call) -> Result<Vec<Known>> {
    let (input, weight) = (call.tensor(0)?, call.tensor(1)?);
    let bias = call.maybe_argument(2)?;
    let kernel = kernel(call, &weight)?;
    let count = kernel.len();
    let operator = match count {
        1 => ("conv_transpose1d", ""),
        2 => ("conv_transpose2d", "input"),
        3 => ("conv_transpose3d", "input"),
        _ => return Err(call.fail(format!("a convolution over {count} dimensions; 1, 2 and 3 can be run here"))),
    };
    let groups = call.int("group", 1)?;
    let mut window = Window::read(call, &input, kernel)?;
    let added = call.int_list("output_padding")?.unwrap_or_else(|| vec![0; count]);
    if added.len() != count || added.iter().any(|more| !(0..1 << 24).contains(more)) {
        return Err(call.fail(format!("its output_padding is not {count} numbers from 0 on")));
    }
    transposed_pads(call, &input, &mut window, &added)?;
    let channels =
        weight.sizes[1].fixed().and_then(|channels| channels.checked_mul(groups)).map_or(Dim::Open, Dim::Fixed);
    let mut whole = vec![input.sizes[0], channels];
    for (axis, &more) in added.iter().enumerate() {
        let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1 + more;
        let size = |size: i64| Dim::Fixed((size - 1) * window.strides[axis] + reach);
        whole.push(input.sizes[axis + 2].fixed().map_or(Dim::Open, size));
    }
    // libtorch wants less added than a stride or a dilation; more is rows and columns of the bias alone.
    let direct = (0..count).all(|axis| added[axis] < window.strides[axis].max(window.dilations[axis]));
    if !direct {
        return Err(call.fail("its output_padding is larger than its strides"));
    }
    let padding = window.symmetric();
    let arguments = vec![
        ("input", input.value.into()),
        ("weight", weight.value.into()),
        ("bias", bias),
        ("stride", Window::argument(&window.strides)),
        ("padding", Window::argument(&padding.clone().unwrap_or_else(|| vec![0; count]))),
        ("output_padding", Window::argument(&added)),
        ("groups", Argument::Int(groups)),
        ("dilation", Window::argument(&window.dilations)),
    ];
    let mut sizes = whole;
    if let Some(padding) = &padding {
        for axis in 0..count {
            sizes[axis + 2] = sizes[axis + 2].fixed().map_or(Dim::Open, |size| Dim::Fixed(size - 2 * padding[axis]));
        }
    }
    let result = Tensor { value: call.aten(operator, arguments), dtype: input.dtype, sizes };
    if padding.is_some() {
        return Ok(vec![Known::Tensor(result)]);
    }
    // Other paddings are cut off afterwards.
    let mut cut = Vec::with_capacity(count * 2);
    for pad in window.begin.iter().chain(&window.end) {
        cut.push(call.lowering.of_one(SizeOperator::Neg, *pad)?);
    }
    let result = call.pad(&result, &cut[..count], &cut[count..], Argument::Float(0.0));
    Ok(vec![Known::Tensor(result)])
}

/// Paddings from `output_shape` or `auto_pad`.
fn transposed_pads(call: &mut Call, input: &Tensor, window: &mut Window, added: &[i64]) -> Result<()> {
    let told = call.int_list("output_shape")?;
    let auto = call.text("auto_pad", "NOTSET")?;
    if told.is_none() && matches!(auto, "NOTSET" | "") {
        return Ok(());
    }
    if auto == "VALID" && told.is_none() {
        window.begin.fill(Number::Int(0));
        window.end.fill(Number::Int(0));
        return Ok(());
    }
    let count = window.kernel.len();
    for axis in 0..count {
        let size = call.lowering.size(input, axis + 2);
        let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1 + added[axis];
        let stride = Number::Int(window.strides[axis]);
        let lowering = &mut *call.lowering;
        let before = lowering.arithmetic(SizeOperator::Sub, size, Number::Int(1))?;
        let full = lowering.arithmetic(SizeOperator::Mul, before, stride)?;
        let full = lowering.arithmetic(SizeOperator::Add, full, Number::Int(reach))?;
        let wanted = match &told {
            Some(shape) if shape.len() >= count => Number::Int(shape[shape.len() - count + axis]),
            Some(_) => return Err(call.fail("its output_shape is too short")),
            None => lowering.arithmetic(SizeOperator::Mul, size, stride)?,
        };
        let total = call.lowering.arithmetic(SizeOperator::Sub, full, wanted)?;
        // Without output_shape nothing is added beyond what the strides give.
        let total =
            if told.is_none() { call.lowering.arithmetic(SizeOperator::Max, total, Number::Int(0))? } else { total };
        let half = call.lowering.arithmetic(SizeOperator::FloorDiv, total, Number::Int(2))?;
        let rest = call.lowering.arithmetic(SizeOperator::Sub, total, half)?;
        let upper = auto == "SAME_UPPER";
        (window.begin[axis], window.end[axis]) = if upper { (half, rest) } else { (rest, half) };
    }
    Ok(())
}
