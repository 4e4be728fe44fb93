//! XGrad-CAM.

use super::combine::combined;
use super::{Map, MapInput};
use crate::engine::sum_kind;
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// pytorch-grad-cam's, against channels that sum to zero.
const EPSILON: f64 = 1e-7;

/// XGrad-CAM: `Σ_k w_k A_k` with `w_k = Σ g_k A_k / (Σ A_k + 1e-7)`, sums over space.
///
/// Fu et al., *Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs* (2020): the weights that come
/// closest to both of its axioms, sensitivity and conservation.
pub(in crate::methods) fn xgrad_cam(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| {
        let sums =
            activation.f_sum_dim_intlist([2, 3].as_slice(), true, sum_kind(&activation))?.f_add_scalar(EPSILON)?;
        let shares = gradient.f_mul(&activation)?.f_div(&sums)?;
        let weights = shares.f_sum_dim_intlist([2, 3].as_slice(), true, sum_kind(&shares))?;
        combined(&activation.f_mul(&weights)?, settings)
    })
}
