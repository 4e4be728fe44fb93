//! The weights of an attention, softmax(QKᵀ), also of an operator that keeps them to itself.

use tch::{Kind, Tensor};

use super::{is_fused, layer_of};
use crate::aten::Value;
use crate::engine::{EngineError, NodeCall, Substitute, Taps};
use crate::methods::{Forward, MethodError, Network, node};
use crate::model::graph::{Argument, Node, NodeId, Tap};

/// Runs from what `forward` kept to `taps`, with the weights of one attention written out. Gives the run and the weights,
/// …×queries×keys. Where they are to be differentiated they are a leaf: nothing before them is recorded.
///
/// # Errors
/// The node that failed, that the run was stopped, or that the attention is none that can be written out.
pub(super) fn written_out(
    network: &Network,
    forward: &Forward,
    node: NodeId,
    taps: &[Tap],
    differentiated: bool,
    cancel: &crate::engine::Cancel,
) -> Result<(Taps, Tensor), MethodError> {
    let missing = || MethodError::Engine(EngineError::NoTensor);
    let attention = network.engine.graph().nodes.get(node.0).ok_or_else(missing)?;
    let made = attention.makes().next().ok_or_else(missing)?;
    network.batch_of(WRITTEN_OUT * weight_bytes(network, forward, attention))?;
    let mut given = forward.beside(network, made)?;
    given.retain(|(value, _)| *value != made);
    let mut weights = WrittenOut { node, differentiated, found: None };
    let taps: Vec<Tap> = std::iter::once(made.into()).chain(taps.iter().copied()).collect();
    let run = network.engine.run_substituted(&given, &taps, &[], &mut weights, cancel)?;
    Ok((run, weights.found.ok_or_else(missing)?))
}

/// How many tensors of the weights' size there are at once: the products, scaled or masked, and their softmax.
const WRITTEN_OUT: u64 = 3;

/// Bytes of the weights that a fused attention keeps to itself.
fn weight_bytes(network: &Network, forward: &Forward, attention: &Node) -> u64 {
    let shape = |parameter| node::value(attention, parameter).and_then(|value| forward.shapes().get(&value));
    let (Some(queries), Some(keys)) = (shape("query"), shape("key")) else { return 0 };
    let Some((_, rows)) = queries.split_last() else { return 0 };
    let columns = keys.len().checked_sub(2).and_then(|at| keys.get(at)).copied().unwrap_or(1);
    let element = network.engine.input_kind().elt_size_in_bytes() as u64;
    rows.iter().product::<i64>().max(0) as u64 * columns.max(0) as u64 * element
}

struct WrittenOut {
    node: NodeId,
    differentiated: bool,
    found: Option<Tensor>,
}

impl Substitute for WrittenOut {
    fn takes(&self, id: NodeId, _: &Node) -> bool {
        id == self.node
    }

    fn call(&mut self, _: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        let name = node::operator(call.node());
        let mut results = if name == "scaled_dot_product_attention" { Vec::new() } else { call.run(&[])? };
        let weights = if is_fused(name) {
            of_fused(call)?
        } else {
            results.first().and_then(Value::tensor).ok_or(EngineError::NoTensor)?.shallow_clone()
        };
        let weights = if self.differentiated { weights.detach().set_requires_grad(true) } else { weights };
        let output = if is_fused(name) {
            let values = call.tensor("value").ok_or(EngineError::NoTensor)?;
            weights.f_matmul(&values)?
        } else {
            weights.shallow_clone()
        };
        match results.first_mut() {
            Some(first) => *first = Value::Tensor(output),
            None => results.push(Value::Tensor(output)),
        }
        self.found = Some(weights);
        Ok(results)
    }
}

/// softmax(scale·QKᵀ + mask).
fn of_fused(call: &NodeCall<'_>) -> Result<Tensor, EngineError> {
    let refused = |what: &str| EngineError::Torch(format!("the attention of {} has {what}", layer_of(call.node())));
    let given = |parameter| call.tensor(parameter).ok_or(EngineError::NoTensor);
    let (queries, keys) = (given("query")?, given("key")?);
    let width = queries.size().last().copied().unwrap_or(1);
    let scale = match node::argument(call.node(), "scale") {
        None | Some(Argument::None) => (width as f64).sqrt().recip(),
        Some(_) => node::float(call.node(), "scale").ok_or_else(|| refused("a scale that is no number"))?,
    };
    let scores = queries.f_matmul(&keys.f_transpose(-2, -1)?)?.f_mul_scalar(scale)?;
    let scores = match ["attn_mask", "attn_bias"].iter().find_map(|name| call.tensor(name)) {
        Some(mask) if mask.kind() == Kind::Bool => scores.f_masked_fill(&mask.f_logical_not()?, f64::NEG_INFINITY)?,
        Some(bias) => scores.f_add(&bias)?,
        None => scores,
    };
    let scores = match node::argument(call.node(), "is_causal") {
        None | Some(Argument::Bool(false)) => scores,
        _ => scores.f_masked_fill(&scores.f_ones_like()?.f_tril(0)?.f_logical_not()?, f64::NEG_INFINITY)?,
    };
    Ok(scores.f_softmax(-1, None::<Kind>)?)
}
