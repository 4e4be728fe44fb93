//! A Keras HDF5 file opens as Keras itself sees it: layers, shapes and parameters, outputs, every layer's activation.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, fixtures};
use hdf5_pure::{AttrValue, FileBuilder};
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats::keras::{self, KerasError, KerasModel};
use layerscope::methods::{Network, weights};
use layerscope::model::graph::{Operator, Weight};
use layerscope::model::{Graph, Layer, LayerTree};
use serde_json::{Value as Json, json};
use tch::{Device, Kind, Tensor};

/// Networks of Keras 3 and 2 in both formats. The zoo of Keras 2 has an input of open size; the galleries have a branch for each
/// layer and option.
const FILES: [(&str, &str); 14] = [
    ("keras_sequential", "model.h5"),
    ("keras_functional", "model.h5"),
    ("keras_zoo_3", "model.h5"),
    ("keras_zoo_3", "model.keras"),
    ("keras_zoo_2", "model.h5"),
    ("keras_zoo_2", "model.keras"),
    ("keras_gallery_3", "model.h5"),
    ("keras_gallery_3", "model.keras"),
    ("keras_gallery_2", "model.h5"),
    ("keras_gallery_2", "model.keras"),
    ("keras_inputs_3", "model.h5"),
    ("keras_inputs_3", "model.keras"),
    ("keras_inputs_2", "model.h5"),
    ("keras_inputs_2", "model.keras"),
];

/// A layer of the user's own in the middle, and what it would take.
const FOREIGN: [(&str, &str); 4] = [
    ("keras_foreign_3", "model.h5"),
    ("keras_foreign_3", "model.keras"),
    ("keras_foreign_2", "model.h5"),
    ("keras_foreign_2", "model.keras"),
];

fn demo() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/cats_and_dogs_small_2.h5")
}

fn engine(fixture: &Fixture, file: &str) -> Engine {
    Engine::load(keras::open(&fixture.folder.join(file)).unwrap().graph, Device::Cpu).unwrap()
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
    let output = layers.layers[layers.find("conv2d_20").unwrap().0].output.unwrap();
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
    for (name, file) in FILES {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture, file);
        let layers = LayerTree::of(engine.graph());
        let taps: Vec<_> = layers.layers.iter().filter_map(Layer::tap).collect();
        let run = engine.run(&[(engine.graph().inputs[0], input(&engine, &fixture))], &taps, &Cancel::new()).unwrap();
        for layer in fixture.list("layers") {
            let path = layer["path"].as_str().unwrap();
            let ours = layers.find(path).unwrap_or_else(|| panic!("{name}/{file} has no layer {path}"));
            let ours = &layers.layers[ours.0];
            assert_eq!(ours.type_name, layer["type"].as_str().unwrap());
            let golden = fixture.array(layer["key"].as_str().unwrap());
            let tensor = run.get(ours.output.unwrap()).unwrap();
            assert_eq!(tensor.size(), golden.shape, "{name}/{file} {path}");
            let numbers = numbers(tensor).unwrap();
            assert!(numbers.iter().all(|number| number.is_finite()), "{name}/{file} {path}");
            let far = difference(&numbers, &golden.data);
            assert!(far <= 1e-5, "{name}/{file} {path}: {far}");
        }
        let output = numbers(run.get(engine.graph().outputs[0]).unwrap()).unwrap();
        assert!(difference(&output, &fixture.array("output").data) <= 1e-5, "{name}/{file}");
    }
}

