//! Attention rollout: through which patches the information came, if attention were all there is.
//!
//! Abnar and Zuidema, *Quantifying Attention Flow in Transformers* (2020): of each block ½·A + ½·I, with A the mean over its heads
//! and rows that sum to one, multiplied from the first block to the last; what it says of the class token, or the mean over all
//! tokens where there is none. The maximum or minimum over heads and the share of the smallest weights that is set to nothing
//! are those of the widely used `vit-explain`, which differs in the sum that it divides by: it takes that of another row
//! (`a / a.sum(dim=-1)` divides columns), and the rows do not sum to one there. The target plays no part.

use tch::{Kind, Tensor};

use super::Attention;
use super::weights::written_out;
use crate::methods::MethodError;
use crate::methods::cam::{Map, MapInput};
use crate::methods::registry::Settings;

/// The map of the last blocks that are asked for, on the grid of the patches.
///
/// # Errors
/// When the network has no attention over the whole picture, or the run was stopped.
pub(in crate::methods) fn rollout(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (network, forward, job) = (input.network, input.forward, input.job);
    let attention = Attention::of(network, forward, "attention-rollout")?;
    let nodes = attention.last(settings.whole("blocks"));
    let (heads, discarded) = (settings.word("heads"), settings.real("discard"));
    let mut flow: Option<Tensor> = None;
    for (done, &node) in nodes.iter().enumerate() {
        (job.progress)(done, nodes.len());
        let (_, weights) = written_out(network, forward, node, &[], false, job.cancel)?;
        let weights = weights.f_reshape([-1, attention.tokens, attention.tokens])?.f_to_kind(Kind::Float)?;
        let fused = match heads {
            "max" => weights.f_amax([0].as_slice(), false)?,
            "min" => weights.f_amin([0].as_slice(), false)?,
            _ => weights.f_mean_dim([0].as_slice(), false, Kind::Float)?,
        };
        let kept = without_smallest(&fused, discarded, attention.grid.extra > 0)?;
        let mixed = kept.f_add(&Tensor::f_eye(attention.tokens, (Kind::Float, kept.device()))?)?;
        let mixed = mixed.f_div(&mixed.f_sum_dim_intlist(1, true, Kind::Float)?)?;
        flow = Some(match flow {
            Some(before) => mixed.f_matmul(&before)?,
            None => mixed,
        });
    }
    (job.progress)(nodes.len(), nodes.len());
    let flow = flow.ok_or_else(|| MethodError::NoGradient(input.place.name.clone()))?;
    let row = if attention.grid.extra > 0 {
        flow.f_select(0, 0)?
    } else {
        flow.f_mean_dim([0].as_slice(), false, Kind::Float)?
    };
    attention.map(&row)
}

/// The matrix with a share of its smallest weights set to nothing. What the class token gives to itself stays.
fn without_smallest(weights: &Tensor, share: f64, class_token: bool) -> Result<Tensor, MethodError> {
    let count = (weights.numel() as f64 * share) as i64;
    if count == 0 {
        return Ok(weights.shallow_clone());
    }
    let flat = weights.f_flatten(0, -1)?;
    let (_, smallest) = flat.f_topk(count, 0, false, false)?;
    let cleared = flat.f_index_fill(0, &smallest, 0.0)?;
    if class_token {
        cleared.f_narrow(0, 0, 1)?.f_copy_(&flat.f_narrow(0, 0, 1)?)?;
    }
    Ok(cleared.f_reshape(weights.size())?)
}
