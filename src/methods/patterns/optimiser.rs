//! Steps uphill with a pace for every number: Adam and `NAdam`, as PyTorch has them (ε is added to the corrected root, where
//! TensorFlow adds it to the uncorrected one), with the sign of an ascent.

use tch::Tensor;

use crate::methods::MethodError;

/// Running means of the gradient and of its square.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) first: Tensor,
    pub(super) second: Tensor,
}

/// Share of the mean gradient that stays at a step.
const FIRST: f64 = 0.9;
/// Share of the mean squared gradient that stays at a step.
const SECOND: f64 = 0.999;
/// Added to the root that is divided by.
const EPSILON: f64 = 1e-8;
/// How soon `NAdam`'s momentum reaches its full strength.
const MOMENTUM_DECAY: f64 = 4e-3;

impl Moments {
    /// Those before the first step.
    pub(super) fn none(parameters: &Tensor) -> Result<Self, MethodError> {
        Ok(Self { first: parameters.f_zeros_like()?, second: parameters.f_zeros_like()? })
    }

    /// Takes a gradient in, and gives the corrected root that steps are divided by.
    fn taken(&mut self, gradient: &Tensor, step: i32) -> Result<Tensor, MethodError> {
        self.first = self.first.f_mul_scalar(FIRST)?.f_add(&gradient.f_mul_scalar(1.0 - FIRST)?)?;
        self.second = self.second.f_mul_scalar(SECOND)?.f_add(&gradient.f_square()?.f_mul_scalar(1.0 - SECOND)?)?;
        let root = self.second.f_sqrt()?.f_div_scalar((1.0 - SECOND.powi(step)).sqrt())?;
        Ok(root.f_add_scalar(EPSILON)?)
    }

    /// Adam (Kingma and Ba, 2015): what the parameters become at a step that is counted from 0.
    pub(super) fn adam(
        &mut self,
        parameters: &Tensor,
        gradient: &Tensor,
        rate: f64,
        step: usize,
    ) -> Result<Tensor, MethodError> {
        let step = step as i32 + 1;
        let root = self.taken(gradient, step)?;
        let length = rate / (1.0 - FIRST.powi(step));
        Ok(parameters.f_add(&self.first.f_div(&root)?.f_mul_scalar(length)?)?)
    }

    /// `NAdam` (Dozat, 2016): the same with Nesterov's momentum.
    pub(super) fn nadam(
        &mut self,
        parameters: &Tensor,
        gradient: &Tensor,
        rate: f64,
        step: usize,
    ) -> Result<Tensor, MethodError> {
        let step = step as i32 + 1;
        let momentum = |step: i32| FIRST * (1.0 - 0.5 * 0.96_f64.powf(f64::from(step) * MOMENTUM_DECAY));
        let product: f64 = (1..=step).map(momentum).product();
        let (now, next) = (momentum(step), momentum(step + 1));
        let root = self.taken(gradient, step)?;
        let of_gradient = rate * (1.0 - now) / (1.0 - product);
        let of_mean = rate * next / (1.0 - product * next);
        let towards = gradient.f_mul_scalar(of_gradient)?.f_add(&self.first.f_mul_scalar(of_mean)?)?;
        Ok(parameters.f_add(&towards.f_div(&root)?)?)
    }
}
