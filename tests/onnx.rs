//! An ONNX file opens as onnxruntime itself sees it: outputs, every value on the way, and gradients as of the framework that the
//! network was exported from.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, fixtures};
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats::{self, onnx};
use layerscope::model::graph::{ValueId, WeightRole};
use layerscope::model::{Graph, Layer, LayerTree, Layout, Source};
use tch::{Device, Kind, Tensor};

/// By both exporters of PyTorch, by tf2onnx, of version 7 of the standard, and quantised.
const FIXTURES: [&str; 5] = ["onnx_trace", "onnx_export", "onnx_keras", "onnx_opset7", "onnx_quantized"];

fn engine(fixture: &Fixture) -> Engine {
    Engine::load(onnx::open(&fixture.model()).unwrap().0.graph, Device::Cpu).unwrap()
}

/// The fixture's input as N×C×H×W.
fn input(engine: &Engine, fixture: &Fixture) -> Tensor {
    let input = fixture.input();
    let tensor = engine.tensor(&input.data, &input.shape).unwrap();
    if fixture.golden["input_layout"] == "NHWC" { tensor.permute([0, 3, 1, 2]).contiguous() } else { tensor }
}

fn value(graph: &Graph, name: &str) -> Option<ValueId> {
    graph.values.iter().position(|known| known == name).map(ValueId)
}

fn tree(name: &str) -> LayerTree {
    LayerTree::of(&onnx::open(&fixtures().join(name).join("model.onnx")).unwrap().0.graph)
}

fn modules(tree: &LayerTree) -> Vec<(&str, &str, u64)> {
    tree.layers.iter().map(|layer| (layer.path.as_str(), layer.type_name.as_str(), layer.parameters())).collect()
}

#[test]
fn every_value_of_the_file_and_the_output_are_onnxruntimes_own() {
    for name in FIXTURES {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture);
        let graph = engine.graph();
        let golden: Vec<_> = fixture
            .list("layers")
            .iter()
            .filter_map(|layer| Some((value(graph, layer["path"].as_str().unwrap())?, layer)))
            .collect();
        assert!(golden.len() * 2 > fixture.list("layers").len(), "{name}: most values keep their names");
        let taps: Vec<_> = golden.iter().map(|(value, _)| (*value).into()).chain([graph.outputs[0].into()]).collect();
        let given = [(graph.inputs[0], input(&engine, &fixture))];
        let run = engine.run(&given, &taps, &Cancel::new()).unwrap();
        for (value, layer) in golden {
            let (ours, golden) = (run.get(value).unwrap(), fixture.array(layer["key"].as_str().unwrap()));
            assert_eq!(ours.size(), golden.shape, "{name} {layer}");
            let far = difference(&numbers(ours).unwrap(), &golden.data);
            assert!(far <= 1e-5, "{name} {layer}: {far}");
        }
        let output = numbers(run.get(graph.outputs[0]).unwrap()).unwrap();
        assert!(difference(&output, &fixture.array("output").data) <= 1e-5, "{name}");
    }
}

#[test]
fn gradients_are_those_of_the_framework_that_the_network_comes_from() {
    for name in FIXTURES {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture);
        let graph = engine.graph();
        let layers = LayerTree::of(graph);
        let score = layerscope::model::head::Head::of(graph).unwrap().scores;
        let given = [(graph.inputs[0], input(&engine, &fixture))];
        assert!(!fixture.list("gradients").is_empty());
        for golden in fixture.list("gradients") {
            let path = golden["layer"].as_str().unwrap();
            let layer =
                |path: &str| &layers.layers[layers.find(path).unwrap_or_else(|| panic!("{name} has no {path}")).0];
            let at = if path == "input" { graph.inputs[0] } else { layer(path).output.unwrap() };
            let run = engine.run_recorded(&given, &[score.into()], &[at.into()], &Cancel::new()).unwrap();
            let score = run.get(score).unwrap().select(1, fixture.class() as i64).sum(Kind::Float);
            let gradient = engine.gradients(&score, &[run.get(at).unwrap()], false).unwrap();
            let golden = fixture.array(golden["key"].as_str().unwrap());
            assert_eq!(gradient[0].size(), golden.shape, "{name} {path}");
            let far = difference(&numbers(&gradient[0]).unwrap(), &golden.data);
            assert!(far <= 1e-5, "{name} {path}: {far}");
        }
    }
}

