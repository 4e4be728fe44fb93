//! Score-CAM.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::batches::{Given, targets};
use super::combine::combined;
use super::{Map, MapInput};
use crate::engine::channels_last;
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// Pictures at once: a processor is slower with more of them, whose activations no longer lie in its caches.
const BATCH: usize = 16;

/// Score-CAM: `Σ_k w_k A_k` with w the softmax over channels of `y(x · mask_k)`, where `mask_k` is `A_k` enlarged to the picture and scaled
/// to 0–1.
///
/// Wang et al., *Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks* (2020). The softmax takes
/// away whatever baseline the scores had, so none is run. Enlarged first (bilinear, corners aligned) and then scaled, with
/// 1e-8 against division by zero, as pytorch-grad-cam; torch-cam does the two the other way round. A channel of equal
/// values has an empty mask; pytorch-grad-cam's is rounding noise over 1e-8.
pub(in crate::methods) fn score_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let activation = input.activation()?;
    tch::no_grad(|| {
        let weights = weights(input, &activation)?;
        combined(&activation.f_mul(&weights.f_reshape([1, -1, 1, 1])?)?, settings)
    })
}

fn weights(input: &MapInput<'_>, activation: &Tensor) -> Result<Tensor, MethodError> {
    let picture = &input.forward.input;
    let source = input.network.source()?;
    let (_, channels, _, _) = activation.size4()?;
    let flat = activation.f_select(0, 0)?.f_flatten(1, -1)?;
    let alive = flat.f_amax([1].as_slice(), false)?.f_gt_tensor(&flat.f_amin([1].as_slice(), false)?)?;
    let indices = alive.f_nonzero()?.f_flatten(0, -1)?;
    let (count, empty) = (indices.size1()? as usize, indices.size1()? < channels);
    let maps = activation.f_index_select(1, &indices)?;
    // All channels of equal values have the same empty mask: one run more, behind the others.
    let given = |range: Range<usize>| -> Result<Given, MethodError> {
        let alive = range.start..range.end.min(count);
        let mut masked = Vec::new();
        if !alive.is_empty() {
            let maps = maps.f_narrow(1, alive.start as i64, alive.len() as i64)?;
            masked.push(picture.f_mul(&masks(&maps, picture)?)?);
        }
        if range.end > count {
            masked.push(picture.f_zeros_like()?);
        }
        Ok(vec![(source, channels_last(&Tensor::f_cat(&masked, 0)?)?)])
    };
    // The mask, what it is made of, and the masked picture.
    let beside = 16 * picture.numel() as u64;
    let found =
        targets(input, (count + usize::from(empty), BATCH), (&[source], beside), &given)?.f_to_kind(Kind::Float)?;
    let scores = if empty {
        let rest = found.f_narrow(0, count as i64, 1)?.f_expand([channels], false)?.f_contiguous()?;
        rest.f_index_copy(0, &indices, &found.f_narrow(0, 0, count as i64)?)?
    } else {
        found
    };
    Ok(scores.f_softmax(0, Kind::Float)?)
}

/// Masks of 0 to 1, K×1×H×W at the picture's size, of 1×K×h×w.
fn masks(maps: &Tensor, picture: &Tensor) -> Result<Tensor, MethodError> {
    let (_, _, height, width) = picture.size4()?;
    let large = maps.f_upsample_bilinear2d([height, width], true, None, None)?;
    let space = [2, 3];
    let (least, most) = (large.f_amin(space.as_slice(), true)?, large.f_amax(space.as_slice(), true)?);
    let scaled = large.f_sub(&least)?.f_div(&most.f_sub(&least)?.f_add_scalar(1e-8)?)?;
    Ok(scaled.f_transpose(0, 1)?)
}
