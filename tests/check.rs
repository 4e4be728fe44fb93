//! `layerscope check` finds what is wrong with a network at the layer where it is wrong, measures what `PyTorch` measures, and
//! has nothing against sound networks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/onnx.rs"]
mod onnx;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Fixture, fixtures};
use layerscope::engine::{Cancel, EngineError};
use layerscope::methods::health::{self, Sample};
use layerscope::methods::job::Job;
use layerscope::methods::{MethodError, Network};
use onnx::{Onnx, scattered};
use serde_json::Value;

fn layerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(arguments).output().unwrap()
}

fn fixture(name: &str) -> String {
    fixtures().join("health").join(name).display().to_string()
}

/// The JSON document of a check, and its exit code.
fn checked(arguments: &[&str]) -> (Value, i32) {
    let done = layerscope(&[&["check"], arguments, &["--format", "json"]].concat());
    let document = serde_json::from_slice(&done.stdout);
    (document.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&done.stderr))), done.status.code().unwrap())
}

/// A fixture's check on the pictures that it was made for.
fn broken(name: &str) -> Vec<Value> {
    let (document, code) = checked(&[&fixture(&format!("{name}.pt2")), &fixture("pictures.npy")]);
    assert_eq!(code, 1, "{name}: {document:#}");
    assert_eq!(document["pictures"], 6);
    document["findings"].as_array().unwrap().clone()
}

/// The findings of a name.
fn of<'a>(findings: &'a [Value], name: &str) -> Vec<&'a Value> {
    findings.iter().filter(|finding| finding["finding"] == name).collect()
}

/// The only finding of a name, which must be trouble at `layer`.
fn trouble<'a>(findings: &'a [Value], name: &str, layer: &str) -> &'a Value {
    let [only] = of(findings, name)[..] else { panic!("{name}: {findings:#?}") };
    assert_eq!((only["severity"].as_str(), only["layer"].as_str()), (Some("trouble"), Some(layer)), "{findings:#?}");
    only
}

#[test]
fn a_nan_in_a_weight_is_found_in_the_weight_and_where_it_enters() {
    let findings = broken("nan");
    let weight = trouble(&findings, "weight-not-finite", "conv2");
    assert_eq!(
        (&weight["weight"], &weight["nan"], &weight["elements"]),
        (&"conv2.weight".into(), &1.into(), &432.into())
    );
    let activation = trouble(&findings, "activation-not-finite", "conv2");
    assert_eq!((&activation["cause"], &activation["of"]), (&"weight".into(), &"conv2.weight".into()));
    // One of eight channels, 12×12.
    assert_eq!((&activation["count"], &activation["pictures"]), (&144.into(), &6.into()));
    assert!(of(&findings, "gradient-not-finite").is_empty(), "what is NaN already is said once");
}

#[test]
fn an_overflow_in_the_middle_is_found_at_its_node_though_the_scores_are_finite() {
    let findings = broken("overflow");
    let infinity = trouble(&findings, "activation-not-finite", "middle");
    assert_eq!((&infinity["node"], &infinity["kind"]), (&"exp".into(), &"inf".into()));
    assert_eq!(infinity["cause"], "arithmetic");
}

#[test]
fn a_dead_layer_is_found_once_and_no_gradient_passes_it() {
    let findings = broken("dead");
    let dead = of(&findings, "dead-channels");
    let [dead] = dead[..] else { panic!("{findings:#?}") };
    assert_eq!((&dead["severity"], &dead["node"]), (&"trouble".into(), &"relu_1".into()));
    assert_eq!((&dead["dead"], &dead["certain"], &dead["channels"]), (&8.into(), &8.into(), &8.into()));
    assert_eq!(of(&findings, "no-gradient").len(), 1);
    assert_eq!(of(&findings, "same-predictions")[0]["severity"], "trouble");
}

#[test]
fn a_sigmoid_that_is_fed_too_much_is_saturated() {
    let findings = broken("saturated");
    let saturated = trouble(&findings, "saturated", "middle.sigmoid");
    assert!(saturated["share"].as_f64().unwrap() > 0.95, "{saturated}");
}

