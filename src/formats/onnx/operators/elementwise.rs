//! Operators that work element by element, with operands broadcast as in numpy.

use super::super::call::Call;
use super::super::emit::{Operand, broadcast};
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use crate::model::graph::{Argument, DType};

/// Whether a factor changes nothing.
pub(super) fn is_one(factor: f64) -> bool {
    factor.total_cmp(&1.0).is_eq()
}

/// An input as the second operand: a single constant number as itself.
fn operand(call: &mut Call, index: usize, beside: &Tensor) -> Result<Operand> {
    let known = call.known(index)?;
    let single =
        known.numbers().filter(|numbers| numbers.shape.len() <= beside.rank()).and_then(|numbers| numbers.single());
    match single {
        Some(Number::Float(number)) if beside.dtype == DType::Float32 && !number.is_nan() => {
            Ok(Operand::Number(Argument::Float(number)))
        }
        Some(Number::Int(number)) if beside.dtype == DType::Int64 => Ok(Operand::Number(Argument::Int(number))),
        _ => Ok(Operand::Tensor(call.lowering.tensor(&known)?)),
    }
}

/// Before version 7 the second operand's place was an attribute.
fn old_broadcast(call: &mut Call, a: &Tensor, b: Tensor) -> Result<Tensor> {
    if call.version >= 7 || !call.flag("broadcast")? {
        return Ok(b);
    }
    let axis = match call.maybe_int("axis")? {
        Some(axis) => call.axis(axis, a.rank())?,
        None => a.rank().saturating_sub(b.rank()),
    };
    let mut shape = call.lowering.shape(&b);
    for _ in axis + b.rank()..a.rank() {
        shape.push(Number::Int(1));
    }
    Ok(call.reshape(&b, &shape))
}

/// Operators of two operands.
pub(super) fn binary(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let a = call.tensor(0)?;
    let b = match operand(call, 1, &a)? {
        Operand::Tensor(b) => Operand::Tensor(old_broadcast(call, &a, b)?),
        number @ Operand::Number(_) => number,
    };
    let truth = |made: Tensor| Tensor { dtype: DType::Bool, ..made };
    let made = match operator {
        "Add" => call.binary(("add", "Tensor"), &a, b),
        "Sub" => call.binary(("sub", "Tensor"), &a, b),
        "Mul" => call.binary(("mul", "Tensor"), &a, b),
        "Div" if a.dtype.is_float() => call.binary(("div", "Tensor"), &a, b),
        "Div" => rounded_quotient(call, &a, b),
        "Pow" => power(call, &a)?,
        "Mod" if call.flag("fmod")? => call.binary(("fmod", "Tensor"), &a, b),
        "Mod" => call.binary(("remainder", "Tensor"), &a, b),
        "Equal" => truth(call.binary(("eq", "Tensor"), &a, b)),
        "Less" => truth(call.binary(("lt", "Tensor"), &a, b)),
        "LessOrEqual" => truth(call.binary(("le", "Tensor"), &a, b)),
        "Greater" => truth(call.binary(("gt", "Tensor"), &a, b)),
        "GreaterOrEqual" => truth(call.binary(("ge", "Tensor"), &a, b)),
        "And" => truth(call.binary(("logical_and", ""), &a, b)),
        "Or" => truth(call.binary(("logical_or", ""), &a, b)),
        "Xor" => truth(call.binary(("logical_xor", ""), &a, b)),
        "BitwiseAnd" => call.binary(("bitwise_and", "Tensor"), &a, b),
        "BitwiseOr" => call.binary(("bitwise_or", "Tensor"), &a, b),
        "BitwiseXor" => call.binary(("bitwise_xor", "Tensor"), &a, b),
        "BitShift" => match call.text("direction", "")? {
            "LEFT" => call.binary(("bitwise_left_shift", "Tensor"), &a, b),
            "RIGHT" => call.binary(("bitwise_right_shift", "Tensor"), &a, b),
            other => return Err(call.unknown("direction", other)),
        },
        _ => slopes(call, &a, b),
    };
    Ok(vec![Known::Tensor(made)])
}

