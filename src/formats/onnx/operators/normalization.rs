//! Normalisation.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use crate::model::graph::{Argument, WeightRole};

pub(super) fn batch(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let training =
        call.version >= 14 && call.flag("training_mode")? || (7..14).contains(&call.version) && call.wants(1);
    if training {
        return Err(call.fail("it is saved in training mode; export the model in evaluation mode"));
    }
    if call.version < 9 && call.int("spatial", 1)? == 0 {
        return Err(call.fail("statistics for each position (spatial 0) cannot be run here"));
    }
    let (scale, bias) = (call.tensor(1)?, call.tensor(2)?);
    let epsilon = call.float("epsilon", 1e-5)?;
    if [3, 4].iter().any(|&index| matches!(call.given(index), Some(Known::Tensor(_)))) {
        return computed(call, &input, &scale, &bias, epsilon);
    }
    let statistics = call.lowering.statistics;
    let (mean, variance) = (statistic(call, 3, statistics)?, statistic(call, 4, statistics)?);
    let arguments = vec![
        ("input", input.value.into()),
        ("weight", scale.value.into()),
        ("bias", bias.value.into()),
        ("running_mean", mean.value.into()),
        ("running_var", variance.value.into()),
        ("training", Argument::Bool(false)),
        ("momentum", Argument::Float(0.0)),
        ("eps", Argument::Float(epsilon)),
        ("cudnn_enabled", Argument::Bool(true)),
    ];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("batch_norm", ""), arguments), ..input })])
}

/// Batch normalisation by a mean and a variance that the graph computes, as tf2onnx writes other normalisations. libtorch's own
/// has no gradient with respect to those.
fn computed(call: &mut Call, input: &Tensor, scale: &Tensor, bias: &Tensor, epsilon: f64) -> Result<Vec<Known>> {
    let mut column = vec![Number::Int(1); input.rank()];
    let axis = column.get_mut(1).ok_or_else(|| call.fail("an input of one dimension"))?;
    *axis = Number::Int(-1);
    let (mean, variance) = (call.tensor(3)?, call.tensor(4)?);
    let [scale, bias, mean, variance] = [scale, bias, &mean, &variance].map(|tensor| call.reshape(tensor, &column));
    let moved = call.binary(("add", "Tensor"), &variance, epsilon);
    let inverse = call.like(("rsqrt", ""), &moved, Vec::new());
    let centred = call.binary(("sub", "Tensor"), input, &mean);
    let normal = call.binary(("mul", "Tensor"), &centred, &inverse);
    let scaled = call.binary(("mul", "Tensor"), &normal, &scale);
    let made = call.binary(("add", "Tensor"), &scaled, &bias);
    Ok(vec![Known::Tensor(Tensor { sizes: input.sizes.clone(), ..made })])
}

/// A running mean or variance, which is no learned parameter.
fn statistic(call: &mut Call, index: usize, role: WeightRole) -> Result<Tensor> {
    match call.known(index)? {
        Known::Constant(constant) => Ok(call.lowering.weight(&constant, role)),
        other => call.lowering.tensor(&other),
    }
}

pub(super) fn instance(call: &mut Call) -> Result<Vec<Known>> {
    let (input, scale, bias) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let arguments = vec![
        ("input", input.value.into()),
        ("weight", scale.value.into()),
        ("bias", bias.value.into()),
        ("running_mean", Argument::None),
        ("running_var", Argument::None),
        ("use_input_stats", Argument::Bool(true)),
        ("momentum", Argument::Float(0.0)),
        ("eps", Argument::Float(call.float("epsilon", 1e-5)?)),
        ("cudnn_enabled", Argument::Bool(true)),
    ];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("instance_norm", ""), arguments), ..input })])
}

