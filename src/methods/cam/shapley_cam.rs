//! Shapley-CAM.

use super::combine::combined;
use super::{Map, MapInput};
use crate::engine::sum_kind;
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// Shapley-CAM: `Σ_k w_k A_k` with `w_k` the spatial mean of `g − ½ H·A`, H the Hessian of y at A.
///
/// Cai, *CAMs as Shapley Value-based Explainers* (2025): the Shapley value of a channel in the score's expansion to second
/// order. Where the score is linear in the layer, as behind a ReLU network's last block, it is Grad-CAM.
pub(in crate::methods) fn shapley_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let recording = input.recording()?;
    let (gradient, curvature) = recording.curvature(input.network, input.target)?;
    let network = input.network;
    let activation = recording.spatial(network, &recording.activation().detach())?;
    let gradient = recording.slope_on_grid(network, &gradient)?;
    tch::no_grad(|| {
        let slope = match curvature {
            Some(curvature) => gradient.f_sub(&recording.spatial(network, &curvature)?.f_mul_scalar(0.5)?)?,
            None => gradient,
        };
        let weights = slope.f_mean_dim([2, 3].as_slice(), true, sum_kind(&slope))?;
        combined(&activation.f_mul(&weights)?, settings)
    })
}
