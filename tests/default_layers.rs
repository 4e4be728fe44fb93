//! Every known architecture has a layer where maps are made unless the user names another, and it is the one that people take.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use layerscope::aten::Value;
use layerscope::engine::{Cancel, EngineError, NodeCall, Substitute};
use layerscope::formats::architectures;
use layerscope::formats::checkpoint::{Checkpoint, Tensor as Weight};
use layerscope::methods::Network;
use layerscope::methods::cam::default_layer;
use layerscope::model::graph::{Argument, Node, NodeId, Operator, ValueId};
use layerscope::model::{Layout, Model};
use tch::{Device, Kind, Tensor};

/// The shapes of a run without its sums: convolutions and matrix products give zeros.
#[derive(Default)]
struct Shapes(RefCell<HashMap<ValueId, Vec<i64>>>);

impl Substitute for Shapes {
    fn takes(&self, _: NodeId, _: &Node) -> bool {
        true
    }

    fn call(&mut self, _: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        let results = match zeros(call) {
            Some(zeros) => vec![Value::Tensor(zeros)],
            None => call.run(&[])?,
        };
        let made = results.iter().flat_map(|value| match value {
            Value::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        });
        for (value, result) in call.node().makes().zip(made) {
            if let Some(tensor) = result.tensor() {
                self.0.borrow_mut().insert(value, tensor.size());
            }
        }
        Ok(results)
    }
}

fn zeros(call: &NodeCall<'_>) -> Option<Tensor> {
    let Operator::Aten { name, .. } = &call.node().operator else { return None };
    let shape = |parameter| call.tensor(parameter).map(|tensor| tensor.size());
    let sizes = match &**name {
        "aten::linear" => {
            let mut sizes = shape("input")?;
            *sizes.last_mut()? = shape("weight")?[0];
            sizes
        }
        "aten::scaled_dot_product_attention" => shape("query")?,
        "aten::matmul" => {
            let (mut left, right) = (shape("self")?, shape("other")?);
            if left.len() != right.len() {
                return None;
            }
            *left.last_mut()? = *right.last()?;
            left
        }
        "aten::conv2d" => {
            let (input, weight) = (shape("input")?, shape("weight")?);
            let side = |side: usize| {
                let of = |name, otherwise| number(call.node(), name, side).unwrap_or(otherwise);
                let reach = of("dilation", 1) * (weight[2 + side] - 1);
                let padding = if word(call.node(), "padding") { reach } else { 2 * of("padding", 0) };
                (input[2 + side] + padding - reach - 1) / of("stride", 1) + 1
            };
            vec![input[0], weight[0], side(0), side(1)]
        }
        _ => return None,
    };
    Some(Tensor::zeros(sizes, (Kind::Float, Device::Cpu)))
}

fn argument<'a>(node: &'a Node, name: &str) -> Option<&'a Argument> {
    node.arguments.iter().find(|(parameter, _)| &**parameter == name).map(|(_, argument)| argument)
}

