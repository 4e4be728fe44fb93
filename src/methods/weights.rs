//! A layer's kernels as pictures.

use image::RgbImage;
use tch::{Kind, Tensor};

use super::{MethodError, Network};
use crate::engine::numbers;
use crate::model::graph::{Argument, NodeId, Operator};
use crate::model::preprocess::Order;
use crate::model::{Layer, LayerId};

/// Operators whose second tensor is a bank of kernels O×I×….
const KERNELS: &[&str] = &["aten::conv2d", "aten::convolution", "aten::_convolution", "aten::linear", "aten::addmm"];

/// Kernels of a layer: K maps, or K colour pictures where they look at colours.
#[derive(Debug)]
pub struct Kernels {
    /// K×H×W, or K×3×H×W for a first convolution.
    pub values: Tensor,
    /// Whether each kernel is a colour picture.
    pub colour: bool,
}

/// The kernels that a layer convolves or multiplies with: each output channel's I×H×W kernel, laid out as a mosaic of I tiles.
///
/// # Errors
/// When the layer has none of its own, or the index is not of this tree.
pub fn kernels(network: &Network, id: LayerId) -> Result<Kernels, MethodError> {
    let layer = network.layers.get(id).ok_or(MethodError::NoSuchLayer(id.0))?;
    let none = || MethodError::NoWeights(layer.path.clone());
    let weight = weight_of(network, layer).ok_or_else(none)?;
    let sizes = weight.size();
    let kernels = match *sizes.as_slice() {
        [outputs, inputs] => weight.f_reshape([outputs, inputs, 1, 1])?,
        [_, _, _, _] => weight,
        _ => return Err(none()),
    };
    let (_, inputs, height, width) = kernels.size4()?;
    if inputs == 3 && height > 1 {
        return Ok(Kernels { values: kernels, colour: true });
    }
    Ok(Kernels { values: mosaic(&kernels, inputs, height, width)?, colour: false })
}

/// Kernels K×3×H×W as pictures, each stretched over its own range.
///
/// # Errors
/// When the copy to the host fails.
pub fn colour_pictures(network: &Network, kernels: &Tensor) -> Result<Vec<RgbImage>, MethodError> {
    let (_, channels, height, width) = kernels.size4()?;
    let plane = (height * width) as usize;
    let values = numbers(kernels)?;
    let order = if network.input.preprocessing.order() == Order::Bgr { [2, 1, 0] } else { [0, 1, 2] };
    let picture = |kernel: &[f32]| {
        let (least, most) = kernel
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), &value| (least.min(value), most.max(value)));
        let level = |value: f32| ((value - least) / (most - least).max(f32::MIN_POSITIVE) * 255.0).round() as u8;
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let position = y as usize * width as usize + x as usize;
            image::Rgb(order.map(|channel| level(kernel[channel * plane + position])))
        })
    };
    Ok(values.chunks_exact((channels as usize * plane).max(1)).map(picture).collect())
}

/// Whether [`kernels`] has something to show for a layer.
pub fn has_kernels(network: &Network, id: LayerId) -> bool {
    network.layers.get(id).and_then(|layer| weight_of(network, layer)).is_some()
}

fn weight_of(network: &Network, layer: &Layer) -> Option<Tensor> {
    let nodes = &network.engine.graph().nodes;
    let kernel = |node: &NodeId| {
        let node = nodes.get(node.0)?;
        let Operator::Aten { name, .. } = &node.operator else { return None };
        if !KERNELS.contains(&&**name) {
            return None;
        }
        let argument = node.arguments.iter().find(|(parameter, _)| matches!(&**parameter, "weight" | "mat2"))?;
        let Argument::Value(value) = &argument.1 else { return None };
        network.engine.weight(*value).map(Tensor::shallow_clone)
    };
    if let Some(kernel) = layer.kernel {
        return network.engine.weight(kernel).map(Tensor::shallow_clone);
    }
    // A module of several convolutions has no kernels of its own.
    let mut found = layer.nodes.iter().filter_map(kernel);
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first) }
}

/// K×I×H×W as K maps of about √I by √I tiles.
fn mosaic(kernels: &Tensor, inputs: i64, height: i64, width: i64) -> Result<Tensor, MethodError> {
    let columns = (inputs as f64).sqrt().ceil() as i64;
    let rows = (inputs + columns - 1) / columns.max(1);
    let outputs = kernels.size()[0];
    let missing = rows * columns - inputs;
    let filled = if missing > 0 {
        let empty = Tensor::f_zeros([outputs, missing, height, width], (Kind::Float, kernels.device()))?;
        Tensor::f_cat(&[&kernels.f_to_kind(Kind::Float)?, &empty], 1)?
    } else {
        kernels.f_to_kind(Kind::Float)?
    };
    let tiles = filled.f_reshape([outputs, rows, columns, height, width])?;
    Ok(tiles.f_permute([0, 1, 3, 2, 4])?.f_reshape([outputs, rows * height, columns * width])?)
}
