//! FullGrad.

use tch::{Kind, Tensor};

use super::{Map, MapInput, recording};
use crate::engine::Engine;
use crate::methods::registry::Settings;
use crate::methods::{MethodError, node};
use crate::model::graph::{Node, Tap, ValueId};

/// What a normalisation adds to its variance where its node does not say.
const BATCH_NORM_EPSILON: f64 = 1e-5;

/// FullGrad: `ψ(x · ∂y/∂x) + Σ ψ(b · ∂y/∂z)` over all convolutions and batch norms that have a bias b, z their output; ψ scales the
/// magnitude of each channel to 0–1 and enlarges it to the picture. The map has the picture's size, whatever the layer.
///
/// Srinivas and Fleuret, *Full-Gradient Representation for Neural Network Visualization* (2019), with the biases of batch norms as
/// there, `β − μ γ / √(σ² + ε)`. Scaling by channel is the paper's and pytorch-grad-cam's; the authors' own program scales layer by layer.
pub(in crate::methods) fn full_grad(input: &MapInput<'_>, _: &Settings) -> Result<Map, MethodError> {
    let network = input.network;
    let tap = input.target.tap(network)?;
    let source = network.source()?;
    let from_picture = network.dependents(source);
    let biases: Vec<(ValueId, Tensor)> = tch::no_grad(|| {
        let nodes = network.engine.graph().nodes.iter();
        nodes.filter_map(|node| bias(&network.engine, node).transpose()).collect::<Result<_, MethodError>>()
    })?;
    let matters = |value: &ValueId| from_picture.contains(value) && network.dependents(*value).contains(&tap.value);
    let biases: Vec<(ValueId, Tensor)> = biases.into_iter().filter(|(value, _)| matters(value)).collect();
    let taps: Vec<Tap> = biases.iter().map(|(value, _)| (*value).into()).chain([tap]).collect();
    let picture = &input.forward.input;
    // Fails where the picture does not fit. Every gradient is there at once, beside what the run has recorded.
    let shapes = input.forward.shapes();
    let made = std::iter::once(source).chain(biases.iter().map(|(value, _)| *value));
    let gradients = made.map(|value| network.engine.value_bytes(value, shapes)).sum();
    network.batch_beside(gradients, network.cost(&[source], &taps, &[source.into()], shapes))?;
    let given = [(source, picture.shallow_clone())];
    let run = network.engine.run_recorded(&given, &taps, &[source.into()], input.job.cancel)?;
    let target =
        tch::with_grad(|| Ok::<_, MethodError>(input.target.of(network, run.get(tap.value)?)?.f_sum(Kind::Float)?))?;
    if !target.requires_grad() {
        return Err(MethodError::NoGradient(input.place.name.clone()));
    }
    let places: Vec<&Tensor> = std::iter::once(source)
        .chain(biases.iter().map(|(value, _)| *value))
        .map(|value| run.get(value))
        .collect::<Result<_, _>>()?;
    let gradients = network.engine.gradients(&target, &places, false)?;
    drop((target, run));
    tch::no_grad(|| {
        let factors = std::iter::once(picture).chain(biases.iter().map(|(_, bias)| bias));
        let (_, _, height, width) = picture.size4()?;
        let mut sum = Tensor::f_zeros([1, 1, height, width], (Kind::Float, picture.device()))?;
        for (gradient, factor) in gradients.into_iter().zip(factors) {
            let part = scaled(&gradient.f_mul(factor)?.f_abs()?)?.f_sum_dim_intlist(1, true, Kind::Float)?;
            sum = sum.f_add(&part.f_upsample_bilinear2d([height, width], false, None, None)?)?;
        }
        recording::map(&sum.f_squeeze_dim(1)?)
    })
}

/// Each channel from 0 to 1.
fn scaled(maps: &Tensor) -> Result<Tensor, MethodError> {
    let space = [2, 3];
    let moved = maps.f_sub(&maps.f_amin(space.as_slice(), true)?)?;
    Ok(moved.f_div(&moved.f_amax(space.as_slice(), true)?.f_add_scalar(1e-7)?)?)
}

/// What a convolution or batch norm gives, and the bias that it adds, 1×C×1×1.
fn bias(engine: &Engine, node: &Node) -> Result<Option<(ValueId, Tensor)>, MethodError> {
    let weight = |name: &str| node::value(node, name).and_then(|value| engine.weight(value));
    let name = node::operator(node);
    let (Some(bias), Some(output)) = (weight("bias"), node.makes().next()) else { return Ok(None) };
    let bias = match name {
        "conv2d" | "convolution" | "_convolution" => bias.shallow_clone(),
        "batch_norm" | "_native_batch_norm_legit_no_training" | "native_batch_norm" => {
            let (Some(scale), Some(mean), Some(variance)) =
                (weight("weight"), weight("running_mean"), weight("running_var"))
            else {
                return Ok(None);
            };
            let epsilon = node::float(node, "eps").unwrap_or(BATCH_NORM_EPSILON);
            let moved = mean.f_mul(scale)?.f_div(&variance.f_add_scalar(epsilon)?.f_sqrt()?)?;
            bias.f_sub(&moved)?
        }
        _ => return Ok(None),
    };
    Ok(Some((output, bias.f_reshape([1, -1, 1, 1])?)))
}
