//! The commands' contracts: JSON on stdout, numbers in `.npy`, pictures in files, one clear line and exit 2 for what is wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/onnx.rs"]
mod onnx;

use std::path::Path;
use std::process::{Command, Output};

use common::{Fixture, difference, fixtures, npy};
use onnx::{Onnx, scattered};
use serde_json::Value;

fn layerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_layerscope")).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let done = layerscope(&[arguments, &["--format", "json"]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// The one line on stderr of a command that must fail with exit code 2 and print nothing on stdout.
fn refusal(arguments: &[&str]) -> String {
    let done = layerscope(arguments);
    let line = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(2), "{arguments:?}: {line}");
    assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
    assert!(done.stdout.is_empty());
    line.trim_start_matches("layerscope: ").trim_end().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn summary_of_the_demo_is_the_books_table() {
    let done = layerscope(&["summary", "demo:book"]);
    let table = String::from_utf8(done.stdout).unwrap();
    insta::assert_snapshot!(table);
    let summary = json(&["summary", "demo:book"]);
    assert_eq!(summary["totals"]["parameters"], 3_453_121);
    assert_eq!(summary["layers"][0]["path"], "conv2d_20");
    assert_eq!(summary["layers"][0]["type"], "Conv2D");
    assert_eq!(summary["layers"][0]["output_shape"], serde_json::json!([1, 148, 148, 32]));
    assert_eq!(summary["layers"][0]["parameters"], 896);
    assert_eq!(summary["layers"][0]["macs"], 148 * 148 * 32 * 27);
}

#[test]
fn layers_whose_code_is_not_in_the_file_have_parameters_and_neither_shape_nor_multiply_adds() {
    let fixture = Fixture::open("keras_foreign_3");
    let table = String::from_utf8(layerscope(&["summary", text(&fixture.model())]).stdout).unwrap();
    insta::assert_snapshot!(table);
    let summary = json(&["summary", text(&fixture.model())]);
    let behind = summary["layers"].as_array().unwrap().iter().find(|layer| layer["path"] == "behind").unwrap();
    assert_eq!((&behind["output_shape"], &behind["macs"]), (&Value::Null, &Value::Null));
    assert_eq!(behind["parameters"], 148);
    assert_eq!(summary["totals"]["parameters"], fixture.golden["parameters"]);

    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let last_line = |arguments: &[&str]| {
        let done = layerscope(arguments);
        assert_eq!(done.status.code(), Some(2));
        String::from_utf8(done.stderr).unwrap().lines().last().unwrap().to_owned()
    };
    let line =
        "layerscope: layer behind has no activations: the network ends at layer gate, whose code is not in the file";
    assert_eq!(last_line(&["activations", text(&fixture.model()), chelsea, "--layer", "behind"]), line);
    assert_eq!(last_line(&["cam", text(&fixture.model()), chelsea, "--layer", "behind"]), line);
    assert_eq!(last_line(&["patterns", text(&fixture.model()), "--layer", "behind"]), line);
    let line = "layerscope: the network gives no scores: the network ends at layer gate, whose code is not in the file";
    assert_eq!(last_line(&["predict", text(&fixture.model()), chelsea]), line);
    let map = json(&["cam", text(&fixture.model()), chelsea]);
    assert_eq!(map["class"]["probability"], Value::Null, "what it gives is no answer");
    assert_eq!(map["maps"][0]["layer"], "before", "where the network ends, not a branch beside it: {map}");
}

