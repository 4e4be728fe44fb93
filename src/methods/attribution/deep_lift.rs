//! DeepLIFT with the rescale rule.
//!
//! Shrikumar, Greenside, Kundaje, *Learning Important Features Through Propagating Activation Differences* (2017), section 3.5.1, in
//! the form of Ancona et al., *Towards better understanding of gradient-based attribution methods* (2018): backpropagation in
//! which a pointwise function's derivative is replaced by `Δout ÷ Δin`, its difference from the baseline; where the input hardly
//! differs, the derivative stays. The numbers are `(x − b)` times what arrives; their sum less what the target gains over the
//! baseline is the convergence delta, which is nothing but rounding where the network is made of linear layers, pointwise
//! functions and max pooling. Of a probability (`--of probability`) the last function's plain derivative is taken: the rule is for
//! what stands in the graph, such as a layer's channel.
//!
//! As Captum's `DeepLift`, but for:
//! - every pointwise function is rescaled (GELU, SiLU, ReLU6 and clamps as well), modules or not, used once or often;
//! - where windows of max pooling overlap, a position that wins several gets the sum. Captum's `max_unpool2d` keeps one of
//!   them, and its numbers do not add up;
//! - the softmax rule (the mean over the classes is taken away) is used for a softmax over N×classes. That of an attention keeps its
//!   derivative, as does everything else that multiplies values with values.

use std::collections::HashMap;

use tch::Tensor;

use super::baseline::baseline;
use super::batch::Runner;
use super::integrated::gain;
use super::{Attribution, AttributionInput};
use crate::aten::Value;
use crate::engine::{EngineError, NodeCall, Substitute, sum_kind};
use crate::methods::registry::Settings;
use crate::methods::{MethodError, node};
use crate::model::graph::{Node, NodeId};

/// Input differences below this are none: Captum's.
const LEAST: f64 = 1e-10;

/// What is kept, in recorded runs and in copies of the kernels: of each function what it reads and makes of the baseline, their
/// differences, and which of them are none. Measured on VGG16 at 224 and 512 pixels.
const RUNS: f64 = 3.5;
const KERNELS: f64 = 2.5;

/// DeepLIFT.
pub(in crate::methods) fn deep_lift(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    let runner = Runner::new(input)?;
    runner.must_fit(RUNS, KERNELS)?;
    let engine = &input.network.engine;
    let start = baseline(input, settings.word("baseline"))?;
    // One after the other, because many graphs take one picture only.
    let mut references = References::default();
    let given = [(runner.source(), start.shallow_clone())];
    engine.run_substituted(&given, &[runner.tap()], &[], &mut references, input.job.cancel)?;
    let mut rescaled = Rescaled(references);
    let given = [(runner.source(), input.input.shallow_clone())];
    let at = [runner.source().into()];
    let run = engine.run_substituted(&given, &[runner.tap()], &at, &mut rescaled, input.job.cancel)?;
    let multipliers = runner.gradient_of(&run, input.input)?;
    drop(run);
    let mut made = Attribution::of(&multipliers.f_mul(&input.input.f_sub(&start)?)?, None)?;
    made.convergence_delta = Some(made.sum() - gain(&runner, input.input, &start)?);
    Ok(made)
}

/// What a node's difference from the baseline does to a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    Pointwise,
    MaxPool,
    Softmax,
}

fn rule_of(node: &Node) -> Option<Rule> {
    match node::operator(node) {
        "max_pool2d" | "max_pool2d_with_indices" => Some(Rule::MaxPool),
        "softmax" | "_softmax" => Some(Rule::Softmax),
        operator if node::POINTWISE.contains(&operator) => Some(Rule::Pointwise),
        _ => None,
    }
}

/// Input and output of every node with a rule, in the run on the baseline.
#[derive(Default)]
struct References(HashMap<NodeId, (Tensor, Tensor)>);

impl Substitute for References {
    fn takes(&self, _: NodeId, node: &Node) -> bool {
        rule_of(node).is_some()
    }

    fn call(&mut self, id: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        let input = call.tensor("self").map(|input| input.detach().copy());
        let made = call.run(&[])?;
        if let (Some(input), Some(output)) = (input, made.first().and_then(Value::tensor)) {
            // Copies, because this or a later node may write to either.
            self.0.insert(id, (input, output.detach().copy()));
        }
        Ok(made)
    }
}

/// The run on the picture, whose gradients are multipliers.
struct Rescaled(References);

impl Substitute for Rescaled {
    fn takes(&self, id: NodeId, node: &Node) -> bool {
        self.0.takes(id, node)
    }

    fn call(&mut self, id: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        let rule = rule_of(call.node());
        let (Some(rule), Some(input), Some((input_there, output_there))) =
            (rule, call.tensor("self"), self.0.0.remove(&id))
        else {
            return call.run(&[]);
        };
        // Half precision has no number as small as the least.
        let wide = input.f_to_kind(sum_kind(&input))?;
        let difference = wide.detach().f_sub(&input_there)?;
        let same = difference.f_abs()?.f_lt(LEAST)?;
        let step = Step {
            plain: call.run(&[("self", &input)])?,
            // Zero, with the gradient of the input.
            moved: wide.f_sub(&wide.detach())?,
            // A division by nothing would be a NaN on the way back, even where it is not asked for.
            difference: difference.f_masked_fill(&same, 1.0)?,
            same,
            input,
        };
        match rule {
            Rule::Pointwise => step.pointwise(&output_there),
            Rule::Softmax if step.input.dim() == 2 => step.softmax(&output_there),
            Rule::Softmax => Ok(step.plain),
            Rule::MaxPool => step.max_pool(call.node(), &input_there, &output_there),
        }
    }
}

