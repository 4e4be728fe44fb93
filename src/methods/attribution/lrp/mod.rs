//! Layer-wise relevance propagation.
//!
//! Bach et al., *On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation* (2015); Montavon
//! et al., *Layer-Wise Relevance Propagation: An Overview* (2019). What the target is made of is handed back from layer to layer,
//! each input `a_j` of a layer getting its share of an output's relevance `R_k`:
//!
//! - epsilon: `Σ_k a_j w_jk ÷ (z_k + ε·sign z_k) · R_k`, z with the bias;
//! - gamma: the same with `w + γ·w⁺` in place of w. That is meant for inputs that are not negative: where others cancel the sum,
//!   relevance explodes (in the bottlenecks of an EfficientNet-Lite). So what speaks for an output's sign is counted more, whatever
//!   the sign of the input is (Andéol et al. 2021), as zennit's `Gamma`; `signs=as-one` is Captum's `GammaRule`, which leaves the bias
//!   as it is;
//! - alpha-beta: `Σ_k (α (a_j w_jk)⁺ ÷ z_k⁺ − β (a_j w_jk)⁻ ÷ z_k⁻) R_k`, β = α − 1, with the signs of inputs, weights and biases apart, as
//!   zennit's `AlphaBeta`. Captum's `Alpha1_Beta0_Rule` takes the positive weights only, whatever the signs of the inputs are, and
//!   keeps a negative bias: the same where inputs are positive and biases are not negative.
//!
//! Which layer has which rule: convolutions have the method's; linear layers have it too with `linear=same`, and by default
//! epsilon with 1e-9 (zennit's composites epsilon-plus and epsilon-gamma). `first-layer` replaces it in the layers that read the
//! input: `flat` spreads relevance evenly over what a position sees, `box` is the rule for values between black and white (Montavon
//! et al. 2017, `z^B`). A batch norm after a convolution is merged into it first; with `batch-norm=separate` it is a layer of its own
//! with the epsilon rule, as in Captum. Sums, means and average pooling share by contribution, and max pooling gives to the maximum. A
//! pointwise function hands through what it gets.
//!
//! Beyond Captum, which refuses them: in a product of two values (squeeze and excitation, attention) the gate is a constant, and so
//! are attention weights and the deviation of a layer, group or instance norm, which keeps relevance (Arras et al. 2017; Ali et
//! al., *XAI for Transformers*, 2022). Of a probability (`--of probability`) the last function's plain derivative is taken. In
//! Captum a sum must be a module `Addition_Module`, or relevance doubles; here every sum is one.
//!
//! The convergence delta is the sum of the numbers less the target: what biases, epsilon and the padding of `box` took or gave.

mod layer;
mod merged;
mod other;

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::batch::Runner;
use super::{Attribution, AttributionError, AttributionInput};
use crate::aten::Value;
use crate::engine::{Engine, EngineError, NodeCall, Substitute};
use crate::methods::registry::Settings;
use crate::methods::{MethodError, node};
use crate::model::graph::{Node, NodeId, ValueId};

use layer::Layer;
use merged::Merged;

/// How a layer's relevance is shared among its inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Epsilon(f64),
    /// With the signs of inputs and outputs apart, or not.
    Gamma(f64, bool),
    AlphaBeta(f64),
}

/// What is done in the layers that read the input.
#[derive(Debug)]
enum First {
    /// As in all others.
    Same,
    /// Evenly over what a position sees.
    Flat,
    /// The rule for values between two bounds, 1×C×1×1.
    Box(Tensor, Tensor),
}

/// Added to what is divided by where the rule names nothing: Captum's.
const STABILISER: f64 = 1e-9;

/// LRP with the epsilon rule.
pub(in crate::methods) fn lrp_epsilon(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    let rule = Rule::Epsilon(settings.real("epsilon"));
    propagate(input, settings, rule, rule)
}

/// LRP with the gamma rule.
pub(in crate::methods) fn lrp_gamma(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    let rule = Rule::Gamma(settings.real("gamma"), settings.word("signs") == "apart");
    propagate(input, settings, rule, linear(settings, rule))
}

/// LRP with the alpha-beta rule.
pub(in crate::methods) fn lrp_alpha_beta(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    let rule = Rule::AlphaBeta(settings.real("alpha"));
    propagate(input, settings, rule, linear(settings, rule))
}

fn linear(settings: &Settings, rule: Rule) -> Rule {
    if settings.word("linear") == "same" { rule } else { Rule::Epsilon(STABILISER) }
}

