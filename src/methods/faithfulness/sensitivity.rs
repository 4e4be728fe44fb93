//! Sensitivity: how much the explanation changes when the picture hardly does.
//!
//! Yeh et al., *On the (In)fidelity and Sensitivity of Explanations* (2019), definition 3, as Captum's `sensitivity_max`: the greatest of
//! `‖φ(x + u) − φ(x)‖ / ‖φ(x)‖` over some u with every number uniform between −r and r, φ the method's own numbers (of a map: at the layer's
//! resolution, before ReLU and scaling). The target stays the same. r is in the network's input space.

use super::{FaithfulnessInput, Outcome, Stream};
use crate::engine::EngineError;
use crate::methods::job::Job;
use crate::methods::registry::Settings;
use crate::methods::{MethodError, noise};

/// The greatest relative change of the explanation.
pub(in crate::methods) fn sensitivity(
    input: &FaithfulnessInput<'_>,
    settings: &Settings,
) -> Result<Outcome, MethodError> {
    let (samples, radius) = (settings.whole("samples") as usize, settings.real("radius"));
    let given = input.given(samples)?;
    let (sizes, count) = (input.input.size(), input.input.numel());
    let before = &input.explanation.values;
    let norm = length(before.iter().map(|&value| f64::from(value)));
    // As Captum: what is zero changes by as much as comes up.
    let norm = if norm == 0.0 { 1.0 } else { norm };
    let mut greatest = 0.0_f64;
    for sample in 0..samples {
        if input.job.cancel.is_raised() {
            return Err(EngineError::Cancelled.into());
        }
        (input.job.progress)(sample, samples);
        let drawn = match &given {
            Some(given) => given[sample * count..(sample + 1) * count].to_vec(),
            None => {
                let unit = noise::uniform(input.job.seed, Stream::Sensitivity.number(sample), count);
                unit.into_iter().map(|number| 2.0 * number - 1.0).collect()
            }
        };
        let step = input.network.engine.tensor(&drawn, &sizes)?.f_mul_scalar(radius)?;
        let job = Job { progress: &|_, _| {}, ..input.job };
        let after = (input.explain)(input.network, &input.input.f_add(&step)?, job)?.values;
        let change = before.iter().zip(&after).map(|(before, after)| f64::from(*before) - f64::from(*after));
        greatest = greatest.max(length(change) / norm);
    }
    (input.job.progress)(samples, samples);
    Ok(Outcome::number("sensitivity", greatest))
}

fn length(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|number| number * number).sum::<f64>().sqrt()
}
