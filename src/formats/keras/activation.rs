//! Activation functions: as layers of their own and as a layer's `activation` option.

use serde_json::Value as Json;

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use crate::model::graph::Argument;

/// Applies the layer's `activation` option.
pub(super) fn option(call: &mut Call, input: Tensor) -> Result<Tensor, KerasError> {
    let Some(value) = call.options.get("activation") else { return Ok(input) };
    // Keras 3 and late Keras 2 may write `{"class_name": "function", "config": "relu"}`.
    let name = value.as_str().or_else(|| value.get("config")?.as_str());
    match name {
        Some("linear") => Ok(input),
        Some(name) => function(call, name, &input),
        None => {
            let class = value.get("class_name").and_then(Json::as_str).unwrap_or("of an unknown form");
            Err(call.options.unsupported(format!("activation {class}")))
        }
    }
}

/// `Activation`, `ReLU`, `LeakyReLU`, `ELU`, `Softmax`.
pub(super) fn layer(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    match &*call.options.class {
        "ReLU" => relu(call, input),
        "LeakyReLU" => {
            let slope = call.options.number("negative_slope")?.or(call.options.number("alpha")?).unwrap_or(0.3);
            leaky_relu(call, input, slope)
        }
        "ELU" => {
            let alpha = Argument::Float(call.options.number("alpha")?.unwrap_or(1.0));
            call.unary("elu", ("elu", ""), input, [("alpha", alpha)])
        }
        "Softmax" => {
            let axis = call.options.axis(input.rank())?;
            softmax(call, input, axis)
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

fn relu(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    if call.options.number("threshold")?.is_some_and(|threshold| threshold != 0.0) {
        return Err(call.options.unsupported("a threshold"));
    }
    let slope = call.options.number("negative_slope")?.unwrap_or(0.0);
    match call.options.number("max_value")? {
        None if slope == 0.0 => call.unary("relu", ("relu", ""), input, []),
        None => leaky_relu(call, input, slope),
        Some(most) if slope == 0.0 => clipped_relu(call, input, most),
        Some(_) => Err(call.options.unsupported("max_value together with negative_slope")),
    }
}

fn leaky_relu(call: &mut Call, input: &Tensor, slope: f64) -> Result<Tensor, KerasError> {
    call.unary("leaky_relu", ("leaky_relu", ""), input, [("negative_slope", Argument::Float(slope))])
}

fn clipped_relu(call: &mut Call, input: &Tensor, most: f64) -> Result<Tensor, KerasError> {
    let range = [("min_val", Argument::Float(0.0)), ("max_val", Argument::Float(most))];
    call.unary("hardtanh", ("hardtanh", ""), input, range)
}

fn softmax(call: &mut Call, input: &Tensor, axis: usize) -> Result<Tensor, KerasError> {
    call.unary("softmax", ("softmax", "int"), input, [("dim", Argument::Int(input.graph_axis(axis)))])
}

/// A function by the name that Keras gives it.
fn function(call: &mut Call, name: &str, input: &Tensor) -> Result<Tensor, KerasError> {
    let word = match name {
        "relu" | "elu" | "selu" | "sigmoid" | "softplus" | "tanh" | "mish" => name,
        "relu6" => return clipped_relu(call, input, 6.0),
        "swish" | "silu" => "silu",
        // Keras's own default is the exact function, as is PyTorch's.
        "gelu" => "gelu",
        "exponential" => "exp",
        "leaky_relu" => return leaky_relu(call, input, 0.2),
        "softmax" => return softmax(call, input, input.rank() - 1),
        _ => return Err(call.options.unsupported(format!("activation {name}"))),
    };
    call.unary(word, (word, ""), input, [])
}
