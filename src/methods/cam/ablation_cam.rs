//! Ablation-CAM.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::batches::{Given, targets};
use super::combine::combined;
use super::{Map, MapInput};
use crate::methods::registry::Settings;
use crate::methods::{MethodError, channels};
use crate::model::graph::ValueId;

/// Ablation-CAM: `Σ_k w_k A_k` with `w_k = (y − y_k) / |y|`, where `y_k` is the score with channel k set to zero.
///
/// Desai and Ramaswamy, *Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization* (2020).
/// The paper divides by y; the magnitude is the same for a positive score and keeps what speaks for the class
/// positive where the score is below zero. pytorch-grad-cam puts the least activation − 10⁷ in place of zero where a
/// layer has negative values, and takes 10⁷ more away for each further picture of the batch; the paper's zero stands here.
///
/// Only what lies behind the layer is run, and nothing for a channel that is zero already.
pub(in crate::methods) fn ablation_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let activation = input.activation()?;
    tch::no_grad(|| {
        let weights = weights(input)?;
        combined(&activation.f_mul(&weights.f_reshape([1, -1, 1, 1])?)?, settings)
    })
}

fn weights(input: &MapInput<'_>) -> Result<Tensor, MethodError> {
    let layer = input.layer_output()?;
    let layout = input.network.layout(input.place.tap.value);
    let dimension = channels::dimension(layer.dim(), layout) as i64;
    let channels = layer.size().get(dimension as usize).copied().unwrap_or(0);
    let magnitudes =
        layer.f_transpose(0, dimension)?.f_reshape([channels, -1])?.f_abs()?.f_amax([1].as_slice(), false)?;
    let alive = magnitudes.f_ne(0.0)?.f_nonzero()?.f_flatten(0, -1)?;
    let count = alive.size1()? as usize;
    let beside = input.beside()?;
    // The first run is of the layer as it is.
    let given = |range: Range<usize>| -> Result<Given, MethodError> {
        let size = range.len() as i64;
        let removed = Tensor::f_zeros([size, channels], (Kind::Bool, layer.device()))?;
        let first = range.start.max(1);
        let chosen = alive.f_narrow(0, first as i64 - 1, range.end.saturating_sub(first) as i64)?.f_unsqueeze(1)?;
        let mut rows = removed.f_narrow(0, (first - range.start) as i64, chosen.size()[0])?;
        let _ = rows.f_scatter_value_(1, &chosen, 1)?;
        let along: Vec<i64> = (0..layer.dim() as i64)
            .map(|at| {
                if at == 0 {
                    size
                } else if at == dimension {
                    channels
                } else {
                    1
                }
            })
            .collect();
        let ablated = layer.f_masked_fill(&removed.f_reshape(along.as_slice())?, 0.0)?;
        let mut given = beside.of(size)?;
        given.push((input.place.tap.value, ablated));
        Ok(given)
    };
    let from: Vec<ValueId> = beside.values().chain([input.place.tap.value]).collect();
    let scores = targets(input, count + 1, (&from, 4 * layer.numel() as u64), &given)?.f_to_kind(Kind::Float)?;
    let whole = scores.f_narrow(0, 0, 1)?;
    let drops = whole.f_sub(&scores.f_narrow(0, 1, count as i64)?)?;
    // Of a score of zero there is no share: the drops themselves make the same map.
    let size = whole.f_abs()?;
    let shares = drops.f_div(&size.f_masked_fill(&size.f_eq(0.0)?, 1.0)?)?;
    let nothing = Tensor::f_zeros([channels], (Kind::Float, layer.device()))?;
    Ok(nothing.f_index_copy(0, &alive, &shares)?)
}
