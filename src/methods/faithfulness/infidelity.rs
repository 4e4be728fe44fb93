//! Infidelity: how far the explanation is from saying what small changes of the picture do to the target.
//!
//! Yeh et al., *On the (In)fidelity and Sensitivity of Explanations* (2019), definition 1: the mean of `(Σ u φ(x) − (y(x) − y(x − u)))²` over normal
//! noise u. An attribution's own numbers are taken for φ, of a map its relevance for every channel of the picture. A map's numbers have no
//! unit, so by default φ is scaled by the factor that suits it best, as Captum's `normalize=True`; Captum itself leaves that out
//! unless told (`normalize=no`). Captum has no noise of its own; the deviation is that of its documentation's example, in the
//! network's input space.

use tch::{Kind, Tensor};

use super::{FaithfulnessInput, Outcome, Stream};
use crate::engine::numbers;
use crate::methods::registry::Settings;
use crate::methods::{MethodError, noise};

/// The mean squared difference.
pub(in crate::methods) fn infidelity(
    input: &FaithfulnessInput<'_>,
    settings: &Settings,
) -> Result<Outcome, MethodError> {
    let (samples, deviation) = (settings.whole("samples") as usize, settings.real("noise"));
    let sizes = input.input.size();
    let count = input.input.numel();
    let values = &input.explanation.values;
    let explanation = if values.len() == count {
        input.network.engine.tensor(values, &sizes)?
    } else {
        let (height, width) = input.size();
        let relevance = &input.explanation.relevance.values;
        input.network.engine.tensor(relevance, &[1, 1, height as i64, width as i64])?
    };
    let given = input.given(samples)?;
    let noise = |sample: usize| -> Result<Tensor, MethodError> {
        let drawn = match &given {
            Some(given) => given[sample * count..(sample + 1) * count].to_vec(),
            None => noise::normal(input.job.seed, Stream::Infidelity.number(sample), count),
        };
        Ok(input.network.engine.tensor(&drawn, &sizes)?.f_mul_scalar(deviation)?)
    };
    // The picture itself comes first.
    let scores = input.scores(&input.measured(settings), samples + 1, &|range| {
        let made = range.map(|at| match at.checked_sub(1) {
            None => Ok(input.input.shallow_clone()),
            Some(sample) => Ok(input.input.f_sub(&noise(sample)?)?),
        });
        Ok(Tensor::f_cat(&made.collect::<Result<Vec<_>, MethodError>>()?, 0)?)
    })?;
    let (whole, changed) = scores.split_first().unwrap_or((&0.0, &[]));
    // Sums of the squares of what the explanation expects, of its products with what happens, and of the squares of that.
    let (mut expected, mut both, mut happened) = (0.0, 0.0, 0.0);
    for (sample, score) in changed.iter().enumerate() {
        let product = noise(sample)?.f_mul(&explanation)?.f_sum(Kind::Double)?;
        let says = f64::from(numbers(&product)?[0]);
        let does = whole - score;
        expected += says * says;
        both += says * does;
        happened += does * does;
    }
    let scale = match settings.word("normalize") {
        "yes" if expected > 0.0 => both / expected,
        "yes" => 0.0,
        _ => 1.0,
    };
    let error = scale * scale * expected - 2.0 * scale * both + happened;
    Ok(Outcome::number("infidelity", error / samples.max(1) as f64))
}
