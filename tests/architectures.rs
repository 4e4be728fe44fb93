//! A checkpoint has no graph: layerscope knows the architectures that people use and finds the one that the weights are of.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use bytes::Bytes;
use common::difference;
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats::architectures::{self, ArchitectureError, Bound};
use layerscope::formats::checkpoint::{Checkpoint, Tensor};
use layerscope::model::graph::DType;
use layerscope::model::{LayerTree, Source};
use serde_json::Value as Json;
use tch::Device;

/// As in `golden.py`: a hash of 32 bits of each index, between -1 and 1.
fn hashed(count: usize, seed: u32) -> impl Iterator<Item = f64> {
    (0..count as u32).map(move |index| {
        let mut state = index.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
        for (shift, factor) in [(16, 0x7FEB_352D_u32), (15, 0x846C_A68B)] {
            state ^= state >> shift;
            state = state.wrapping_mul(factor);
        }
        state ^= state >> 16;
        f64::from(state) / 2_f64.powi(31) - 1.0
    })
}

/// As in `golden.py`: moderate numbers, by what the name says that they are.
fn weight(name: &str, shape: &[usize], seed: u32) -> Vec<f64> {
    let count: usize = shape.iter().product();
    let plain = hashed(count, seed);
    if name.ends_with("running_var") {
        plain.map(|number| 1.0 + 0.5 * number).collect()
    } else if shape.len() > 1 {
        let scale = (3.0 / (count / shape[0]) as f64).sqrt();
        plain.map(|number| number * scale).collect()
    } else if name.ends_with("weight") {
        plain.map(|number| 1.0 + 0.2 * number).collect()
    } else {
        plain.map(|number| 0.1 * number).collect()
    }
}

fn floats(numbers: impl Iterator<Item = f64>) -> Bytes {
    numbers.flat_map(|number| (number as f32).to_le_bytes()).collect::<Vec<u8>>().into()
}

fn tensor(name: &str, dtype: DType, shape: &[usize], data: Bytes) -> Tensor {
    Tensor { name: name.to_owned(), dtype, shape: shape.to_vec(), strides: None, data }
}

fn checkpoint(tensors: Vec<Tensor>) -> Checkpoint {
    Checkpoint { tensors, found_in: String::new(), class: None, classes: None }
}

fn golden() -> Vec<Json> {
    serde_json::from_slice(&std::fs::read(common::fixtures().join("architectures/golden.json")).unwrap()).unwrap()
}

fn ints(json: &Json) -> Vec<usize> {
    json.as_array().unwrap().iter().map(|side| side.as_u64().unwrap() as usize).collect()
}

/// The weights of a golden row, as a checkpoint of `dtype`.
fn golden_checkpoint(row: &Json, dtype: DType) -> Checkpoint {
    let tensors = row["tensors"].as_array().unwrap().iter().map(|entry| {
        let (name, shape) = (entry[0].as_str().unwrap(), ints(&entry[1]));
        let values = weight(name, &shape, entry[2].as_u64().unwrap() as u32).into_iter();
        let data = match dtype {
            DType::Float64 => values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>().into(),
            DType::Float16 => {
                values.flat_map(|number| half::f16::from_f64(number).to_le_bytes()).collect::<Vec<u8>>().into()
            }
            _ => floats(values),
        };
        tensor(name, dtype, &shape, data)
    });
    checkpoint(tensors.collect())
}

