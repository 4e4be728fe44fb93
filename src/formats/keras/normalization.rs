//! Normalisation with numbers from the file: `BatchNormalization`, `Normalization`, `Rescaling`.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use super::weights::{self, View};
use crate::model::graph::{Argument, WeightRole};

/// Keras's smallest divisor in `Normalization`.
const SMALLEST_DEVIATION: f64 = 1e-7;

/// `BatchNormalization`, by its running mean and variance.
pub(super) fn batch(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let channels = channels(call, input)?;
    if !matches!(input.sizes.len(), 1 | 3) {
        return Err(call.options.unsupported(format!("an input of {} dimensions", input.rank())));
    }
    let shape = [channels];
    let options = call.options;
    let mut weight = |name: &str, role| call.weight(&[name], &shape, role, weights::plain(&shape));
    let mut parameter = |there: bool, name: &str| {
        if there { weight(name, WeightRole::Parameter).map(Argument::Value) } else { Ok(Argument::None) }
    };
    let scale = parameter(options.flag("scale", true)?, "gamma")?;
    let center = parameter(options.flag("center", true)?, "beta")?;
    let mean = weight("moving_mean", WeightRole::Frozen)?;
    let variance = weight("moving_variance", WeightRole::Frozen)?;
    let arguments = [
        ("input", input.value.into()),
        ("weight", scale),
        ("bias", center),
        ("running_mean", mean.into()),
        ("running_var", variance.into()),
        ("training", Argument::Bool(false)),
        ("momentum", Argument::Float(0.0)),
        ("eps", Argument::Float(options.number("epsilon")?.unwrap_or(1e-3))),
        ("cudnn_enabled", Argument::Bool(true)),
    ];
    Ok(Tensor { value: call.node("batch_norm", ("batch_norm", ""), arguments)?, sizes: input.sizes.clone() })
}

/// Size of the last dimension, which must be the one that is normalised.
fn channels(call: &Call, input: &Tensor) -> Result<usize, KerasError> {
    let axis = call.options.axis(input.rank())?;
    if axis + 1 != input.rank() {
        return Err(call.options.unsupported(format!("axis {axis}")));
    }
    let channels = input.sizes.last().copied().flatten();
    channels.map(|channels| channels as usize).ok_or_else(|| call.options.wrong("its number of channels is not known"))
}

/// The shape in which one number for each channel goes together with `input`.
fn by_channel(input: &Tensor, channels: usize) -> Vec<usize> {
    if input.sizes.len() == 3 { vec![channels, 1, 1] } else { vec![channels] }
}

/// `Normalization`: minus the mean, divided by the deviation, both from the file.
pub(super) fn fixed(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    if call.options.flag("invert", false)? {
        return Err(call.options.unsupported("invert"));
    }
    let channels = channels(call, input)?;
    let shape = by_channel(input, channels);
    let mut statistic = |name: &str| match call.options.numbers(name)? {
        Some(numbers) if numbers.len() == channels => Ok(call.constant(name, &numbers, shape.clone())),
        Some(numbers) if numbers.len() == 1 => Ok(call.constant(name, &numbers, vec![1])),
        Some(numbers) => {
            Err(call.options.wrong(format!("its {name} has {} numbers for {channels} channels", numbers.len())))
        }
        None => {
            let view = View { shape: shape.clone(), strides: None };
            call.weight(&[name], &[channels], WeightRole::Frozen, view)
        }
    };
    let (mean, variance) = (statistic("mean")?, statistic("variance")?);
    let deviation = call.node("sqrt", ("sqrt", ""), [("self", variance.into())])?;
    let least = Argument::Float(SMALLEST_DEVIATION);
    let deviation = call.node("clamp_min", ("clamp_min", ""), [("self", deviation.into()), ("min", least)])?;
    let centred = call.unary("sub", ("sub", "Tensor"), input, [("other", mean.into())])?;
    call.unary("div", ("div", "Tensor"), &centred, [("other", deviation.into())])
}

/// `Rescaling`: times a scale, plus an offset.
pub(super) fn rescaling(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let scale = factor(call, input, "scale")?.unwrap_or(Argument::Float(1.0));
    let scaled = call.unary("mul", ("mul", "Tensor"), input, [("other", scale)])?;
    match factor(call, input, "offset")? {
        Some(offset) => call.unary("add", ("add", "Tensor"), &scaled, [("other", offset)]),
        None => Ok(scaled),
    }
}

/// A number, or one for each channel; `None` for nothing and 0.
fn factor(call: &mut Call, input: &Tensor, key: &str) -> Result<Option<Argument>, KerasError> {
    let Some(numbers) = call.options.numbers(key)? else { return Ok(None) };
    let channels = input.sizes.last().copied().flatten();
    match numbers.as_slice() {
        [0.0] => Ok(None),
        [one] => Ok(Some(Argument::Float(*one))),
        several if channels == Some(several.len() as i64) => {
            let shape = by_channel(input, several.len());
            Ok(Some(call.constant(key, several, shape).into()))
        }
        several => Err(call.options.wrong(format!("its {key} has {} numbers", several.len()))),
    }
}
