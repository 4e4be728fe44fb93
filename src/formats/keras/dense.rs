//! `Dense`: a linear map of the last dimension.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use super::{activation, convolution, shaping, weights};
use crate::model::graph::WeightRole;

/// `Dense`. Of feature maps it maps the channels, pixel by pixel.
pub(super) fn lower(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    let inputs = input.sizes.last().copied().flatten();
    let inputs = inputs.ok_or_else(|| call.options.wrong("the size of its input is not known"))?;
    let units = call.options.size("units")?.ok_or_else(|| call.options.wrong("it has no units"))?;
    let shape = [inputs, units].map(|size| size as usize);
    let kernel = call.weight(&["kernel"], &shape, WeightRole::Parameter, weights::transposed(shape))?;
    let bias = convolution::bias(call, units)?;
    let value = shaping::channels_last(call, input)?;
    let arguments = [("input", value.into()), ("weight", kernel.into()), ("bias", bias)];
    let value = call.node("linear", ("linear", ""), arguments)?;
    let mut sizes = input.sizes.clone();
    sizes.pop();
    sizes.push(Some(units));
    let output = shaping::channels_first(call, value, sizes)?;
    activation::option(call, output)
}