/// A node on the picture.
struct Step {
    input: Tensor,
    plain: Vec<Value>,
    moved: Tensor,
    /// Δin, and 1 where it is none.
    difference: Tensor,
    same: Tensor,
}

impl Step {
    fn output(&self) -> Result<&Tensor, EngineError> {
        self.plain.first().and_then(Value::tensor).ok_or(EngineError::NoTensor)
    }

    /// Δout ÷ Δin; Δout where Δin is none.
    fn multipliers(&self, output_there: &Tensor) -> Result<Tensor, EngineError> {
        let output = self.output()?.detach();
        Ok(output.f_to_kind(self.difference.kind())?.f_sub(output_there)?.f_div(&self.difference)?)
    }

    /// In the precision of the node's own output.
    fn as_made(&self, made: &Tensor) -> Result<Vec<Value>, EngineError> {
        let mut results: Vec<Value> = self.plain.iter().map(Value::shallow_clone).collect();
        let kind = self.output()?.kind();
        if let Some(first) = results.first_mut() {
            *first = Value::Tensor(made.f_to_kind(kind)?);
        }
        Ok(results)
    }

    fn pointwise(self, output_there: &Tensor) -> Result<Vec<Value>, EngineError> {
        let output = self.output()?;
        let rescaled = self.multipliers(output_there)?.f_masked_fill(&self.same, 0.0)?.f_mul(&self.moved)?;
        let made = output.f_where_self(&self.same, &rescaled.f_add(&output.detach())?)?;
        self.as_made(&made)
    }

    fn softmax(self, output_there: &Tensor) -> Result<Vec<Value>, EngineError> {
        let output = self.output()?.detach();
        let moved = self.moved.f_sub(&self.moved.f_mean(self.moved.kind())?)?;
        let rescaled = self.multipliers(output_there)?.f_masked_fill(&self.same, 0.0)?.f_mul(&moved)?;
        let plainly = self.input.detach().f_add(&moved.f_mul(&self.same)?)?.f_softmax(1, moved.kind())?;
        let made = rescaled.f_add(&plainly.f_sub(&plainly.detach())?)?.f_add(&output)?;
        self.as_made(&made)
    }

    /// Where the picture's or the baseline's maximum lies gets what the maximum gained there.
    fn max_pool(self, node: &Node, input_there: &Tensor, output_there: &Tensor) -> Result<Vec<Value>, EngineError> {
        let Some(window) = Window::of(node) else { return Ok(self.plain) };
        let (output, here) = window.pool(&self.input.detach())?;
        let (_, there) = window.pool(input_there)?;
        let larger = output.f_maximum(output_there)?;
        let moved = self.moved.f_div(&self.difference)?.f_masked_fill(&self.same, 0.0)?;
        let gained = at(&moved, &here)?.f_mul(&larger.f_sub(output_there)?)?;
        let lost = at(&moved, &there)?.f_mul(&output.f_sub(&larger)?)?;
        let plainly = at(&self.moved.f_mul(&self.same)?, &here)?;
        self.as_made(&output.f_add(&gained)?.f_add(&lost)?.f_add(&plainly)?)
    }
}

/// The values at positions of each plane: N×C×H×W and N×C×h×w to N×C×h×w.
fn at(values: &Tensor, positions: &Tensor) -> Result<Tensor, EngineError> {
    let gathered = values.f_flatten(2, -1)?.f_gather(2, &positions.f_flatten(2, -1)?, false)?;
    Ok(gathered.f_reshape(positions.size())?)
}

/// The numbers of a max pooling.
struct Window {
    kernel: Vec<i64>,
    stride: Vec<i64>,
    padding: Vec<i64>,
    dilation: Vec<i64>,
    ceil: bool,
}

impl Window {
    /// `None` where a number depends on the run.
    fn of(node: &Node) -> Option<Self> {
        use crate::model::graph::Argument;
        let given = |parameter: &str, usual: &[i64]| match node::argument(node, parameter) {
            None => Some(usual.to_vec()),
            Some(Argument::List(items)) if items.is_empty() => Some(usual.to_vec()),
            Some(_) => node::ints(node, parameter),
        };
        let kernel = given("kernel_size", &[])?;
        Some(Self {
            stride: given("stride", &kernel)?,
            padding: given("padding", &[0])?,
            dilation: given("dilation", &[1])?,
            ceil: matches!(node::argument(node, "ceil_mode"), Some(Argument::Bool(true))),
            kernel,
        })
    }

    /// The maxima and their positions in each plane.
    fn pool(&self, input: &Tensor) -> Result<(Tensor, Tensor), EngineError> {
        let Self { kernel, stride, padding, dilation, ceil } = self;
        Ok(input.f_max_pool2d_with_indices(kernel, stride, padding, dilation, *ceil)?)
    }
}
