//! Pools: `MaxPool`, `AveragePool`, `LpPool`, and those over everything.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use super::windows::Window;
use crate::model::graph::SizeOperator::Mul;
use crate::model::graph::{Argument, DType, SizeOperator, ValueId};

fn window(call: &mut Call, input: &Tensor) -> Result<Window> {
    let kernel = call.int_list("kernel_shape")?.ok_or_else(|| call.fail("its kernel_shape is missing"))?;
    if kernel.len() > 3 {
        return Err(call.fail(format!("a pool over {} dimensions; 1, 2 and 3 can be run here", kernel.len())));
    }
    let mut window = Window::read(call, input, kernel)?;
    window.auto_pad(call, input)?;
    Ok(window)
}

/// The paddings that libtorch takes: the same on both sides, and at most half of the kernel.
fn own_padding(window: &Window) -> Option<Vec<i64>> {
    let padding = window.symmetric()?;
    let fits = padding.iter().zip(&window.kernel).all(|(&pad, &kernel)| pad * 2 <= kernel);
    fits.then_some(padding)
}

pub(super) fn max_pool(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let window = window(call, &input)?;
    let count = window.kernel.len();
    let ceil = call.flag("ceil_mode")?;
    let sizes = window.sizes(&input, input.sizes[1], ceil);
    let lowest = match input.dtype {
        DType::UInt8 | DType::Bool => Argument::Int(0),
        DType::Int8 => Argument::Int(-128),
        _ => Argument::Float(f64::NEG_INFINITY),
    };
    // libtorch pools no small whole numbers.
    let whole = matches!(input.dtype, DType::UInt8 | DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64);
    let pooled = if whole { call.cast(&input, DType::Float32) } else { input.clone() };
    let (fed, padding) = if let Some(padding) = own_padding(&window) {
        (pooled, padding)
    } else {
        (call.pad(&pooled, &window.begin, &window.end, lowest), vec![0; count])
    };
    let indices = call.wants(1);
    let arguments = vec![
        ("self", fed.value.into()),
        ("kernel_size", Window::argument(&window.kernel)),
        ("stride", Window::argument(&window.strides)),
        ("padding", Window::argument(&padding)),
        ("dilation", Window::argument(&window.dilations)),
        ("ceil_mode", Argument::Bool(ceil)),
    ];
    let plain = ["max_pool1d", "max_pool2d", "max_pool3d"][count - 1];
    if !indices {
        let made = Tensor { value: call.aten((plain, ""), arguments), dtype: fed.dtype, sizes };
        return Ok(vec![Known::Tensor(call.cast(&made, input.dtype))]);
    }
    if fed.value != input.value && !whole {
        return Err(call.fail("indices of a pool with these paddings cannot be given here"));
    }
    let with_indices = ["max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices"][count - 1];
    let made = call.aten_many((with_indices, ""), arguments, 2, false);
    let pooled = Tensor { value: made[0], dtype: fed.dtype, sizes: sizes.clone() };
    let mut within = Tensor { value: made[1], dtype: DType::Int64, sizes };
    if call.int("storage_order", 0)? != 0 {
        within = column_major(call, &input, &within)?;
    }
    let indices = whole_indices(call, &input, &within)?;
    Ok(vec![Known::Tensor(call.cast(&pooled, input.dtype)), Known::Tensor(indices)])
}

/// Row-major places within a channel, as they are counted with the first dimension running fastest.
fn column_major(call: &mut Call, input: &Tensor, within: &Tensor) -> Result<Tensor> {
    let divided = |call: &mut Call, by: Number| {
        let rest = vec![("other", by.argument()), ("rounding_mode", Argument::String("floor".to_owned()))];
        call.like(("div", "Tensor_mode"), within, rest)
    };
    let shape: Vec<Number> = call.lowering.shape(input)[2..].to_vec();
    let (mut after, mut before) = (Number::Int(1), Number::Int(1));
    let mut behind = vec![after; shape.len()];
    for axis in (0..shape.len()).rev() {
        behind[axis] = after;
        after = call.lowering.arithmetic(Mul, after, shape[axis])?;
    }
    let mut sum: Option<Tensor> = None;
    for (&size, behind) in shape.iter().zip(behind) {
        let place = divided(call, behind);
        let place = call.binary(("remainder", "Scalar"), &place, size);
        let place = call.binary(("mul", "Scalar"), &place, before);
        sum = Some(match sum {
            Some(sum) => call.binary(("add", "Tensor"), &sum, &place),
            None => place,
        });
        before = call.lowering.arithmetic(Mul, before, size)?;
    }
    Ok(sum.unwrap_or_else(|| within.clone()))
}

