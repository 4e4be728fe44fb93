//! Transformers: tokens back on the picture's grid, Grad-CAM on them, attention rollout and LeGrad.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::path::PathBuf;

use common::{Array, arrays, difference, fixtures};
use layerscope::engine::Cancel;
use layerscope::methods::cam::{Grid, Map, MapInput, default_layer};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
use layerscope::methods::{Forward, MethodError, Network, channels};
use layerscope::model::Precision;
use tch::Device;

/// A network of `tests/fixtures/make_attention.py`, run on its input.
struct Seen {
    network: Network,
    forward: Forward,
    golden: HashMap<String, Array>,
}

fn seen(name: &str) -> Seen {
    seen_in(name, Precision::File)
}

fn seen_in(name: &str, precision: Precision) -> Seen {
    let folder = fixtures();
    let own = folder.join("attention").join(format!("{name}.pt2"));
    let model: PathBuf = if own.exists() { own } else { folder.join(name).join("model.pt2") };
    let model = layerscope::formats::open(&model, None).unwrap().in_precision(precision);
    let network = Network::load(model, Device::Cpu).unwrap();
    let golden = arrays(&folder.join("attention").join(format!("{name}.npz")));
    let input = &golden["input"];
    let shape: Vec<usize> = input.shape.iter().map(|&size| size as usize).collect();
    let forward = network.forward(&network.input_tensor(&input.data, &shape).unwrap(), &Cancel::new()).unwrap();
    Seen { network, forward, golden }
}

impl Seen {
    fn usual_layer(&self) -> &str {
        let id = default_layer(&self.network, &|value| self.forward.shapes().get(&value).cloned()).unwrap();
        &self.network.layers.layers[id.0].path
    }

    fn map(&self, method: &str, layer: &str, settings: &[&str]) -> Result<Map, MethodError> {
        let method = registry::find(Kind::Map, method).unwrap();
        let mut chosen = Settings::of(method);
        for text in settings {
            chosen.set(text).unwrap();
        }
        let Run::Map(make) = method.run else { unreachable!() };
        let place = self.network.place(layer).unwrap();
        let target = Target::from(ClassId { index: 2, negative: false });
        let cancel = Cancel::new();
        make(&MapInput::new(&self.network, &self.forward, &place, &target, None, Job::quiet(&cancel, 0)), &chosen)
    }

    fn assert_golden(&self, what: &str, map: &Map, key: &str) {
        let golden = &self.golden[key];
        assert_eq!([map.height as i64, map.width as i64], *golden.shape, "{what}");
        let far = difference(&map.values, &golden.data);
        assert!(far <= 1e-4, "{what}: {far}");
    }
}

const TRANSFORMERS: [&str; 3] = ["vit", "vit_torchvision", "vit_registers"];

#[test]
fn grad_cam_of_tokens_is_pytorch_grad_cams_with_its_reshaping() {
    for name in ["vit", "vit_torchvision", "vit_registers", "swin", "swin_timm"] {
        let seen = seen(name);
        let layers: Vec<&str> = seen.golden.keys().filter_map(|key| key.strip_prefix("grad-cam/")).collect();
        assert!(!layers.is_empty());
        for layer in layers {
            let map = seen.map("grad-cam", layer, &[]).unwrap();
            seen.assert_golden(&format!("{name} {layer}"), &map, &format!("grad-cam/{layer}"));
        }
    }
}

#[test]
fn a_sum_over_channels_that_nearly_vanishes_is_pytorch_grad_cams_in_double_precision() {
    // The norm behind the layer answers to its scale with almost nothing: the terms are a million times the sum.
    let seen = seen_in("swin_timm", Precision::Float64);
    let map = seen.map("hires-cam", "layers.1", &[]).unwrap();
    seen.assert_golden("hires-cam", &map, "hires-cam");
}