#[test]
fn gradients_of_the_score_before_the_last_activation_are_keras_own() {
    for (name, file) in FILES {
        let fixture = Fixture::open(name);
        let engine = engine(&fixture, file);
        let graph = engine.graph();
        let layers = LayerTree::of(graph);
        let score = layerscope::model::head::Head::of(graph).unwrap().scores;
        let given = [(graph.inputs[0], input(&engine, &fixture))];
        for golden in fixture.list("gradients") {
            let path = golden["layer"].as_str().unwrap();
            let at = if path == "input" {
                graph.inputs[0]
            } else {
                layers.layers[layers.find(path).unwrap().0].output.unwrap()
            };
            let run = engine.run_recorded(&given, &[score.into()], &[at.into()], &Cancel::new()).unwrap();
            let score = run.get(score).unwrap().select(1, fixture.class() as i64).sum(Kind::Float);
            let gradient = engine.gradients(&score, &[run.get(at).unwrap()], false).unwrap();
            let far = difference(&numbers(&gradient[0]).unwrap(), &fixture.array(golden["key"].as_str().unwrap()).data);
            assert!(far <= 1e-5, "{name}/{file} {path}: {far}");
        }
    }
}

#[test]
fn parameters_are_as_many_as_keras_counts() {
    for name in ["keras_zoo_3", "keras_zoo_2"] {
        let fixture = Fixture::open(name);
        let layers = modules(&keras::open(&fixture.model()).unwrap().graph);
        assert_eq!(layers.iter().map(|layer| layer.2).sum::<u64>(), fixture.golden["parameters"].as_u64().unwrap());
        let inside = layers.iter().find(|layer| layer.0 == "inner.conv").unwrap();
        assert_eq!((inside.1.as_str(), inside.2), ("Conv2D", 30), "a layer of a model inside the model");
    }
}

