//! Quantisation, run in real numbers: what lies between a `QuantizeLinear` and a `DequantizeLinear` is rounded as the file says,
//! but computed on as real numbers.
//!
//! Rounding has no slope. So that gradients reach what lies before, it is made of the number and of the rest to the rounded
//! one, and only the number has a gradient: the straight-through estimator that such networks are trained with.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use super::convolution::convolve;
use crate::model::graph::{Argument, DType};

/// A scale or zero point in the shape in which it goes together with `input`: one number, one for each place of an axis, or one
/// for each block along it.
fn beside(call: &mut Call, parameter: &Tensor, input: &Tensor, axis: i64) -> Result<Tensor> {
    if parameter.rank() == 0 || parameter.sizes == [Dim::Fixed(1)] {
        return Ok(call.reshape(parameter, &[]));
    }
    let axis = call.axis(axis, input.rank())?;
    if parameter.rank() == 1 {
        let mut shape = vec![Number::Int(1); input.rank()];
        shape[axis] = Number::Int(-1);
        return Ok(call.reshape(parameter, &shape));
    }
    let block = call.int("block_size", 0)?;
    if parameter.rank() != input.rank() || block < 1 {
        return Err(call.fail("its scale fits neither its input nor an axis nor blocks of it"));
    }
    let mut sizes = parameter.sizes.clone();
    sizes[axis] = Dim::Open;
    let rest = vec![("repeats", Argument::Int(block)), ("dim", Argument::Int(axis as i64))];
    let repeated = call.shaped(("repeat_interleave", "self_int"), parameter, rest, sizes);
    let size = call.lowering.size(input, axis);
    Ok(call.slice(&repeated, axis, Number::Int(0), Some(size), input.sizes[axis]))
}

/// The numbers that a type of the file has.
fn limits(dtype: DType, four_bits: bool) -> (f64, f64) {
    match dtype {
        DType::Int8 if four_bits => (-8.0, 7.0),
        DType::UInt8 if four_bits => (0.0, 15.0),
        DType::Int8 => (-128.0, 127.0),
        DType::Int16 => (-32768.0, 32767.0),
        // Nothing is quantised to 32 bits: these are unsigned numbers of 16, held in a wider type.
        DType::Int32 => (0.0, 65535.0),
        _ => (0.0, 255.0),
    }
}

/// `numbers` rounded to nearest, ties to even, with the slope of what was not rounded.
fn rounded(call: &mut Call, numbers: &Tensor) -> Tensor {
    let round = call.like(("round", ""), numbers, Vec::new());
    let rest = call.binary(("sub", "Tensor"), &round, numbers);
    let rest = call.like(("detach", ""), &rest, Vec::new());
    call.binary(("add", "Tensor"), numbers, &rest)
}

/// The quantised numbers, still as real numbers.
fn quantised(
    call: &mut Call,
    input: &Tensor,
    scale: &Tensor,
    zero: Option<&Tensor>,
    (low, high): (f64, f64),
    axis: i64,
) -> Result<Tensor> {
    let input = call.cast(input, DType::Float32);
    let scale = beside(call, scale, &input, axis)?;
    let scale = call.cast(&scale, DType::Float32);
    let scaled = call.binary(("div", "Tensor"), &input, &scale);
    let mut made = rounded(call, &scaled);
    if let Some(zero) = zero {
        let zero = beside(call, zero, &input, axis)?;
        let zero = call.cast(&zero, DType::Float32);
        made = call.binary(("add", "Tensor"), &made, &zero);
    }
    Ok(call.like(("clamp", ""), &made, vec![("min", Argument::Float(low)), ("max", Argument::Float(high))]))
}

/// `QuantizeLinear`: the result's type is the zero point's.
pub(super) fn quantize(call: &mut Call) -> Result<Vec<Known>> {
    let (input, scale) = (call.tensor(0)?, call.tensor(1)?);
    let zero = call.maybe_tensor(2)?;
    let told = call.int("output_dtype", 0)?;
    let limits = match call.dtype("output_dtype")? {
        Some(dtype) if told != 0 => limits(dtype, super::super::tensor::is_of_four_bits(told)),
        _ => {
            let four_bits = matches!(call.given(2), Some(Known::Constant(constant)) if constant.four_bits);
            limits(zero.as_ref().map_or(DType::UInt8, |zero| zero.dtype), four_bits)
        }
    };
    let made = quantised(call, &input, &scale, zero.as_ref(), limits, call.int("axis", 1)?)?;
    // Said to be whole, kept as real numbers: only `DequantizeLinear` and the like read it.
    Ok(vec![Known::Tensor(made)])
}

/// Whole numbers as the real ones that they stand for.
fn real(call: &mut Call, input: &Tensor, scale: &Tensor, zero: Option<&Tensor>, axis: i64) -> Result<Tensor> {
    let kind = if scale.dtype == DType::Float16 { DType::Float32 } else { scale.dtype };
    let mut made = call.cast(input, kind);
    if let Some(zero) = zero {
        let zero = beside(call, zero, input, axis)?;
        let zero = call.cast(&zero, kind);
        made = call.binary(("sub", "Tensor"), &made, &zero);
    }
    let small = beside(call, scale, input, axis)?;
    let small = call.cast(&small, kind);
    let made = call.binary(("mul", "Tensor"), &made, &small);
    Ok(call.cast(&made, scale.dtype))
}

