//! Layers that do not run, because a layer before them cannot: their places in the tree, and all weights that the file holds
//! for them.

use super::KerasError;
use super::config::{LayerConfig, ModelConfig};
use super::file::{Address, Listed};
use super::layers::{MOST_NODES, dimensions};
use super::lower::{Lowering, Place};
use super::options::Options;
use super::weights::{self, View};
use crate::model::graph::{DType, Module, Outline, ValueId, Weight, WeightRole};
use crate::model::printable;

/// Adds the tree of a network that cannot be run to its end, and the weights of what does not run.
pub(super) fn add(lowering: &mut Lowering, config: &ModelConfig, reason: String) -> Result<(), KerasError> {
    let mut modules = Vec::new();
    walk(lowering, config, &Place::default(), &mut modules)?;
    lowering.graph.outline = Some(Outline { modules, reason });
    Ok(())
}

fn walk(
    lowering: &mut Lowering,
    config: &ModelConfig,
    place: &Place,
    modules: &mut Vec<Module>,
) -> Result<(), KerasError> {
    for layer in config.layers.iter().filter(|layer| layer.options.class != "InputLayer") {
        for call in 0..layer.calls.len().max(1) {
            if modules.len() >= MOST_NODES {
                return Err(KerasError::Damaged(format!("it calls more than {MOST_NODES} layers")));
            }
            let inner = place.of(layer, call);
            let kernel = if layer.model.is_none() && !lowering.has_run(&inner.address) {
                read(lowering, layer, &inner)?
            } else {
                None
            };
            modules.push(Module { scope: inner.scope.clone(), kernel });
            if let Some(model) = &layer.model {
                walk(lowering, model, &inner, modules)?;
            }
        }
    }
    Ok(())
}

/// Reads every array that the file holds for a layer, and gives the one that the layer convolves or multiplies with.
fn read(lowering: &mut Lowering, layer: &LayerConfig, place: &Place) -> Result<Option<ValueId>, KerasError> {
    let mut kernel = None;
    for Listed { path, name } in lowering.file.list(&place.address)? {
        let known = lowering.arrays.get(&path).copied();
        let name = named(&layer.options, &name);
        let value = if known.is_some() { known } else { load(lowering, layer, &place.address, &path, &name)? };
        if is_kernel(&layer.options, &name) {
            kernel = kernel.or(value);
        }
    }
    Ok(kernel)
}

/// Reads one array; `None` where it holds no numbers.
fn load(
    lowering: &mut Lowering,
    layer: &LayerConfig,
    address: &Address,
    path: &str,
    name: &str,
) -> Result<Option<ValueId>, KerasError> {
    let Some(array) = lowering.file.array(path)?.filter(super::file::Array::is_numeric) else { return Ok(None) };
    let shape: Option<Vec<usize>> = array.shape.iter().map(|&size| usize::try_from(size).ok()).collect();
    let shape = shape.ok_or_else(|| KerasError::Damaged(format!("an array of shape {:?}", array.shape)))?;
    let data = lowering.file.numbers(&array)?;
    let View { shape, strides } = view(&layer.options, name, &shape);
    let name = printable(&format!("{}.{name}", address.names.join("."))).into_owned();
    let role = if is_frozen(&layer.options, &name) { WeightRole::Frozen } else { WeightRole::Parameter };
    let weight = |value| Weight { name, value, role, dtype: DType::Float32, shape, strides, data: data.into() };
    let value = lowering.graph.weight(weight);
    lowering.arrays.insert(path.to_owned(), value);
    Ok(Some(value))
}

/// An archive numbers the arrays of a layer in the order in which Keras makes them.
fn named(options: &Options, name: &str) -> String {
    let is_on = |key: &str| options.get(key).and_then(serde_json::Value::as_bool).unwrap_or(true);
    let known: Vec<&str> = match own_class(options).0 {
        "Conv"
        | "Convolution"
        | "Conv_Transpose"
        | "Convolution_Transpose"
        | "DepthwiseConv"
        | "Dense"
        | "EinsumDense" => vec!["kernel", "bias"],
        "SeparableConv" | "SeparableConvolution" => vec!["depthwise_kernel", "pointwise_kernel", "bias"],
        "BatchNormalization" | "LayerNormalization" | "GroupNormalization" => {
            let learned = [("scale", "gamma"), ("center", "beta")].into_iter().filter(|(key, _)| is_on(key));
            learned.map(|(_, name)| name).chain(["moving_mean", "moving_variance"]).collect()
        }
        "Normalization" => vec!["mean", "variance", "count"],
        "PReLU" => vec!["alpha"],
        _ => Vec::new(),
    };
    name.parse().ok().and_then(|number: usize| known.get(number)).map_or_else(|| name.to_owned(), |&name| name.into())
}

/// A class of Keras's own without its count of dimensions, and the count; nothing for one that only has the same name.
fn own_class(options: &Options) -> (&str, usize) {
    if options.foreign || options.operation { ("", 0) } else { dimensions(&options.class) }
}

/// Whether training by gradients leaves the weight alone, as its name tells.
fn is_frozen(options: &Options, name: &str) -> bool {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    matches!(last, "moving_mean" | "moving_variance" | "seed_generator_state")
        || own_class(options).0 == "Normalization"
}

/// Whether the array is the one bank of kernels of a layer that computes on a picture or a vector.
fn is_kernel(options: &Options, name: &str) -> bool {
    let class = matches!(own_class(options), ("Conv" | "Convolution" | "DepthwiseConv", 2) | ("Dense", _));
    class && matches!(name, "kernel" | "depthwise_kernel")
}

/// An array as the same layer's would be seen if it ran; that of an unknown class as it lies in the file.
fn view(options: &Options, name: &str, shape: &[usize]) -> View {
    match (own_class(options), name) {
        (("DepthwiseConv", space), "kernel" | "depthwise_kernel")
        | (("SeparableConv" | "SeparableConvolution", space), "depthwise_kernel")
            if shape.len() == space + 2 =>
        {
            weights::depthwise(shape)
        }
        ((class, space), "kernel" | "pointwise_kernel") if class.contains("Conv") && shape.len() == space + 2 => {
            weights::kernel(shape)
        }
        (("Dense", _), "kernel") => match *shape {
            [inputs, outputs] => weights::transposed([inputs, outputs]),
            _ => weights::plain(shape),
        },
        _ => weights::plain(shape),
    }
}