#[test]
fn a_file_that_was_made_with_one_picture_takes_several() {
    let fixture = Fixture::open("onnx_export");
    let engine = engine(&fixture);
    let graph = engine.graph();
    let two = fixture.array("two/input");
    let given = [(graph.inputs[0], engine.tensor(&two.data, &two.shape).unwrap())];
    let run = engine.run(&given, &[graph.outputs[0].into()], &Cancel::new()).unwrap();
    let output = numbers(run.get(graph.outputs[0]).unwrap()).unwrap();
    assert!(difference(&output, &fixture.array("two/output").data) <= 1e-5);
}

#[test]
fn the_tree_of_a_traced_export_is_that_of_its_modules() {
    let tree = tree("onnx_trace");
    let modules = modules(&tree);
    for expected in [
        ("stem", "Conv", 224),
        ("layers.0.conv1", "Conv", 296),
        ("layers.1.excite.down", "Conv", 36),
        ("head", "Gemm", 45),
    ] {
        assert!(modules.contains(&expected), "{expected:?} in {modules:?}");
    }
    let parent = |path: &str| {
        let layer = &tree.layers[tree.find(path).unwrap().0];
        layer.parent.map(|parent| tree.layers[parent.0].path.as_str())
    };
    assert_eq!(
        (parent("layers.0.conv1"), parent("layers.0"), parent("layers")),
        (Some("layers.0"), Some("layers"), None)
    );
}

#[test]
fn the_tree_of_an_export_by_torch_export_has_the_modules_own_types() {
    let tree = tree("onnx_export");
    let modules: Vec<_> = modules(&tree).into_iter().map(|(path, kind, _)| (path, kind)).collect();
    for expected in
        [("patches", "Conv2d"), ("blocks.0", "Attention"), ("blocks.1.qkv", "Linear"), ("blocks.0.norm", "LayerNorm")]
    {
        assert!(modules.contains(&expected), "{expected:?} in {modules:?}");
    }
}

#[test]
fn the_tree_of_a_keras_export_is_that_of_its_layers() {
    let tree = tree("onnx_keras");
    let modules = modules(&tree);
    for expected in [("stem_conv", "Conv", 168), ("depthwise", "Conv", 54), ("scale", "Mul", 0)] {
        assert!(modules.contains(&expected), "{expected:?} in {modules:?}");
    }
}