fn rounded_quotient(call: &mut Call, a: &Tensor, b: Operand) -> Tensor {
    let (other, sizes) = match b {
        Operand::Number(number) => (number, a.sizes.clone()),
        Operand::Tensor(b) => (b.value.into(), broadcast(&a.sizes, &b.sizes)),
    };
    let rest = vec![("other", other), ("rounding_mode", Argument::String("trunc".to_owned()))];
    call.shaped(("div", "Tensor_mode"), a, rest, sizes)
}

/// The result has the base's type, whatever the exponent's.
fn power(call: &mut Call, base: &Tensor) -> Result<Tensor> {
    if let Some(exponent) = call.known(1)?.numbers().and_then(|numbers| numbers.single())
        && base.dtype.is_float()
        && let Some(number) = exponent.real()
    {
        return Ok(call.like(("pow", "Tensor_Scalar"), base, vec![("exponent", Argument::Float(number))]));
    }
    let exponent = call.tensor(1)?;
    let sizes = broadcast(&base.sizes, &exponent.sizes);
    let made = call.shaped(("pow", "Tensor_Tensor"), base, vec![("exponent", exponent.value.into())], sizes);
    let mixed = base.dtype != exponent.dtype;
    // libtorch gives the wider of both types; said as such, so that the cast back is made.
    let wider = Tensor { dtype: if mixed { exponent.dtype } else { base.dtype }, ..made };
    Ok(if mixed { call.cast(&wider, base.dtype) } else { wider })
}

/// `PRelu`: `x` where it is positive, `x` times a slope elsewhere, for slopes of any shape.
fn slopes(call: &mut Call, input: &Tensor, slope: Operand) -> Tensor {
    let channels = |slope: &Tensor| {
        let ones = |sizes: &[Dim]| sizes.iter().all(|&size| size == Dim::Fixed(1));
        slope.rank() + 1 == input.rank() && slope.rank() > 1 && ones(&slope.sizes[1..])
    };
    // Before version 7 a row of slopes was one for each channel.
    let row = |slope: &Tensor| call.version < 7 && slope.rank() == 1 && input.rank() > 1;
    if let Operand::Tensor(slope) = &slope
        && (channels(slope) || row(slope))
    {
        let flat = call.reshape(slope, &[Number::Int(-1)]);
        return call.like(("prelu", ""), input, vec![("weight", flat.value.into())]);
    }
    let below = call.like(("clamp_max", ""), input, vec![("max", Argument::Float(0.0))]);
    let above = call.like(("relu", ""), input, Vec::new());
    let sloped = call.binary(("mul", "Tensor"), &below, slope);
    call.binary(("add", "Tensor"), &above, &sloped)
}

/// `Max`, `Min`, `Sum` and `Mean` of any number of tensors.
pub(super) fn many(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let mut result = call.tensor(0)?;
    for index in 1..call.input_count() {
        let next = call.tensor(index)?;
        result = match operator {
            "Max" => call.binary(("maximum", ""), &result, &next),
            "Min" => call.binary(("minimum", ""), &result, &next),
            _ => call.binary(("add", "Tensor"), &result, &next),
        };
    }
    if operator == "Mean" {
        result = call.binary(("div", "Tensor"), &result, call.input_count() as f64);
    }
    Ok(vec![Known::Tensor(result)])
}

/// Operators of one operand that keep its type.
pub(super) fn unary(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    Ok(vec![Known::Tensor(call.like((operator, ""), &input, Vec::new()))])
}

/// Operators of one operand that give truth values.
pub(super) fn test(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let made = call.like((operator, ""), &input, Vec::new());
    Ok(vec![Known::Tensor(Tensor { dtype: DType::Bool, ..made })])
}

/// Infinities of either sign, or of one.
pub(super) fn is_infinite(call: &mut Call) -> Result<Vec<Known>> {
    let operator = match (call.int("detect_negative", 1)? != 0, call.int("detect_positive", 1)? != 0) {
        (true, true) => "isinf",
        (true, false) => "isneginf",
        (false, true) => "isposinf",
        (false, false) => {
            let input = call.tensor(0)?;
            let made = call.binary(("ne", "Tensor"), &input, &input);
            let nothing = call.like(("zeros_like", ""), &made, vec![("dtype", Argument::DType(DType::Bool))]);
            return Ok(vec![Known::Tensor(Tensor { dtype: DType::Bool, ..nothing })]);
        }
    };
    test(call, operator)
}

