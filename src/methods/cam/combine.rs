//! From weighted channels to one map.

use tch::Tensor;

use super::{Map, eigen, recording};
use crate::engine::sum_kind;
use crate::methods::MethodError;
use crate::methods::registry::{Parameter, Range, Settings};

/// Whether the weighted channels are summed, or projected onto what they have in common.
pub(in crate::methods) const EIGEN_SMOOTH: Parameter = Parameter {
    name: "eigen-smooth",
    meaning: "the first principal component of the weighted channels in place of their sum: less noise",
    range: Range::Choice(&["no", "yes"]),
};

/// The sum of weighted channels, N×C×H×W, or with `eigen-smooth=yes` their first principal component, as pytorch-grad-cam's
/// `eigen_smooth` does but for the sign, which is chance there and here that of the sum.
pub(super) fn combined(weighted: &Tensor, settings: &Settings) -> Result<Map, MethodError> {
    if settings.word(EIGEN_SMOOTH.name) == "yes" {
        return recording::map(&eigen::projection(weighted, eigen::Sign::OfTheSum)?);
    }
    recording::map(&weighted.f_sum_dim_intlist(1, false, sum_kind(weighted))?)
}
