//! Class activation maps agree with the reference implementations (Keras for the book's, pytorch-grad-cam, torch-cam), for any class, at
//! any layer with a spatial map.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::{Command, Output};
use std::rc::Rc;

use common::{Array, Fixture, NETWORKS, arrays, difference, input, network, npy};
use layerscope::engine::{Cancel, numbers};
use layerscope::methods::cam::fusion::{Fusion, fused};
use layerscope::methods::cam::{Map, MapInput, MapRequest, Recording, default_layer};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Measure, Target};
use layerscope::methods::{Forward, MethodError, Network, Place, noise};
use layerscope::model::graph::{NodeId, Tap};
use tch::{IndexOp, Kind as Number};

fn class(index: usize) -> ClassId {
    ClassId { index, negative: false }
}

/// The map of a target at a layer by a method of this name with these settings.
fn map_of(
    (network, forward): (&Network, &Forward),
    layer: &str,
    target: &Target,
    name: &str,
    set: &[&str],
) -> Result<Map, MethodError> {
    let method = registry::find(Kind::Map, name).unwrap();
    let mut settings = Settings::of(method);
    for text in set {
        settings.set(text).unwrap();
    }
    let Run::Map(make) = method.run else { unreachable!() };
    let (place, cancel) = (network.place(layer)?, Cancel::new());
    make(&MapInput::new(network, forward, &place, target, None, Job::quiet(&cancel, 9)), &settings)
}

/// The map of a class, or of its absence, at a layer by a method of this name with its defaults.
fn map(network: &Network, forward: &Forward, layer: &str, class: ClassId, name: &str) -> Result<Map, MethodError> {
    map_of((network, forward), layer, &class.into(), name, &[])
}

/// A fixture's network, run on its input.
fn ran(fixture: &Fixture) -> (Network, Forward) {
    let network = network(fixture);
    let forward = network.forward(&input(&network, fixture), &Cancel::new()).unwrap();
    (network, forward)
}

/// What pytorch-grad-cam and torch-cam make of the small convnet.
fn references() -> HashMap<String, Array> {
    arrays(&Fixture::open("convnet").folder.join("cams.npz"))
}

#[test]
fn the_map_of_the_top_class_is_the_reference_implementations() {
    for name in NETWORKS {
        let fixture = Fixture::open(name);
        let network = network(&fixture);
        let forward = network.forward(&input(&network, &fixture), &Cancel::new()).unwrap();
        let class = ClassId { index: fixture.class(), negative: false };
        for cam in fixture.list("cams") {
            let layer = cam["layer"].as_str().unwrap();
            let map = map(&network, &forward, layer, class, "grad-cam").unwrap();
            let golden = fixture.array(cam["key"].as_str().unwrap());
            assert_eq!([map.height as i64, map.width as i64], *golden.shape, "{name} {layer}");
            let far = difference(&map.values, &golden.data);
            assert!(far <= 1e-5, "{name} {layer}: {far}");
        }
    }
}

#[test]
fn the_books_map_is_keras_of_the_probability_and_the_mean_over_channels() {
    for (name, set) in [
        ("keras_sequential", [].as_slice()),
        ("keras_functional", &[]),
        // Of these the script took the scores.
        ("convnet", &["of=score"]),
        ("vit", &["of=score"]),
    ] {
        let fixture = Fixture::open(name);
        let (network, forward) = ran(&fixture);
        for cam in fixture.list("cams") {
            let layer = cam["layer"].as_str().unwrap();
            let target = Target::from(class(fixture.class()));
            let map = map_of((&network, &forward), layer, &target, "grad-cam-book", set).unwrap();
            let far = difference(&map.values, &fixture.array(cam["book_key"].as_str().unwrap()).data);
            assert!(far <= 1e-4, "{name} {layer}: {far}");
        }
    }
}

