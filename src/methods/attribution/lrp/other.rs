//! What is neither convolution nor linear layer: pointwise functions, norms, attention and products.

use std::collections::HashMap;

use tch::Tensor;

use super::layer::quotient;
use super::replaced;
use crate::aten::Value;
use crate::engine::{Engine, EngineError, NodeCall, sum_kind};
use crate::methods::node;
use crate::model::graph::{Argument, Node, NodeId, ValueId};

/// Of these pointwise functions the derivative hands relevance through by itself: ReLU and its leaky kin.
const RECTIFIERS: &[&str] = &["clamp_min", "leaky_relu", "prelu", "relu", "threshold"];

/// What else has a rule. Of a softmax those of attention, over more than N×classes.
const OTHERS: &[&str] = &[
    "_softmax",
    "batch_norm",
    "div",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "mul",
    "native_group_norm",
    "native_layer_norm",
    "scaled_dot_product_attention",
    "softmax",
];

/// Functions whose result, in a product, is the gate.
const GATES: &[&str] = &["hardsigmoid", "hardtanh", "sigmoid", "softmax", "tanh", "_softmax"];

/// Whether a node needs another gradient.
pub(super) fn takes(node: &Node) -> bool {
    let operator = node::operator(node);
    let pointwise = node::POINTWISE.contains(&operator) && !RECTIFIERS.contains(&operator);
    pointwise || OTHERS.contains(&operator)
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
        "group_norm" | "native_group_norm" | "instance_norm" => group_norm(call),
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
    let quotient = quotient(output, &input, super::STABILISER)?;
    let moved = input.f_sub(&input.detach())?.f_mul(&quotient)?;
    let made = moved.f_to_kind(output.kind())?.f_add(output)?;
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
    let moved = normalised(&input, &over, epsilon)?;
    let moved = if let Some(weight) = call.tensor("weight") { moved.f_mul(&weight)? } else { moved };
    let made = output.detach().f_add(&moved.f_to_kind(output.kind())?)?;
    Ok(replaced(results, made))
}

/// Zero, with the gradient of a norm over some axes whose deviation is constant.
fn normalised(input: &Tensor, over: &[i64], epsilon: f64) -> Result<Tensor, EngineError> {
    let wide = input.f_to_kind(sum_kind(input))?;
    let moved = wide.f_sub(&wide.detach())?;
    let moved = moved.f_sub(&moved.f_mean_dim(over, true, moved.kind())?)?;
    let variance = wide.detach().f_var_dim(over, false, true)?;
    Ok(moved.f_div(&variance.f_add_scalar(epsilon)?.f_sqrt()?)?)
}

/// A group norm, or an instance norm, whose deviations are constant.
fn group_norm(call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
    let results = call.run(&[])?;
    let (Some(input), Some(output)) = (call.tensor("input"), results.first().and_then(Value::tensor)) else {
        return Ok(results);
    };
    let sizes = input.size();
    let &[pictures, channels, ..] = sizes.as_slice() else { return Ok(results) };
    let groups = match node::operator(call.node()) {
        "instance_norm" => Some(channels),
        _ => ["num_groups", "group"].iter().find_map(|name| node::int(call.node(), name)),
    };
    // An instance norm with statistics of its own is a batch norm: its derivative is the epsilon rule.
    let running = matches!(node::argument(call.node(), "use_input_stats"), Some(Argument::Bool(false)));
    let Some(groups) = groups.filter(|_| !running) else { return Ok(results) };
    let epsilon = node::float(call.node(), "eps").unwrap_or(1e-5);
    let apart = input.f_reshape([pictures * groups, -1])?;
    let mut moved = normalised(&apart, &[1], epsilon)?.f_reshape(&sizes)?;
    if let Some(weight) = call.tensor("weight") {
        let mut along = vec![1; sizes.len()];
        along[1] = -1;
        moved = moved.f_mul(&weight.f_reshape(along)?)?;
    }
    let made = output.detach().f_add(&moved.f_to_kind(output.kind())?)?;
    Ok(replaced(results, made))
}
