//! Activation functions: as layers of their own, as a layer's `activation` option and as functions of `keras.ops`.

use serde_json::{Map, Value as Json};

use super::KerasError;
use super::layers::Call;
use super::options::Options;
use super::tensor::Tensor;
use super::weights::{self, View};
use crate::model::graph::{Argument, WeightRole};
use crate::model::printable;

/// Applies the layer's `activation` option.
pub(super) fn option(call: &mut Call, input: Tensor) -> Result<Tensor, KerasError> {
    let options = call.options;
    let Some(value) = options.get("activation") else { return Ok(input) };
    let class = value.get("class_name").and_then(Json::as_str);
    // Keras 3 and late Keras 2 may write `{"class_name": "function", "config": "relu"}`, and a layer may be given as well.
    if let (Some(class), Some(entries)) = (class, value.get("config").and_then(Json::as_object)) {
        return of_layer(call, &input, class, entries);
    }
    let name = value.as_str().or_else(|| value.get("config")?.as_str());
    match name {
        Some("linear") => Ok(input),
        Some(name) => named(call, name, &input)?
            .ok_or_else(|| call.options.unsupported(format!("activation {}", printable(name)))),
        None => Err(call.options.unsupported(format!("activation {}", class.unwrap_or("of an unknown form")))),
    }
}

/// A layer as another's activation.
fn of_layer(call: &mut Call, input: &Tensor, class: &str, entries: &Map<String, Json>) -> Result<Tensor, KerasError> {
    let options = Options {
        name: call.options.name.clone(),
        class: class.to_owned(),
        operation: false,
        foreign: false,
        entries: entries.clone(),
    };
    if !matches!(class, "Activation" | "ReLU" | "LeakyReLU" | "ELU" | "Softmax" | "ThresholdedReLU") {
        return Err(call.options.unsupported(format!("activation {}", printable(class))));
    }
    let mut inner = Call {
        lowering: &mut *call.lowering,
        options: &options,
        path: call.path.clone(),
        address: call.address.clone(),
        scope: call.scope.clone(),
        weights_asked: 0,
    };
    layer(&mut inner, input)
}

/// `Activation`, `ReLU`, `LeakyReLU`, `ELU`, `PReLU`, `ThresholdedReLU`, `Softmax`.
pub(super) fn layer(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    match &*call.options.class {
        "ReLU" => {
            let number = |key: &str| call.options.number(key);
            let (slope, threshold) = (number("negative_slope")?.unwrap_or(0.0), number("threshold")?.unwrap_or(0.0));
            let most = number("max_value")?;
            relu(call, input, slope, threshold, most)
        }
        "LeakyReLU" => {
            let slope = call.options.number("negative_slope")?.or(call.options.number("alpha")?).unwrap_or(0.3);
            leaky_relu(call, input, slope)
        }
        "ELU" => {
            let alpha = Argument::Float(call.options.number("alpha")?.unwrap_or(1.0));
            call.unary("elu", ("elu", ""), input, [("alpha", alpha)])
        }
        "ThresholdedReLU" => {
            let least = call.options.number("theta")?.unwrap_or(1.0);
            threshold(call, input, least)
        }
        "PReLU" => parametric(call, input),
        "Softmax" => {
            let axis = call.options.axis(input.rank())?;
            softmax(call, input, axis, "softmax")
        }
        _ => {
            let before = call.lowering.graph.nodes.len();
            let output = option(call, input.clone())?;
            // A layer of its own must have an output of its own.
            if call.lowering.graph.nodes.len() == before {
                return call.unary("identity", ("alias", ""), input, []);
            }
            Ok(output)
        }
    }
}

/// Keras's ReLU with all its options.
pub(super) fn relu(
    call: &mut Call,
    input: &Tensor,
    slope: f64,
    least: f64,
    most: Option<f64>,
) -> Result<Tensor, KerasError> {
    if least == 0.0 && (slope == 0.0 || most.is_none()) {
        return match most {
            Some(most) => clamp(call, input, 0.0, most),
            None if slope == 0.0 => call.unary("relu", ("relu", ""), input, []),
            None => leaky_relu(call, input, slope),
        };
    }
    let mut above =
        if least == 0.0 { call.unary("relu", ("relu", ""), input, [])? } else { threshold(call, input, least)? };
    if let Some(most) = most {
        above = clamp(call, &above, 0.0, most)?;
    }
    if slope == 0.0 {
        return Ok(above);
    }
    let below = [("self", Argument::Float(least)), ("other", input.value.into())];
    let below = input.with(call.node("below", ("sub", "Tensor"), below)?);
    let below = call.unary("below", ("relu", ""), &below, [])?;
    let below = call.unary("below", ("mul", "Tensor"), &below, [("other", Argument::Float(slope))])?;
    call.binary("sub", ("sub", "Tensor"), &above, &below)
}

fn threshold(call: &mut Call, input: &Tensor, least: f64) -> Result<Tensor, KerasError> {
    let arguments = [("threshold", Argument::Float(least)), ("value", Argument::Float(0.0))];
    call.unary("threshold", ("threshold", ""), input, arguments)
}

