//! An exported program gives PyTorch's own numbers: outputs, every layer's activation, gradients.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, fixtures};
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats::archive::Archive;
use layerscope::formats::exported_program;
use layerscope::model::graph::Tap;
use layerscope::model::{Layer, LayerTree};
use tch::{Device, Tensor};

fn engine(path: &std::path::Path) -> Engine {
    let mut archive = Archive::open(std::fs::File::open(path).unwrap()).unwrap();
    Engine::load(exported_program::open(&mut archive).unwrap().graph, Device::Cpu).unwrap()
}

fn input(engine: &Engine, fixture: &Fixture) -> Tensor {
    let input = fixture.input();
    engine.tensor(&input.data, &input.shape).unwrap()
}

#[test]
fn every_layers_activation_is_pytorchs() {
    for name in ["convnet", "vit", "hand_checkable"] {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture.model());
        let layers = LayerTree::of(engine.graph());
        let taps: Vec<_> = layers.layers.iter().filter_map(Layer::tap).collect();
        let given = [(engine.graph().inputs[0], input(&engine, &fixture))];
        let run = engine.run(&given, &taps, &Cancel::new()).unwrap();
        for layer in fixture.list("layers") {
            let path = layer["path"].as_str().unwrap();
            let ours = layers.find(path).unwrap_or_else(|| panic!("{name} has no layer {path}"));
            let ours = numbers(run.get(layers.layers[ours.0].output.unwrap()).unwrap()).unwrap();
            let far = difference(&ours, &fixture.array(layer["key"].as_str().unwrap()).data);
            assert!(far <= 1e-5, "{name} {path}: {far}");
        }
    }
}

#[test]
fn outputs_are_pytorchs_also_without_taps_with_a_symbolic_batch_and_in_the_older_layout() {
    for (name, golden) in [
        ("convnet", "convnet"),
        ("convnet_dynamic", "convnet_dynamic"),
        ("vit", "vit"),
        ("convnet_torch25", "convnet_dynamic"),
        ("convnet_torch27", "convnet_dynamic"),
        ("convnet_torch28", "convnet_dynamic"),
    ] {
        let fixture = Fixture::open(golden);
        let engine = engine(&fixtures().join(name).join("model.pt2"));
        let output = engine.graph().outputs[0];
        // The older files were exported for a batch of one, and are asked about the golden batch's first picture.
        let rows = if name.contains("torch2") { 1 } else { fixture.input().shape[0] };
        let given = [(engine.graph().inputs[0], input(&engine, &fixture).narrow(0, 0, rows))];
        let run = engine.run(&given, &[output.into()], &Cancel::new()).unwrap();
        let golden = fixture.array("output");
        let expected = &golden.data[..(rows * golden.shape[1]) as usize];
        let far = difference(&numbers(run.get(output).unwrap()).unwrap(), expected);
        assert!(far <= 1e-5, "{name}: {far}");
    }
}

#[test]
fn gradients_at_the_input_and_at_every_kind_of_layer_are_pytorchs() {
    for name in ["convnet", "vit", "hand_checkable"] {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture.model());
        let layers = LayerTree::of(engine.graph());
        let (source, output) = (engine.graph().inputs[0], engine.graph().outputs[0]);
        let given = [(source, input(&engine, &fixture))];
        for golden in fixture.list("gradients") {
            let path = golden["layer"].as_str().unwrap();
            let at: Tap = if path == "input" {
                source.into()
            } else {
                layers.layers[layers.find(path).unwrap().0].tap().unwrap()
            };
            let run = engine.run_recorded(&given, &[output.into()], &[at], &Cancel::new()).unwrap();
            let score = run.get(output).unwrap().select(1, fixture.class() as i64).sum(tch::Kind::Float);
            let gradient = engine.gradients(&score, &[run.get(at.value).unwrap()], false).unwrap();
            let far = difference(&numbers(&gradient[0]).unwrap(), &fixture.array(golden["key"].as_str().unwrap()).data);
            assert!(far <= 1e-5, "{name} {path}: {far}");
        }
    }
}

#[test]
fn a_convolution_before_an_in_place_relu_still_shows_its_negative_values() {
    let fixture = Fixture::open("convnet");
    let engine = engine(&fixture.model());
    let layers = LayerTree::of(engine.graph());
    let taps: Vec<_> = layers.layers.iter().filter_map(Layer::tap).collect();
    let run = engine.run(&[(engine.graph().inputs[0], input(&engine, &fixture))], &taps, &Cancel::new()).unwrap();
    for path in ["bn1", "layer1.bn1"] {
        let values = numbers(run.get(layers.layers[layers.find(path).unwrap().0].output.unwrap()).unwrap()).unwrap();
        assert!(values.iter().any(|&value| value < 0.0), "{path} lost its negative values to the ReLU after it");
    }
}

#[test]
fn a_run_to_a_layer_calls_only_what_the_layer_depends_on() {
    let fixture = Fixture::open("convnet");
    let engine = engine(&fixture.model());
    let layers = LayerTree::of(engine.graph());
    let layer = |path: &str| layers.layers[layers.find(path).unwrap().0].tap().unwrap();
    let (source, end) = (engine.graph().inputs[0], engine.graph().outputs[0].into());
    assert_eq!(engine.plan(&[source], &[layer("conv1")]).len(), 1);
    assert!(engine.plan(&[source], &[layer("mixed")]).len() < engine.plan(&[source], &[end]).len());
    let tail = engine.plan(&[layer("layer2").value], &[end]);
    assert!(tail.len() <= 6, "from the last block only the head runs, not {} nodes", tail.len());
}

#[test]
fn a_raised_flag_stops_the_run() {
    let fixture = Fixture::open("convnet");
    let engine = engine(&fixture.model());
    let cancel = Cancel::new();
    cancel.raise();
    let given = [(engine.graph().inputs[0], input(&engine, &fixture))];
    assert!(matches!(
        engine.run(&given, &[engine.graph().outputs[0].into()], &cancel),
        Err(layerscope::engine::EngineError::Cancelled)
    ));
}

#[test]
fn an_operators_failure_names_operator_node_and_layer() {
    let fixture = Fixture::open("convnet");
    let engine = engine(&fixture.model());
    let wrong = engine.tensor(&[0.0; 2 * 4 * 4], &[1, 2, 4, 4]).unwrap();
    let error = engine
        .run(&[(engine.graph().inputs[0], wrong)], &[engine.graph().outputs[0].into()], &Cancel::new())
        .unwrap_err();
    let line = error.to_string();
    assert!(line.starts_with("aten::conv2d (node conv2d, layer conv1): "), "{line}");
    assert_eq!(line.lines().count(), 1);
}
