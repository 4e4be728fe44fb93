//! Convolutions and linear layers: the rules that have weights in them.

use tch::Tensor;

use super::Rule;
use crate::aten::Value;
use crate::engine::{EngineError, NodeCall, sum_kind};
use crate::methods::node;
use crate::model::graph::{Graph, Node, NodeId, ValueId};

/// Where a layer with weights has what.
pub(super) struct Layer {
    input: &'static str,
    weight: &'static str,
    bias: &'static str,
    /// Channels stand second.
    pub(super) is_convolution: bool,
}

impl Layer {
    /// The layer that a node is.
    pub(super) fn of(node: &Node) -> Option<Self> {
        match node::operator(node) {
            "conv1d" | "conv2d" | "conv3d" | "convolution" | "_convolution" | "conv_transpose2d" => {
                Some(Self { input: "input", weight: "weight", bias: "bias", is_convolution: true })
            }
            "linear" => Some(Self { input: "input", weight: "weight", bias: "bias", is_convolution: false }),
            "addmm" => Some(Self { input: "mat1", weight: "mat2", bias: "self", is_convolution: false }),
            _ => None,
        }
    }
}

/// Layers with weights that read a value as it is.
pub(super) fn firsts(graph: &Graph, source: ValueId) -> Vec<NodeId> {
    let mut same = vec![source];
    let mut found = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let reads = |parameter: &str| node::value(node, parameter).is_some_and(|value| same.contains(&value));
        if Layer::of(node).is_some_and(|layer| reads(layer.input)) {
            found.push(NodeId(index));
        }
        if matches!(node::operator(node), "alias" | "clone" | "contiguous" | "to" | "_to_copy") && reads("self") {
            same.extend(node.makes());
        }
    }
    found
}

/// A share of a layer's output with the gradient that it is handed back by: `weight · z · y ÷ z`, y and the divisor constant.
pub(super) struct Part {
    made: Tensor,
    stabiliser: f64,
    weight: f64,
}

/// A value with the numbers of `output`, whose relevance goes back through the parts.
pub(super) fn shared(output: &Tensor, parts: Vec<Part>) -> Result<Tensor, EngineError> {
    let mut sum: Option<Tensor> = None;
    for Part { made, stabiliser, weight } in parts {
        let part = made.f_mul(&quotient(output, &made, stabiliser)?)?.f_mul_scalar(weight)?;
        sum = Some(match sum {
            Some(sum) => sum.f_add(&part)?,
            None => part,
        });
    }
    let Some(sum) = sum else { return Ok(output.shallow_clone()) };
    // The run goes on with the layer's own numbers, to the last digit, and in their precision.
    Ok(sum.f_sub(&sum.detach())?.f_to_kind(output.kind())?.f_add(output)?)
}

/// `y ÷ (z + stabiliser · sign z)`, a constant; the sign of zero is plus. Half precision has no number as small as a stabiliser: that
/// is divided in single.
pub(super) fn quotient(y: &Tensor, z: &Tensor, stabiliser: f64) -> Result<Tensor, EngineError> {
    let (y, z) = (y.detach().f_to_kind(sum_kind(y))?, z.detach().f_to_kind(sum_kind(z))?);
    let sign = z.f_ge(0.0)?.f_to_kind(z.kind())?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
    Ok(y.f_div(&z.f_add(&sign.f_mul_scalar(stabiliser)?)?)?)
}

/// A batch norm as what it does to the weights before it.
pub(super) struct Scaling {
    /// For each output channel.
    pub(super) factor: Tensor,
    /// Added to each output channel.
    pub(super) shift: Tensor,
}