fn number(node: &Node, name: &str, side: usize) -> Option<i64> {
    match argument(node, name)? {
        Argument::Int(number) => Some(*number),
        Argument::List(items) => match items.get(side).or(items.first())? {
            Argument::Int(number) => Some(*number),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a parameter is the word `same`.
fn word(node: &Node, name: &str) -> bool {
    matches!(argument(node, name), Some(Argument::String(word)) if word == "same")
}

/// An architecture with weights of zeros.
fn network(name: &str) -> Network {
    let weights = architectures::weights(name).unwrap();
    let bytes = |shape: &[usize], size: usize| shape.iter().product::<usize>() * size;
    let most = weights.iter().map(|(_, dtype, shape)| bytes(shape, dtype.size())).max().unwrap();
    let all = Bytes::from(vec![0; most]);
    let tensors = weights.iter().map(|(name, dtype, shape)| Weight {
        name: name.clone(),
        dtype: *dtype,
        shape: shape.clone(),
        strides: None,
        data: all.slice(..bytes(shape, dtype.size())),
    });
    let checkpoint = Checkpoint { tensors: tensors.collect(), found_in: String::new(), class: None, classes: None };
    let bound = architectures::bind(checkpoint, Some(name), Path::new("")).unwrap();
    Network::load(Model::new(name.to_owned(), "checkpoint", bound.graph, bound.input), Device::Cpu).unwrap()
}

/// Path of the default layer, and its rows and columns; tokens stand as their number.
fn default_of(name: &str) -> (String, String) {
    let network = network(name);
    let source = network.source().unwrap();
    let zeros = network.zeros().unwrap();
    let mut shapes = Shapes(RefCell::new(HashMap::from([(source, zeros.size())])));
    let output = network.head.output.into();
    network.engine.run_substituted(&[(source, zeros)], &[output], &[], &mut shapes, &Cancel::new()).unwrap();
    let shapes = shapes.0.into_inner();
    let id = default_layer(&network, &|value| shapes.get(&value).cloned()).unwrap_or_else(|| panic!("{name}: none"));
    let layer = &network.layers.layers[id.0];
    let output = layer.output.unwrap();
    let size = match (shapes[&output].as_slice(), network.layout(output)) {
        ([_, height, width, _], Layout::ChannelsLast) | ([_, _, height, width], _) => {
            assert!(height * width > 1, "{name}: {}", layer.path);
            format!("{height}×{width}")
        }
        ([_, tokens, _], _) => {
            let grid = network.grids(&|value| shapes.get(&value).cloned()).of_pictures(&shapes[&output]);
            let grid = grid.unwrap_or_else(|| panic!("{name}: {} has no grid", layer.path));
            assert_eq!(grid.extra + grid.patches(), *tokens, "{name}");
            format!("{}×{} and {}", grid.height, grid.width, grid.extra)
        }
        (other, _) => panic!("{name}: {} gives {other:?}", layer.path),
    };
    (layer.path.clone(), size)
}

/// Name, layer, rows × columns and other tokens of all known architectures of which `of` is true.
fn table(of: impl Fn(&str) -> bool) -> String {
    let mut lines = String::new();
    for (name, source) in architectures::known().unwrap() {
        let name = format!("{source}/{name}");
        if of(&name) {
            let (layer, size) = default_of(&name);
            writeln!(lines, "{name}: {layer}, {size}").unwrap();
        }
    }
    lines
}

#[test]
#[ignore = "a minute or more: `cargo test --test default_layers -- --ignored`"]
fn the_default_layer_of_torchvisions_and_other_architectures() {
    insta::assert_snapshot!(table(|name| !name.starts_with("timm/")));
}

#[test]
#[ignore = "some minutes: `cargo test --test default_layers -- --ignored`"]
fn the_default_layer_of_timms_architectures() {
    insta::assert_snapshot!(table(|name| name.starts_with("timm/")));
}

#[test]
fn the_default_layer_is_the_one_that_people_take() {
    for (name, expected) in [
        ("torchvision/resnet50", "layer4"),
        ("torchvision/vgg16", "features.29"),
        ("torchvision/vit_b_16", "encoder.layers.encoder_layer_11.ln_1"),
        ("timm/vit_base_patch16_224", "blocks.11.norm1"),
        ("timm/vit_small_patch14_reg4_dinov2", "blocks.11.norm1"),
        ("timm/deit_tiny_distilled_patch16_224", "blocks.11.norm1"),
        ("torchvision/swin_t", "norm"),
        ("timm/densenet121", "relu__120"),
        ("timm/convnext_atto", "stages"),
        ("timm/tf_efficientnet_lite0", "bn2"),
        ("timm/mobilenetv3_small_050", "blocks"),
        ("timm/nfnet_l0", "final_act"),
        ("timm/regnetx_002", "s4"),
        ("timm/maxvit_nano_rw_256", "norm"),
        ("timm/beit_base_patch16_224", "blocks.11"),
        ("timm/eva02_tiny_patch14_224", "blocks.11"),
        ("timm/levit_128s", "stages"),
        ("timm/cait_xxs24_224", "blocks_token_only.1.norm1"),
        ("timm/pit_ti_224", "transformers.2.blocks.3.norm1"),
        ("timm/mixer_s16_224", "norm"),
    ] {
        assert_eq!(default_of(name).0, expected, "{name}");
    }
}
