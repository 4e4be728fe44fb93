//! Functions of one tensor that keep its shape.

use serde_json::Value as Json;

use super::super::KerasError;
use super::super::activation;
use super::super::layers::Call;
use super::super::tensor::Tensor;
use super::function::Function;
use crate::model::printable;

/// Lowers the function if it is one of these.
pub(super) fn lower(call: &mut Call, function: &Function) -> Result<Option<Tensor>, KerasError> {
    let Some(input) = function.given.tensors().into_iter().next() else { return Ok(None) };
    let number = |position: usize, names: &[&str]| function.number(position, names);
    let word = match &*function.name {
        "relu" if function.options.operation => {
            let slope = number(1, &["negative_slope", "alpha"]).unwrap_or(0.0);
            let (most, least) = (number(2, &["max_value"]), number(3, &["threshold"]).unwrap_or(0.0));
            return activation::relu(call, &input, slope, least, most).map(Some);
        }
        "gelu" => {
            // `keras.ops.gelu` approximates unless told otherwise, `tf.nn.gelu` does not.
            let usual = call.options.class != "TFOpLambda";
            return activation::gelu(call, &input, function.flag(1, &["approximate"], usual)).map(Some);
        }
        "leakyrelu" => {
            let slope = number(1, &["alpha", "negative_slope"]).unwrap_or(0.2);
            return activation::leaky_relu(call, &input, slope).map(Some);
        }
        "softmax" | "logsoftmax" => {
            let there = function.plain(1, &["axis"]).is_some();
            let axis = if there { function.axis(call, input.rank(), 1)? } else { input.rank() - 1 };
            let operator = if function.name == "softmax" { "softmax" } else { "log_softmax" };
            return activation::softmax(call, &input, axis, operator).map(Some);
        }
        "clip" | "clipbyvalue" => {
            let least = number(1, &["x_min", "clip_value_min", "min_value"]);
            let most = number(2, &["x_max", "clip_value_max", "max_value"]);
            let (Some(least), Some(most)) = (least, most) else { return Ok(None) };
            return activation::clamp(call, &input, least, most).map(Some);
        }
        "l2normalize" | "normalize" => {
            let axes = function.axes(call, input.rank(), 1, &["axis"])?.unwrap_or_else(|| vec![input.rank() - 1]);
            if number(2, &["order"]).is_some_and(|order| (order - 2.0).abs() > 0.0) {
                return Ok(None);
            }
            let axes: Vec<i64> = axes.iter().map(|&axis| input.graph_axis(axis)).collect();
            return Ok(Some(input.with(call.unit_length(input.value, &axes)?)));
        }
        "identity" | "stopgradient" | "cast" | "converttotensor" => return identity(call, function, &input).map(Some),
        "hardsigmoid" => "hard_sigmoid",
        "hardsilu" | "hardswish" => "hard_silu",
        "swish" => "silu",
        "logsigmoid" => "log_sigmoid",
        "hardtanh" => "hard_tanh",
        "relu6" | "sigmoid" | "silu" | "tanh" | "softplus" | "softsign" | "elu" | "selu" | "celu" | "mish" => {
            &*function.name
        }
        other => {
            let operator = match other {
                "abs" | "absolute" => "abs",
                "negative" | "neg" => "neg",
                "exp" | "expm1" | "log" | "log1p" | "sqrt" | "rsqrt" | "square" | "erf" | "sin" | "cos" | "sign"
                | "reciprocal" | "sinh" | "cosh" | "atan" | "floor" | "ceil" | "round" => other,
                _ => return Ok(None),
            };
            return call.unary(operator, (operator, ""), &input, []).map(Some);
        }
    };
    activation::named(call, word, &input)
}

/// Casts between real types change nothing here: everything is float32.
fn identity(call: &mut Call, function: &Function, input: &Tensor) -> Result<Tensor, KerasError> {
    let kind = function.plain(1, &["dtype"]).and_then(Json::as_str).unwrap_or("float32");
    if !kind.contains("float") {
        return Err(call.options.unsupported(format!("a cast to {}", printable(kind))));
    }
    call.unary("identity", ("alias", ""), input, [])
}
