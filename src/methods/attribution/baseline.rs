//! What an input is compared with: a picture without what it shows.

use tch::{Kind, Tensor};

use super::AttributionInput;
use crate::methods::registry::{Parameter, Range};
use crate::methods::{MethodError, noise};

/// The parameter of methods that have a baseline: `zero` is zero in the network's input space, which where the input is
/// normalised is the mean colour of the pictures that it was trained on, and is what Captum takes unless told otherwise.
pub(in crate::methods) const BASELINES: Parameter = Parameter {
    name: "baseline",
    meaning: "what the picture is compared with: black, white, zeros as the network is fed them, the picture's mean colour, the \
              picture blurred by a twentieth of its side, or noise between black and white",
    range: Range::Choice(&["black", "white", "zero", "mean", "blur", "noise"]),
};

/// The baseline of a name, 1×C×H×W.
pub(in crate::methods) fn baseline(input: &AttributionInput<'_>, name: &str) -> Result<Tensor, MethodError> {
    let picture = input.input;
    let (black, white) = input.bounds()?;
    Ok(match name {
        "white" => white.f_expand_as(picture)?.f_contiguous()?,
        "zero" => picture.f_zeros_like()?,
        "mean" => picture.f_mean_dim([2, 3].as_slice(), true, Kind::Float)?.f_expand_as(picture)?.f_contiguous()?,
        "blur" => blurred(picture)?,
        "noise" => {
            let drawn = noise::uniform(input.job.seed, 0, picture.numel());
            let uniform = input.network.engine.tensor(&drawn, &picture.size())?;
            uniform.f_mul(&white.f_sub(&black)?)?.f_add(&black)?
        }
        _ => black.f_expand_as(picture)?.f_contiguous()?,
    })
}

/// Blurred with a Gaussian whose standard deviation is a twentieth of the longer side; the border goes on beyond the edge.
fn blurred(picture: &Tensor) -> Result<Tensor, MethodError> {
    let (_, channels, height, width) = picture.size4()?;
    let sigma = height.max(width) as f64 / 20.0;
    let reach = (3.0 * sigma).ceil().max(1.0) as i64;
    let weights: Vec<f32> =
        (-reach..=reach).map(|x| (-(x as f64).powi(2) / (2.0 * sigma * sigma)).exp() as f32).collect();
    let kernel = Tensor::f_from_slice(&weights)?.f_to_device(picture.device())?;
    let kernel = kernel.f_div(&kernel.f_sum(Kind::Float)?)?;
    let size = 2 * reach + 1;
    let pass = |picture: &Tensor, sizes: [i64; 2], padding: [i64; 4]| -> Result<Tensor, MethodError> {
        let kernel =
            kernel.f_reshape([1, 1, sizes[0], sizes[1]])?.f_expand([channels, 1, sizes[0], sizes[1]], false)?;
        let padded = picture.f_replication_pad2d(padding)?;
        Ok(padded.f_conv2d(&kernel, None::<Tensor>, [1, 1], [0, 0], [1, 1], channels)?)
    };
    let across = pass(picture, [1, size], [reach, reach, 0, 0])?;
    pass(&across, [size, 1], [0, 0, reach, reach])
}