pub(super) fn dequantize(call: &mut Call) -> Result<Vec<Known>> {
    let (input, scale) = (call.tensor(0)?, call.tensor(1)?);
    let zero = call.maybe_tensor(2)?;
    let axis = call.int("axis", 1)?;
    Ok(vec![Known::Tensor(real(call, &input, &scale, zero.as_ref(), axis)?)])
}

/// `DynamicQuantizeLinear`: a scale and a zero point from the smallest and largest number, with zero among them.
pub(super) fn dynamic(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let smallest = call.shaped(("min", ""), &input, Vec::new(), Vec::new());
    let smallest = call.like(("clamp_max", ""), &smallest, vec![("max", Argument::Float(0.0))]);
    let largest = call.shaped(("max", ""), &input, Vec::new(), Vec::new());
    let largest = call.like(("clamp_min", ""), &largest, vec![("min", Argument::Float(0.0))]);
    let range = call.binary(("sub", "Tensor"), &largest, &smallest);
    let scale = call.binary(("div", "Tensor"), &range, 255.0);
    let zero = call.binary(("div", "Tensor"), &smallest, &scale);
    let zero = call.like(("neg", ""), &zero, Vec::new());
    let zero = call.like(("round", ""), &zero, Vec::new());
    let zero = call.like(("clamp", ""), &zero, vec![("min", Argument::Float(0.0)), ("max", Argument::Float(255.0))]);
    let made = quantised(call, &input, &scale, Some(&zero), limits(DType::UInt8, false), 0)?;
    Ok(vec![Known::Tensor(made), Known::Tensor(scale), Known::Tensor(zero)])
}

/// What is subtracted before a product of whole numbers: of rows or columns, or one number.
fn without_zero(call: &mut Call, index: usize, zero: usize, column: bool) -> Result<Tensor> {
    let input = call.tensor(index)?;
    let input = call.cast(&input, DType::Float32);
    let Some(zero) = call.maybe_tensor(zero)? else { return Ok(input) };
    let zero = call.cast(&zero, DType::Float32);
    let zero =
        if column && zero.rank() == 1 && zero.sizes != [Dim::Fixed(1)] { call.unsqueeze(&zero, &[1]) } else { zero };
    Ok(call.binary(("sub", "Tensor"), &input, &zero))
}

pub(super) fn matmul_integer(call: &mut Call) -> Result<Vec<Known>> {
    let a = without_zero(call, 0, 2, true)?;
    let b = without_zero(call, 1, 3, false)?;
    Ok(vec![Known::Tensor(super::matrix::product(call, &a, &b))])
}

pub(super) fn conv_integer(call: &mut Call) -> Result<Vec<Known>> {
    let a = without_zero(call, 0, 2, false)?;
    let mut b = call.tensor(1)?;
    b = call.cast(&b, DType::Float32);
    if let Some(zero) = call.maybe_tensor(3)? {
        let zero = beside(call, &zero, &b, 0)?;
        let zero = call.cast(&zero, DType::Float32);
        b = call.binary(("sub", "Tensor"), &b, &zero);
    }
    Ok(vec![Known::Tensor(convolve(call, &a, &b, Argument::None)?)])
}

/// `QLinearMatMul`: both dequantised, multiplied, and quantised again.
pub(super) fn qlinear_matmul(call: &mut Call) -> Result<Vec<Known>> {
    let a = dequantised(call, 0, -2)?;
    let b = dequantised(call, 3, -1)?;
    let made = super::matrix::product(call, &a, &b);
    let (scale, zero) = (call.tensor(6)?, call.tensor(7)?);
    Ok(vec![Known::Tensor(quantised(call, &made, &scale, Some(&zero), limits(zero.dtype, false), -1)?)])
}

fn dequantised(call: &mut Call, index: usize, axis: i64) -> Result<Tensor> {
    let (input, scale, zero) = (call.tensor(index)?, call.tensor(index + 1)?, call.tensor(index + 2)?);
    real(call, &input, &scale, Some(&zero), axis)
}

/// `QLinearConv`: its bias is in units of both scales.
pub(super) fn qlinear_conv(call: &mut Call) -> Result<Vec<Known>> {
    let input = dequantised(call, 0, 1)?;
    let weight = dequantised(call, 3, 0)?;
    let bias = match call.maybe_tensor(8)? {
        Some(bias) => {
            let (one, two) = (call.tensor(1)?, call.tensor(4)?);
            let one = call.reshape(&one, &[]);
            let unit = call.binary(("mul", "Tensor"), &two, &one);
            let bias = call.cast(&bias, DType::Float32);
            let bias = call.binary(("mul", "Tensor"), &bias, &unit);
            bias.value.into()
        }
        None => Argument::None,
    };
    let made = convolve(call, &input, &weight, bias)?;
    let (scale, zero) = (call.tensor(6)?, call.tensor(7)?);
    Ok(vec![Known::Tensor(quantised(call, &made, &scale, Some(&zero), limits(zero.dtype, false), 1)?)])
}
