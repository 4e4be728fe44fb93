//! Programs of every dialect and with every kind of argument give PyTorch's own numbers, and what cannot be shown is said.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::path::PathBuf;

use common::{Array, difference, fixtures};
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats;
use layerscope::model::graph::Tap;
use layerscope::model::{LayerTree, Layout, Model};
use tch::{Device, Kind, Tensor};

fn file(name: &str) -> PathBuf {
    fixtures().join("programs").join(format!("{name}.pt2"))
}

fn open(name: &str) -> Model {
    formats::open(&file(name), None).unwrap()
}

/// PyTorch's arrays of a program.
fn golden(name: &str) -> HashMap<String, Array> {
    common::arrays(&file(name).with_extension("npz"))
}

/// A program beside its golden arrays.
struct Program {
    engine: Engine,
    layers: LayerTree,
    picture: Tensor,
    golden: HashMap<String, Array>,
}

impl Program {
    fn open(name: &str) -> Self {
        let model = open(name);
        let golden = golden(name);
        let engine = Engine::load(model.graph, Device::Cpu).unwrap();
        let picture = &golden["input/0"];
        let mut picture = engine.tensor(&picture.data, &picture.shape).unwrap();
        if model.input.layout == Layout::ChannelsLast {
            picture = picture.permute([0, 3, 1, 2]);
        }
        Self { engine, layers: model.layers, picture, golden }
    }

    fn given(&self) -> Vec<(layerscope::model::graph::ValueId, Tensor)> {
        vec![(self.engine.graph().inputs[0], self.picture.shallow_clone())]
    }

    fn tap(&self, path: &str) -> Tap {
        self.layers.layers[self.layers.find(path).unwrap_or_else(|| panic!("no layer {path}")).0].tap().unwrap()
    }