#[test]
fn a_network_says_whether_it_rescales_pixels_itself_and_which_sizes_it_takes() {
    let fixed = keras::open(&fixtures().join("keras_zoo_3/model.h5")).unwrap();
    let open = keras::open(&fixtures().join("keras_zoo_2/model.h5")).unwrap();
    assert!(fixed.rescaling && open.rescaling);
    assert_eq!((fixed.input.height, fixed.input.width, fixed.input.channels), (Some(13), Some(11), 3));
    assert_eq!((open.input.height, open.input.width, open.input.channels), (None, None, 3));
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

/// A Sequential file of these layers over an 8×8×3 input, with the arrays of one layer `conv` under Keras 2's names.
fn file_of(layers: &Json, arrays: &[(&str, &[u64])]) -> Vec<u8> {
    let config = json!({"class_name": "Sequential", "config": layers});
    let mut builder = FileBuilder::new();
    builder.set_attr("model_config", AttrValue::VarLenString(config.to_string()));
    let mut group = builder.create_group("model_weights");
    let mut conv = group.create_group("conv");
    let names = arrays.iter().map(|(name, _)| (*name).to_owned()).collect();
    conv.set_attr("weight_names", AttrValue::StringArray(names));
    for (name, shape) in arrays {
        let elements = shape.iter().product::<u64>() as usize;
        conv.create_dataset(name).with_f32_data(&vec![0.5; elements]).with_shape(shape);
    }
    let conv = conv.finish();
    group.add_group(conv);
    let group = group.finish();
    builder.add_group(group);
    builder.finish().unwrap()
}

fn conv(more: &Json) -> Json {
    let mut config = json!({"name": "conv", "batch_input_shape": [null, 8, 8, 3], "filters": 4, "kernel_size": [3, 3]});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([{"class_name": "Conv2D", "config": config}])
}

fn after_conv(class: &str, config: &Json) -> Json {
    let mut layers = conv(&json!({}));
    layers.as_array_mut().unwrap().push(json!({"class_name": class, "config": config}));
    layers
}

const CONV: [(&str, &[u64]); 2] = [("kernel:0", &[3, 3, 3, 4]), ("bias:0", &[4])];

#[test]
fn old_sequential_files_are_bare_lists_whose_first_layer_knows_the_input() {
    let model = keras::read(file_of(&conv(&json!({"activation": "relu"})), &CONV)).unwrap();
    assert_eq!((model.input.height, model.input.width), (Some(8), Some(8)));
    assert_eq!(modules(&model.graph), [("conv".to_owned(), "Conv2D".to_owned(), 112)]);
    // Where an old version's names say nothing, the order in which Keras makes weights does.
    let unnamed = [("conv_W", &[3, 3, 3, 4][..]), ("conv_b", &[4][..])];
    assert_eq!(modules(&keras::read(file_of(&conv(&json!({})), &unnamed)).unwrap().graph)[0].2, 112);
}

#[test]
fn what_cannot_be_opened_is_named_in_one_line() {
    let line = |result: Result<KerasModel, KerasError>| result.unwrap_err().to_string();
    assert!(line(keras::read(b"no HDF5 at all".to_vec())).starts_with("not an HDF5 file"));
    let mut other = FileBuilder::new();
    other.create_dataset("numbers").with_f32_data(&[1.0]);
    assert!(line(keras::read(other.finish().unwrap())).contains("no attribute model_config"));
    let mut weights = FileBuilder::new();
    weights.set_attr("layer_names", AttrValue::StringArray(vec!["conv".to_owned()]));
    assert!(line(keras::read(weights.finish().unwrap())).starts_with("weights only, no architecture in it"));

    let refused = |layers: &Json| line(keras::read(file_of(layers, &CONV)));
    assert_eq!(
        refused(&conv(&json!({"activation": "my_function"}))),
        "layer conv (Conv2D): activation my_function is not supported"
    );
    assert_eq!(
        refused(&conv(&json!({"data_format": "channels_third"}))),
        "layer conv (Conv2D): data_format 'channels_third' is not supported"
    );
    assert_eq!(
        refused(&conv(&json!({"filters": 5}))),
        "layer conv: its weight kernel should have shape [3, 3, 3, 5], but has [3, 3, 3, 4]"
    );
    assert_eq!(
        refused(&after_conv("Dense", &json!({"name": "dense", "units": 2}))),
        "layer dense: its weight kernel is not in the file"
    );
    assert_eq!(
        refused(&conv(&json!({"batch_input_shape": [null, 2, 8, 3]}))),
        "layer conv (Conv2D): its window spans 3 pixels, but its input has only 2"
    );
    assert_eq!(
        refused(&conv(&json!({"batch_input_shape": [null, 10]}))),
        "a model whose input has shape ?×10; layerscope shows networks that take one picture of height×width×channels"
    );
}

#[test]
fn a_network_whose_code_is_not_in_its_file_runs_up_to_there_and_says_so() {
    for (class, reason) in [
        ("Lambda", "the network ends at layer own, whose code is not in the file"),
        ("KerasLayer", "the network ends at layer own, whose code is not in the file"),
        ("Package>Own", "the network ends at layer own, whose code is not in the file"),
        ("Own", "the network ends at layer own, whose code is not in the file"),
        ("LSTM", "the network ends early: layer own: layers of class LSTM are not supported"),
    ] {
        let mut layers = after_conv(class, &json!({"name": "own"}));
        layers.as_array_mut().unwrap().push(json!({"class_name": "Flatten", "config": {"name": "flat"}}));
        let model = keras::read(file_of(&layers, &CONV)).unwrap();
        let tree = [("conv", "Conv2D", 112), ("own", class, 0), ("flat", "Flatten", 0)];
        let tree = tree.map(|(path, class, count)| (path.to_owned(), class.to_owned(), count));
        assert_eq!(modules(&model.graph), tree, "{class}");
        let line = format!("{reason}; 2 of its 3 layers have no activations");
        assert_eq!(model.note.as_deref(), Some(&*line));
        let run = Engine::load(model.graph, Device::Cpu).unwrap();
        let zeros = Tensor::zeros([2, 3, 8, 8], (Kind::Float, Device::Cpu));
        let end = run.graph().outputs[0];
        let given = run.run(&[(run.graph().inputs[0], zeros)], &[end.into()], &Cancel::new()).unwrap();
        assert_eq!(given.get(end).unwrap().size(), [2, 4, 6, 6], "what the last known layer gives");
    }
}

/// The fixture's table of layers, as Keras lists and counts them: path, class, all parameters, learned ones.
fn table_of_keras(fixture: &Fixture) -> Vec<(String, String, u64, u64)> {
    let text = |row: &Json, key: &str| row[key].as_str().unwrap().to_owned();
    let count = |row: &Json, key: &str| row[key].as_u64().unwrap();
    let rows = fixture.list("table").iter();
    rows.map(|row| (text(row, "path"), text(row, "type"), count(row, "parameters"), count(row, "trainable"))).collect()
}

#[test]
fn a_file_without_the_code_of_a_layer_keeps_the_whole_tree_and_all_weights() {
    for (name, file) in FOREIGN {
        let fixture = Fixture::open(name);
        let model = keras::open(&fixture.folder.join(file)).unwrap().into_model("model".to_owned());
        let network = Network::load(model, Device::Cpu).unwrap();
        let table = table_of_keras(&fixture);
        let within = |index: usize| network.parameters_within(index);
        let ours: Vec<_> = network.layers.iter().map(|(id, layer)| (layer.path.clone(), within(id.0))).collect();
        let theirs: Vec<_> = table.iter().map(|row| (row.0.clone(), row.2)).collect();
        assert_eq!(ours, theirs, "{name}/{file}: rows in Keras's order with Keras's counts");
        for (layer, (path, class, all, learned)) in network.layers.layers.iter().zip(&table) {
            assert_eq!(layer.type_name.rsplit('>').next(), Some(&**class), "{name}/{file} {path}");
            assert_eq!(layer.output.is_some(), ["before", "beside"].contains(&&**path), "{name}/{file} {path}");
            if !layer.has_children {
                // Nothing in an archive says which of a foreign layer's arrays are learned.
                let learned = if path == "gate" && file == "model.keras" { all } else { learned };
                assert_eq!(layer.trainable, *learned, "{name}/{file} {path}");
            }
        }
        let total = network.summary().unwrap().totals.parameters;
        assert_eq!(total, fixture.golden["parameters"].as_u64().unwrap());
        let line = "8 of its 11 layers have no activations";
        assert!(network.note.as_ref().unwrap().contains(line), "{:?}", network.note);
    }
}

#[test]
fn kernels_of_layers_that_do_not_run_are_seen_as_those_of_others_and_of_unknown_classes_as_the_file_has_them() {
    for (name, file) in FOREIGN {
        let fixture = Fixture::open(name);
        let model = keras::open(&fixture.folder.join(file)).unwrap().into_model("model".to_owned());
        let network = Network::load(model, Device::Cpu).unwrap();
        let kernel = |path: &str| {
            let layer = network.layers.get(network.layers.find(path).unwrap()).unwrap();
            layer.kernel.map(|value| network.engine.weight(value).unwrap())
        };
        let behind = kernel("behind").unwrap();
        let golden = fixture.array("kernel");
        assert_eq!(behind.size(), golden.shape);
        assert_eq!(numbers(behind).unwrap(), golden.data, "{name}/{file}");
        assert_eq!(kernel("inner.depth").unwrap().size(), [5, 1, 3, 3]);
        assert_eq!(kernel("scores").unwrap().size(), [3, 6]);
        let shown = ["before", "gate", "behind", "inner", "inner.conv", "separable", "beside", "pool", "scores"];
        let shown = shown.map(|path| weights::has_kernels(&network, network.layers.find(path).unwrap()));
        assert_eq!(shown, [true, false, true, false, true, false, true, false, true]);
        let owned = network.engine.graph().weights.iter().filter(|weight| weight.name.starts_with("gate."));
        let names: Vec<&str> = owned.clone().map(|weight| &*weight.name).collect();
        let of_keras = match (name, file) {
            (_, "model.keras") => ["gate.0", "gate.mix/0", "gate.norm/3"],
            ("keras_foreign_2", _) => ["gate.gain", "gate.kernel", "gate.moving_variance"],
            _ => ["gate.gain", "gate.mix/kernel", "gate.norm/moving_variance"],
        };
        assert!(of_keras.iter().all(|name| names.contains(name)), "{name}/{file}: {names:?}");
        let mix = owned.clone().find(|weight| weight.name == of_keras[1]).unwrap();
        let golden = fixture.array("mix");
        assert_eq!(numbers(network.engine.weight(mix.value).unwrap()).unwrap(), golden.data, "{name}/{file}");
    }
}

#[test]
fn a_layer_that_does_not_run_says_where_the_network_ends() {
    let fixture = Fixture::open("keras_foreign_3");
    let model = keras::open(&fixture.model()).unwrap().into_model("model".to_owned());
    let network = Network::load(model, Device::Cpu).unwrap();
    for path in ["gate", "behind", "inner", "inner.conv", "scores"] {
        let line =
            format!("layer {path} has no activations: the network ends at layer gate, whose code is not in the file");
        assert_eq!(network.place(path).unwrap_err().to_string(), line);
    }
    assert!(network.place("beside").is_ok(), "what does not hang on it runs");
}

#[test]
fn a_model_in_which_the_network_ends_gives_nothing_although_its_first_layers_run() {
    let mut layers = conv(&json!({}));
    let inside = json!([
        {"class_name": "ReLU", "config": {"name": "relu"}},
        {"class_name": "Own", "config": {"name": "own"}},
        {"class_name": "Flatten", "config": {"name": "flat"}},
    ]);
    layers
        .as_array_mut()
        .unwrap()
        .push(json!({"class_name": "Sequential", "config": {"name": "part", "layers": inside}}));
    let model = keras::read(file_of(&layers, &CONV)).unwrap();
    let tree = LayerTree::of(&model.graph).layers;
    let rows: Vec<_> = tree.iter().map(|layer| (&*layer.path, layer.depth, layer.output.is_some())).collect();
    assert_eq!(
        rows,
        [
            ("conv", 0, true),
            ("part", 0, false),
            ("part.relu", 1, true),
            ("part.own", 1, false),
            ("part.flat", 1, false)
        ]
    );
}

#[test]
fn a_network_that_begins_with_a_layer_of_the_hub_is_its_tree_and_weights() {
    let layers = json!([
        {"class_name": "KerasLayer", "config": {"name": "conv", "batch_input_shape": [null, 8, 8, 3]}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 2}},
    ]);
    let file = file_of(&layers, &[("weights:0", &[3, 3, 3, 4]), ("BatchNorm.moving_mean:0", &[4])]);
    let model = keras::read(file).unwrap();
    assert_eq!(
        model.note.as_deref(),
        Some("the network ends at layer conv, whose code is not in the file; 2 of its 2 layers have no activations")
    );
    assert_eq!(
        modules(&model.graph),
        [("conv".to_owned(), "KerasLayer".to_owned(), 112), ("dense".to_owned(), "Dense".to_owned(), 0)]
    );
    let network = Network::load(model.into_model("model".to_owned()), Device::Cpu).unwrap();
    assert_eq!(network.summary().unwrap().totals.parameters, 112);
    let frozen: Vec<u64> = network.layers.layers.iter().map(|layer| layer.frozen).collect();
    assert_eq!(frozen, [4, 0], "as its name tells");
}