#[test]
fn every_method_gives_the_reference_implementations_numbers() {
    let (network, forward) = ran(&Fixture::open("convnet"));
    let mut seen = Vec::new();
    for (key, golden) in references() {
        let [method, layer, index] = *key.split('/').collect::<Vec<_>>() else { continue };
        let mut target = Target::from(class(index.parse().unwrap()));
        let mut set = Vec::new();
        let mut name = method;
        if let Some(of) = method.strip_suffix(" of probability") {
            let Target::Class { measure, .. } = &mut target else { unreachable!() };
            (name, *measure) = (of, Measure::Probability);
        }
        if let Some(smoothed) = method.strip_suffix("+eigen-smooth") {
            name = smoothed;
            set.push("eigen-smooth=yes");
        }
        if method == "smooth-grad-cam++" {
            set.push("form=last");
        }
        let layer = if layer == "input" { "layer2" } else { layer };
        let map = map_of((&network, &forward), layer, &target, name, &set).unwrap();
        assert_eq!([map.height as i64, map.width as i64], *golden.shape, "{key}");
        let far = difference(&map.values, &golden.data);
        assert!(far <= 1e-4, "{key}: {far}");
        seen.push(name.to_owned());
    }
    // The book's is compared in a test of its own above, attention in tests/attention.rs.
    let elsewhere = ["grad-cam-book", "attention-rollout", "legrad"];
    let missing: Vec<&str> = registry::all(Kind::Map)
        .map(|method| method.name)
        .filter(|name| !seen.iter().any(|seen| seen == name) && !elsewhere.contains(name))
        .collect();
    assert!(missing.is_empty(), "without a reference: {missing:?}");
}

#[test]
fn noise_depends_on_the_seed_and_the_sample_alone() {
    let golden = &references()["noise"];
    for (sample, drawn) in golden.data.chunks(3 * 20 * 20).enumerate() {
        assert_eq!(noise::normal(9, sample as u64, 3 * 20 * 20), drawn, "what scripts are given is what methods draw");
    }
    let many = noise::normal(1, 0, 100_000);
    let mean = many.iter().sum::<f32>() / 1e5;
    let variance = many.iter().map(|number| (number - mean).powi(2)).sum::<f32>() / 1e5;
    assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    let uniform = noise::uniform(1, 0, 100_000);
    assert!(uniform.iter().all(|number| (0.0..1.0).contains(number)));
    assert!((uniform.iter().sum::<f32>() / 1e5 - 0.5).abs() < 0.005);
}

#[test]
fn several_layers_and_smoothing_give_the_reference_implementations_maps() {
    let (network, forward) = ran(&Fixture::open("convnet"));
    let (references, cancel) = (references(), Cancel::new());
    let fixture = Fixture::open("convnet");
    let target = Target::from(class(fixture.class()));
    let of = |name: &str, layers: &[&str], fusion: Fusion, smooth: bool| {
        let method = registry::find(Kind::Map, name).unwrap();
        let (Run::Map(make), settings) = (method.run, Settings::of(method)) else { unreachable!() };
        let places: Vec<Place> = layers.iter().map(|layer| network.place(layer).unwrap()).collect();
        let request = MapRequest { make, settings: &settings, places: &places, target: &target, fusion };
        let job = Job::quiet(&cancel, 0);
        if smooth { request.smoothed(&network, &forward, job) } else { request.fused(&network, &forward, job) }.unwrap()
    };
    for (key, map) in [
        ("fused/mean", of("grad-cam", &["layer2", "layer1"], Fusion::Mean, false)),
        ("fused/max", of("layer-cam", &["layer2", "layer1"], Fusion::Max, false)),
        ("smoothed", of("grad-cam", &["layer2"], Fusion::Mean, true)),
    ] {
        let golden = &references[key];
        assert_eq!([map.height as i64, map.width as i64], *golden.shape, "{key}");
        let far = difference(&map.values, &golden.data);
        assert!(far <= 1e-4, "{key}: {far}");
    }
}