#[test]
fn predict_gives_the_networks_own_output_and_probabilities() {
    let fixture = Fixture::open("keras_functional");
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("output.npy");
    let result =
        json(&["predict", text(&fixture.model()), text(&fixture.input_path()), "-k", "3", "--raw", text(&raw)]);
    let predictions = result["results"][0]["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 3);
    assert_eq!(predictions[0]["index"], fixture.class());
    assert_eq!(predictions[0]["score"], predictions[0]["probability"], "the network ends in softmax");
    let whole = npy(&std::fs::read(&raw).unwrap());
    assert_eq!(whole.shape, fixture.array("output").shape);
    assert!(difference(&whole.data, &fixture.array("output").data) <= 1e-5);

    let fixture = Fixture::open("convnet");
    let result = json(&["predict", text(&fixture.model()), text(&fixture.input_path()), "-k", "5"]);
    let predictions = result["results"][0]["predictions"].as_array().unwrap();
    let sum: f64 = predictions.iter().map(|prediction| prediction["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "the network ends in scores, whose softmax sums to one");
}

#[test]
fn the_demo_says_what_keras_says_of_the_photographs_that_it_was_asked_about() {
    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let result = json(&["predict", "demo:book", chelsea]);
    let dog = &result["results"][0]["predictions"][0];
    assert_eq!((dog["index"].as_u64(), dog["label"].as_str()), (Some(0), Some("dog")));
    // Keras 3.15.1 on Pillow's resize of the same photograph.
    assert!((dog["score"].as_f64().unwrap() - 0.027_073_541).abs() < 1e-3, "{dog}");
}

#[test]
fn activations_of_a_layer_with_channels_last_are_written_channels_first() {
    let fixture = Fixture::open("swin");
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("layer.npy");
    let told = json(&[
        "activations",
        text(&fixture.model()),
        text(&fixture.input_path()),
        "--layer",
        "features.0.2",
        "--raw",
        text(&raw),
    ]);
    let array = npyz::NpyFile::new(std::fs::File::open(&raw).unwrap()).unwrap();
    assert_eq!(array.shape(), [1, 12, 8, 12], "N×C×H×W, although the layer gives N×H×W×C: {told}");
}

#[test]
fn activations_are_written_as_numbers_and_as_a_grid_and_told_as_statistics() {
    let fixture = Fixture::open("keras_functional");
    let folder = tempfile::tempdir().unwrap();
    let (raw, grid) = (folder.path().join("layer.npy"), folder.path().join("grid.png"));
    let layer = "block1_conv2";
    let told = json(&[
        "activations",
        text(&fixture.model()),
        text(&fixture.input_path()),
        "--layer",
        layer,
        "--raw",
        text(&raw),
        "--out",
        text(&grid),
    ]);
    let golden = fixture.array(&format!("activation/{layer}"));
    let ours = npy(&std::fs::read(&raw).unwrap());
    assert_eq!(ours.shape, golden.shape, "N×C×H×W whatever the model's own layout");
    assert!(difference(&ours.data, &golden.data) <= 1e-5);
    let mean = golden.data.iter().sum::<f32>() / golden.data.len() as f32;
    assert!((told["layer"]["mean"].as_f64().unwrap() - f64::from(mean)).abs() < 1e-5);
    let zeros = golden.data.iter().filter(|&&value| value == 0.0).count() as f64 / golden.data.len() as f64;
    assert!((told["layer"]["sparsity"].as_f64().unwrap() - zeros).abs() < 1e-6);
    assert_eq!((told["layer"]["nan"].as_u64(), told["layer"]["inf"].as_u64()), (Some(0), Some(0)));
    assert_eq!(told["channels"].as_array().unwrap().len() as i64, golden.shape[1]);
    let picture = image::open(&grid).unwrap();
    assert_eq!((picture.width(), picture.height()), (6 * 54 + 5, 54), "maps of 18×18 are drawn three times as large");
}

#[test]
fn cam_writes_the_map_before_relu_and_the_overlay() {
    let fixture = Fixture::open("convnet");
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("map.npy"), folder.path().join("overlay.png"));
    let class = fixture.class().to_string();
    let told = json(&[
        "cam",
        text(&fixture.model()),
        text(&fixture.input_path()),
        "--layer",
        "layer2.conv2",
        "--class",
        &class,
        "--raw",
        text(&raw),
        "--out",
        text(&out),
    ]);
    let golden = fixture.array("cam/layer2.conv2");
    let ours = npy(&std::fs::read(&raw).unwrap());
    assert_eq!(ours.shape, golden.shape);
    assert!(difference(&ours.data, &golden.data) <= 1e-5);
    assert_eq!(told["maps"][0]["layer"], "layer2.conv2");
    assert_eq!(image::open(&out).unwrap().width(), 20);
}

#[test]
fn patterns_are_written_in_the_models_input_space_and_as_a_grid() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("patterns.npy"), folder.path().join("grid.png"));
    let model = fixtures().join("convnet/model.pt2");
    let arguments = [
        "patterns",
        text(&model),
        "--layer",
        "layer1.bn2",
        "--channels",
        "1,3-4",
        "--size",
        "20",
        "--steps",
        "3",
        "--no-cache",
    ];
    let told = json(&[&arguments[..], &["--raw", text(&raw), "--out", text(&out)]].concat());
    assert_eq!(npy(&std::fs::read(&raw).unwrap()).shape, [3, 3, 20, 20]);
    assert_eq!(told["patterns"].as_array().unwrap().len(), 3);
    assert_eq!(told["patterns"][1]["channel"], 3);
    assert_eq!(image::open(&out).unwrap().width(), 3 * 20 + 2 * 5);
    let again = json(&arguments);
    assert_eq!(told["patterns"], again["patterns"], "the same seed gives the same patterns");
}