#[test]
fn exploding_and_vanishing_gradients_are_found_where_they_pass_the_threshold() {
    let golden: Value = serde_json::from_slice(&std::fs::read(fixture("golden.json")).unwrap()).unwrap();
    let (document, code) = checked(&[&fixture("exploding.pt2"), &fixture("pictures.npy")]);
    assert_eq!(code, 1);
    let findings = document["findings"].as_array().unwrap();
    let found = of(findings, "exploding-gradient");
    let [found] = found[..] else { panic!("{findings:#?}") };
    let layer = found["layer"].as_str().unwrap();
    assert!((found["norm"].as_f64().unwrap() / golden["exploding"][layer].as_f64().unwrap() - 1.0).abs() < 1e-4);
    assert!(found["ratio"].as_f64().unwrap() >= 1e6);
    agree(&document["gradients"], &golden["exploding"]);
    let findings = broken("vanishing");
    let found = trouble(&findings, "vanishing-gradient", "convs.3");
    assert!((found["norm"].as_f64().unwrap() / golden["vanishing"]["convs.3"].as_f64().unwrap() - 1.0).abs() < 1e-4);
}

#[test]
fn a_derivative_that_is_infinite_is_found_at_its_operator() {
    let findings = broken("root");
    let gradient = trouble(&findings, "gradient-not-finite", "middle");
    assert_eq!(gradient["node"], "sqrt");
    assert!(of(&findings, "activation-not-finite").is_empty());
}

#[test]
fn a_batch_norm_without_variance_is_found_by_itself_and_by_the_data() {
    let findings = broken("zero_variance");
    let variance = trouble(&findings, "batch-norm-variance", "bn2");
    assert_eq!((&variance["zero"], &variance["channels"]), (&8.into(), &8.into()));
    let statistics = trouble(&findings, "batch-norm-statistics", "bn2");
    assert!(statistics["ratio"].as_f64().unwrap() > 1e3);
}

#[test]
fn a_network_that_ignores_its_input_is_found_at_the_layer_that_does() {
    let findings = broken("ignoring");
    let ignores = trouble(&findings, "carries-nothing", "conv2");
    assert_eq!(ignores["only_way"], true);
    let same = of(&findings, "same-predictions");
    assert_eq!((&same[0]["severity"], &same[0]["spread"]), (&"trouble".into(), &0.0.into()));
    assert_eq!(of(&findings, "zero-weight")[0]["weight"], "conv2.weight");
}

#[test]
fn filters_that_are_zero_constant_doubled_or_far_away_are_noticed() {
    let (document, _) = checked(&[&fixture("filters.pt2"), &fixture("pictures.npy")]);
    let findings = document["findings"].as_array().unwrap();
    let constant = of(findings, "constant-filters")[0];
    assert_eq!((&constant["zero"], &constant["constant"], &constant["filters"]), (&1.into(), &1.into(), &8.into()));
    let doubled = of(findings, "duplicated-filters")[0];
    assert_eq!((&doubled["duplicates"], &doubled["example"]), (&1.into(), &serde_json::json!([0, 1])));
    let outliers = of(findings, "weight-outliers")[0];
    assert_eq!((&outliers["weight"], &outliers["outliers"]), (&"conv3.weight".into(), &1.into()));
    let maps = of(findings, "constant-maps")[0];
    assert_eq!((&maps["layer"], &maps["constant"]), (&"conv2".into(), &1.into()));
}

#[test]
fn levels_of_0_to_255_are_found_at_the_first_batch_norm() {
    let (document, code) = checked(&[&fixture("sound.pt2"), &fixture("levels.npy")]);
    assert_eq!(code, 1);
    let scale = trouble(document["findings"].as_array().unwrap(), "input-scale", "bn1");
    assert!(scale["ratio"].as_f64().unwrap() > 1e3);
}

#[test]
fn levels_of_0_to_255_are_found_without_a_batch_norm() {
    let (document, code) = checked(&["demo:book", "--preprocess", "resize=150x150,mean=0,std=1"]);
    assert_eq!(code, 1, "{document:#}");
    let findings = document["findings"].as_array().unwrap();
    let [sure] = of(findings, "input-sureness")[..] else { panic!("{findings:#?}") };
    assert!(sure["margin"].as_f64() > sure["divided"].as_f64());
}