#[test]
fn fusion_of_maps_without_anything_positive_or_with_nan_is_dark_and_finite() {
    let map = |values: [f32; 4]| Map { height: 2, width: 2, values: values.to_vec() };
    for how in [Fusion::Mean, Fusion::Max] {
        let dark = fused(&[map([-1.0; 4]), map([f32::NAN, -2.0, 0.0, -1.0])], how, (4, 4)).unwrap();
        assert_eq!(dark.values, [0.0; 16]);
    }
}

/// As 4.3 of the reference has it: to as many digits as are written there.
fn assert_near(found: &[f32], paper: &[f32], what: &str) {
    assert_eq!(found.len(), paper.len(), "{what}");
    for (found, paper) in found.iter().zip(paper) {
        assert!((found - paper).abs() <= 1e-6 * paper.abs().max(0.5), "{what}: {found}, on paper {paper}");
    }
}

#[test]
fn the_hand_checkable_network_gives_the_numbers_on_paper() {
    let (network, forward) = ran(&Fixture::open("hand_checkable"));
    let of = |negative| map(&network, &forward, "relu1", ClassId { index: 0, negative }, "grad-cam").unwrap();
    assert_eq!(of(false).values, [0.0, 4.0, 28.0, 32.5]);
    assert_eq!(of(true).values, [-0.0, -4.0, -28.0, -32.5], "the absence of a class has the opposite map");
    let target = Target::from(class(0));
    let by =
        |layer: &str, name: &str, set: &[&str]| map_of((&network, &forward), layer, &target, name, set).unwrap().values;
    assert_eq!(by("conv1", "grad-cam", &[]), [11.25, 13.5, 20.25, 22.5]);
    assert_near(&by("relu1", "grad-cam++", &[]), &[0.0, 0.207_792, 1.871_259, 2.730_096], "grad-cam++");
    assert_near(&by("relu1", "xgrad-cam", &[]), &[0.0, 4.0, 25.0, 25.0], "xgrad-cam");
    assert_eq!(by("relu1", "hires-cam", &[]), [0.0, 4.0, 25.0, 25.0]);
    assert_eq!(by("relu1", "layer-cam", &[]), [0.0, 4.0, 31.0, 40.0]);
    assert_eq!(by("relu1", "element-wise", &[]), [0.0, 4.0, 31.0, 40.0]);
    assert_eq!(by("relu1", "grad-cam-book", &["of=score"]), [0.0, 2.0, 14.0, 16.25]);
    // The network is linear behind the ReLU: no curvature.
    assert_eq!(by("relu1", "shapley-cam", &[]), [0.0, 4.0, 28.0, 32.5]);
    let ablation = by("relu1", "ablation-cam", &[]);
    assert_near(&ablation, &[0.0, 4.0, 31.0 - 0.388_888_9 * 6.0, 40.0 - 0.388_888_9 * 15.0], "ablation-cam");
    let score = by("relu1", "score-cam", &[]);
    let (first, second) = (0.999_998_2, 1.79e-6);
    assert_near(&score, &[0.0, 4.0 * first, 31.0 * first + 6.0 * second, 40.0 * first + 15.0 * second], "score-cam");
    let eigen = by("relu1", "eigen-cam", &[]);
    assert_near(&eigen, &[-19.441_9, -15.654_904, 11.839_155, 23.257_649], "eigen-cam");
    let largest = eigen.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert_near(&[largest], &[36.112_98], "the first singular value");
}

