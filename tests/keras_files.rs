//! A Keras HDF5 file opens as Keras itself sees it: layers, shapes and parameters, outputs, every layer's activation.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, fixtures};
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats::keras::{self, KerasError};
use layerscope::model::graph::{Operator, Weight};
use layerscope::model::{Graph, Layer, LayerTree};
use tch::{Device, Kind, Tensor};

const FIXTURES: [&str; 2] = ["keras_sequential", "keras_functional"];

fn demo() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/cats_and_dogs_small_2.h5")
}

fn engine(fixture: &Fixture) -> Engine {
    Engine::load(keras::open(&fixture.model()).unwrap().graph, Device::Cpu).unwrap()
}

/// The fixture's N×H×W×C input as N×C×H×W.
fn input(engine: &Engine, fixture: &Fixture) -> Tensor {
    let input = fixture.input();
    engine.tensor(&input.data, &input.shape).unwrap().permute([0, 3, 1, 2]).contiguous()
}

fn modules(graph: &Graph) -> Vec<(String, String, u64)> {
    let layers = LayerTree::of(graph).layers;
    layers.iter().map(|layer| (layer.path.clone(), layer.type_name.clone(), layer.parameters())).collect()
}

#[test]
fn the_books_convnet_has_the_layers_and_parameters_of_the_books_table() {
    let model = keras::open(&demo()).unwrap();
    let table = [
        ("conv2d_20", "Conv2D", 896),
        ("max_pooling2d_20", "MaxPooling2D", 0),
        ("conv2d_21", "Conv2D", 18_496),
        ("max_pooling2d_21", "MaxPooling2D", 0),
        ("conv2d_22", "Conv2D", 73_856),
        ("max_pooling2d_22", "MaxPooling2D", 0),
        ("conv2d_23", "Conv2D", 147_584),
        ("max_pooling2d_23", "MaxPooling2D", 0),
        ("flatten_5", "Flatten", 0),
        ("dropout", "Dropout", 0),
        ("dense_10", "Dense", 3_211_776),
        ("dense_11", "Dense", 513),
    ];
    let expected: Vec<_> = table.iter().map(|&(path, kind, count)| (path.to_owned(), kind.to_owned(), count)).collect();
    assert_eq!(modules(&model.graph), expected);
    assert_eq!(expected.iter().map(|layer| layer.2).sum::<u64>(), 3_453_121);
    assert_eq!(model.name, "sequential_5");
    assert_eq!((model.input.height, model.input.width, model.input.channels), (Some(150), Some(150), 3));
    assert!(model.input.channels_last && !model.rescaling);
}

#[test]
fn a_layer_is_its_operators_and_then_its_activation() {
    let model = keras::open(&demo()).unwrap();
    let names: Vec<_> = model.graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names[..3], ["conv2d_20.convolution", "conv2d_20.relu", "max_pooling2d_20.max_pool"]);
    assert_eq!(names[names.len() - 2..], ["dense_11.linear", "dense_11.sigmoid"]);
    let layers = LayerTree::of(&model.graph);
    let output = layers.layers[layers.find("conv2d_20").unwrap().0].output;
    assert_eq!(model.graph.values[output.0], "conv2d_20.relu");
}

#[test]
fn kernels_are_seen_as_pytorch_has_them_without_moving_a_number() {
    let model = keras::open(&demo()).unwrap();
    let weight = |name: &str| -> &Weight { model.graph.weights.iter().find(|weight| weight.name == name).unwrap() };
    let kernel = weight("conv2d_21.kernel");
    assert_eq!(kernel.shape, [64, 32, 3, 3]);
    assert_eq!(kernel.strides.as_deref(), Some(&[1, 64, 3 * 32 * 64, 32 * 64][..]));
    let dense = weight("dense_11.kernel");
    assert_eq!((dense.shape.as_slice(), dense.strides.as_deref()), (&[1, 512][..], Some(&[1, 1][..])));
}

