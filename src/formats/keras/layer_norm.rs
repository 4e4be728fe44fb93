//! Normalisation by the picture's own numbers: `LayerNormalization`, `GroupNormalization`, `UnitNormalization` and
//! `RMSNormalization`.

use super::KerasError;
use super::layers::Call;
use super::normalization;
use super::tensor::Tensor;
use super::weights;
use crate::model::graph::{Argument, ValueId, WeightRole};

/// `LayerNormalization`, and `RMSNormalization` which leaves the mean alone, over any dimensions.
pub(super) fn layer(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    if call.options.flag("rms_scaling", false)? {
        return Err(call.options.unsupported("rms_scaling"));
    }
    let axes = call.options.axes(input.rank())?.unwrap_or_else(|| vec![input.rank() - 1]);
    let unknown = || call.options.wrong("the size of its input is not known");
    let size = |axis: &usize| input.sizes.get(axis.checked_sub(1)?).copied().flatten().map(|size| size as usize);
    let shape: Vec<usize> = axes.iter().map(size).collect::<Option<_>>().ok_or_else(unknown)?;
    let root_mean_square = call.options.class == "RMSNormalization";
    let (scale_name, scaled) =
        if root_mean_square { ("scale", true) } else { ("gamma", call.options.flag("scale", true)?) };
    let centred = !root_mean_square && call.options.flag("center", true)?;
    let mut parameter = |there: bool, name: &str| -> Result<Argument, KerasError> {
        if !there {
            return Ok(Argument::None);
        }
        Ok(call.weight(&[name], &shape, WeightRole::Parameter, weights::plain(&shape))?.into())
    };
    let scale = parameter(scaled, scale_name)?;
    let center = parameter(centred, "beta")?;
    // The dimensions that are normalised must be the last.
    let rank = input.rank();
    let graph_axes: Vec<i64> = axes.iter().map(|&axis| input.graph_axis(axis)).collect();
    let others = (0..rank as i64).filter(|axis| !graph_axes.contains(axis));
    let order: Vec<i64> = others.chain(graph_axes.iter().copied()).collect();
    let in_place = order.iter().copied().eq(0..rank as i64);
    let value = if in_place { input.value } else { call.permute(input.value, order.clone())? };
    let epsilon =
        Argument::Float(call.options.number("epsilon")?.unwrap_or(if root_mean_square { 1e-6 } else { 1e-3 }));
    let over = Argument::ints(shape.iter().map(|&size| size as i64));
    let mut arguments = vec![("input", value.into()), ("normalized_shape", over), ("weight", scale), ("eps", epsilon)];
    let value = if root_mean_square {
        call.node("rms_norm", ("rms_norm", ""), arguments)?
    } else {
        arguments.insert(3, ("bias", center));
        call.node("layer_norm", ("layer_norm", ""), arguments)?
    };
    if in_place {
        return Ok(input.with(value));
    }
    let mut back = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        back[from as usize] = to as i64;
    }
    Ok(input.with(call.permute(value, back)?))
}

/// `GroupNormalization`.
pub(super) fn group(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let (axis, channels) = normalization::axis(call, input)?;
    // -1 is a group for each channel.
    let groups = match call.options.number("groups")? {
        Some(-1.0) => channels,
        Some(groups) if groups >= 1.0 && channels.is_multiple_of(groups as usize) => groups as usize,
        None if channels.is_multiple_of(32) => 32,
        _ => return Err(call.options.wrong(format!("its groups do not divide {channels} channels"))),
    };
    let shape = [channels];
    let options = call.options;
    let mut parameter = |there: bool, name: &str| -> Result<Argument, KerasError> {
        if !there {
            return Ok(Argument::None);
        }
        Ok(call.weight(&[name], &shape, WeightRole::Parameter, weights::plain(&shape))?.into())
    };
    let scale = parameter(options.flag("scale", true)?, "gamma")?;
    let center = parameter(options.flag("center", true)?, "beta")?;
    let (value, back) = call.exchange(input, axis, 1)?;
    let arguments = [
        ("input", value.into()),
        ("num_groups", Argument::Int(groups as i64)),
        ("weight", scale),
        ("bias", center),
        ("eps", Argument::Float(options.number("epsilon")?.unwrap_or(1e-3))),
    ];
    let value = call.node("group_norm", ("group_norm", ""), arguments)?;
    Ok(input.with(call.transpose(value, back)?))
}

/// `UnitNormalization`: divided by its length.
pub(super) fn unit(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let axes = call.options.axes(input.rank())?.unwrap_or_else(|| vec![input.rank() - 1]);
    let axes: Vec<i64> = axes.iter().map(|&axis| input.graph_axis(axis)).collect();
    Ok(input.with(call.unit_length(input.value, &axes)?))
}

impl Call<'_> {
    /// Vectors along dimensions of the graph, divided by their length.
    pub(super) fn unit_length(&mut self, value: ValueId, axes: &[i64]) -> Result<ValueId, KerasError> {
        let squares = self.node("square", ("square", ""), [("self", value.into())])?;
        let over = Argument::ints(axes.iter().copied());
        let arguments = [("self", squares.into()), ("dim", over), ("keepdim", Argument::Bool(true))];
        let sum = self.node("sum", ("sum", "dim_IntList"), arguments)?;
        let least = Argument::Float(1e-12);
        let sum = self.node("clamp_min", ("clamp_min", ""), [("self", sum.into()), ("min", least)])?;
        let length = self.node("sqrt", ("sqrt", ""), [("self", sum.into())])?;
        self.node("div", ("div", "Tensor"), [("self", value.into()), ("other", length.into())])
    }
}