#[test]
fn gradient_norms_and_batch_norm_statistics_are_pytorchs() {
    let golden: Value = serde_json::from_slice(&std::fs::read(fixture("golden.json")).unwrap()).unwrap();
    let arguments = [fixture("sound.pt2"), fixture("pictures.npy")];
    let (document, code) = checked(&[&arguments[0], &arguments[1]]);
    assert_eq!((code, &document["trouble"]), (0, &0.into()), "{document:#}");
    agree(&document["gradients"], &golden["gradients"]);
    let (of_class, _) = checked(&[&arguments[0], &arguments[1], "--class", "2"]);
    agree(&of_class["gradients"], &golden["gradients_of_class_2"]);
    let rows = document["batch_norms"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for (row, golden) in rows.iter().zip(golden["batch_norms"].as_array().unwrap()) {
        assert_eq!(row["layer"], golden["layer"]);
        for key in ["z", "greatest_z", "ratio"] {
            let (ours, golden) = (row[key].as_f64().unwrap(), golden[key].as_f64().unwrap());
            assert!((ours / golden - 1.0).abs() < 1e-4, "{key} of {}: {ours}, not {golden}", row["layer"]);
        }
    }
}

/// Every norm of the reference is one of ours.
fn agree(ours: &Value, golden: &Value) {
    let ours = ours.as_array().unwrap();
    for (layer, norm) in golden.as_object().unwrap() {
        // A container that only hands on its last layer's output is named by that.
        let Some(row) = ours.iter().find(|row| row["layer"] == layer.as_str()) else {
            assert_eq!(layer, "convs", "no gradient at {layer}");
            continue;
        };
        let (ours, golden) = (row["norm"].as_f64().unwrap(), norm.as_f64().unwrap());
        assert!((ours / golden - 1.0).abs() < 1e-4, "{layer}: {ours}, not {golden}");
    }
}

#[test]
fn sound_networks_give_no_trouble() {
    for name in ["convnet", "vit", "keras_functional", "hand_checkable"] {
        let fixture = Fixture::open(name);
        let (document, code) =
            checked(&[&fixture.model().display().to_string(), &fixture.input_path().display().to_string()]);
        assert_eq!(code, 0, "{name}: {:#}", document["findings"]);
    }
    for demo in ["demo", "demo:book"] {
        let (document, code) = checked(&[demo, "--threads", "1"]);
        assert_eq!((code, &document["pictures"]), (0, &1.into()), "{demo}: {:#}", document["findings"]);
    }
}

/// `Linear`, `BatchNorm1d` with what it saw in training, `ReLU`, `Linear`: a batch norm that sees one value of a channel in a picture.
fn batch_norm_of_vectors(path: &Path, running_mean: f32) {
    Onnx::of([1, 3, 4, 4])
        .then("flat", "Flatten", &[], &[("axis=", &[1])])
        .then("fc1", "Gemm", &[(&[8, 48], &scattered(8 * 48)), (&[8], &[0.0; 8])], &[("transB=", &[1])])
        .then(
            "bn",
            "BatchNormalization",
            &[(&[8], &[1.0; 8]), (&[8], &[0.1; 8]), (&[8], &[running_mean; 8]), (&[8], &[8.0; 8])],
            &[],
        )
        .then("relu", "Relu", &[], &[])
        .then("fc2", "Gemm", &[(&[4, 8], &scattered(32)), (&[4], &[0.0; 4])], &[("transB=", &[1])])
        .write(path, &[1, 4]);
}

#[test]
fn a_batch_norm_that_sees_one_value_of_a_channel_is_judged_by_its_means_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, off) = (folder.path().join("sound.onnx"), folder.path().join("off.onnx"));
    batch_norm_of_vectors(&sound, 0.5);
    batch_norm_of_vectors(&off, 5000.0);
    let picture = fixtures().join("scan/pictures/0/00.png").display().to_string();
    let check = |model: &Path| {
        let model = model.display().to_string();
        checked(&[&model, &picture, "--preprocess", "resize=4x4,mean=127.5,std=127.5"])
    };
    let (document, code) = check(&sound);
    assert_eq!((code, &document["trouble"]), (0, &0.into()), "{:#}", document["findings"]);
    assert_eq!(document["batch_norms"][0]["ratio"], Value::Null, "one value has no variance");
    assert!(document["batch_norms"][0]["z"].as_f64().is_some());
    let (document, code) = check(&off);
    assert_eq!(code, 1, "means that are far away are found all the same");
    let found = of(document["findings"].as_array().unwrap(), "batch-norm-statistics");
    assert!(found[0]["z"].as_f64().unwrap() > 100.0, "{:#}", document["findings"]);
    assert!(!found[0]["says"].as_str().unwrap().contains("variance"), "{}", found[0]);
}