pub(super) fn choose(call: &mut Call) -> Result<Vec<Known>> {
    let (condition, yes, no) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let sizes = broadcast(&broadcast(&condition.sizes, &yes.sizes), &no.sizes);
    let arguments = vec![("condition", condition.value.into()), ("self", yes.value.into()), ("other", no.value.into())];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("where", "self"), arguments), dtype: yes.dtype, sizes })])
}

/// `Clip`, with bounds from attributes before version 11 and from inputs since.
pub(super) fn clip(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    if call.version < 11 {
        let (low, high) = (call.maybe_float("min")?, call.maybe_float("max")?);
        return Ok(vec![Known::Tensor(clamp(call, &input, low.map(Argument::Float), high.map(Argument::Float)))]);
    }
    let mut bounds = [None, None];
    for (at, bound) in bounds.iter_mut().enumerate() {
        let number = call.given(at + 1).and_then(Known::numbers).and_then(|numbers| numbers.single());
        *bound = match number {
            Some(number) => Some(number.argument()),
            None => call.maybe_tensor(at + 1)?.map(|tensor| tensor.value.into()),
        };
    }
    let plain = bounds.iter().flatten().all(|bound| matches!(bound, Argument::Int(_) | Argument::Float(_)));
    let [low, high] = bounds;
    if plain {
        return Ok(vec![Known::Tensor(clamp(call, &input, low, high))]);
    }
    let mut made = input;
    if let Some(low) = low {
        made = call.binary(("maximum", ""), &made, Operand::Number(low));
    }
    if let Some(high) = high {
        made = call.binary(("minimum", ""), &made, Operand::Number(high));
    }
    Ok(vec![Known::Tensor(made)])
}

/// Between two bounds; from 0 to 6 it is the activation of that name.
fn clamp(call: &mut Call, input: &Tensor, low: Option<Argument>, high: Option<Argument>) -> Tensor {
    // The largest number of a type is no bound.
    let bound = |bound: Option<Argument>| {
        bound.filter(|bound| !matches!(bound, Argument::Float(number) if number.abs() >= f64::from(f32::MAX)))
    };
    let (low, high) = if input.dtype.is_float() { (bound(low), bound(high)) } else { (low, high) };
    match (low, high) {
        (None, None) => input.clone(),
        (Some(Argument::Float(0.0)), None) => call.like(("relu", ""), input, Vec::new()),
        (Some(Argument::Float(0.0)), Some(Argument::Float(6.0))) => call.like(("relu6", ""), input, Vec::new()),
        (low, high) => {
            let rest = vec![("min", low.unwrap_or(Argument::None)), ("max", high.unwrap_or(Argument::None))];
            call.like(("clamp", ""), input, rest)
        }
    }
}

/// `Cast` and `CastLike`. Numbers too large for a type wrap around in it, as they do in C.
pub(super) fn cast(call: &mut Call) -> Result<Vec<Known>> {
    let to = call.maybe_int("to")?.ok_or_else(|| call.fail("its attribute to is missing"))?;
    let dtype = super::super::tensor::dtype(to).map_err(|reason| call.fail(reason))?;
    let input = call.tensor(0)?;
    let Some((least, count)) = super::super::tensor::wraps(to).filter(|_| input.dtype != DType::Bool) else {
        return Ok(vec![Known::Tensor(call.cast(&input, dtype))]);
    };
    // Wide enough for what does not fit.
    let whole = call.cast(&input, if dtype.size() < 4 { DType::Int32 } else { dtype });
    let wrapped = if least == 0 {
        call.binary(("remainder", "Tensor"), &whole, Number::Int(count))
    } else {
        let moved = call.binary(("sub", "Tensor"), &whole, Number::Int(least));
        let wrapped = call.binary(("remainder", "Tensor"), &moved, Number::Int(count));
        call.binary(("add", "Tensor"), &wrapped, Number::Int(least))
    };
    Ok(vec![Known::Tensor(call.cast(&wrapped, dtype))])
}

pub(super) fn cast_like(call: &mut Call) -> Result<Vec<Known>> {
    let dtype = call.known(1)?.dtype().ok_or_else(|| call.fail("the type of its second input is not known"))?;
    let input = call.tensor(0)?;
    Ok(vec![Known::Tensor(call.cast(&input, dtype))])
}