/// A layer that is about to be called.
pub(super) struct Weights<'a> {
    layer: &'a Layer,
    call: &'a NodeCall<'a>,
    input: Tensor,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl<'a> Weights<'a> {
    /// With a batch norm's weights merged into the layer's; `None` where there is no tensor to be found.
    pub(super) fn of(
        layer: &'a Layer,
        call: &'a NodeCall<'a>,
        merged: Option<Scaling>,
    ) -> Result<Option<Self>, EngineError> {
        let (Some(input), Some(weight)) = (call.tensor(layer.input), call.tensor(layer.weight)) else {
            return Ok(None);
        };
        let bias = call.tensor(layer.bias);
        let Some(Scaling { factor, shift }) = merged else {
            return Ok(Some(Self { layer, call, input, weight, bias }));
        };
        let mut sizes = vec![1; weight.dim()];
        if let Some(first) = sizes.first_mut() {
            *first = -1;
        }
        // A norm's numbers are in single precision where the weights are in half.
        let kind = weight.kind();
        let weight = weight.f_mul(&factor.f_reshape(sizes)?)?.f_to_kind(kind)?;
        let bias = match bias {
            Some(bias) => bias.f_mul(&factor)?.f_add(&shift)?,
            None => shift,
        };
        Ok(Some(Self { layer, call, input, weight, bias: Some(bias) }))
    }

    /// The layer with other numbers.
    fn made(&self, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, EngineError> {
        let own = self.call.tensor(self.layer.bias);
        let none = own.as_ref().map(Tensor::f_zeros_like).transpose()?;
        let mut instead = vec![(self.layer.input, input), (self.layer.weight, weight)];
        instead.extend(none.as_ref().map(|none| (self.layer.bias, none)));
        let results = self.call.run(&instead)?;
        let made = results.first().and_then(Value::tensor).ok_or(EngineError::NoTensor)?.shallow_clone();
        let Some(bias) = bias else { return Ok(made) };
        let mut sizes = vec![1; made.dim()];
        let channels = if self.layer.is_convolution { 1 } else { sizes.len().saturating_sub(1) };
        if let Some(size) = sizes.get_mut(channels) {
            *size = -1;
        }
        Ok(made.f_add(&bias.f_reshape(sizes)?)?)
    }

    /// The parts of a rule.
    pub(super) fn parts(&mut self, rule: Rule) -> Result<Vec<Part>, EngineError> {
        let bias = self.bias.as_ref();
        match rule {
            Rule::Epsilon(epsilon) => {
                Ok(vec![Part { made: self.made(&self.input, &self.weight, bias)?, stabiliser: epsilon, weight: 1.0 }])
            }
            Rule::Gamma(gamma, true) => self.signed_gamma(gamma),
            Rule::Gamma(gamma, false) => {
                let more = self.weight.f_add(&self.weight.f_clamp_min(0.0)?.f_mul_scalar(gamma)?)?;
                let made = self.made(&self.input, &more, bias)?;
                Ok(vec![Part { made, stabiliser: super::STABILISER, weight: 1.0 }])
            }
            Rule::AlphaBeta(alpha) => {
                let [speaks_for, speaks_against] = self.halves(0.0)?;
                let part = |made, weight| Part { made, stabiliser: super::STABILISER, weight };
                let mut parts = vec![part(speaks_for, alpha)];
                if alpha > 1.0 {
                    parts.push(part(speaks_against, 1.0 - alpha));
                }
                Ok(parts)
            }
        }
    }

    /// What of the output is positive and what is negative, by the signs of inputs, weights and biases; `rest` is the share of the
    /// other half that is in either.
    fn halves(&self, rest: f64) -> Result<[Tensor; 2], EngineError> {
        let split = |tensor: &Tensor| -> Result<(Tensor, Tensor), EngineError> {
            let (plus, minus) = (tensor.f_clamp_min(0.0)?, tensor.f_clamp_max(0.0)?);
            let with = |half: &Tensor, other: &Tensor| half.f_add(&other.f_mul_scalar(rest)?);
            Ok((with(&plus, &minus)?, with(&minus, &plus)?))
        };
        let (up, down) = (self.input.f_clamp_min(0.0)?, self.input.f_clamp_max(0.0)?);
        let (grow, shrink) = split(&self.weight)?;
        let biases = self.bias.as_ref().map(split).transpose()?;
        let half = |one: &Tensor, two: &Tensor, bias: Option<&Tensor>| {
            Ok::<_, EngineError>(self.made(&up, one, bias)?.f_add(&self.made(&down, two, None)?)?)
        };
        let (plus, minus) = biases.as_ref().map_or((None, None), |(plus, minus)| (Some(plus), Some(minus)));
        Ok([half(&grow, &shrink, plus)?, half(&shrink, &grow, minus)?])
    }

    /// Each output is handed back by what has its own sign, counted `1 + gamma` times, and the rest once.
    fn signed_gamma(&self, gamma: f64) -> Result<Vec<Part>, EngineError> {
        let scale = 1.0 + gamma;
        let [positive, negative] = self.halves(1.0 / scale)?;
        // The sign is the layer's own output's, with the merged norm.
        let output = self.made(&self.input.detach(), &self.weight, self.bias.as_ref())?;
        let made = positive.f_where_self(&output.f_ge(0.0)?, &negative)?.f_mul_scalar(scale)?;
        Ok(vec![Part { made, stabiliser: super::STABILISER, weight: 1.0 }])
    }

    /// Evenly over what a position sees.
    pub(super) fn flat(&mut self, leaves: &mut Vec<Tensor>) -> Result<Vec<Part>, EngineError> {
        let ones = self.input.detach().f_ones_like()?.set_requires_grad(true);
        let made = self.made(&ones, &self.weight.f_ones_like()?, None)?;
        leaves.push(ones);
        self.first(&made)
    }

    /// By how far values are from their bounds.
    pub(super) fn bounded(
        &mut self,
        black: &Tensor,
        white: &Tensor,
        leaves: &mut Vec<Tensor>,
    ) -> Result<Vec<Part>, EngineError> {
        let leaf = |bound: &Tensor| -> Result<Tensor, EngineError> {
            let bound = bound.f_to_kind(self.input.kind())?.f_expand_as(&self.input)?;
            Ok(bound.f_contiguous()?.set_requires_grad(true))
        };
        let (low, high) = (leaf(black)?, leaf(white)?);
        let (grow, shrink) = (self.weight.f_clamp_min(0.0)?, self.weight.f_clamp_max(0.0)?);
        let from = self.made(&low, &grow, None)?.f_add(&self.made(&high, &shrink, None)?)?;
        let made = self.made(&self.input, &self.weight, None)?.f_sub(&from)?;
        leaves.extend([low, high]);
        self.first(&made)
    }

    /// The only part of a first layer. The input gets a gradient, be it none, so that it can be asked for.
    fn first(&self, made: &Tensor) -> Result<Vec<Part>, EngineError> {
        let none = self.input.f_sum(self.input.kind())?.f_mul_scalar(0.0)?;
        Ok(vec![Part { made: made.f_add(&none)?, stabiliser: super::STABILISER, weight: 1.0 }])
    }
}
