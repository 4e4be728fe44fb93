//! What is neither convolution nor linear layer: pointwise functions, norms, attention and products.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::replaced;
use crate::aten::Value;
use crate::engine::{Engine, EngineError, NodeCall};
use crate::methods::node;
use crate::model::graph::{Argument, Node, NodeId, ValueId};

/// Pointwise functions that hand relevance through. Of ReLU and its leaky kin the derivative does just that.
const POINTWISE: &[&str] = &[
    "celu",
    "clamp",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "mish",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
];

/// Functions whose result, in a product, is the gate.
const GATES: &[&str] = &["hardsigmoid", "hardtanh", "sigmoid", "softmax", "tanh", "_softmax"];

/// Whether a node needs another gradient.
pub(super) fn takes(node: &Node) -> bool {
    let operator = node::operator(node);
    let named = ["batch_norm", "div", "layer_norm", "mul", "native_layer_norm", "scaled_dot_product_attention"];
    POINTWISE.contains(&operator) || named.contains(&operator) || is_attention(node)
}

/// A softmax that is no answer of a network: over more than N×classes.
fn is_attention(node: &Node) -> bool {
    matches!(node::operator(node), "softmax" | "_softmax")
}

/// The node's own numbers with the gradient of its rule.
pub(super) fn call(
    engine: &Engine,
    makers: &HashMap<ValueId, NodeId>,
    call: &NodeCall<'_>,
) -> Result<Vec<Value>, EngineError> {
    match node::operator(call.node()) {
        "mul" => product(engine, makers, call),
        "div" => {
            let divisor = call.tensor("other").map(|divisor| divisor.detach());
            divisor.map_or_else(|| call.run(&[]), |divisor| call.run(&[("other", &divisor)]))
        }
        "scaled_dot_product_attention" => {
            let (Some(query), Some(key)) = (call.tensor("query"), call.tensor("key")) else { return call.run(&[]) };
            call.run(&[("query", &query.detach()), ("key", &key.detach())])
        }
        "softmax" | "_softmax" => {
            let made = call.run(&[])?;
            match made.first().and_then(Value::tensor) {
                Some(weights) if weights.dim() > 2 => {
                    let constant = weights.detach();
                    Ok(replaced(made, constant))
                }
                _ => Ok(made),
            }
        }
        "layer_norm" | "native_layer_norm" => layer_norm(call),
        // A batch norm that stands alone has the epsilon rule, which its derivative is.
        "batch_norm" => call.run(&[]),
        _ => pointwise(call),
    }
}

/// `x · (f(x) ÷ x)`, the quotient constant.
fn pointwise(call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
    let Some(input) = call.tensor("self") else { return call.run(&[]) };
    let results = call.run(&[("self", &input.detach())])?;
    let Some(output) = results.first().and_then(Value::tensor) else { return Ok(results) };
    let z = input.detach();
    let sign = z.f_ge(0.0)?.f_to_kind(z.kind())?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
    let quotient = output.f_div(&z.f_add(&sign.f_mul_scalar(super::STABILISER)?)?)?;
    let made = input.f_sub(&z)?.f_mul(&quotient)?.f_add(output)?;
    Ok(replaced(results, made))
}

/// Of two values that come from the input, the gate is constant; where neither is one, each gets half.
fn product(engine: &Engine, makers: &HashMap<ValueId, NodeId>, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
    let (Some(one), Some(two)) = (call.tensor("self"), call.tensor("other")) else { return call.run(&[]) };
    if !one.requires_grad() || !two.requires_grad() {
        return call.run(&[]);
    }
    let is_gate = |parameter: &str| {
        let maker = call.value(parameter).and_then(|value| makers.get(&value));
        maker.is_some_and(|maker| GATES.contains(&node::operator(&engine.graph().nodes[maker.0])))
    };
    let gates = (is_gate("self") || one.numel() < two.numel(), is_gate("other") || two.numel() < one.numel());
    match gates {
        (true, false) => call.run(&[("self", &one.detach())]),
        (false, true) => call.run(&[("other", &two.detach())]),
        _ => {
            let half = |tensor: &Tensor| -> Result<Tensor, EngineError> {
                Ok(tensor.detach().f_add(&tensor.f_sub(&tensor.detach())?.f_mul_scalar(0.5)?)?)
            };
            call.run(&[("self", &half(&one)?), ("other", &half(&two)?)])
        }
    }
}

/// A layer norm whose deviation is constant.
fn layer_norm(call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
    let results = call.run(&[])?;
    let shape = match node::argument(call.node(), "normalized_shape") {
        Some(Argument::List(items)) => items.len() as i64,
        _ => return Ok(results),
    };
    let (Some(input), Some(output)) = (call.tensor("input"), results.first().and_then(Value::tensor)) else {
        return Ok(results);
    };
    let over: Vec<i64> = (-shape..0).collect();
    let epsilon = node::float(call.node(), "eps").unwrap_or(1e-5);
    let moved = input.f_sub(&input.detach())?;
    let moved = moved.f_sub(&moved.f_mean_dim(over.as_slice(), true, Kind::Float)?)?;
    let variance = input.detach().f_var_dim(over.as_slice(), false, true)?;
    let mut moved = moved.f_div(&variance.f_add_scalar(epsilon)?.f_sqrt()?)?;
    if let Some(weight) = call.tensor("weight") {
        moved = moved.f_mul(&weight)?;
    }
    let made = output.detach().f_add(&moved)?;
    Ok(replaced(results, made))
}