#[test]
fn what_is_unknown_is_named_with_what_is_near() {
    let model = fixtures().join("convnet/model.pt2");
    let input = fixtures().join("convnet/input.npy");
    let (model, input) = (text(&model), text(&input));
    let line = refusal(&["activations", model, input, "--layer", "layer2.conv3"]);
    assert!(line.starts_with("there is no layer 'layer2.conv3'; did you mean layer2.conv"), "{line}");
    assert_eq!(
        refusal(&["cam", model, input, "--class", "17"]),
        "--class: class 17 does not exist: the network has 5 outputs, 0 to 4"
    );
    for command in [&["cam"][..], &["attribute", "--method", "gradient"]] {
        let line = refusal(&[command, &[model, input, "--class", "1", "--against", "nonsense"]].concat());
        assert!(line.starts_with("--against: unknown class `nonsense`"), "{line}");
    }
    let line = refusal(&["cam", model, input, "--method", "grad-cm"]);
    assert!(line.contains("grad-cm") && line.contains("grad-cam"), "{line}");
    let line = refusal(&["predict", model, input, "--preproces", "unit"]);
    assert!(line.contains("--preproces") && line.contains("did you mean --preprocess?"), "{line}");
    let line = refusal(&["predict", model, input, "--preprocess", "imagnet"]);
    assert!(line.contains("imagnet") && line.contains("imagenet"), "{line}");
    assert!(refusal(&["predict", model, input, "--device", "tpu"]).contains("auto, cpu, cuda or cuda:N"));
    assert!(refusal(&["predict", model, input, "--labels", "/no/such/file"]).contains("/no/such/file"));
    let line = refusal(&["activations", model, input, "--layer", "conv1", "--channels", "0-8"]);
    assert_eq!(line, "layer conv1 has channels 0 to 7, not 8");
}

#[test]
fn files_that_are_no_models_are_refused_in_one_line_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let convnet = std::fs::read(fixtures().join("convnet/model.pt2")).unwrap();
    let keras = std::fs::read(fixtures().join("keras_sequential/model.h5")).unwrap();
    let cases = [
        (folder.path().join("missing.pt2"), "there is no such file"),
        (folder.path().to_path_buf(), "this is a folder"),
        (at("empty.pt2", b""), "the file is empty"),
        (at("cut.pt2", &convnet[..convnet.len() / 2]), "damaged or cut short"),
        (at("text.pt2", b"hello"), "this is no model file that is known: an exported program (.pt2), a checkpoint"),
        (at("cut.h5", &keras[..keras.len() / 2]), ""),
        (at("pickle.pt", b"\x80\x02}q\x00."), "it holds no named tensors"),
    ];
    for (path, reason) in cases {
        let line = refusal(&["summary", text(&path)]);
        assert!(line.contains(text(path.file_name().unwrap().as_ref())) && line.contains(reason), "{line}");
    }
}

#[test]
fn a_pt2_of_another_kind_says_what_it_holds() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let archive = |name: &str, entries: &[(&str, &str)]| {
        let path = folder.path().join(name);
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (entry, content) in entries {
            zip.start_file(
                *entry,
                zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
            )
            .unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    };
    let compiled = archive("compiled.pt2", &[("m/archive_format", "pt2"), ("m/data/aotinductor/model/a.so", "")]);
    assert!(refusal(&["summary", text(&compiled)]).contains("an AOTInductor package"));
    let script = archive("script.pt", &[("m/code/model.py", ""), ("m/constants.pkl", ""), ("m/data.pkl", "")]);
    assert!(refusal(&["summary", text(&script)]).contains("data.pkl is damaged"));
    let broken =
        archive("broken.pt2", &[("m/archive_format", "pt2"), ("m/models/model.json", "{\"graph_module\": 3}")]);
    assert!(refusal(&["summary", text(&broken)]).contains("m/models/model.json cannot be read as a program"));
    let tokens = r#"{"graph_module": {"graph": {"nodes": [], "tensor_values": {"ids": {"dtype": 5, "sizes": [{"as_int": 1}, {"as_int": 16}]}}},
        "signature": {"input_specs": [{"user_input": {"arg": {"as_tensor": {"name": "ids"}}}}],
        "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "ids"}}}}]}}}"#;
    let config = r#"{"config": {}}"#;
    let entries = [
        ("m/archive_format", "pt2"),
        ("m/models/model.json", tokens),
        ("m/data/weights/model_weights_config.json", config),
        ("m/data/constants/model_constants_config.json", config),
    ];
    let line = refusal(&["summary", text(&archive("tokens.pt2", &entries))]);
    assert!(line.contains("ids (int64 1×16)") && line.contains("float picture"), "{line}");
}

#[test]
fn names_in_a_strangers_file_cannot_steer_the_terminal() {
    use std::io::{Read, Write};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pt2");
    let mut source =
        zip::ZipArchive::new(std::fs::File::open(fixtures().join("hand_checkable/model.pt2")).unwrap()).unwrap();
    let mut hostile = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for index in 0..source.len() {
        let mut entry = source.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name.ends_with("models/model.json") {
            let json = String::from_utf8(bytes).unwrap();
            assert!(json.contains(",conv1,"));
            bytes = json.replace(",conv1,", ",\\u001b[2J\\u0007conv1,").into_bytes();
        }
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        hostile.start_file(name, stored).unwrap();
        hostile.write_all(&bytes).unwrap();
    }
    hostile.finish().unwrap();
    let model = text(&path);
    let input = fixtures().join("hand_checkable/input.npy");
    for arguments in [
        &["summary", model][..],
        &["activations", model, text(&input), "--layer", "\u{1b}[2J\u{7}conv1"],
        &["activations", model, text(&input), "--layer", "conv\u{1b}[2J"],
    ] {
        let done = layerscope(arguments);
        let printed = [done.stdout, done.stderr].concat();
        assert!(String::from_utf8_lossy(&printed).contains("conv"), "{arguments:?}");
        assert!(
            !printed.contains(&0x1b) && !printed.contains(&0x07),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&printed)
        );
    }
}