fn propagate(
    input: &AttributionInput<'_>,
    settings: &Settings,
    convolutions: Rule,
    linear: Rule,
) -> Result<Attribution, MethodError> {
    let runner = Runner::new(input)?;
    // Parts of weights, and what they make of the input, are kept. Measured on VGG16 at 224 and 512 pixels.
    let (runs, kernels) = match convolutions {
        Rule::Epsilon(_) => (1.6, 1.5),
        Rule::Gamma(..) | Rule::AlphaBeta(_) => (2.6, 4.0),
    };
    runner.must_fit(runs, kernels)?;
    let engine = &input.network.engine;
    let name = settings.word("first-layer");
    let first = match name {
        "flat" => First::Flat,
        "box" => {
            let (black, white) = input.bounds()?;
            First::Box(black, white)
        }
        _ => First::Same,
    };
    let separate = settings.word("batch-norm") == "separate";
    let mut rules = Rules {
        merged: if separate { Merged::default() } else { Merged::of(engine) },
        convolutions,
        linear,
        firsts: layer::firsts(engine.graph(), runner.source()),
        first,
        leaves: Vec::new(),
        engine,
        waiting: HashMap::new(),
        makers: node::makers(engine.graph()),
    };
    let given = [(runner.source(), input.input.shallow_clone())];
    let run =
        engine.run_substituted(&given, &[runner.tap()], &[runner.source().into()], &mut rules, input.job.cancel)?;
    if !matches!(rules.first, First::Same) && rules.leaves.is_empty() {
        return Err(AttributionError::NoFirstLayer(name).into());
    }
    let target = runner.target_of(&run, input.input)?;
    if !target.requires_grad() {
        return Err(AttributionError::Independent.into());
    }
    let sum = tch::with_grad(|| target.f_sum(Kind::Float))?;
    let source = run.get(runner.source())?;
    let ends: Vec<&Tensor> = std::iter::once(source).chain(&rules.leaves).collect();
    let gradients = engine.gradients(&sum, &ends, false)?;
    // Relevance is a value times what arrives at it.
    let mut relevance = input.input.f_zeros_like()?;
    for (end, gradient) in ends.iter().zip(&gradients) {
        relevance = relevance.f_add(&end.detach().f_mul(gradient)?)?;
    }
    let mut made = Attribution::of(&relevance, None)?;
    let in_half = run.get(runner.tap().value)?.kind() == Kind::Half;
    if in_half && made.values.iter().any(|value| !value.is_finite()) {
        return Err(AttributionError::BeyondHalf.into());
    }
    made.convergence_delta = Some(made.sum() - sum.f_double_value(&[])?);
    Ok(made)
}

/// The run whose gradients, times values, are relevance: every layer gives its own numbers, and a gradient that shares them by
/// its rule.
struct Rules<'a> {
    engine: &'a Engine,
    merged: Merged,
    convolutions: Rule,
    linear: Rule,
    first: First,
    /// Layers that read the input.
    firsts: Vec<NodeId>,
    /// What a rule of the first layers has in place of the input.
    leaves: Vec<Tensor>,
    /// What a convolution gives its batch norm by the rule, by the convolution's value.
    waiting: HashMap<ValueId, Vec<layer::Part>>,
    makers: HashMap<ValueId, NodeId>,
}

impl Substitute for Rules<'_> {
    fn takes(&self, id: NodeId, node: &Node) -> bool {
        Layer::of(node).is_some() || self.merged.norm(id).is_some() || other::takes(node)
    }

    fn call(&mut self, id: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        if let Some(convolution) = self.merged.norm(id) {
            let output = call.run(&[])?;
            let made = output.first().and_then(Value::tensor).ok_or(EngineError::NoTensor)?.detach();
            return match self.waiting.remove(&convolution) {
                Some(parts) => Ok(replaced(output, layer::shared(&made, parts)?)),
                None => Ok(output),
            };
        }
        let Some(layer) = Layer::of(call.node()) else {
            return other::call(self.engine, &self.makers, call);
        };
        let rule = if layer.is_convolution { self.convolutions } else { self.linear };
        let merged = self.merged.convolution(self.engine, id)?;
        let Some(mut weights) = layer::Weights::of(&layer, call, merged)? else { return call.run(&[]) };
        let parts = match &self.first {
            First::Flat if self.firsts.contains(&id) => weights.flat(&mut self.leaves)?,
            First::Box(black, white) if self.firsts.contains(&id) => weights.bounded(black, white, &mut self.leaves)?,
            _ => weights.parts(rule)?,
        };
        let output = call.run(&[])?;
        let made = output.first().and_then(Value::tensor).ok_or(EngineError::NoTensor)?.detach();
        if let Some(value) = self.merged.follows(id) {
            self.waiting.insert(value, parts);
            return Ok(replaced(output, made));
        }
        Ok(replaced(output, layer::shared(&made, parts)?))
    }
}

/// Results with another tensor for the first.
fn replaced(mut results: Vec<Value>, first: Tensor) -> Vec<Value> {
    if let Some(place) = results.first_mut() {
        *place = Value::Tensor(first);
    }
    results
}
