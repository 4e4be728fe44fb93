//! Integrated gradients.
//!
//! Sundararajan, Taly, Yan, *Axiomatic Attribution for Deep Networks* (2017): `(x − b) · ∫₀¹ ∂y/∂x(b + α(x − b)) dα`, the integral
//! by Gauss and Legendre's rule as in Captum. The numbers add up to what the target gains from the baseline b to x; how far they
//! miss it is the convergence delta.

use super::baseline::baseline;
use super::batch::Runner;
use super::{Attribution, AttributionInput};
use crate::methods::MethodError;
use crate::methods::registry::Settings;
use tch::Tensor;

/// Integrated gradients.
pub(in crate::methods) fn integrated_gradients(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    let runner = Runner::new(input)?;
    let kind = input.network.engine.input_kind();
    let start = baseline(input, settings.word("baseline"))?.f_to_kind(kind)?;
    let way = input.input.f_to_kind(kind)?.f_sub(&start)?;
    let places = gauss_legendre(settings.whole("steps") as usize);
    let mut sum = way.f_zeros_like()?;
    let mut done = 0;
    while done < places.len() {
        let now = &places[done..(done + runner.batch()).min(places.len())];
        let along = |pick: fn(&(f64, f64)) -> f64| -> Result<Tensor, MethodError> {
            let numbers: Vec<f64> = now.iter().map(pick).collect();
            Ok(Tensor::f_from_slice(&numbers)?.f_to_kind(kind)?.f_reshape([-1, 1, 1, 1])?.f_to_device(way.device())?)
        };
        let inputs = way.f_mul(&along(|place| place.0)?)?.f_add(&start)?;
        let weighted = runner.gradients(&inputs)?.f_mul(&along(|place| place.1)?)?;
        sum = sum.f_add(&weighted.f_sum_dim_intlist(0, true, kind)?)?;
        done += now.len();
        (input.job.progress)(done, places.len());
        input.show(|| Ok(sum.f_mul(&way)?))?;
    }
    let attribution = sum.f_mul(&way)?;
    let gain = gain(&runner, input.input, &start)?;
    let mut made = Attribution::of(&attribution, None)?;
    made.convergence_delta = Some(made.sum() - gain);
    Ok(made)
}

/// What the target gains from a baseline to the input.
pub(super) fn gain(runner: &Runner<'_>, input: &Tensor, baseline: &Tensor) -> Result<f64, MethodError> {
    let mut ends = [0.0; 2];
    for (end, place) in ends.iter_mut().zip([input, baseline]) {
        *end = runner.values(place)?.first().copied().map_or(f64::NAN, f64::from);
    }
    Ok(ends[0] - ends[1])
}

/// Places between 0 and 1 with their weights, which add up to 1: the roots of the Legendre polynomial of degree `count` by
/// Newton's method.
fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let degree = count as f64;
    let root = |index: usize| {
        let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (degree + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut last, mut value) = (1.0, x);
            for order in 2..=count {
                let order = order as f64;
                (last, value) = (value, ((2.0 * order - 1.0) * x * value - (order - 1.0) * last) / order);
            }
            slope = degree * (x * value - last) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        // Half of each, because the interval is half of −1 to 1.
        (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).rev().map(root).collect()
}
