//! Grad-CAM++ and Smooth Grad-CAM++.

use tch::Tensor;

use super::combine::combined;
use super::{Map, MapInput};
use crate::engine::sum_kind;
use crate::methods::registry::{Parameter, Range, Settings};
use crate::methods::{MethodError, noise};

/// Grad-CAM++: `Σ_k w_k A_k` with `w_k = Σ relu(g_k) α_k` and `α = g² / (2g² + g³ ΣA_k + 1e-6)`, 0 where g is 0; sums over space.
///
/// Chattopadhyay et al., *Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks* (2018), equation 19 for α (the
/// score passes an exponential, whose derivatives are powers of g) and 7 for w. The numbers are pytorch-grad-cam's. torch-cam
/// 0.5's are others: it divides a copy, so that its α stays g², and means `Σ(A_k g³)` where the equation has `g³ ΣA_k`.
pub(in crate::methods) fn grad_cam_plus_plus(input: &MapInput<'_>, settings: &Settings) -> Result<Map, MethodError> {
    let (activation, gradient) = input.maps(input.target)?;
    tch::no_grad(|| {
        let square = gradient.f_square()?;
        let sums = activation.f_sum_dim_intlist([2, 3].as_slice(), true, sum_kind(&activation))?;
        let cubed = square.f_mul(&gradient)?.f_mul(&sums)?;
        let alpha = square.f_div(&square.f_mul_scalar(2.0)?.f_add(&cubed)?.f_add_scalar(1e-6)?)?;
        // relu(g) is 0 where g is 0, whatever α is there; but never 0 × NaN.
        let share = alpha.f_mul(&gradient.f_relu()?)?.f_masked_fill(&gradient.f_eq(0.0)?, 0.0)?;
        let weights = share.f_sum_dim_intlist([2, 3].as_slice(), true, sum_kind(&share))?;
        combined(&activation.f_mul(&weights)?, settings)
    })
}

/// Noisy copies of the input.
pub(in crate::methods) const SAMPLES: Parameter = Parameter {
    name: "samples",
    meaning: "noisy copies of the input that gradients are averaged over",
    range: Range::Whole { default: 4, least: 1, most: 1000 },
};

/// How noisy.
pub(in crate::methods) const STD: Parameter = Parameter {
    name: "std",
    meaning: "standard deviation of the noise in units of the network's input; one that is fed 0 to 255 wants about 17",
    range: Range::Real { default: 0.3, least: 0.0, most: 1000.0 },
};

/// Whose weights.
pub(in crate::methods) const FORM: Parameter = Parameter {
    name: "form",
    meaning: "mean: gradients averaged over all noisy copies weigh the picture's own activations; last: as torch-cam, the last \
              copy's gradient and activations with the averaged α",
    range: Range::Choice(&["mean", "last"]),
};

/// Smooth Grad-CAM++: `Σ_k w_k A_k` with `w_k = Σ relu(ḡ_k) α_k` and `α = D₂ / (2 D₂ + Σ(D₃ A_k) + 1e-8)`; ḡ, D₂ and D₃ are the means over
/// noisy inputs of g, g² and g³.
///
/// Omeiza et al., *Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep Convolutional Neural Network
/// Models* (2019); the numerator of α is D₂ as in Grad-CAM++, where the paper prints D₁. torch-cam, which
/// does the same to α, takes the last noisy copy's gradient for ḡ and weighs that copy's activations, so that its map
/// depends on the order of the noise: `form=last`.
pub(in crate::methods) fn smooth_grad_cam_plus_plus(
    input: &MapInput<'_>,
    settings: &Settings,
) -> Result<Map, MethodError> {
    let (samples, std) = (settings.whole(SAMPLES.name), settings.real(STD.name));
    let picture = &input.forward.input;
    let shape = picture.size();
    let activation = input.activation()?;
    let mut sums: Option<[Tensor; 3]> = None;
    let mut last = None;
    for sample in 0..samples {
        (input.job.progress)(sample as usize, samples as usize);
        let numbers = noise::normal(input.job.seed, sample as u64, picture.numel());
        let drawn = Tensor::f_from_slice(&numbers)?.f_reshape(shape.as_slice())?.f_to_device(picture.device())?;
        let noisy = picture.f_add(&drawn.f_mul_scalar(std)?)?;
        let (seen, gradient) = input.maps_of(&noisy, input.target)?;
        tch::no_grad(|| -> Result<(), MethodError> {
            let square = gradient.f_square()?;
            let powers = [gradient.shallow_clone(), square.shallow_clone(), square.f_mul(&gradient)?];
            sums = Some(match sums.take() {
                Some([one, two, three]) => [one.f_add(&powers[0])?, two.f_add(&powers[1])?, three.f_add(&powers[2])?],
                None => powers,
            });
            Ok(())
        })?;
        last = Some((seen, gradient));
    }
    (input.job.progress)(samples as usize, samples as usize);
    let (Some(sums), Some((seen, gradient))) = (sums, last) else {
        return Err(MethodError::NoGradient(input.place.name.clone()));
    };
    tch::no_grad(|| {
        let [first, second, third] = sums.map(|sum| sum.f_div_scalar(samples));
        let (second, third) = (second?, third?);
        let spread = third.f_mul(&activation)?.f_sum_dim_intlist([2, 3].as_slice(), true, sum_kind(&activation))?;
        let alpha = second.f_div(&second.f_mul_scalar(2.0)?.f_add(&spread)?.f_add_scalar(1e-8)?)?;
        let as_torch_cam = settings.word(FORM.name) == "last";
        let (gradient, activation) = if as_torch_cam { (gradient, seen) } else { (first?, activation) };
        let weights =
            alpha.f_mul(&gradient.f_relu()?)?.f_sum_dim_intlist([2, 3].as_slice(), true, sum_kind(&activation))?;
        combined(&activation.f_mul(&weights)?, settings)
    })
}