/// A network that takes pictures of so many channels and answers to what is in them.
fn of_channels(path: &Path, channels: u64) {
    let kernel = scattered(6 * 9 * channels as usize);
    Onnx::of([1, channels, 16, 16])
        .then("conv", "Conv", &[(&[6, channels, 3, 3], &kernel), (&[6], &[0.1; 6])], &[])
        .then("relu", "Relu", &[], &[])
        .then("flat", "Flatten", &[], &[("axis=", &[1])])
        .then("fc", "Gemm", &[(&[4, 6 * 196], &scattered(4 * 6 * 196)), (&[4], &[0.0; 4])], &[("transB=", &[1])])
        .write(path, &[1, 4]);
}

#[test]
fn a_network_that_takes_no_pictures_is_checked_with_noise_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    for (channels, more, reason) in [
        (3, &["--preprocess", "resize=8x8,mean=127.5,std=127.5"][..], "the network takes 16x16 pixels"),
        (5, &[], "the network takes 5 channels"),
    ] {
        let model = folder.path().join(format!("{channels}.onnx"));
        of_channels(&model, channels);
        let done = layerscope(&[&["check", model.to_str().unwrap()], more].concat());
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(0), "{said}");
        assert!(said.contains("checked with noise: ") && said.contains(reason), "{said}");
        assert!(String::from_utf8(done.stdout).unwrap().contains("noise: nothing found"), "noise is not like itself");
    }
    let picture = fixtures().join("scan/pictures/0/00.png");
    let done = layerscope(&["check", folder.path().join("5.onnx").to_str().unwrap(), picture.to_str().unwrap()]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("00.png: ") && said.contains("the network takes 5 channels"), "{said}");
}

#[test]
fn the_table_says_where_what_and_what_to_do() {
    let done = layerscope(&["check", &fixture("zero_variance.pt2"), &fixture("pictures.npy")]);
    let table = String::from_utf8(done.stdout).unwrap().replace(&fixture(""), "");
    insta::assert_snapshot!(table);
    assert!(done.stderr.is_empty(), "no progress where nobody watches");
}

#[test]
fn what_cannot_be_checked_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.png");
    std::fs::write(&damaged, b"\x89PNG\r\n\x1a\n").unwrap();
    let damaged = damaged.display().to_string();
    for (arguments, says) in [
        (vec!["demo", "no-such-picture.png"], "no-such-picture.png"),
        (vec!["demo", &damaged], "damaged.png"),
        (vec!["demo", "--class", "no such class"], "--class"),
        (vec!["no-such-model.pt2"], "no-such-model.pt2"),
    ] {
        let done = layerscope(&[&["check"], arguments.as_slice()].concat());
        let line = String::from_utf8(done.stderr).unwrap();
        assert_eq!((done.status.code(), line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains(says), "{line}");
        assert!(done.stdout.is_empty());
    }
}

#[test]
fn the_library_marks_layers_counts_samples_and_stops() {
    let model = layerscope::formats::open(&PathBuf::from(fixture("dead.pt2")), None).unwrap();
    let network = Network::load(model, tch::Device::Cpu).unwrap();
    let array = common::npy(&std::fs::read(fixture("pictures.npy")).unwrap());
    let shape: Vec<usize> = array.shape.iter().map(|&size| size as usize).collect();
    let input = network.input_tensor(&array.data, &shape).unwrap();
    let samples = || {
        (0..6).map(|index| Ok::<_, MethodError>(Sample { name: index.to_string(), input: input.narrow(0, index, 1) }))
    };
    let (cancel, counted) = (Cancel::new(), std::cell::RefCell::new(Vec::new()));
    let job = Job { cancel: &cancel, progress: &|done, all| counted.borrow_mut().push((done, all)), seed: 0 };
    let report = health::check(&network, samples(), None, job).unwrap();
    assert_eq!(counted.borrow().as_slice(), [(0, 6), (1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]);
    assert_eq!(report.pictures, 6);
    let marks = |path: &str| {
        let id = network.layers.find(path).unwrap();
        report.marks.iter().find(|(layer, _)| *layer == id).map(|(_, marks)| *marks).unwrap()
    };
    assert_eq!(marks("relu_1").dead, Some(1.0));
    assert_eq!(marks("conv1").gradient, Some(0.0));
    assert!(marks("conv3").gradient.unwrap() >= 0.0);
    cancel.raise();
    let stopped = health::check(&network, samples(), None, Job::quiet(&cancel, 0));
    assert!(matches!(stopped, Err(MethodError::Engine(EngineError::Cancelled))));
}