    /// Paths with golden arrays of a kind: `activation`, `gradient`.
    fn paths(&self, kind: &str) -> Vec<String> {
        let prefix = format!("{kind}/");
        self.golden.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    fn outputs(&self, given: &[(layerscope::model::graph::ValueId, Tensor)]) -> Vec<Tensor> {
        let values = &self.engine.graph().outputs;
        let taps: Vec<Tap> = values.iter().map(|&value| value.into()).collect();
        let run = self.engine.run(given, &taps, &Cancel::new()).unwrap();
        values.iter().map(|&value| run.get(value).unwrap().shallow_clone()).collect()
    }

    fn assert_close(&self, name: &str, key: &str, ours: &Tensor, most: f32) {
        let golden = &self.golden[key];
        assert_eq!(ours.size(), golden.shape, "{name} {key}");
        let far = difference_with_infinities(&numbers(ours).unwrap(), &golden.data);
        assert!(far <= most, "{name} {key}: {far}");
    }
}

/// As [`difference`], with infinities where PyTorch has them.
fn difference_with_infinities(ours: &[f32], golden: &[f32]) -> f32 {
    let finite = |numbers: &[f32]| -> Vec<f32> {
        numbers.iter().zip(golden).filter(|(_, golden)| golden.is_finite()).map(|(number, _)| *number).collect()
    };
    for (ours, golden) in ours.iter().zip(golden).filter(|(_, golden)| !golden.is_finite()) {
        assert!(ours.total_cmp(golden).is_eq(), "{ours} for {golden}");
    }
    difference(&finite(ours), &finite(golden))
}

/// The programs, and how near they come: half precision rounds at the 11th and 8th bit, and gradients pass many roundings.
const PROGRAMS: [(&str, f32); 17] = [
    ("convnet_strict", 1e-5),
    ("convnet_core", 1e-5),
    ("vit_strict", 1e-5),
    ("vit_core", 1e-5),
    ("train", 1e-5),
    ("train_core", 1e-5),
    ("float16", 2e-3),
    ("bfloat16", 2e-2),
    ("float64", 1e-6),
    ("operators", 1e-5),
    ("sizes", 1e-6),
    ("kinds", 1e-5),
    ("buffers", 1e-6),
    ("buffers_core", 1e-6),
    ("channels_last", 1e-5),
    ("nested", 1e-5),
    ("branch_known", 1e-6),
];

#[test]
fn every_output_is_pytorchs_also_the_second_time() {
    for (name, most) in PROGRAMS {
        let program = Program::open(name);
        // Whatever the program writes into its buffers and its input must not show in the next run.
        for _ in 0..2 {
            let outputs = program.outputs(&program.given());
            assert_eq!(outputs.len(), program.paths("output").len(), "{name}");
            for (index, output) in outputs.iter().enumerate() {
                program.assert_close(name, &format!("output/{index}"), output, most);
            }
        }
    }
}

#[test]
fn activations_inside_are_pytorchs() {
    for (name, most) in PROGRAMS {
        let program = Program::open(name);
        for path in program.paths("activation") {
            let tap = program.tap(&path);
            let run = program.engine.run(&program.given(), &[tap], &Cancel::new()).unwrap();
            program.assert_close(name, &format!("activation/{path}"), run.get(tap.value).unwrap(), most);
        }
    }
}

#[test]
fn gradients_at_the_picture_and_at_layers_are_pytorchs() {
    for (name, most) in PROGRAMS {
        let program = Program::open(name);
        let source = program.engine.graph().inputs[0];
        let output = program.engine.graph().outputs[0];
        for path in program.paths("gradient") {
            let at: Tap = if path == "input" { source.into() } else { program.tap(&path) };
            let run = program.engine.run_recorded(&program.given(), &[output.into()], &[at], &Cancel::new()).unwrap();
            let score = run.get(output).unwrap().to_kind(Kind::Float).square().sum(Kind::Float) / 2.0;
            let mut gradient =
                program.engine.gradients(&score, &[run.get(at.value).unwrap()], false).unwrap().remove(0);
            if path == "input" && name == "channels_last" {
                gradient = gradient.permute([0, 2, 3, 1]);
            }
            program.assert_close(name, &format!("gradient/{path}"), &gradient, most);
        }
    }
}

#[test]
fn inputs_beside_the_picture_are_fed_what_the_program_was_exported_with_which_is_said_and_can_be_fed_anew() {
    let model = open("kinds");
    let note = model.note.unwrap_or_default();
    assert_eq!(note, "its other inputs are fed what it was exported with (mask, scale_factor)");
    let program = Program::open("kinds");
    let inputs = &program.engine.graph().inputs;
    assert_eq!(inputs.len(), 3, "the picture, the mask and the factor; a number that is fixed is none");
    let nothing_masked = Tensor::zeros([1, 1, 8, 8], (Kind::Bool, Device::Cpu));
    let mut given = program.given();
    given.push((inputs[1], nothing_masked));
    given.push((inputs[2], Tensor::from(0.0_f32)));
    let soft = &program.outputs(&given)[0];
    // Without a mask and at a factor of zero all 64 places are alike.
    let far = (soft - 1.0 / 64.0).abs().max().double_value(&[]);
    assert!(far < 1e-7, "{far}");
}

#[test]
fn a_program_of_half_precision_takes_pictures_like_any_other() {
    for name in ["float16", "bfloat16"] {
        let network = layerscope::methods::Network::load(open(name), Device::Cpu).unwrap();
        let picture = &golden(name)["input/0"];
        let input = network.engine.tensor(&picture.data, &picture.shape).unwrap();
        let forward = network.forward(&input, &Cancel::new()).unwrap();
        let output = forward.get(network.head.output).unwrap();
        let total = network.probabilities(output).sum(Kind::Float).double_value(&[]);
        assert!((total - 1.0).abs() < 1e-5, "{name}: {total}");
    }
}

#[test]
fn weights_that_lie_in_one_storage_share_its_bytes() {
    let graph = open("buffers").graph;
    let data = |name: &str| graph.weights.iter().find(|weight| weight.name == name).unwrap().data.as_ptr();
    assert_eq!(data("shared.weight"), data("also.weight"));
}

#[test]
fn an_archive_whose_one_model_has_another_name_opens() {
    assert_eq!(open("renamed").graph.outputs.len(), 1);
}

#[test]
fn autocast_is_left_out_and_said() {
    let note = open("autocast").note.unwrap_or_default();
    assert!(note.contains("autocast") && note.contains("precision"), "{note}");
}

#[test]
fn what_cannot_be_shown_is_said_in_one_line_that_names_it() {
    for (name, parts) in [
        ("refused_branch", ["node cond", "depends on the input"]),
        ("refused_loop", ["node while_loop", "at run time"]),
        ("refused_unbatched", ["input (float32 3×8×8)", "N×C×H×W"]),
        ("refused_two", ["2 programs (first, second)", "torch.export.save"]),
    ] {
        let line = formats::open(&file(name), None).unwrap_err().to_string();
        assert_eq!(line.lines().count(), 1, "{line}");
        for part in parts {
            assert!(line.contains(part), "{name}: {line}");
        }
    }
}

#[test]
fn a_cut_or_changed_program_is_an_error_or_a_program_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pt2");
    for name in ["kinds", "nested", "channels_last"] {
        let whole = std::fs::read(file(name)).unwrap();
        for step in 0..60 {
            let at = whole.len() * step / 60;
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(formats::open(&path, None).is_err(), "{name} cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            std::fs::write(&path, &changed).unwrap();
            if let Ok(model) = formats::open(&path, None) {
                let _ = Engine::load(model.graph, Device::Cpu);
            }
        }
    }
}