/// Scale and bias are of each channel, or before version 21 of each group.
pub(super) fn group(call: &mut Call) -> Result<Vec<Known>> {
    let (input, scale, bias) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let groups = call.maybe_int("num_groups")?.ok_or_else(|| call.fail("its num_groups is missing"))?;
    let epsilon = call.float("epsilon", 1e-5)?;
    let mut arguments = vec![("input", Argument::from(input.value)), ("num_groups", Argument::Int(groups))];
    let by_channel = call.version >= 21 || input.sizes.get(1) == scale.sizes.first();
    if by_channel {
        arguments.extend([("weight", scale.value.into()), ("bias", bias.value.into())]);
    }
    arguments.push(("eps", Argument::Float(epsilon)));
    let made = Tensor { value: call.aten(("group_norm", ""), arguments), ..input.clone() };
    if by_channel {
        return Ok(vec![Known::Tensor(made)]);
    }
    let shape = call.lowering.shape(&input);
    let grouped = call.reshape(&made, &[shape[0], Number::Int(groups), Number::Int(-1)]);
    let column = [Number::Int(groups), Number::Int(1)];
    let (scale, bias) = (call.reshape(&scale, &column), call.reshape(&bias, &column));
    let scaled = call.binary(("mul", "Tensor"), &grouped, &scale);
    let moved = call.binary(("add", "Tensor"), &scaled, &bias);
    Ok(vec![Known::Tensor(call.reshape(&moved, &shape))])
}

/// Over all dimensions from an axis on; also gives mean and inverse deviation where somebody asks for them.
pub(super) fn layer(call: &mut Call) -> Result<Vec<Known>> {
    let (input, scale) = (call.tensor(0)?, call.tensor(1)?);
    let bias = call.maybe_tensor(2)?;
    let axis = call.axis(call.int("axis", -1)?, input.rank())?;
    let epsilon = Argument::Float(call.float("epsilon", 1e-5)?);
    let shape = call.lowering.shape(&input);
    let normalized = Argument::List(shape[axis..].iter().map(|size| size.argument()).collect());
    let same = |tensor: &Tensor| tensor.sizes == input.sizes[axis..];
    let mut arguments = vec![("input", Argument::from(input.value)), ("normalized_shape", normalized)];
    let own = same(&scale) && bias.as_ref().is_none_or(same);
    let argument =
        |tensor: Option<&Tensor>| tensor.filter(|_| own).map_or(Argument::None, |tensor| tensor.value.into());
    arguments.extend([("weight", argument(Some(&scale))), ("bias", argument(bias.as_ref())), ("eps", epsilon)]);
    let mut outputs = if call.wants(1) || call.wants(2) {
        let made = call.aten_many(("native_layer_norm", ""), arguments, 3, false);
        let mut sizes = input.sizes.clone();
        sizes[axis..].fill(Dim::Fixed(1));
        let tensor = |value, sizes: &[Dim]| Tensor { value, dtype: input.dtype, sizes: sizes.to_vec() };
        vec![tensor(made[0], &input.sizes), tensor(made[1], &sizes), tensor(made[2], &sizes)]
    } else {
        vec![Tensor { value: call.aten(("layer_norm", ""), arguments), ..input.clone() }]
    };
    if !own {
        let mut made = call.binary(("mul", "Tensor"), &outputs[0], &scale);
        if let Some(bias) = &bias {
            made = call.binary(("add", "Tensor"), &made, bias);
        }
        outputs[0] = made;
    }
    Ok(outputs.into_iter().map(Known::Tensor).collect())
}

pub(super) fn rms(call: &mut Call) -> Result<Vec<Known>> {
    let (input, scale) = (call.tensor(0)?, call.tensor(1)?);
    let axis = call.axis(call.int("axis", -1)?, input.rank())?;
    let squares = call.binary(("mul", "Tensor"), &input, &input);
    let mean = mean_over(call, &squares, &(axis..input.rank()).collect::<Vec<_>>());
    let moved = call.binary(("add", "Tensor"), &mean, call.float("epsilon", 1e-5)?);
    let inverse = call.like(("rsqrt", ""), &moved, Vec::new());
    let normal = call.binary(("mul", "Tensor"), &input, &inverse);
    Ok(vec![Known::Tensor(call.binary(("mul", "Tensor"), &normal, &scale))])
}