/// `alpha`, one for each place that `shared_axes` leaves, times what is below zero.
fn parametric(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let unknown = || call.options.wrong("the size of its input is not known");
    let shared: Vec<usize> =
        call.options.numbers("shared_axes")?.unwrap_or_default().iter().map(|&axis| axis as usize).collect();
    let size = |(at, size): (usize, &Option<i64>)| {
        if shared.contains(&(at + 1)) { Some(1) } else { size.and_then(|size| usize::try_from(size).ok()) }
    };
    let shape: Vec<usize> = input.sizes.iter().enumerate().map(size).collect::<Option<_>>().ok_or_else(unknown)?;
    let mut view = weights::plain(&shape);
    if input.moved {
        let last = shape.len() - 1;
        view = weights::permuted(&shape, std::iter::once(last).chain(0..last));
    }
    let by_channel = input.graph_axis(input.rank() - 1) == 1 && shape.iter().rev().skip(1).all(|&size| size == 1);
    if by_channel {
        view = View { shape: vec![shape.last().copied().unwrap_or(1)], strides: None };
    }
    let alpha = call.weight(&["alpha"], &shape, WeightRole::Parameter, view)?;
    if by_channel {
        return call.unary("prelu", ("prelu", ""), input, [("weight", alpha.into())]);
    }
    let above = call.unary("relu", ("relu", ""), input, [])?;
    let below = call.unary("below", ("clamp_max", ""), input, [("max", Argument::Float(0.0))])?;
    let below = call.unary("below", ("mul", "Tensor"), &below, [("other", alpha.into())])?;
    call.binary("add", ("add", "Tensor"), &above, &below)
}

pub(super) fn leaky_relu(call: &mut Call, input: &Tensor, slope: f64) -> Result<Tensor, KerasError> {
    call.unary("leaky_relu", ("leaky_relu", ""), input, [("negative_slope", Argument::Float(slope))])
}

/// Numbers within a range.
pub(super) fn clamp(call: &mut Call, input: &Tensor, least: f64, most: f64) -> Result<Tensor, KerasError> {
    let range = [("min_val", Argument::Float(least)), ("max_val", Argument::Float(most))];
    call.unary("hardtanh", ("hardtanh", ""), input, range)
}

/// `softmax` or `log_softmax` over a dimension of Keras's.
pub(super) fn softmax(call: &mut Call, input: &Tensor, axis: usize, operator: &str) -> Result<Tensor, KerasError> {
    call.unary(operator, (operator, "int"), input, [("dim", Argument::Int(input.graph_axis(axis)))])
}

/// `gelu`, exact or by the hyperbolic tangent.
pub(super) fn gelu(call: &mut Call, input: &Tensor, approximate: bool) -> Result<Tensor, KerasError> {
    let how = Argument::String(if approximate { "tanh" } else { "none" }.to_owned());
    call.unary("gelu", ("gelu", ""), input, [("approximate", how)])
}

/// Keras 3 has PyTorch's, a sixth of the input; Keras 2 a fifth.
fn hard_sigmoid(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    if !call.lowering.keras_2 {
        return call.unary("hard_sigmoid", ("hardsigmoid", ""), input, []);
    }
    let scaled = call.unary("hard_sigmoid", ("mul", "Tensor"), input, [("other", Argument::Float(0.2))])?;
    let shifted = call.unary("hard_sigmoid", ("add", "Tensor"), &scaled, [("other", Argument::Float(0.5))])?;
    clamp(call, &shifted, 0.0, 1.0)
}

/// A function by the name that Keras gives it; `None` for an unknown one.
pub(super) fn named(call: &mut Call, name: &str, input: &Tensor) -> Result<Option<Tensor>, KerasError> {
    let last = input.rank() - 1;
    let word = match name {
        "relu" | "elu" | "selu" | "celu" | "sigmoid" | "softplus" | "tanh" | "mish" => name,
        "relu6" => return clamp(call, input, 0.0, 6.0).map(Some),
        "swish" | "silu" => "silu",
        // Keras's own default is the exact function, as is PyTorch's.
        "gelu" => return gelu(call, input, false).map(Some),
        "exponential" => "exp",
        "log_sigmoid" => return call.unary(name, ("log_sigmoid", ""), input, []).map(Some),
        "hard_sigmoid" => return hard_sigmoid(call, input).map(Some),
        "hard_silu" | "hard_swish" => return call.unary(name, ("hardswish", ""), input, []).map(Some),
        "hard_tanh" => return clamp(call, input, -1.0, 1.0).map(Some),
        "hard_shrink" => return call.unary(name, ("hardshrink", ""), input, []).map(Some),
        "soft_shrink" => return call.unary(name, ("softshrink", ""), input, []).map(Some),
        "tanh_shrink" => {
            let bent = call.unary("tanh", ("tanh", ""), input, [])?;
            return call.binary(name, ("sub", "Tensor"), input, &bent).map(Some);
        }
        "softsign" => {
            let size = call.unary("abs", ("abs", ""), input, [])?;
            let size = call.unary("add", ("add", "Tensor"), &size, [("other", Argument::Float(1.0))])?;
            return call.binary(name, ("div", "Tensor"), input, &size).map(Some);
        }
        // Keras's own default as an activation, not the layer's.
        "leaky_relu" => return leaky_relu(call, input, 0.2).map(Some),
        "softmax" | "log_softmax" => return softmax(call, input, last, name).map(Some),
        _ => return Ok(None),
    };
    call.unary(word, (word, ""), input, []).map(Some)
}
