//! Gradients of the picture with noise, many times: their mean, the mean of their squares, and their variance.
//!
//! `SmoothGrad`: Smilkov et al., *SmoothGrad: removing noise by adding noise* (2017), whose noise is a share of the input's range;
//! `SquareGrad` and `VarGrad`: Adebayo et al., *Local Explanation Methods…* (2018), Hooker et al., *A Benchmark for Interpretability
//! Methods* (2019). As Captum's `NoiseTunnel` over the plain gradient, with its sign.

use tch::{Kind, Tensor};

use super::batch::Runner;
use super::{Attribution, AttributionError, AttributionInput};
use crate::methods::registry::Settings;
use crate::methods::{MethodError, noise};

/// What many gradients add up to.
struct Sums {
    plain: Tensor,
    squares: Tensor,
    count: usize,
}

impl Sums {
    fn mean(&self) -> Result<Tensor, MethodError> {
        Ok(self.plain.f_div_scalar(self.count as i64)?)
    }

    fn square(&self) -> Result<Tensor, MethodError> {
        Ok(self.squares.f_div_scalar(self.count as i64)?)
    }

    fn variance(&self) -> Result<Tensor, MethodError> {
        Ok(self.square()?.f_sub(&self.mean()?.f_square()?)?)
    }
}

/// The mean gradient.
pub(in crate::methods) fn smooth_grad(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    noisy(input, settings, Sums::mean)
}

/// The mean square of the gradient.
pub(in crate::methods) fn square_grad(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    noisy(input, settings, Sums::square)
}

/// The variance of the gradient.
pub(in crate::methods) fn var_grad(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    noisy(input, settings, Sums::variance)
}

fn noisy(
    input: &AttributionInput<'_>,
    settings: &Settings,
    read: fn(&Sums) -> Result<Tensor, MethodError>,
) -> Result<Attribution, MethodError> {
    let runner = Runner::new(input)?;
    let picture = input.input;
    let range = picture.f_max()?.f_sub(&picture.f_min()?)?;
    let deviation = range.f_mul_scalar(settings.real("noise"))?;
    let samples = settings.whole("samples") as usize;
    // Squares of float32 gradients lose the difference that a variance is.
    let zeros = || picture.f_zeros_like()?.f_to_kind(Kind::Double);
    let mut sums = Sums { plain: zeros()?, squares: zeros()?, count: 0 };
    while sums.count < samples {
        let now = runner.batch().min(samples - sums.count);
        let added = drawn(input, sums.count, now)?;
        let gradients = runner.gradients(&added.f_mul(&deviation)?.f_add(picture)?)?.f_to_kind(Kind::Double)?;
        sums.plain = sums.plain.f_add(&gradients.f_sum_dim_intlist(0, true, Kind::Double)?)?;
        sums.squares = sums.squares.f_add(&gradients.f_square()?.f_sum_dim_intlist(0, true, Kind::Double)?)?;
        sums.count += now;
        (input.job.progress)(sums.count, samples);
        input.show(|| read(&sums))?;
    }
    Attribution::of(&read(&sums)?, None)
}

/// Standard normal numbers for samples from `first` on, N×C×H×W.
fn drawn(input: &AttributionInput<'_>, first: usize, count: usize) -> Result<Tensor, MethodError> {
    let (_, channels, height, width) = input.input.size4()?;
    let wanted = [count as i64, channels, height, width];
    if let Some(given) = input.drawn {
        let sizes = given.size();
        if sizes.get(1..) != wanted.get(1..) || sizes.first().is_none_or(|&there| there < (first + count) as i64) {
            return Err(AttributionError::Drawn { given: sizes, wanted: wanted.to_vec() }.into());
        }
        return Ok(given.f_narrow(0, first as i64, count as i64)?);
    }
    let each = (channels * height * width) as usize;
    let numbers: Vec<f32> =
        (first..first + count).flat_map(|sample| noise::normal(input.job.seed, sample as u64, each)).collect();
    Ok(input.network.engine.tensor(&numbers, &wanted)?)
}
