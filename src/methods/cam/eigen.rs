//! Eigen-CAM and Eigen-Grad-CAM: what a layer's channels have in common.

use tch::{Kind, Tensor};

use super::{Map, MapInput, recording};
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// Eigen-CAM: the projection of each position's channels onto their first principal component. It knows no class.
///
/// Muhammad and Yeasin, *Eigen-CAM: Class Activation Map using Principal Components* (2020), with the channels' means
/// taken away first, as pytorch-grad-cam does; the sign is fixed, see [`projection`].
pub(in crate::methods) fn eigen_cam(input: &MapInput<'_>, _: &Settings) -> Result<Map, MethodError> {
    let activation = input.activation()?;
    tch::no_grad(|| recording::map(&projection(&activation, Sign::OfTheGreatest)?))
}

/// Eigen-Grad-CAM: the same of gradient × activation, so that it is of a class.
///
/// `EigenGradCAM` of pytorch-grad-cam, whose sign is chance; here what is positive speaks for the class, see [`Sign::OfTheSum`].
pub(in crate::methods) fn eigen_grad_cam(input: &MapInput<'_>, _: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| recording::map(&projection(&gradient.f_mul(&activation)?, Sign::OfTheSum)?))
}

/// A component's sign is arbitrary: libraries give the one or the other by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The greatest magnitude is positive (flipped if |min| > |max|): the rule of Chung and Ying, *Seg-Eigen-CAM* (2025), equation
    /// 13. For activations, which say nothing of for and against.
    OfTheGreatest,
    /// As the sum over the channels goes: for gradients × activations, whose sum is what speaks for the class at a position. By
    /// the other rule a strong object that speaks against the class would be lit as if it spoke for it.
    OfTheSum,
}

/// The first picture's positions, projected onto the first principal component of its channels: 1×H×W of N×C×H×W. NaN counts as 0.
pub(super) fn projection(maps: &Tensor, sign: Sign) -> Result<Tensor, MethodError> {
    let (_, _, height, width) = maps.size4()?;
    let positions = positions(maps)?;
    let (count, channels) = positions.size2()?;
    // σ u of the smaller of the two products: the same as positions × v.
    let projected = if count <= channels {
        let (value, vector) = first_component(&positions.f_mm(&positions.f_tr()?)?)?;
        vector.f_mul(&value.f_clamp_min(0.0)?.f_sqrt()?)?
    } else {
        let (_, vector) = first_component(&positions.f_tr()?.f_mm(&positions)?)?;
        positions.f_mv(&vector)?
    };
    let projected = match sign {
        Sign::OfTheGreatest => signed(&projected)?,
        Sign::OfTheSum => {
            let sums = positions.f_sum_dim_intlist(1, false, Kind::Double)?;
            let turned = projected.f_dot(&sums)?.f_lt(0.0)?;
            projected.f_neg()?.f_where_self(&turned, &projected)?
        }
    };
    Ok(projected.f_reshape([1, height, width])?)
}

/// The first picture's positions, each with its channels: HW×C in double precision, every channel's mean taken away.
pub(super) fn positions(maps: &Tensor) -> Result<Tensor, MethodError> {
    let (_, channels, _, _) = maps.size4()?;
    let rows = maps
        .f_select(0, 0)?
        .f_reshape([channels, -1])?
        .f_tr()?
        .f_to_kind(Kind::Double)?
        .f_nan_to_num(0.0, None, None)?;
    let means = rows.f_mean_dim([0].as_slice(), true, Kind::Double)?;
    Ok(rows.f_sub(&means)?)
}

/// The greatest eigenvalue of a symmetric matrix and its vector.
pub(super) fn first_component(symmetric: &Tensor) -> Result<(Tensor, Tensor), MethodError> {
    let (values, vectors) = symmetric.f_linalg_eigh("L")?;
    Ok((values.f_select(0, -1)?, vectors.f_select(1, -1)?))
}

/// With the greatest magnitude positive.
pub(super) fn signed(projected: &Tensor) -> Result<Tensor, MethodError> {
    let turned = projected.f_min()?.f_neg()?.f_gt_tensor(&projected.f_max()?)?;
    Ok(projected.f_neg()?.f_where_self(&turned, projected)?)
}