/// The mean over some dimensions, which stay with size 1.
fn mean_over(call: &mut Call, input: &Tensor, axes: &[usize]) -> Tensor {
    let mut sizes = input.sizes.clone();
    for &axis in axes {
        sizes[axis] = Dim::Fixed(1);
    }
    let dims = Argument::ints(axes.iter().map(|&axis| axis as i64));
    call.shaped(("mean", "dim"), input, vec![("dim", dims), ("keepdim", Argument::Bool(true))], sizes)
}

/// Local response normalisation: divided by a power of the mean square over neighbouring channels.
pub(super) fn local_response(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let size = call.maybe_int("size")?.filter(|&size| (1..=1 << 16).contains(&size));
    let size = size.ok_or_else(|| call.fail("its size is missing or less than 1"))?;
    let (alpha, beta, bias) = (call.float("alpha", 1e-4)?, call.float("beta", 0.75)?, call.float("bias", 1.0)?);
    if input.rank() < 3 {
        return Err(call.fail(format!("an input of {} dimensions", input.rank())));
    }
    let shape = call.lowering.shape(&input);
    let squares = call.binary(("mul", "Tensor"), &input, &input);
    let flat = call.reshape(&squares, &[shape[0], Number::Int(1), shape[1], Number::Int(-1)]);
    let before = Number::Int((size - 1) / 2);
    let after = Number::Int(size - 1 - (size - 1) / 2);
    let zero = Number::Int(0);
    let padded = call.pad(&flat, &[before, zero], &[after, zero], Argument::Float(0.0));
    let arguments = vec![("kernel_size", Argument::ints([size, 1])), ("stride", Argument::ints([1, 1]))];
    let mean = call.shaped(("avg_pool2d", ""), &padded, arguments, flat.sizes);
    let mean = call.reshape(&mean, &shape);
    let scaled = call.binary(("mul", "Tensor"), &mean, alpha);
    let moved = call.binary(("add", "Tensor"), &scaled, bias);
    let divisor = call.like(("pow", "Tensor_Scalar"), &moved, vec![("exponent", Argument::Float(beta))]);
    Ok(vec![Known::Tensor(call.binary(("div", "Tensor"), &input, &divisor))])
}

pub(super) fn lp(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", -1)?, input.rank())?;
    let order = Argument::Int(call.int("p", 2)?);
    let mut sizes = input.sizes.clone();
    sizes[axis] = Dim::Fixed(1);
    let rest = vec![("ord", order), ("dim", Argument::ints([axis as i64])), ("keepdim", Argument::Bool(true))];
    let norm = call.shaped(("linalg_vector_norm", ""), &input, rest, sizes);
    let made = call.binary(("div", "Tensor"), &input, &norm);
    // A vector of zeros stays one.
    let rest = vec![("nan", Argument::Float(0.0))];
    Ok(vec![Known::Tensor(call.like(("nan_to_num", ""), &made, rest))])
}

/// Minus the mean, divided by the deviation, over some dimensions.
pub(super) fn mean_variance(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axes = call.int_list("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let axes = call.axes(&axes, input.rank())?;
    let mean = mean_over(call, &input, &axes);
    let centred = call.binary(("sub", "Tensor"), &input, &mean);
    let squares = call.binary(("mul", "Tensor"), &centred, &centred);
    let variance = mean_over(call, &squares, &axes);
    let deviation = call.like(("sqrt", ""), &variance, Vec::new());
    let moved = call.binary(("add", "Tensor"), &deviation, 1e-9);
    let made = call.binary(("div", "Tensor"), &centred, &moved);
    Ok(vec![Known::Tensor(made)])
}