/// libtorch counts within a channel, ONNX in the whole tensor: what comes before each channel is added.
fn whole_indices(call: &mut Call, input: &Tensor, within: &Tensor) -> Result<Tensor> {
    let shape = call.lowering.shape(input);
    let planes = call.lowering.arithmetic(Mul, shape[0], shape[1])?;
    let mut area = Number::Int(1);
    for &size in &shape[2..] {
        area = call.lowering.arithmetic(Mul, area, size)?;
    }
    let arguments =
        vec![("end", planes.argument()), ("dtype", Argument::DType(DType::Int64)), ("device", Argument::Device)];
    let counted = call.aten(("arange", ""), arguments);
    let counted = Tensor { value: counted, dtype: DType::Int64, sizes: vec![Dim::Open] };
    let first = call.binary(("mul", "Tensor"), &counted, area);
    let mut column = vec![shape[0], shape[1]];
    column.extend(shape[2..].iter().map(|_| Number::Int(1)));
    let first = call.reshape(&first, &column);
    Ok(call.binary(("add", "Tensor"), within, &first))
}

pub(super) fn average_pool(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let window = window(call, &input)?;
    let with_padding = call.flag("count_include_pad")?;
    let ceil = call.flag("ceil_mode")?;
    let sizes = window.sizes(&input, input.sizes[1], ceil);
    let plain = window.dilations.iter().all(|&step| step == 1);
    if let Some(padding) = own_padding(&window).filter(|_| plain) {
        let value = average(call, &input, &window, &padding, ceil, with_padding);
        return Ok(vec![Known::Tensor(Tensor { value, dtype: input.dtype, sizes })]);
    }
    // The sum of each window over the number of elements that count: of the input alone, or with the padding.
    let ones = call.like(("ones_like", ""), &input, Vec::new());
    let fill = |truth: bool| Argument::Float(if truth { 1.0 } else { 0.0 });
    let counted = call.pad(&ones, &window.begin, &window.end, fill(with_padding));
    let padded = call.pad(&input, &window.begin, &window.end, Argument::Float(0.0));
    let (sums, counts) = (sum(call, &padded, &window, ceil)?, sum(call, &counted, &window, ceil)?);
    let mean = call.binary(("div", "Tensor"), &sums, &counts);
    Ok(vec![Known::Tensor(Tensor { sizes, ..mean })])
}

fn average(
    call: &mut Call,
    input: &Tensor,
    window: &Window,
    padding: &[i64],
    ceil: bool,
    with_padding: bool,
) -> ValueId {
    let arguments = vec![
        ("self", input.value.into()),
        ("kernel_size", Window::argument(&window.kernel)),
        ("stride", Window::argument(&window.strides)),
        ("padding", Window::argument(padding)),
        ("ceil_mode", Argument::Bool(ceil)),
        ("count_include_pad", Argument::Bool(with_padding)),
    ];
    call.aten((["avg_pool1d", "avg_pool2d", "avg_pool3d"][window.kernel.len() - 1], ""), arguments)
}