#[test]
fn what_the_maps_of_the_hand_checkable_network_are_made_of_is_as_on_paper() {
    let (network, forward) = ran(&Fixture::open("hand_checkable"));
    let target = Target::from(class(0));
    let recording = |layer: &str| {
        let (place, tap) = (network.place(layer).unwrap(), target.tap(&network).unwrap());
        Recording::new(&network, &forward, place, tap, &Cancel::new()).unwrap()
    };
    let relu = recording("relu1");
    let gradient = relu.gradient(&network, &target).unwrap();
    assert_eq!(numbers(relu.activation()).unwrap(), [0.0, 4.0, 31.0, 40.0, 0.0, 0.0, 6.0, 15.0]);
    assert_eq!(numbers(&gradient).unwrap(), [1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0]);
    let weights = gradient.mean_dim([2, 3].as_slice(), false, Number::Float);
    assert_eq!(numbers(&weights).unwrap(), [1.0, -0.5]);
    let conv = recording("conv1");
    let gradient = conv.gradient(&network, &target).unwrap();
    let by_channel = gradient.mean_dim([2, 3].as_slice(), true, Number::Float) * conv.activation();
    assert_eq!(numbers(&by_channel).unwrap(), [-3.75, 3.0, 23.25, 30.0, 15.0, 10.5, -3.0, -7.5]);
    // The score, and the scores without the one and without the other channel.
    let place = network.place("relu1").unwrap();
    let tap: Tap = network.head.scores.into();
    for (removed, paper) in [(None, 54.0), (Some(0), 0.0), (Some(1), 75.0)] {
        let layer = forward.get(place.tap.value).unwrap().copy();
        if let Some(channel) = removed {
            let _ = layer.i((.., channel)).zero_();
        }
        let run = network.engine.run(&[(place.tap.value, layer)], &[tap], &Cancel::new()).unwrap();
        assert_eq!(numbers(&target.of(&network, run.get(tap.value).unwrap()).unwrap()).unwrap(), [paper]);
    }
}

#[test]
fn against_another_class_the_map_is_the_difference() {
    let (network, forward) = ran(&Fixture::open("convnet"));
    let of = |target: &Target| map_of((&network, &forward), "layer2", target, "grad-cam", &[]).unwrap().values;
    let (one, other) = (of(&class(2).into()), of(&class(1).into()));
    let apart: Vec<f32> = one.iter().zip(&other).map(|(one, other)| one - other).collect();
    assert!(difference(&of(&Target::class(class(2), Some(class(1)))), &apart) <= 1e-5);
}

#[test]
fn a_negative_score_does_not_turn_what_speaks_for_the_class() {
    let (network, forward) = ran(&Fixture::open("hand_checkable"));
    let of =
        |negative| map(&network, &forward, "relu1", ClassId { index: 0, negative }, "ablation-cam").unwrap().values;
    let opposite: Vec<f32> = of(false).iter().map(|value| -value).collect();
    assert_eq!(of(true), opposite);
}

#[test]
fn long_maps_say_how_far_they_are_and_stop_when_they_are_told_to() {
    let (network, forward) = ran(&Fixture::open("convnet"));
    let place = network.place("layer2").unwrap();
    let target = Target::from(class(0));
    for name in ["score-cam", "ablation-cam", "smooth-grad-cam++", "grad-cam"] {
        let method = registry::find(Kind::Map, name).unwrap();
        let (Run::Map(make), settings, cancel) = (method.run, Settings::of(method), Cancel::new()) else {
            unreachable!()
        };
        let told = RefCell::new(Vec::new());
        let progress = |done: usize, all: usize| told.borrow_mut().push((done, all));
        let job = Job { cancel: &cancel, progress: &progress, seed: 0 };
        make(&MapInput::new(&network, &forward, &place, &target, None, job), &settings).unwrap();
        assert!(told.borrow().iter().all(|(done, all)| done <= all), "{name}");
        assert_eq!(told.borrow().is_empty(), name == "grad-cam");
        assert!(told.borrow().last().is_none_or(|(done, all)| done == all), "{name} says that it is done");
        cancel.raise();
        let stopped = make(&MapInput::new(&network, &forward, &place, &target, None, job), &settings).unwrap_err();
        assert_eq!(stopped.to_string(), "stopped", "{name}");
    }
}

