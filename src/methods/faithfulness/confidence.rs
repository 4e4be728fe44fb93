//! Average drop and average increase: what the network says of the picture seen through the map.
//!
//! Chattopadhyay et al., *Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks* (2018), section 4.1.
//! The picture is multiplied by the map of 0 to 1 as it is fed to the network, after normalisation, as pytorch-grad-cam and torch-cam
//! do. The drop is relative as in the paper and in torch-cam; pytorch-grad-cam leaves out the division (`form=absolute`).
//! Both are averages over many pictures: of one picture the increase is 0 or 1.

use tch::Tensor;

use super::{FaithfulnessInput, Number, Outcome};
use crate::methods::MethodError;
use crate::methods::registry::{Parameter, Range, Settings};

/// Whether a drop is a share.
pub(in crate::methods) const FORM: Parameter = Parameter {
    name: "form",
    meaning: "the drop as a share of what the network said before, as in the paper, or as it is",
    range: Range::Choice(&["relative", "absolute"]),
};

/// torch-cam's, against division by zero.
const EPSILON: f64 = 1e-7;

/// How much less the network says of the picture seen through the map; 0 where it says more.
pub(in crate::methods) fn average_drop(
    input: &FaithfulnessInput<'_>,
    settings: &Settings,
) -> Result<Outcome, MethodError> {
    let (whole, masked) = seen(input, settings)?;
    let drop = (whole - masked).max(0.0);
    let drop = if settings.word("form") == "relative" { drop / (whole + EPSILON) } else { drop };
    Ok(found("drop", drop, whole, masked))
}

/// Whether the network says more of the picture seen through the map: 0 or 1.
pub(in crate::methods) fn average_increase(
    input: &FaithfulnessInput<'_>,
    settings: &Settings,
) -> Result<Outcome, MethodError> {
    let (whole, masked) = seen(input, settings)?;
    Ok(found("increase", f64::from(u8::from(masked > whole)), whole, masked))
}

fn found(name: &str, value: f64, whole: f64, masked: f64) -> Outcome {
    let mut outcome = Outcome::number(name, value);
    outcome.numbers.extend([Number::new("whole", Some(whole)), Number::new("through the map", Some(masked))]);
    outcome
}

/// What the network says of the whole picture and of the picture seen through the map.
fn seen(input: &FaithfulnessInput<'_>, settings: &Settings) -> Result<(f64, f64), MethodError> {
    let mask = input.explanation.mask()?.f_to_device(input.network.engine.device())?;
    let pictures = Tensor::f_cat(&[input.input, &input.input.f_mul(&mask)?], 0)?;
    let scores = input.scores(&input.measured(settings), 2, &|range| {
        Ok(pictures.f_narrow(0, range.start as i64, range.len() as i64)?)
    })?;
    Ok((scores[0], scores[1]))
}