/// Sums over the windows of a padded tensor: a convolution with ones, so that dilations work too.
fn sum(call: &mut Call, padded: &Tensor, window: &Window, ceil: bool) -> Result<Tensor> {
    let count = window.kernel.len();
    let inner = Window {
        kernel: window.kernel.clone(),
        strides: window.strides.clone(),
        dilations: window.dilations.clone(),
        begin: vec![Number::Int(0); count],
        end: vec![Number::Int(0); count],
    };
    let mut end = vec![Number::Int(0); count];
    if ceil {
        // Zeros after the end make the last, incomplete window whole.
        for (axis, end) in end.iter_mut().enumerate() {
            let (floor, up) =
                (inner.sizes(padded, Dim::Open, false)[axis + 2], inner.sizes(padded, Dim::Open, true)[axis + 2]);
            let (Dim::Fixed(floor), Dim::Fixed(up)) = (floor, up) else {
                return Err(call.fail("ceil_mode with these paddings needs an input of a fixed size"));
            };
            if up > floor {
                let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
                let size = padded.sizes[axis + 2].fixed().unwrap_or_default();
                *end = Number::Int((up - 1) * window.strides[axis] + reach - size);
            }
        }
    }
    let padded = call.pad(padded, &vec![Number::Int(0); count], &end, Argument::Float(0.0));
    let shape = call.lowering.shape(&padded);
    let planes = call.lowering.arithmetic(Mul, shape[0], shape[1])?;
    let mut single = vec![planes, Number::Int(1)];
    single.extend(&shape[2..]);
    let flat = call.reshape(&padded, &single);
    let area: i64 = window.kernel.iter().product();
    let kernel_shape: Vec<usize> = [1, 1].into_iter().chain(window.kernel.iter().map(|&size| size as usize)).collect();
    if area > 1 << 20 {
        return Err(call.fail("its kernel is too large"));
    }
    let ones = call.constant(padded.dtype, kernel_shape, vec![Number::Float(1.0); area as usize])?;
    let sizes = inner.sizes(&flat, Dim::Fixed(1), false);
    let arguments = vec![
        ("input", flat.value.into()),
        ("weight", ones.value.into()),
        ("stride", Window::argument(&window.strides)),
        ("dilation", Window::argument(&window.dilations)),
    ];
    let summed = Tensor {
        value: call.aten((["conv1d", "conv2d", "conv3d"][count - 1], ""), arguments),
        dtype: padded.dtype,
        sizes,
    };
    let mut back = vec![shape[0], shape[1]];
    back.extend((0..count).map(|axis| call.lowering.size(&summed, axis + 2)));
    Ok(call.reshape(&summed, &back))
}

/// The root of sums of powers over windows.
pub(super) fn lp_pool(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let power = call.float("p", 2.0)?;
    let window = window(call, &input)?;
    let ceil = call.flag("ceil_mode")?;
    let sizes = window.sizes(&input, input.sizes[1], ceil);
    let positive = call.like(("abs", ""), &input, Vec::new());
    let powers = call.like(("pow", "Tensor_Scalar"), &positive, vec![("exponent", Argument::Float(power))]);
    let padded = call.pad(&powers, &window.begin, &window.end, Argument::Float(0.0));
    let sums = sum(call, &padded, &window, ceil)?;
    let root = call.like(("pow", "Tensor_Scalar"), &sums, vec![("exponent", Argument::Float(1.0 / power))]);
    Ok(vec![Known::Tensor(Tensor { sizes, ..root })])
}

/// Pools over all dimensions from the third on.
pub(super) fn global_pool(call: &mut Call, kind: &str) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let rank = input.rank();
    if rank < 3 {
        return Err(call.fail(format!("an input of {rank} dimensions")));
    }
    let mut sizes = input.sizes.clone();
    sizes[2..].fill(Dim::Fixed(1));
    let axes = Argument::ints(2..rank as i64);
    let keep = ("keepdim", Argument::Bool(true));
    let made = match kind {
        "GlobalAveragePool" if rank == 4 => {
            call.shaped(("adaptive_avg_pool2d", ""), &input, vec![("output_size", Argument::ints([1, 1]))], sizes)
        }
        "GlobalAveragePool" => call.shaped(("mean", "dim"), &input, vec![("dim", axes), keep], sizes),
        "GlobalMaxPool" => call.shaped(("amax", ""), &input, vec![("dim", axes), keep], sizes),
        _ => {
            let order = ("ord", Argument::Float(call.float("p", 2.0)?));
            call.shaped(("linalg_vector_norm", ""), &input, vec![order, ("dim", axes), keep], sizes)
        }
    };
    Ok(vec![Known::Tensor(made)])
}

