//! Grad-CAM, and the variant of *Deep Learning with Python*.

use tch::Tensor;

use super::combine::combined;
use super::{Map, MapInput, recording};
use crate::engine::sum_kind;
use crate::methods::MethodError;
use crate::methods::registry::Settings;
use crate::methods::target::{Measure, Target};

/// Grad-CAM: `Σ_k w_k A_k` with `w_k` the spatial mean of `∂y/∂A_k`.
///
/// Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization* (2017), equations 1
/// and 2. y is the score before softmax or sigmoid, A the layer's output. ReLU is left to whoever draws the map.
pub(in crate::methods) fn grad_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| combined(&weighted(&activation, &gradient)?, settings))
}

/// Grad-CAM as in Chollet, *Deep Learning with Python*, section 5.4: of the network's output after softmax, and the mean over channels
/// in place of the sum.
///
/// The book's network ends in softmax and the book takes the gradient of its output. A network that ends in scores gets its
/// softmax here, so that the map means the same, unless `of=score` asks for the scores themselves.
pub(in crate::methods) fn grad_cam_book(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let mut target = input.target.clone();
    if let (Target::Class { measure, .. }, "probability") = (&mut target, settings.word("of")) {
        *measure = Measure::Probability;
    }
    let (activation, gradient) = input.maps(&target)?;
    tch::no_grad(|| {
        let weighted = weighted(&activation, &gradient)?;
        recording::map(&weighted.f_mean_dim([1].as_slice(), false, sum_kind(&weighted))?)
    })
}

/// `mean(g_k) A_k`.
pub(in crate::methods) fn weighted(activation: &Tensor, gradient: &Tensor) -> Result<Tensor, MethodError> {
    let weights = gradient.f_mean_dim([2, 3].as_slice(), true, sum_kind(gradient))?;
    Ok(activation.f_mul(&weights)?)
}
