//! Grad-CAM.
//!
//! Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization* (2017), equations 1
//! and 2: the weight `w_k` of channel k is the spatial mean of `∂y/∂A_k`, the map is `Σ_k w_k A_k`; y is the score before softmax or
//! sigmoid, A the layer's output. ReLU is left to whoever draws the map.

use tch::Kind;

use super::{Map, MapInput, recording};
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// `Σ_k w_k A_k`.
pub(in crate::methods) fn grad_cam(input: &MapInput<'_>, _: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.recording()?.maps(input.network, input.target)?;
    tch::no_grad(|| {
        let weights = gradient.f_mean_dim([2, 3].as_slice(), true, Kind::Float)?;
        recording::map(&activation.f_mul(&weights)?.f_sum_dim_intlist(1, false, Kind::Float)?)
    })
}