/// Puts pooled values back where their indices say.
pub(super) fn max_unpool(call: &mut Call) -> Result<Vec<Known>> {
    let (input, indices) = (call.tensor(0)?, call.tensor(1)?);
    let kernel = call.int_list("kernel_shape")?.ok_or_else(|| call.fail("its kernel_shape is missing"))?;
    let window = Window::read(call, &input, kernel)?;
    let told = call.numbers(2)?;
    let mut natural = vec![call.lowering.size(&input, 0), call.lowering.size(&input, 1)];
    for axis in 0..window.kernel.len() {
        let (Some(size), Some(begin), Some(end)) =
            (input.sizes[axis + 2].fixed(), window.begin[axis].int(), window.end[axis].int())
        else {
            return Err(call.fail("an input whose size is open"));
        };
        natural.push(Number::Int((size - 1) * window.strides[axis] + window.kernel[axis] - begin - end));
    }
    // Indices count in the natural output; a larger one that is asked for is that one with zeros after its ends.
    let mut total = Number::Int(1);
    for &size in &natural {
        total = call.lowering.arithmetic(Mul, total, size)?;
    }
    let size = ("size", Argument::List(vec![total.argument()]));
    let arguments = vec![size, ("dtype", Argument::DType(input.dtype)), ("device", Argument::Device)];
    let zeros = Tensor { value: call.aten(("zeros", ""), arguments), dtype: input.dtype, sizes: vec![Dim::Open] };
    let places = call.reshape(&indices, &[Number::Int(-1)]);
    let values = call.reshape(&input, &[Number::Int(-1)]);
    let rest = vec![("dim", Argument::Int(0)), ("index", places.value.into()), ("src", values.value.into())];
    let scattered = call.like(("scatter", "src"), &zeros, rest);
    let made = call.reshape(&scattered, &natural);
    let Some(wanted) = told else { return Ok(vec![Known::Tensor(made)]) };
    if wanted.len() != natural.len() {
        return Err(call.fail("its output_shape has another number of dimensions than its input"));
    }
    let mut after = Vec::with_capacity(natural.len());
    for (wanted, natural) in wanted.into_iter().zip(natural) {
        after.push(call.lowering.arithmetic(SizeOperator::Sub, wanted, natural)?);
    }
    let before = vec![Number::Int(0); after.len()];
    Ok(vec![Known::Tensor(call.pad(&made, &before, &after, Argument::Float(0.0)))])
}

/// Sums blocks of pixels, each in a column, where they overlap: `Col2Im`.
pub(super) fn col_to_image(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let missing = |call: &Call| call.fail("its sizes are missing");
    let image = call.ints(1)?.ok_or_else(|| missing(call))?;
    let block = call.ints(2)?.ok_or_else(|| missing(call))?;
    let list = |call: &Call, name: &str, default: i64| Ok(call.int_list(name)?.unwrap_or_else(|| vec![default; 2]));
    let (steps, gaps) = (list(call, "strides", 1)?, list(call, "dilations", 1)?);
    let pads = call.int_list("pads")?.unwrap_or_else(|| vec![0; 4]);
    let two = [&image, &block, &steps, &gaps].iter().all(|list| list.len() == 2);
    if !two || pads.len() != 4 || pads[..2] != pads[2..] || input.rank() != 3 {
        return Err(call.fail("only pictures with the same padding on both sides can be run here"));
    }
    let area = block[0].checked_mul(block[1]).filter(|&area| area > 0).ok_or_else(|| missing(call))?;
    let channels = input.sizes[1].fixed().map_or(Dim::Open, |rows| Dim::Fixed(rows / area));
    let sizes = vec![input.sizes[0], channels, Dim::Fixed(image[0]), Dim::Fixed(image[1])];
    let rest = vec![
        ("output_size", Window::argument(&image)),
        ("kernel_size", Window::argument(&block)),
        ("dilation", Window::argument(&gaps)),
        ("padding", Window::argument(&pads[..2])),
        ("stride", Window::argument(&steps)),
    ];
    Ok(vec![Known::Tensor(call.shaped(("col2im", ""), &input, rest, sizes))])
}