#[test]
fn every_layers_activation_is_keras_own() {
    for name in FIXTURES {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture);
        let layers = LayerTree::of(engine.graph());
        let taps: Vec<_> = layers.layers.iter().map(Layer::tap).collect();
        let run = engine.run(&[(engine.graph().inputs[0], input(&engine, &fixture))], &taps, &Cancel::new()).unwrap();
        for layer in fixture.list("layers") {
            let path = layer["path"].as_str().unwrap();
            let ours = layers.find(path).unwrap_or_else(|| panic!("{name} has no layer {path}"));
            let ours = &layers.layers[ours.0];
            assert_eq!(ours.type_name, layer["type"].as_str().unwrap());
            let golden = fixture.array(layer["key"].as_str().unwrap());
            let tensor = run.get(ours.output).unwrap();
            assert_eq!(tensor.size(), golden.shape, "{name} {path}");
            let far = difference(&numbers(tensor).unwrap(), &golden.data);
            assert!(far <= 1e-5, "{name} {path}: {far}");
        }
        let output = numbers(run.get(engine.graph().outputs[0]).unwrap()).unwrap();
        assert!(difference(&output, &fixture.array("output").data) <= 1e-5, "{name}");
    }
}

#[test]
fn gradients_of_the_score_before_the_last_activation_are_keras_own() {
    for name in FIXTURES {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture);
        let graph = engine.graph();
        let layers = LayerTree::of(graph);
        let score = layerscope::model::head::Head::of(graph).unwrap().scores;
        let given = [(graph.inputs[0], input(&engine, &fixture))];
        for golden in fixture.list("gradients") {
            let path = golden["layer"].as_str().unwrap();
            let at = if path == "input" { graph.inputs[0] } else { layers.layers[layers.find(path).unwrap().0].output };
            let run = engine.run_recorded(&given, &[score.into()], &[at.into()], &Cancel::new()).unwrap();
            let score = run.get(score).unwrap().select(1, fixture.class() as i64).sum(Kind::Float);
            let gradient = engine.gradients(&score, &[run.get(at).unwrap()], false).unwrap();
            let far = difference(&numbers(&gradient[0]).unwrap(), &fixture.array(golden["key"].as_str().unwrap()).data);
            assert!(far <= 1e-5, "{name} {path}: {far}");
        }
    }
}

#[test]
fn running_means_are_counted_as_not_trainable() {
    let model = keras::open(&fixtures().join("keras_functional/model.h5")).unwrap();
    let layers = LayerTree::of(&model.graph);
    let normalisation = &layers.layers[layers.find("block2_bn").unwrap().0];
    assert_eq!((normalisation.trainable, normalisation.frozen), (12, 12));
}

#[test]
fn same_padding_with_a_stride_adds_the_odd_row_below_and_the_odd_column_to_the_right() {
    let model = keras::open(&fixtures().join("keras_sequential/model.h5")).unwrap();
    let padded: Vec<_> = model.graph.nodes.iter().filter(|node| node.name.ends_with(".padding")).collect();
    assert!(!padded.is_empty());
    assert_eq!(padded[0].operator, Operator::aten("constant_pad_nd", ""));
    assert_eq!(padded[0].arguments[1].1, layerscope::model::graph::Argument::ints([0, 1, 0, 1]));
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_and_no_panic() {
    for name in FIXTURES {
        let whole = std::fs::read(fixtures().join(name).join("model.h5")).unwrap();
        for length in (0..whole.len()).step_by(97).chain(0..1024) {
            let error = keras::read(whole[..length].to_vec()).unwrap_err();
            let line = error.to_string();
            assert!(!line.is_empty() && line.lines().count() == 1, "{length}: {line}");
        }
        let cut = keras::read(whole[..whole.len() / 2].to_vec()).unwrap_err();
        assert!(matches!(cut, KerasError::Truncated { .. }), "{cut}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 400, ..Default::default() })]

    #[test]
    fn damaged_bytes_give_a_model_or_one_line_and_no_panic(
        changes in proptest::collection::vec((0.0..1.0_f64, proptest::prelude::any::<u8>()), 1..12)
    ) {
        let mut bytes = std::fs::read(fixtures().join("keras_functional/model.h5")).unwrap();
        for (place, byte) in changes {
            // Most of the file is metadata and configuration at its start; both get their share of the damage.
            let at = (place * place * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        if let Err(error) = keras::read(bytes) {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
    }
}
