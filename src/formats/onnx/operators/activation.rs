//! Activation functions.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Known, Number, Tensor};
use crate::model::graph::Argument;

/// The slope and scale of `Selu`, as the standard writes them.
const SELU: (f64, f64) = (1.673_263_192_176_818_8, 1.050_700_990_188_598_6);

/// Functions of one tensor with attributes; `None` where the operator is none of them.
pub(super) fn activation(call: &mut Call, operator: &str) -> Result<Option<Vec<Known>>> {
    let float = Argument::Float;
    let (name, rest) = match operator {
        "Relu" => ("relu", Vec::new()),
        "Sigmoid" => ("sigmoid", Vec::new()),
        "Tanh" => ("tanh", Vec::new()),
        "Mish" => ("mish", Vec::new()),
        "HardSwish" => ("hardswish", Vec::new()),
        "Softplus" => ("softplus", vec![("threshold", float(40.0))]),
        "LeakyRelu" => ("leaky_relu", vec![("negative_slope", float(call.float("alpha", 0.01)?))]),
        "Elu" => ("elu", vec![("alpha", float(call.float("alpha", 1.0)?))]),
        "Celu" => ("celu", vec![("alpha", float(call.float("alpha", 1.0)?))]),
        "Gelu" => ("gelu", vec![("approximate", Argument::String(call.text("approximate", "none")?.to_owned()))]),
        "Shrink" | "Selu" | "HardSigmoid" | "Softsign" | "ThresholdedRelu" | "Swish" | "SwiGLU" => {
            let input = call.tensor(0)?;
            return Ok(Some(vec![Known::Tensor(composed(call, operator, &input)?)]));
        }
        _ => return Ok(None),
    };
    let input = call.tensor(0)?;
    Ok(Some(vec![Known::Tensor(call.like((name, ""), &input, rest))]))
}

fn composed(call: &mut Call, operator: &str, input: &Tensor) -> Result<Tensor> {
    let float = Argument::Float;
    Ok(match operator {
        "Selu" => {
            let (alpha, gamma) = (call.float("alpha", SELU.0)?, call.float("gamma", SELU.1)?);
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
            if near(alpha, SELU.0) && near(gamma, SELU.1) {
                return Ok(call.like(("selu", ""), input, Vec::new()));
            }
            call.like(("elu", ""), input, vec![("alpha", float(alpha)), ("scale", float(gamma))])
        }
        "HardSigmoid" => {
            let (alpha, beta) = (call.float("alpha", f64::from(0.2_f32))?, call.float("beta", 0.5)?);
            if (alpha - 1.0 / 6.0).abs() < 1e-7 && (beta - 0.5).abs() < 1e-7 {
                return Ok(call.like(("hardsigmoid", ""), input, Vec::new()));
            }
            let scaled = call.binary(("mul", "Tensor"), input, alpha);
            let moved = call.binary(("add", "Tensor"), &scaled, beta);
            call.like(("clamp", ""), &moved, vec![("min", float(0.0)), ("max", float(1.0))])
        }
        "Softsign" => {
            let size = call.like(("abs", ""), input, Vec::new());
            let divisor = call.binary(("add", "Tensor"), &size, 1.0);
            call.binary(("div", "Tensor"), input, &divisor)
        }
        "ThresholdedRelu" => {
            let rest = vec![("threshold", float(call.float("alpha", 1.0)?)), ("value", float(0.0))];
            call.like(("threshold", ""), input, rest)
        }
        "Swish" | "SwiGLU" => {
            let alpha = call.float("alpha", 1.0)?;
            let scaled = if super::elementwise::is_one(alpha) {
                input.clone()
            } else {
                call.binary(("mul", "Tensor"), input, alpha)
            };
            let gate = call.like(("sigmoid", ""), &scaled, Vec::new());
            let swish = call.binary(("mul", "Tensor"), input, &gate);
            if operator == "Swish" {
                return Ok(swish);
            }
            let gated = call.tensor(1)?;
            call.binary(("mul", "Tensor"), &swish, &gated)
        }
        _ => {
            // Towards zero by the bias, and zero in between.
            let (lambda, bias) = (call.float("lambd", 0.5)?, call.float("bias", 0.0)?);
            let (fed, back) = if input.dtype.is_float() {
                (input.clone(), None)
            } else {
                (call.cast(input, crate::model::graph::DType::Float64), Some(input.dtype))
            };
            let above = call.binary(("gt", "Scalar"), &fed, lambda);
            let below = call.binary(("lt", "Scalar"), &fed, -lambda);
            let (less, more) = (call.binary(("sub", "Tensor"), &fed, bias), call.binary(("add", "Tensor"), &fed, bias));
            let zero = call.binary(("mul", "Tensor"), &fed, 0.0);
            let upper = pick(call, &above, &less, &zero);
            let made = pick(call, &below, &more, &upper);
            back.map_or(made.clone(), |dtype| call.cast(&made, dtype))
        }
    })
}

fn pick(call: &mut Call, condition: &Tensor, yes: &Tensor, no: &Tensor) -> Tensor {
    let arguments = vec![("condition", condition.value.into()), ("self", yes.value.into()), ("other", no.value.into())];
    Tensor { value: call.aten(("where", "self"), arguments), ..yes.clone() }
}

/// `Softmax`, `LogSoftmax` and `Hardmax`: along one axis since version 13, over all from an axis on before.
pub(super) fn softmax(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let rank = input.rank();
    let along = |call: &mut Call, input: &Tensor, axis: usize| match operator {
        "Softmax" => call.like(("softmax", "int"), input, vec![("dim", Argument::Int(axis as i64))]),
        "LogSoftmax" => call.like(("log_softmax", "int"), input, vec![("dim", Argument::Int(axis as i64))]),
        _ => first_of_largest(call, input, axis),
    };
    if rank == 0 {
        return Err(call.fail("an input without dimensions"));
    }
    let old = call.version < 13;
    let told = call.int("axis", if old { 1 } else { -1 })?;
    let axis = if old && told == rank as i64 { rank } else { call.axis(told, rank)? };
    let ones_after = || input.sizes.iter().skip(axis + 1).all(|size| *size == super::super::values::Dim::Fixed(1));
    if !old || (axis < rank && ones_after()) {
        return Ok(vec![Known::Tensor(along(call, &input, axis))]);
    }
    let shape = call.lowering.shape(&input);
    let mut flat = shape[..axis].to_vec();
    flat.push(Number::Int(-1));
    let rows = call.reshape(&input, &flat);
    let made = along(call, &rows, axis);
    Ok(vec![Known::Tensor(call.reshape(&made, &shape))])
}

/// One where the largest element stands, the first if there are several, and zero elsewhere.
fn first_of_largest(call: &mut Call, input: &Tensor, axis: usize) -> Tensor {
    let dim = ("dim", Argument::Int(axis as i64));
    let at = call.like(("argmax", ""), input, vec![dim.clone(), ("keepdim", Argument::Bool(true))]);
    let zeros = call.like(("zeros_like", ""), input, Vec::new());
    call.like(("scatter", "value"), &zeros, vec![dim, ("index", at.value.into()), ("value", Argument::Float(1.0))])
}
