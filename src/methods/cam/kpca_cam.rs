//! KPCA-CAM.

use tch::Tensor;

use super::eigen::{first_component, positions, signed};
use super::{Map, MapInput, recording};
use crate::methods::MethodError;
use crate::methods::registry::{Parameter, Range, Settings};

/// Similarity of two positions.
pub(in crate::methods) const KERNEL: Parameter = Parameter {
    name: "kernel",
    meaning: "similarity of two positions: tanh(γ ⟨x, y⟩ + 1), or exp(−γ |x − y|²)",
    range: Range::Choice(&["sigmoid", "rbf"]),
};

/// Its γ.
pub(in crate::methods) const GAMMA: Parameter = Parameter {
    name: "gamma",
    meaning: "γ of the kernel; 0 for one over the number of channels",
    range: Range::Real { default: 0.0, least: 0.0, most: 1e6 },
};

/// Positions whose similarities are a matrix of 128 MB.
const MOST_POSITIONS: i64 = 4096;

/// KPCA-CAM: Eigen-CAM with kernel principal components: positions whose channels are alike in a curved space. It knows no class.
///
/// Karmani et al., *KPCA-CAM: Visual Explainability of Deep Computer Vision Models using Kernel PCA* (2024), with the
/// kernel, γ and sign of pytorch-grad-cam, which leaves the work to scikit-learn's `KernelPCA`.
pub(in crate::methods) fn kpca_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let activation = input.activation()?;
    let (_, channels, height, width) = activation.size4()?;
    if height * width > MOST_POSITIONS {
        let (layer, most) = (input.place.name.clone(), MOST_POSITIONS);
        return Err(MethodError::TooManyPositions { layer, positions: height * width, most });
    }
    let gamma = match settings.real(GAMMA.name) {
        0.0 => 1.0 / channels as f64,
        gamma => gamma,
    };
    tch::no_grad(|| {
        let positions = positions(&activation)?;
        let products = positions.f_mm(&positions.f_tr()?)?;
        let kernel = if settings.word(KERNEL.name) == "rbf" {
            let squares = products.f_diagonal(0, 0, 1)?;
            let apart = squares.f_unsqueeze(0)?.f_add(&squares.f_unsqueeze(1)?)?.f_sub(&products.f_mul_scalar(2.0)?)?;
            apart.f_mul_scalar(-gamma)?.f_exp()?
        } else {
            products.f_mul_scalar(gamma)?.f_add_scalar(1.0)?.f_tanh()?
        };
        let (value, vector) = first_component(&centred(&kernel)?)?;
        let projected = vector.f_mul(&value.f_clamp_min(0.0)?.f_sqrt()?)?;
        recording::map(&signed(&projected)?.f_reshape([1, height, width])?)
    })
}

/// A kernel matrix about the mean of the space that it stands for.
fn centred(kernel: &Tensor) -> Result<Tensor, MethodError> {
    let kind = kernel.kind();
    let rows = kernel.f_mean_dim([1].as_slice(), true, kind)?;
    let columns = kernel.f_mean_dim([0].as_slice(), true, kind)?;
    Ok(kernel.f_sub(&rows)?.f_sub(&columns)?.f_add(&kernel.f_mean(kind)?)?)
}