fn assert_some(what: &str, ours: &[f32], golden: &Json) {
    let count = ours.len();
    let sixteen: Vec<f32> = ours.iter().step_by((count / 16).max(1)).take(16).copied().collect();
    let expected: Vec<f32> =
        golden["values"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect();
    assert_eq!(count, ints(&golden["shape"]).iter().product::<usize>(), "{what}");
    let far = difference(&sixteen, &expected);
    assert!(far <= 1e-4, "{what}: {far}");
    let sum: f64 = ours.iter().map(|number| f64::from(number.abs())).sum();
    let golden = golden["sum"].as_f64().unwrap();
    assert!((sum - golden).abs() <= 1e-4 * golden, "{what}: all magnitudes are {sum}, {golden} there");
}

fn bound(checkpoint: Checkpoint, wanted: Option<&str>) -> Bound {
    architectures::bind(checkpoint, wanted, Path::new("model.pth")).unwrap()
}

fn line(checkpoint: Checkpoint, wanted: Option<&str>) -> String {
    let error = architectures::bind(checkpoint, wanted, Path::new("model.pth")).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

/// A checkpoint of zeros with the tensors of an architecture.
fn zeros(name: &str) -> Checkpoint {
    let weights = architectures::weights(name).unwrap();
    let bytes = |dtype: DType, shape: &[usize]| shape.iter().product::<usize>() * dtype.size();
    let most = weights.iter().map(|(_, dtype, shape)| bytes(*dtype, shape)).max().unwrap();
    let all = Bytes::from(vec![0; most]);
    let tensors =
        weights.iter().map(|(name, dtype, shape)| tensor(name, *dtype, shape, all.slice(..bytes(*dtype, shape))));
    checkpoint(tensors.collect())
}

fn renamed(checkpoint: Checkpoint, rename: impl Fn(&str) -> String) -> Checkpoint {
    let tensors = checkpoint.tensors.into_iter().map(|tensor| Tensor { name: rename(&tensor.name), ..tensor });
    Checkpoint { tensors: tensors.collect(), ..checkpoint }
}

fn without(checkpoint: Checkpoint, part: &str) -> Checkpoint {
    let tensors = checkpoint.tensors.into_iter().filter(|tensor| !tensor.name.contains(part)).collect();
    Checkpoint { tensors, ..checkpoint }
}

#[test]
fn weights_of_a_known_architecture_give_its_own_outputs_activations_and_gradients() {
    for row in golden() {
        let name = row["name"].as_str().unwrap();
        let bound = bound(golden_checkpoint(&row, DType::Float32), Some(name));
        let engine = Engine::load(bound.graph, Device::Cpu).unwrap();
        let layers = LayerTree::of(engine.graph());
        let layer = row["layer"].as_str().unwrap();
        let layer =
            layers.layers[layers.find(layer).unwrap_or_else(|| panic!("{name} has no {layer}")).0].tap().unwrap();
        let shape = ints(&row["input"]);
        let picture: Vec<f32> = hashed(shape.iter().product(), 1000).map(|number| number as f32).collect();
        let shape: Vec<i64> = shape.into_iter().map(|side| side as i64).collect();
        let (source, output) = (engine.graph().inputs[0], engine.graph().outputs[0]);
        let given = [(source, engine.tensor(&picture, &shape).unwrap())];
        let run = engine.run(&given, &[layer, output.into()], &Cancel::new()).unwrap();
        assert_some(&format!("{name}, output"), &numbers(run.get(output).unwrap()).unwrap(), &row["output"]);
        let activation = numbers(run.get(layer.value).unwrap()).unwrap();
        assert_some(&format!("{name}, activation"), &activation, &row["activation"]);
        let run = engine.run_recorded(&given, &[output.into()], &[source.into()], &Cancel::new()).unwrap();
        let score = run.get(output).unwrap().select(1, 3).sum(tch::Kind::Float);
        let gradient = engine.gradients(&score, &[run.get(source).unwrap()], false).unwrap();
        assert_some(&format!("{name}, gradient"), &numbers(&gradient[0]).unwrap(), &row["gradient"]);
    }
}

#[test]
fn half_and_double_precision_are_computed_in_the_graphs_own() {
    let row = golden().into_iter().find(|row| row["name"] == "cifar/cifar_resnet20").unwrap();
    for (dtype, most) in [(DType::Float64, 1e-6), (DType::Float16, 2e-2)] {
        let bound = bound(golden_checkpoint(&row, dtype), None);
        assert_eq!(bound.name, "cifar_resnet20");
        assert!(bound.graph.weights.iter().all(|weight| weight.dtype == DType::Float32));
        let engine = Engine::load(bound.graph, Device::Cpu).unwrap();
        let picture: Vec<f32> = hashed(2 * 3 * 32 * 32, 1000).map(|number| number as f32).collect();
        let given = [(engine.graph().inputs[0], engine.tensor(&picture, &[2, 3, 32, 32]).unwrap())];
        let output = engine.graph().outputs[0];
        let run = engine.run(&given, &[output.into()], &Cancel::new()).unwrap();
        let ours = numbers(run.get(output).unwrap()).unwrap();
        let golden: Vec<f32> =
            row["output"]["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
        let far = difference(&ours[..16], &golden);
        assert!(far <= most, "{dtype:?}: {far}");
    }
}

#[test]
fn every_known_architecture_has_a_graph_that_takes_its_weights_and_whose_operators_exist() {
    let known = architectures::known().unwrap();
    assert!(known.iter().filter(|(_, source)| source == "torchvision").count() >= 80);
    assert!(known.len() >= 80 + 5 + 10 + 150, "only {}", known.len());
    for (name, source) in known {
        let name = format!("{source}/{name}");
        let bound = architectures::bind(zeros(&name), Some(&name), Path::new(""))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bound.graph.inputs.len(), 1, "{name}");
        assert!(bound.note.is_none(), "{name}: {:?}", bound.note);
        Engine::load(bound.graph, Device::Cpu).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_architecture_is_found_by_names_and_shapes_with_its_preprocessing_and_labels() {
    for name in
        ["resnet50", "efficientnet_b0", "convnext_tiny", "mobilenet_v3_large", "vgg16", "densenet121", "regnet_y_400mf"]
    {
        let bound = bound(zeros(&format!("torchvision/{name}")), None);
        assert_eq!(bound.name, name);
        assert_eq!(bound.labels.unwrap().len(), 1000, "{name}");
        assert_eq!(bound.input.channels, 3);
    }
    let lite = bound(zeros("efficientnet-lite0"), None);
    assert_eq!(lite.input.source, Source::Architecture);
    assert_eq!(
        lite.input.preprocessing.to_string(),
        "resize=256,crop=224,interpolation=bicubic,order=rgb,mean=127,std=128"
    );
    let digits = bound(zeros("mnist_example"), None);
    assert_eq!((digits.input.channels, digits.labels.unwrap().get(7)), (1, Some("7")));
}

#[test]
fn another_number_of_classes_fits_and_has_no_labels_of_its_own() {
    let mut weights = zeros("torchvision/resnet18");
    for tensor in &mut weights.tensors {
        if tensor.name.starts_with("fc.") {
            tensor.shape[0] = 7;
        }
    }
    let bound = bound(weights, None);
    assert_eq!((bound.name.as_str(), bound.labels), ("resnet18", None));
    let head = bound.graph.weights.iter().find(|weight| weight.name == "fc.weight").unwrap();
    assert_eq!(head.shape, [7, 512]);
}

#[test]
fn prefixes_counters_and_a_classifier_one_module_deeper_are_no_hindrance() {
    let wrapped = renamed(zeros("torchvision/resnet18"), |name| format!("model.backbone.{name}"));
    assert_eq!(bound(wrapped, None).name, "resnet18");
    let mut deeper = renamed(zeros("torchvision/resnet18"), |name| name.replace("fc.", "fc.1."));
    deeper.tensors.push(tensor("bn1.num_batches_tracked", DType::Int64, &[], Bytes::from(vec![0; 8])));
    assert_eq!(bound(deeper, None).name, "resnet18");
    let published = renamed(zeros("torchvision/densenet121"), |name| {
        name.replace("norm1.", "norm.1.")
            .replace("conv2.", "conv.2.")
            .replace("norm2.", "norm.2.")
            .replace("conv1.", "conv.1.")
    });
    assert_eq!(bound(published, None).name, "densenet121");
}

#[test]
fn a_backbone_without_classifier_gives_its_features() {
    let bound = bound(without(zeros("torchvision/resnet18"), "fc."), None);
    assert_eq!((bound.name.as_str(), bound.labels), ("resnet18", None));
    assert!(bound.note.unwrap().contains("no classifier"));
    let engine = Engine::load(bound.graph, Device::Cpu).unwrap();
    let given = [(engine.graph().inputs[0], engine.tensor(&[0.0; 3 * 32 * 32], &[1, 3, 32, 32]).unwrap())];
    let output = engine.graph().outputs[0];
    let run = engine.run(&given, &[output.into()], &Cancel::new()).unwrap();
    assert_eq!(run.get(output).unwrap().size(), [1, 512]);
}

#[test]
fn weights_that_nothing_fits_are_refused_with_the_nearest_and_what_differs() {
    let mut weights = zeros("torchvision/resnet50");
    for tensor in &mut weights.tensors {
        if tensor.name == "layer1.0.conv1.weight" {
            tensor.shape = vec![64, 128, 1, 1];
        }
    }
    let line = line(weights, None);
    assert!(line.contains("nearest is torchvision's resnet50: 1 of 267 tensors differs"), "{line}");
    assert!(line.contains("layer1.0.conv1.weight: 64×64×1×1 there, 64×128×1×1 here"), "{line}");
    assert!(line.contains("--architecture FILE.pt2"), "{line}");
}

#[test]
fn weights_of_another_network_with_a_residual_networks_names_are_not_taken_for_it() {
    let mut weights = zeros("torchvision/resnet18");
    weights.tensors.push(tensor("layer1.0.se.fc1.weight", DType::Float32, &[1], Bytes::from(vec![0; 4])));
    assert!(line(weights.clone(), None).contains("layer1.0.se.fc1.weight, which is here only"));
    let named = bound(weights, Some("resnet18"));
    assert!(named.note.unwrap().contains("layer1.0.se.fc1.weight"));
}

#[test]
fn where_several_architectures_with_other_outputs_fit_the_user_or_the_files_name_decides() {
    let weights = || zeros("timm/efficientnet_b0");
    let several = line(weights(), None);
    assert!(several.contains("timm's efficientnet_b0 and timm's tf_efficientnet_b0"), "{several}");
    assert!(several.contains("--architecture NAME"), "{several}");
    assert_eq!(bound(weights(), Some("tf_efficientnet_b0")).name, "tf_efficientnet_b0");
    let by_file =
        architectures::bind(weights(), None, Path::new("/models/tf_efficientnet_b0_aa-827b6e33.pth")).unwrap();
    assert_eq!(by_file.name, "tf_efficientnet_b0");
}

#[test]
fn a_name_that_is_not_known_is_answered_with_the_nearest() {
    let line = line(zeros("torchvision/resnet18"), Some("resnet81"));
    assert!(line.starts_with("unknown architecture `resnet81`: neither a known one nor an exported program (.pt2) that lends its graph; did you mean "), "{line}");
    assert!(line.contains("resnet18"), "{line}");
    let other = architectures::bind(zeros("torchvision/resnet18"), Some("resnet34"), Path::new("")).unwrap_err();
    assert!(matches!(other, ArchitectureError::Differs(_)), "{other}");
}

#[test]
fn an_exported_program_lends_its_graph_to_all_its_checkpoints() {
    let fixture = common::Fixture::open("convnet");
    let program = layerscope::formats::open(&fixture.model(), None).unwrap();
    let tensors = program.graph.weights.iter().map(|weight| Tensor {
        name: weight.name.clone(),
        dtype: weight.dtype,
        shape: weight.shape.clone(),
        strides: weight.strides.clone(),
        data: weight.data.clone(),
    });
    let weights = checkpoint(tensors.collect());
    let model = fixture.model();
    let wanted = model.to_str().unwrap();
    let bound = bound(weights.clone(), Some(wanted));
    let engine = Engine::load(bound.graph, Device::Cpu).unwrap();
    let input = fixture.input();
    let given = [(engine.graph().inputs[0], engine.tensor(&input.data, &input.shape).unwrap())];
    let output = engine.graph().outputs[0];
    let run = engine.run(&given, &[output.into()], &Cancel::new()).unwrap();
    let far = difference(&numbers(run.get(output).unwrap()).unwrap(), &fixture.array("output").data);
    assert!(far <= 1e-5, "{far}");
    let missing = line(without(weights, "conv1"), Some(wanted));
    assert!(missing.contains("conv1") && missing.contains("missing here"), "{missing}");
    assert!(line(zeros("mnist_example"), Some("nowhere.pt2")).contains("there is no such file"));
}
