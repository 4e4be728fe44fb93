//! The gradient of the target with respect to the input, and that times the input.
//!
//! Simonyan, Vedaldi, Zisserman, *Deep Inside Convolutional Networks* (2013); Shrikumar et al., *Not Just a Black Box* (2016).

use super::batch::Runner;
use super::{Attribution, AttributionInput};
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// `∂y/∂x`, with its sign.
pub(in crate::methods) fn gradient(input: &AttributionInput<'_>, _: &Settings) -> Result<Attribution, MethodError> {
    Attribution::of(&Runner::new(input)?.gradients(input.input)?, None)
}

/// `x · ∂y/∂x`.
pub(in crate::methods) fn gradient_x_input(
    input: &AttributionInput<'_>,
    _: &Settings,
) -> Result<Attribution, MethodError> {
    let gradient = Runner::new(input)?.gradients(input.input)?;
    Attribution::of(&gradient.f_mul(input.input)?, None)
}