#[test]
fn attention_rollout_is_the_papers_product_for_every_way_to_join_heads() {
    for name in TRANSFORMERS {
        let seen = seen(name);
        let layer = seen.usual_layer();
        for (key, settings) in [
            ("rollout", [].as_slice()),
            ("rollout/max", &["heads=max"]),
            ("rollout/min", &["heads=min"]),
            ("rollout/discard", &["discard=0.4"]),
        ] {
            let map = seen.map("attention-rollout", layer, settings).unwrap();
            seen.assert_golden(&format!("{name} {key}"), &map, key);
        }
        let last = seen.map("attention-rollout", layer, &["blocks=1"]).unwrap();
        assert!(difference(&last.values, &seen.golden["rollout"].data) > 1e-2, "{name}: one block is not all");
    }
}

#[test]
fn legrad_is_torch_cams_also_where_the_file_keeps_the_attention_weights_to_itself() {
    for name in TRANSFORMERS {
        let seen = seen(name);
        let map = seen.map("legrad", seen.usual_layer(), &[]).unwrap();
        seen.assert_golden(name, &map, "legrad");
    }
}

#[test]
fn class_and_register_tokens_are_set_aside_and_patches_lie_in_rows_that_need_be_no_square() {
    for (name, layer, grid) in [
        ("vit", "blocks.0", Grid { extra: 1, height: 4, width: 4 }),
        ("vit_torchvision", "encoder.layers.encoder_layer_0", Grid { extra: 1, height: 4, width: 4 }),
        ("vit_registers", "blocks.0.mlp.fc1", Grid { extra: 3, height: 4, width: 6 }),
        ("vit_registers", "patch_embed", Grid { extra: 0, height: 4, width: 6 }),
    ] {
        let seen = seen(name);
        let value = seen.network.place(layer).unwrap().tap.value;
        let tokens = seen.forward.get(value).unwrap();
        assert_eq!(seen.forward.grids().of_pictures(&tokens.size()), Some(grid), "{name} {layer}");
        let maps = channels::maps(tokens, seen.network.layout(value), seen.forward.grids()).unwrap();
        let channel = tokens.size()[2] - 1;
        assert_eq!(maps.size(), [channel + 1, grid.height, grid.width], "{name} {layer}");
        let second_row = tokens.double_value(&[0, grid.extra + grid.width + 1, channel]);
        assert!((maps.double_value(&[channel, 1, 1]) - second_row).abs() < 1e-12, "{name} {layer}");
    }
}

#[test]
fn the_default_layer_of_a_transformer_is_the_last_whose_patches_matter() {
    for (name, expected) in [
        ("vit", "blocks.1.norm1"),
        ("vit_torchvision", "encoder.layers.encoder_layer_1.ln_1"),
        ("vit_registers", "blocks.1.norm1"),
        ("swin", "norm"),
        ("swin_timm", "norm"),
    ] {
        assert_eq!(seen(name).usual_layer(), expected, "{name}");
    }
}

#[test]
fn a_layer_that_matters_by_its_class_token_alone_is_refused_and_another_named() {
    for method in ["grad-cam", "layer-cam", "shapley-cam"] {
        let refused = seen("vit").map(method, "blocks.1", &[]).unwrap_err().to_string();
        assert_eq!(
            refused,
            "the score depends on the class token of layer blocks.1 alone: ask at an earlier layer, such as \
             blocks.1.norm1",
            "{method}"
        );
    }
}

#[test]
fn attention_within_windows_and_networks_without_attention_are_refused_in_one_line() {
    for method in ["attention-rollout", "legrad"] {
        let windows = seen("swin").map(method, "norm", &[]).unwrap_err().to_string();
        assert_eq!(
            windows,
            format!(
                "{method} needs attention over the whole picture on one grid, and that of features.1.0.attn is within \
                 windows: use grad-cam at norm"
            )
        );
        let fixture = common::Fixture::open("convnet");
        let network = common::network(&fixture);
        let input = common::input(&network, &fixture);
        let forward = network.forward(&input, &Cancel::new()).unwrap();
        let none = Seen { network, forward, golden: HashMap::new() }.map(method, "layer2", &[]).unwrap_err();
        assert_eq!(
            none.to_string(),
            format!(
                "{method} shows what attention over the whole picture does, and this network has none: use grad-cam at layer2"
            )
        );
    }
}
