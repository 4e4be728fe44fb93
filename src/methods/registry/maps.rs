//! The methods that make class activation maps.

use super::{Method, Run};
use crate::methods::cam;

/// In the order in which they are listed.
pub(super) const MAPS: &[Method] = &[Method {
    name: "grad-cam",
    summary: "gradients averaged over space weigh the channels",
    formula: "Σ_k mean(g_k) A_k",
    source: "Selvaraju et al. 2017, equations 1 and 2",
    parameters: &[],
    run: Run::Map(cam::grad_cam),
}];