#[test]
fn a_single_node_has_maps_too() {
    let (network, forward) = ran(&Fixture::open("convnet"));
    let layer = network.place("layer2").unwrap();
    let Some(NodeId(node)) = layer.tap.after else {
        return assert!(layer.tap.after.is_some(), "layer2 ends at a node");
    };
    let name = network.engine.graph().nodes[node].name.clone();
    for method in ["grad-cam", "eigen-cam", "ablation-cam"] {
        let of = |layer: &str| map(&network, &forward, layer, class(0), method).unwrap();
        let far = difference(&of(&name).values, &of("layer2").values);
        assert!(far <= 1e-5, "{method}: {far}");
    }
}

#[test]
fn one_recording_serves_every_class() {
    let fixture = Fixture::open("convnet");
    let network = network(&fixture);
    let picture = input(&network, &fixture);
    let forward = network.forward(&picture, &Cancel::new()).unwrap();
    let place = network.place("layer2.conv2").unwrap();
    let tap = network.head.scores.into();
    let shared = Rc::new(Recording::new(&network, &forward, place.clone(), tap, &Cancel::new()).unwrap());
    let method = registry::find(Kind::Map, "grad-cam").unwrap();
    let (Run::Map(make), settings, cancel) = (method.run, Settings::of(method), Cancel::new()) else { unreachable!() };
    for index in 0..network.classes().unwrap() {
        let target = Target::from(ClassId { index, negative: false });
        let of = |recording| {
            let input = MapInput::new(&network, &forward, &place, &target, recording, Job::quiet(&cancel, 0));
            make(&input, &settings).unwrap()
        };
        assert_eq!(of(Some(shared.clone())), of(None));
    }
}

#[test]
fn the_default_layer_is_the_last_with_a_map_that_the_score_looks_at() {
    for (name, expected) in [("convnet", "layer2"), ("vit", "blocks.1.norm1"), ("hand_checkable", "relu1")] {
        let network = network(&Fixture::open(name));
        let shapes = network.forward_shapes().unwrap();
        let layer = default_layer(&network, &|value| shapes.get(&value).cloned()).unwrap();
        assert_eq!(network.layers.layers[layer.0].path, expected, "{name}");
    }
}

#[test]
fn a_layer_without_space_and_a_class_beyond_the_last_are_refused_in_one_line() {
    let fixture = Fixture::open("convnet");
    let network = network(&fixture);
    let forward = network.forward(&input(&network, &fixture), &Cancel::new()).unwrap();
    let of = |layer, index| map(&network, &forward, layer, ClassId { index, negative: false }, "grad-cam");
    let flat = of("fc", 0).unwrap_err();
    assert_eq!(
        flat.to_string(),
        "layer fc gives 1×5, not N×C×H×W: a class activation map needs a layer with a spatial map, such as layer2"
    );
    let beyond = of("layer2", 5).unwrap_err();
    assert_eq!(beyond.to_string(), "the network has classes 0 to 4, not 5");
    let unknown = network.place("layer2.conv3").unwrap_err();
    assert!(matches!(unknown, MethodError::UnknownLayer { .. }));
    assert!(unknown.to_string().contains("layer2.conv2"), "{unknown}");
}

