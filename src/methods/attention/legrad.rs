//! `LeGrad`: how the attention of every block would have to change for the target to grow.
//!
//! Bousselham et al., *`LeGrad`: An Explainability Method for Vision Transformers via Feature Formation Sensitivity* (2024). For each
//! block l the target `s_l` is that of the network's own head on the mean of the tokens that the block gives; its gradient with
//! respect to the block's attention weights goes through ReLU, is averaged over heads and queries, and then over blocks. The mean
//! of all tokens, the class token among them, is what the authors' program and torch-cam (0.5) take, whose maps these are before
//! normalisation. The weights themselves are not multiplied in.

use tch::{Kind, Tensor};

use super::weights::written_out;
use super::{Attention, layer_of};
use crate::engine::{EngineError, sum_kind};
use crate::methods::cam::{Map, MapInput};
use crate::methods::registry::Settings;
use crate::methods::{Forward, MethodError, Network};
use crate::model::graph::{NodeId, Tap};
use crate::model::{Layer, LayerKind};

/// The map of the last blocks that are asked for, on the grid of the patches.
///
/// # Errors
/// When the network has no attention over the whole picture, its blocks are no modules, the target does not depend on them, or the
/// run was stopped.
pub(in crate::methods) fn legrad(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (network, forward, job) = (input.network, input.forward, input.job);
    let attention = Attention::of(network, forward, "legrad")?;
    let nodes = attention.last(settings.whole("blocks"));
    let missing = || MethodError::Engine(EngineError::NoTensor);
    let (head, _) = block_of(network, forward, &attention, *attention.nodes.last().ok_or_else(missing)?)?;
    let target = input.target.tap(network)?;
    let mut total: Option<Tensor> = None;
    for (done, &node) in nodes.iter().enumerate() {
        (job.progress)(done, nodes.len());
        let (block, path) = block_of(network, forward, &attention, node)?;
        let (run, weights) = written_out(network, forward, node, &[block], true, job.cancel)?;
        let tokens = run.get(block.value)?;
        let mean = tch::with_grad(|| {
            let mean = tokens.f_mean_dim([1].as_slice(), true, sum_kind(tokens))?.f_to_kind(tokens.kind())?;
            mean.f_expand(tokens.size(), false)
        })?;
        let tapped = after_blocks(input, head, mean, target)?;
        if !tapped.requires_grad() {
            return Err(MethodError::NoGradient(path.to_owned()));
        }
        let score = tch::with_grad(|| Ok::<_, MethodError>(input.target.of(network, &tapped)?.f_sum(Kind::Float)?))?;
        let gradient = network.engine.gradients(&score, &[&weights], false)?.pop().ok_or_else(missing)?;
        let positive = gradient.f_relu()?.f_reshape([-1, attention.tokens])?;
        let of_keys = positive.f_mean_dim([0].as_slice(), false, Kind::Float)?;
        total = Some(match total {
            Some(before) => before.f_add(&of_keys)?,
            None => of_keys,
        });
    }
    (job.progress)(nodes.len(), nodes.len());
    let total = total.ok_or_else(missing)?;
    attention.map(&total.f_div_scalar(nodes.len() as f64)?)
}

/// What the network makes of tokens put in place of those that its last block gave.
fn after_blocks(input: &MapInput<'_>, head: Tap, tokens: Tensor, target: Tap) -> Result<Tensor, MethodError> {
    let mut given = input.forward.beside(input.network, head.value)?;
    given.retain(|(value, _)| *value != head.value);
    given.push((head.value, tokens));
    let run = input.network.engine.run_recorded(&given, &[target], &[], input.job.cancel)?;
    Ok(run.get(target.value)?.shallow_clone())
}

/// What the outermost module around an attention gives that has no other and gives the tokens, and the module's path.
fn block_of<'a>(
    network: &'a Network,
    forward: &Forward,
    attention: &Attention,
    node: NodeId,
) -> Result<(Tap, &'a str), MethodError> {
    let has = |layer: &Layer, node: &NodeId| layer.nodes.binary_search(node).is_ok();
    let tokens = |tap: &Tap| match forward.shapes().get(&tap.value).map(Vec::as_slice) {
        Some(&[_, tokens, _]) => tokens == attention.tokens,
        _ => false,
    };
    let blocks = network.layers.layers.iter().filter(|layer| {
        let alone = || attention.nodes.iter().filter(|&other| has(layer, other)).count() == 1;
        layer.kind == LayerKind::Module && has(layer, &node) && alone() && layer.tap().is_some_and(|tap| tokens(&tap))
    });
    let outermost = blocks.min_by_key(|layer| layer.depth);
    outermost.and_then(|layer| Some((layer.tap()?, layer.path.as_str()))).ok_or_else(|| {
        let node = network.engine.graph().nodes.get(node.0);
        MethodError::NoBlock(node.map_or_else(String::new, layer_of))
    })
}