#[test]
fn of_several_inputs_the_picture_is_fed_and_the_others_are_zeros() {
    for name in ["keras_inputs_3", "keras_inputs_2"] {
        for file in ["model.h5", "model.keras"] {
            let model = keras::open(&Fixture::open(name).folder.join(file)).unwrap();
            assert_eq!(model.note.as_deref(), Some("its other inputs are fed zeros (about, prior)"));
            assert_eq!((model.input.height, model.input.width, model.input.channels), (Some(14), Some(12), 3));
            let fed: Vec<&str> = model.graph.inputs.iter().map(|value| &*model.graph.values[value.0]).collect();
            assert_eq!(fed, ["picture", "about", "prior"], "the picture first");
        }
    }
    let refused = |shapes: [Json; 2]| {
        let input = |(name, shape): (&str, &Json)| {
            let config = json!({"name": name, "batch_input_shape": shape});
            json!({"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []})
        };
        let layers: Vec<Json> = ["one", "two"].into_iter().zip(&shapes).map(input).collect();
        let ends = json!([["one", 0, 0], ["two", 0, 0]]);
        let config = json!({"name": "model", "layers": layers, "input_layers": ends, "output_layers": ends});
        let config = json!({"class_name": "Functional", "config": config}).to_string();
        let mut builder = FileBuilder::new();
        builder.set_attr("model_config", AttrValue::VarLenString(config));
        keras::read(builder.finish().unwrap()).unwrap_err().to_string()
    };
    let rule = "; layerscope shows networks that take one picture of height×width×channels";
    assert_eq!(
        refused([json!([null, 5]), json!([null, 7, 6])]),
        format!("a model of 2 inputs, none of which is a picture (one ?×5, two ?×7×6){rule}")
    );
    assert_eq!(
        refused([json!([null, 8, 8, 3]), json!([null, null, 6])]),
        format!("a model that leaves the shape of its input two open (?×?×6){rule}")
    );
}

#[test]
fn networks_of_keras_applications_are_known_by_name_with_their_preprocessing_and_labels() {
    use layerscope::model::{Preprocessing, Source};
    let named = |name: &str, units: u64| {
        let layers = json!([
            {"class_name": "Conv2D", "config": {"name": "conv", "batch_input_shape": [null, 8, 8, 3], "filters": 4,
                "kernel_size": [3, 3]}},
            {"class_name": "UpSampling2D", "config": {"name": "up", "size": [units, 1]}},
            {"class_name": "GlobalAveragePooling2D", "config": {"name": "pool"}},
            {"class_name": "RepeatVector", "config": {"name": "wide", "n": units}},
            {"class_name": "Flatten", "config": {"name": "flat"}},
        ]);
        keras::read(file_of(&json!({"name": name, "layers": layers}), &CONV)).unwrap().into_model("model".to_owned())
    };
    for (name, preprocessing) in [
        ("vgg16", Preprocessing::caffe()),
        ("resnet50", Preprocessing::caffe()),
        ("resnet50v2", Preprocessing::tf()),
        ("mobilenet_1.00_224", Preprocessing::tf()),
        ("densenet121", Preprocessing::imagenet()),
        ("inception_resnet_v2", Preprocessing::tf()),
        ("NASNet", Preprocessing::tf()),
    ] {
        let model = named(name, 250);
        assert_eq!(model.input.source, Source::Architecture, "{name}");
        assert_eq!(model.input.preprocessing, preprocessing.fitted_to(Some((8, 8))), "{name}");
        assert_eq!(model.labels.unwrap().get(0), Some("tench"), "a thousand classes are ImageNet's");
        assert!(named(name, 2).labels.is_none(), "other classes are others");
    }
    for name in ["resnet", "resnet50_of_mine", "efficientnetb0", "sequential_3"] {
        let model = named(name, 250);
        assert!(
            matches!(model.input.source, Source::Guessed(_)),
            "{name}, which has no scaling of its own, is guessed"
        );
        assert!(model.labels.is_none());
    }
}

#[test]
fn names_in_a_file_cannot_steer_the_terminal() {
    let model = keras::read(file_of(&after_conv("Bad\u{1b}[2J", &json!({"name": "a\nb"})), &CONV)).unwrap();
    let line = model.note.unwrap();
    assert!(!line.contains(char::is_control), "{line:?}");
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_and_no_panic() {
    for name in ["keras_sequential", "keras_zoo_2"] {
        let whole = std::fs::read(fixtures().join(name).join("model.h5")).unwrap();
        for length in (0..whole.len()).step_by(211).chain(0..1024) {
            let error = keras::read(whole[..length].to_vec()).unwrap_err();
            let line = error.to_string();
            assert!(!line.is_empty() && line.lines().count() == 1, "{length}: {line}");
        }
        let cut = keras::read(whole[..whole.len() / 2].to_vec()).unwrap_err();
        assert!(matches!(cut, KerasError::Truncated { .. }), "{cut}");
    }
}

/// So many random cases, and no file beside the test that remembers them.
fn cases(cases: u32) -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig {
        cases,
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    }
}

proptest::proptest! {
    #![proptest_config(cases(400))]

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

/// What a careless or hostile program may write where a number, a word or a list belongs.
fn nonsense() -> impl proptest::strategy::Strategy<Value = Json> {
    proptest::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e308),
        json!("same"),
        json!([]),
        json!([2, 0]),
        json!([[[1]], {"a": 1}]),
        json!({"config": {"keras_history": ["inner", 1, 0]}}),
        json!([["inner", 1, 0], ["twice", 9, 9]]),
        json!([null, 1 << 30, 1 << 30, 1 << 30]),
    ])
}