fn cam(arguments: &[&str]) -> Output {
    let fixture = Fixture::open("convnet");
    let (model, picture) = (fixture.model(), fixture.input_path());
    let given = ["cam", model.to_str().unwrap(), picture.to_str().unwrap()];
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(given).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let done = cam(&[arguments, &["--format", "json"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn the_command_lists_every_method_with_what_can_be_set() {
    let done = Command::new(env!("CARGO_BIN_EXE_layerscope")).args(["cam", "--list-methods"]).output().unwrap();
    assert!(done.status.success());
    insta::assert_snapshot!(String::from_utf8(done.stdout).unwrap());
}

#[test]
fn several_classes_give_a_map_each_and_several_layers_one_of_the_pictures_size() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (raw, out) = (at("maps.npy"), at("map.png"));
    let result = json(&["--class", "2", "--class", "1", "--layer", "layer2", "--raw", &raw, "--out", &out]);
    let classes: Vec<u64> = [0, 1].map(|at| result["results"][at]["class"]["index"].as_u64().unwrap()).to_vec();
    assert_eq!(classes, [2, 1]);
    let array = npy(&std::fs::read(&raw).unwrap());
    assert_eq!(array.shape, [2, 4, 4]);
    let golden = references();
    assert!(difference(&array.data[16..], &golden["grad-cam/layer2/1"].data) <= 1e-4);
    assert!(folder.path().join("map.2.png").exists() && folder.path().join("map.1.png").exists());

    let result = json(&["--layer", "layer2", "--layer", "layer1", "--raw", &raw]);
    assert_eq!(result["map"]["fuse"], "mean");
    assert_eq!(result["maps"].as_array().unwrap().len(), 2, "each layer's map is still said");
    assert!(difference(&npy(&std::fs::read(&raw).unwrap()).data, &golden["fused/mean"].data) <= 1e-4);

    let result = json(&["--layer", "layer2", "--smooth", "--raw", &raw]);
    assert_eq!(result["map"]["smooth"], true);
    assert!(difference(&npy(&std::fs::read(&raw).unwrap()).data, &golden["smoothed"].data) <= 1e-4);

    json(&["--layer", "layer2", "--eigen-smooth", "--raw", &raw]);
    assert!(
        difference(&npy(&std::fs::read(&raw).unwrap()).data, &golden["grad-cam+eigen-smooth/layer2/2"].data) <= 1e-4
    );

    json(&["--layer", "layer2", "--method", "shapley-cam", "--of", "probability", "--raw", &raw]);
    let golden = &golden["shapley-cam of probability/layer2/2"];
    assert!(difference(&npy(&std::fs::read(&raw).unwrap()).data, &golden.data) <= 1e-4);
}

#[test]
fn a_class_and_its_absence_have_a_picture_each_and_probabilities_that_are_one_together() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.png");
    let given = ["cam", "demo:book", "--class", "dog", "--class", "cat", "--out", out.to_str().unwrap()];
    let told = |more: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_layerscope")).args(given).args(more).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let result: serde_json::Value = serde_json::from_str(&told(&["--format", "json"])).unwrap();
    let pictures = ["x.0.png", "x.0.absent.png"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
    assert_ne!(pictures[0], pictures[1], "what speaks for a dog speaks against a cat");
    let [dog, cat] = [0, 1].map(|at| result["results"][at]["class"]["probability"].as_f64().unwrap());
    assert!((dog + cat - 1.0).abs() < 1e-6, "{dog} and {cat}");
    let table = told(&[]);
    for share in [dog, cat] {
        assert!(table.contains(&format!("({:.2} %)", share * 100.0)), "{share}: {table}");
    }
}

#[test]
fn a_wrong_target_or_setting_is_refused_in_one_line() {
    for (arguments, expected) in [
        (["--region", "4x6"], "'4x6' is no region: everywhere, predicted, or ROWxCOLUMN+HEIGHT+WIDTH such as 4x6+8+8"),
        (["--region", "0x0+1+1"], "there is one position, for the whole picture: it has no regions and no other units"),
        (["--output", "1"], "the network has outputs 0 to 0, not 1"),
        (["--class", "9"], "layerscope: --class: class 9 does not exist"),
        (["--against", "9"], "layerscope: --against: class 9 does not exist"),
        (["--fuse", "sum"], "'sum' is no way to fuse maps: mean or max"),
        (["--set", "std=1"], "--set: grad-cam has no parameter 'std'; it has eigen-smooth"),
    ] {
        let done = cam(&arguments);
        let line = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.contains(expected), "{arguments:?}: {line}");
    }
    let done = cam(&["--method", "fem", "--eigen-smooth"]);
    assert!(String::from_utf8(done.stderr).unwrap().contains("--eigen-smooth: fem has no parameter 'eigen-smooth'"));
}