#[test]
fn a_file_without_names_has_a_tree_of_its_operators() {
    let tree = tree("onnx_opset7");
    let paths: Vec<&str> = tree.layers.iter().map(|layer: &Layer| layer.path.as_str()).collect();
    let expected = [
        "pad_1",
        "conv_1",
        "batch_normalization_1",
        "prelu_1",
        "lrn_1",
        "upsample_1",
        "clip_1",
        "average_pool_1",
        "conv_transpose_1",
        "add_1",
        "reduce_mean_1",
        "gemm_1",
        "softmax_1",
    ];
    for path in expected {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
}

#[test]
fn a_running_mean_is_no_learned_parameter() {
    let graph = onnx::open(&fixtures().join("onnx_opset7/model.onnx")).unwrap().0.graph;
    let role = |name: &str| graph.weights.iter().find(|weight| weight.name == name).unwrap().role;
    assert_eq!(
        (role("bn_s"), role("bn_m"), role("bn_v")),
        (WeightRole::Parameter, WeightRole::Buffer, WeightRole::Buffer)
    );
}

#[test]
fn weights_in_a_file_beside_the_model_are_found() {
    let fixture = Fixture::open("onnx_external");
    let engine = engine(&fixture);
    let graph = engine.graph();
    let given = [(graph.inputs[0], input(&engine, &fixture))];
    let run = engine.run(&given, &[graph.outputs[0].into()], &Cancel::new()).unwrap();
    assert!(difference(&numbers(run.get(graph.outputs[0]).unwrap()).unwrap(), &fixture.array("output").data) <= 1e-5);
}

/// A copy of the fixture with external data, changed by `change`.
fn damaged_external(change: impl Fn(&std::path::Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.onnx", "weights.bin"] {
        std::fs::copy(fixtures().join("onnx_external").join(name), folder.path().join(name)).unwrap();
    }
    change(folder.path());
    onnx::open(&folder.path().join("model.onnx")).unwrap_err().to_string()
}

#[test]
fn missing_or_short_external_data_is_one_line_that_names_the_file() {
    let missing = damaged_external(|folder| std::fs::remove_file(folder.join("weights.bin")).unwrap());
    assert!(missing.contains("\"weights.bin\", which is not beside the model"), "{missing}");
    let short = damaged_external(|folder| {
        std::fs::File::options().write(true).open(folder.join("weights.bin")).unwrap().set_len(100).unwrap();
    });
    assert!(short.contains("of \"weights.bin\", which has 100"), "{short}");
}

#[test]
fn external_data_outside_the_models_folder_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = damaged_external(|folder| {
        let model = std::fs::read(folder.join("model.onnx")).unwrap();
        let swapped = replaced(&model, b"weights.bin", b"../eights.b");
        std::fs::write(folder.join("model.onnx"), swapped).unwrap();
    });
    assert!(outside.contains("outside the model's folder"), "{outside}");
    let linked = damaged_external(|folder| {
        let target = elsewhere.path().join("weights.bin");
        std::fs::rename(folder.join("weights.bin"), &target).unwrap();
        std::os::unix::fs::symlink(target, folder.join("weights.bin")).unwrap();
    });
    assert!(linked.contains("outside the model's folder"), "{linked}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    bytes
}

#[test]
fn an_operator_that_cannot_be_run_is_named_with_its_node() {
    let file = replaced(&std::fs::read(fixtures().join("onnx_opset7/model.onnx")).unwrap(), b"LRN", b"GRU");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, file).unwrap();
    let error = formats::open(&path, None).unwrap_err().to_string();
    assert!(error.ends_with("node lrn (GRU): this operator cannot be run here"), "{error}");
}

#[test]
fn the_input_is_described_as_far_as_the_file_says() {
    let open = |name: &str| formats::open(&fixtures().join(name).join("model.onnx"), None).unwrap();
    let trace = open("onnx_trace");
    assert_eq!(
        (trace.format, trace.input.channels, trace.input.size, trace.input.layout),
        ("ONNX", 3, None, Layout::ChannelsFirst)
    );
    assert!(matches!(&trace.input.source, Source::Guessed(reason) if reason.contains("an ONNX file does not say")));
    let export = open("onnx_export");
    assert_eq!((export.input.size, export.input.layout), (Some((16, 16)), Layout::ChannelsFirst));
    let keras = open("onnx_keras");
    assert_eq!((keras.input.channels, keras.input.size, keras.input.layout), (3, None, Layout::ChannelsLast));
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_and_no_panic() {
    for name in FIXTURES {
        let file = std::fs::read(fixtures().join(name).join("model.onnx")).unwrap();
        for end in (0..file.len()).step_by(61) {
            assert!(onnx::read(file[..end].to_vec(), None).is_err(), "{name} cut off at {end}");
        }
    }
}

#[test]
fn numbers_lie_in_the_files_own_buffer_where_they_can_be_computed_on() {
    let graph = onnx::open(&fixtures().join("onnx_trace/model.onnx")).unwrap().0.graph;
    let large: Vec<_> = graph.weights.iter().filter(|weight| weight.data.len() >= 256).collect();
    assert!(!large.is_empty());
    for weight in large {
        assert!((weight.data.as_ptr() as usize).is_multiple_of(16), "{}", weight.name);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn a_damaged_file_is_an_error_or_a_model(which in 0..FIXTURES.len(), places in proptest::collection::vec((0.0..1.0_f64, 0..8_u32), 1..6)) {
        let mut file = std::fs::read(fixtures().join(FIXTURES[which]).join("model.onnx")).unwrap();
        for (place, bit) in places {
            let at = (place * file.len() as f64) as usize;
            file[at] ^= 1 << bit;
        }
        drop(onnx::read(file, None));
    }
}