/// The `at`-th value in a document, counted from the outside in.
fn value_at<'a>(json: &'a mut Json, at: &mut usize) -> Option<&'a mut Json> {
    if *at == 0 {
        return Some(json);
    }
    *at -= 1;
    match json {
        Json::Array(items) => items.iter_mut().find_map(|item| value_at(item, at)),
        Json::Object(object) => object.values_mut().find_map(|item| value_at(item, at)),
        _ => None,
    }
}

fn config_of(name: &str) -> Json {
    let file = hdf5_pure::File::open(fixtures().join(name).join("model.h5")).unwrap();
    serde_json::from_str(file.root().attrs().unwrap()["model_config"].as_str().unwrap()).unwrap()
}

proptest::proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn nonsense_in_the_configuration_gives_a_model_or_one_line_and_no_panic(
        name in proptest::sample::select(vec!["keras_functional", "keras_zoo_3", "keras_zoo_2", "keras_gallery_3", "keras_gallery_2"]),
        changes in proptest::collection::vec((0..6000_usize, nonsense()), 1..4)
    ) {
        let original = hdf5_pure::File::open(fixtures().join(name).join("model.h5")).unwrap();
        let mut config = config_of(name);
        for (mut at, value) in changes {
            if let Some(place) = value_at(&mut config, &mut at) {
                *place = value;
            }
        }
        let mut builder = FileBuilder::new();
        builder.set_attr("model_config", AttrValue::VarLenString(config.to_string()));
        let weights = copy_of(&original.group("model_weights").unwrap(), builder.create_group("model_weights"));
        builder.add_group(weights);
        if let Err(error) = keras::read(builder.finish().unwrap()) {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
        }
    }
}

/// The group with everything in it.
fn copy_of(group: &hdf5_pure::Group, mut copy: hdf5_pure::GroupBuilder) -> hdf5_pure::FinishedGroup {
    if let Some(names) = group.attrs().unwrap().remove("weight_names") {
        copy.set_attr("weight_names", names);
    }
    for (name, dataset) in group.iter_datasets().unwrap() {
        copy.create_dataset(&name).with_f32_data(&dataset.read_f32().unwrap()).with_shape(&dataset.shape().unwrap());
    }
    for (name, inner) in group.iter_groups().unwrap() {
        let inner = copy_of(&inner, copy.create_group(&name));
        copy.add_group(inner);
    }
    copy.finish()
}