#[test]
fn pictures_that_are_none_are_refused_and_extreme_ones_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("notes.png");
    std::fs::write(&fake, "not a picture at all").unwrap();
    let line = refusal(&["predict", "demo:book", text(&fake)]);
    assert!(line.contains("notes.png: not a picture but a text file"), "{line}");
    let missing = folder.path().join("missing.png");
    assert!(refusal(&["predict", "demo:book", text(&missing)]).contains("missing.png: no such file"));

    let tiny = folder.path().join("tiny.png");
    image::RgbImage::from_pixel(1, 1, image::Rgb([200, 10, 10])).save(&tiny).unwrap();
    json(&["predict", "demo:book", text(&tiny)]);
    let huge = folder.path().join("huge.png");
    image::GrayImage::from_pixel(12_000, 9_000, image::Luma([90])).save(&huge).unwrap();
    json(&["predict", "demo:book", text(&huge)]);

    let array = fixtures().join("convnet/input.npy");
    let line = refusal(&["predict", "demo:book", text(&array)]);
    assert!(line.contains("input.npy: the input has shape 1×3×20×20, but the network takes 1×150×150×3"), "{line}");
}

#[test]
fn a_comparison_wants_two_models() {
    let alone = text(&fixtures().join("convnet/model.pt2")).to_owned();
    let said = "--compare wants two models: layerscope MODEL OTHER --compare PICTURE";
    assert_eq!(refusal(&[&alone, "--compare"]), said);
}

/// What a command that succeeds warns of.
fn warning(arguments: &[&str]) -> String {
    let done = layerscope(arguments);
    let line = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{line}");
    line
}

#[test]
fn patterns_that_are_still_the_noise_they_began_with_are_said_to_be() {
    let grow = ["patterns", "demo:book", "--layer", "conv2d_22", "--channels", "0-3", "--size", "64", "--no-cache"];
    let line = warning(&[&grow[..], &["--steps", "2"]].concat());
    assert!(line.contains(" of 4 patterns are still noise") && line.contains("--recipe lucid wakes them"), "{line}");
    let woken = warning(&[&grow[..], &["--steps", "2", "--recipe", "lucid"]].concat());
    assert!(!woken.contains("still noise"), "{woken}");
}

#[test]
fn a_network_without_classes_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("maps.onnx");
    let kernel = scattered(4 * 3 * 9);
    let network = Onnx::of([1, 3, 16, 16]).then("maps", "Conv", &[(&[4, 3, 3, 3], &kernel)], &[]);
    network.write(&file, &[1, 4, 14, 14]);
    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let line = warning(&["predict", text(&file), chelsea, "--preprocess", "resize=16x16"]);
    assert!(line.contains("the network ends in maps of 4 channels: the scores are their means"), "{line}");
}

#[test]
fn a_picture_of_an_unknown_kind_is_refused_as_other_arguments_are() {
    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let line = refusal(&["activations", "demo:book", chelsea, "--layer", "conv2d_20", "--out", "a.txt"]);
    assert!(line.starts_with("a.txt: pictures are not saved as .txt"), "{line}");
}

#[test]
fn a_class_is_not_held_against_itself() {
    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let line = refusal(&["cam", "demo:book", chelsea, "--class", "dog", "--against", "dog"]);
    assert_eq!(line, "--against: dog is the class itself");
}

#[test]
fn a_scan_that_cannot_be_written_is_refused_before_any_picture_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("gone/scan.parquet");
    // There is nothing to scan either, which it would say next.
    let done = layerscope(&["scan", "demo:book", text(folder.path()), "--layer", "conv2d_20", "--out", text(&out)]);
    let line = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{line}");
    assert!(line.contains("there is no folder"), "{line}");
}
