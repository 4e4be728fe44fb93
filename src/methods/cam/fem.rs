//! FEM.

use super::{Map, MapInput, recording};
use crate::engine::sum_kind;
use crate::methods::MethodError;
use crate::methods::registry::{Parameter, Range, Settings};

/// What counts as rare.
pub(in crate::methods) const SIGMAS: Parameter = Parameter {
    name: "sigmas",
    meaning: "standard deviations above a channel's mean that make a value rare",
    range: Range::Real { default: 2.0, least: 0.0, most: 100.0 },
};

/// FEM, the feature explanation method: `Σ_k w_k A_k` with `w_k` the share of channel k's positions above its mean + 2σ. It knows no class.
///
/// Fuad et al., *Features Understanding in 3D CNNs for Actions Recognition in Video* (2020), its k-sigma rule; σ is of the population.
pub(in crate::methods) fn fem(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let activation = input.activation()?;
    tch::no_grad(|| {
        let (space, kind) = ([2, 3], sum_kind(&activation));
        let mean = activation.f_mean_dim(space.as_slice(), true, kind)?;
        let std = activation.f_std_dim(space.as_slice(), false, true)?;
        let rare = activation.f_gt_tensor(&mean.f_add(&std.f_mul_scalar(settings.real(SIGMAS.name))?)?)?;
        let weights = rare.f_to_kind(kind)?.f_mean_dim(space.as_slice(), true, kind)?;
        recording::map(&activation.f_mul(&weights)?.f_sum_dim_intlist(1, false, kind)?)
    })
}
