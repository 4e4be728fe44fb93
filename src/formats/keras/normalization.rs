//! Normalisation with numbers from the file: `BatchNormalization`, `Normalization`, `Rescaling`, and the scales of
//! `keras.applications`.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use super::weights::{self, View};
use crate::model::graph::{Argument, WeightRole};

/// Keras's smallest divisor in `Normalization`.
const SMALLEST_DEVIATION: f64 = 1e-7;

/// The dimension that has a number of its own for each step, and its size; the last by default.
pub(super) fn axis(call: &Call, input: &Tensor) -> Result<(usize, usize), KerasError> {
    let axis = call.options.axis(input.rank())?;
    let size = axis.checked_sub(1).and_then(|at| input.sizes.get(at).copied().flatten());
    let size = size.ok_or_else(|| call.options.wrong("its number of channels is not known"))?;
    Ok((axis, size as usize))
}

/// `BatchNormalization`, by its running mean and variance.
pub(super) fn batch(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let (axis, channels) = axis(call, input)?;
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
    let (value, back) = call.exchange(input, axis, 1)?;
    let arguments = [
        ("input", value.into()),
        ("weight", scale),
        ("bias", center),
        ("running_mean", mean.into()),
        ("running_var", variance.into()),
        ("training", Argument::Bool(false)),
        ("momentum", Argument::Float(0.0)),
        ("eps", Argument::Float(options.number("epsilon")?.unwrap_or(1e-3))),
        ("cudnn_enabled", Argument::Bool(true)),
    ];
    let value = call.node("batch_norm", ("batch_norm", ""), arguments)?;
    Ok(input.with(call.transpose(value, back)?))
}

/// `Normalization`: minus the mean, divided by the deviation, both from the file.
pub(super) fn fixed(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    if call.options.flag("invert", false)? {
        return Err(call.options.unsupported("invert"));
    }
    // An axis of null, which is not an axis left out, is one number for all.
    let whole = call.options.entries.get("axis").is_some_and(serde_json::Value::is_null);
    let (axis, channels) = if whole { (0, 1) } else { axis(call, input)? };
    let shape = Call::along(input, axis, channels);
    let kept = if whole { Vec::new() } else { vec![channels] };
    let mut statistic = |name: &str| match call.options.numbers(name)? {
        Some(numbers) if numbers.len() == channels => Ok(call.constant(name, &numbers, shape.clone())),
        Some(numbers) if numbers.len() == 1 => Ok(call.constant(name, &numbers, vec![1])),
        Some(numbers) => {
            Err(call.options.wrong(format!("its {name} has {} numbers for {channels} channels", numbers.len())))
        }
        None => {
            let view = View { shape: shape.clone(), strides: None };
            call.weight(&[name], &kept, WeightRole::Frozen, view)
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
    let last = input.rank() - 1;
    match numbers.as_slice() {
        [0.0] => Ok(None),
        [one] => Ok(Some(Argument::Float(*one))),
        several if input.sizes.last() == Some(&Some(several.len() as i64)) => {
            let shape = Call::along(input, last, several.len());
            Ok(Some(call.constant(key, several, shape).into()))
        }
        several => Err(call.options.wrong(format!("its {key} has {} numbers", several.len()))),
    }
}

/// `LayerScale` of `ConvNeXt`: a learned number for each channel.
pub(super) fn layer_scale(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let (axis, channels) = axis(call, input)?;
    let view = View { shape: Call::along(input, axis, channels), strides: None };
    let gamma = call.weight(&["gamma"], &[channels], WeightRole::Parameter, view)?;
    call.unary("mul", ("mul", "Tensor"), input, [("other", gamma.into())])
}

/// `CustomScaleLayer` of `InceptionResNetV2`: the first input plus a share of the second.
pub(super) fn scaled_sum(call: &mut Call, inputs: &[Tensor]) -> Result<Tensor, KerasError> {
    let [first, second] = inputs else { return Err(call.options.wrong("it takes two tensors")) };
    let scale = call.options.number("scale")?.ok_or_else(|| call.options.wrong("it has no scale"))?;
    let share = call.unary("mul", ("mul", "Tensor"), second, [("other", Argument::Float(scale))])?;
    call.binary("add", ("add", "Tensor"), first, &share)
}
