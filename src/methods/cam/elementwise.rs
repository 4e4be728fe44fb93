//! Methods whose gradients weigh every position by itself: HiRes-CAM, element-wise Grad-CAM, LayerCAM.

use super::combine::combined;
use super::{Map, MapInput};
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// HiRes-CAM: `Σ_k g_k A_k`.
///
/// Draelos and Carin, *Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks* (2020): the map before its ReLU.
pub(in crate::methods) fn hires_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| combined(&gradient.f_mul(&activation)?, settings))
}

/// Element-wise Grad-CAM: `Σ_k relu(g_k A_k)`.
///
/// `GradCAMElementWise` of pytorch-grad-cam, where it comes from.
pub(in crate::methods) fn element_wise(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| combined(&gradient.f_mul(&activation)?.f_relu()?, settings))
}

/// LayerCAM: `Σ_k relu(g_k) A_k`.
///
/// Jiang et al., *LayerCAM: Exploring Hierarchical Class Activation Maps for Localization* (2021): w = relu(g) for each position, `Σ_k w_k A_k`.
pub(in crate::methods) fn layer_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| combined(&gradient.f_relu()?.f_mul(&activation)?, settings))
}
