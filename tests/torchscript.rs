//! A TorchScript archive, traced, scripted or frozen, gives PyTorch's own numbers: outputs, activations, gradients.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};

use common::{Fixture, difference, fixtures};
use layerscope::engine::{Cancel, Engine, numbers};
use layerscope::formats;
use layerscope::formats::archive::Archive;
use layerscope::model::graph::{Operator, Tap, WeightRole};
use layerscope::model::{Layer, LayerTree, Model};
use proptest::prelude::*;
use tch::{Device, Tensor};

fn archive(path: &str) -> PathBuf {
    fixtures().join(path)
}

fn opened(path: &str) -> Model {
    formats::open(&archive(path), None).unwrap()
}

fn engine(path: &str) -> Engine {
    Engine::load(opened(path).graph, Device::Cpu).unwrap()
}

fn tensor(engine: &Engine, array: &common::Array) -> Tensor {
    engine.tensor(&array.data, &array.shape).unwrap()
}

fn run(engine: &Engine, input: &common::Array) -> Vec<Vec<f32>> {
    let graph = engine.graph();
    let taps: Vec<Tap> = graph.outputs.iter().map(|&value| value.into()).collect();
    let run = engine.run(&[(graph.inputs[0], tensor(engine, input))], &taps, &Cancel::new()).unwrap();
    graph.outputs.iter().map(|&value| numbers(run.get(value).unwrap()).unwrap()).collect()
}

/// Archives that keep their modules, and the fixture whose goldens they have.
const WITH_MODULES: &[(&str, &str)] = &[
    ("torchscript_convnet/traced.pt", "convnet"),
    ("torchscript_convnet/scripted.pt", "convnet"),
    ("torchscript_vit/traced.pt", "vit"),
    ("torchscript_vit/scripted.pt", "vit"),
    ("torchscript_flow/model.pt", "torchscript_flow"),
];

#[test]
fn outputs_are_pytorchs_however_the_archive_was_made() {
    let frozen = [("torchscript_convnet/frozen.pt", "convnet"), ("torchscript_vit/frozen.pt", "vit")];
    for (path, golden) in WITH_MODULES.iter().chain(&frozen) {
        let fixture = Fixture::open(golden);
        let far = difference(&run(&engine(path), &fixture.input())[0], &fixture.array("output").data);
        assert!(far <= 1e-5, "{path}: {far}");
    }
}

#[test]
fn every_layers_activation_is_pytorchs() {
    for (path, golden) in WITH_MODULES {
        let fixture = Fixture::open(golden);
        let engine = engine(path);
        let layers = LayerTree::of(engine.graph());
        let taps: Vec<_> = layers.layers.iter().filter_map(Layer::tap).collect();
        let given = [(engine.graph().inputs[0], tensor(&engine, &fixture.input()))];
        let run = engine.run(&given, &taps, &Cancel::new()).unwrap();
        for layer in fixture.list("layers") {
            let name = layer["path"].as_str().unwrap();
            let ours = layers.find(name).unwrap_or_else(|| panic!("{path} has no layer {name}"));
            let ours = &layers.layers[ours.0];
            assert_eq!(ours.type_name, layer["type"].as_str().unwrap(), "{path} {name}");
            let far = difference(
                &numbers(run.get(ours.output.unwrap()).unwrap()).unwrap(),
                &fixture.array(layer["key"].as_str().unwrap()).data,
            );
            assert!(far <= 1e-5, "{path} {name}: {far}");
        }
    }
}

#[test]
fn gradients_at_the_input_and_at_layers_are_pytorchs() {
    for (path, golden) in WITH_MODULES {
        let fixture = Fixture::open(golden);
        let engine = engine(path);
        let layers = LayerTree::of(engine.graph());
        let (source, output) = (engine.graph().inputs[0], engine.graph().outputs[0]);
        let given = [(source, tensor(&engine, &fixture.input()))];
        for golden in fixture.list("gradients") {
            let name = golden["layer"].as_str().unwrap();
            let at: Tap = if name == "input" {
                source.into()
            } else {
                layers.layers[layers.find(name).unwrap().0].tap().unwrap()
            };
            let run = engine.run_recorded(&given, &[output.into()], &[at], &Cancel::new()).unwrap();
            let score = run.get(output).unwrap().select(1, fixture.class() as i64).sum(tch::Kind::Float);
            let gradient = engine.gradients(&score, &[run.get(at.value).unwrap()], false).unwrap();
            let far = difference(&numbers(&gradient[0]).unwrap(), &fixture.array(golden["key"].as_str().unwrap()).data);
            assert!(far <= 1e-5, "{path} {name}: {far}");
        }
    }
}

#[test]
fn a_scripted_program_takes_any_number_of_pictures() {
    let fixture = Fixture::open("torchscript_flow");
    let outputs = run(&engine("torchscript_flow/model.pt"), fixture.array("batch/input"));
    let far = difference(&outputs[0], &fixture.array("batch/output").data);
    assert!(far <= 1e-5, "{far}");
}

#[test]
fn a_dictionary_as_output_gives_all_its_tensors_in_order() {
    let fixture = Fixture::open("torchscript_flow");
    let outputs = run(&engine("torchscript_flow/model.pt"), &fixture.input());
    assert_eq!(outputs.len(), 2);
    assert!(difference(&outputs[1], &fixture.array("map").data) <= 1e-5);
}

#[test]
fn a_program_in_half_precision_is_fed_like_any_other_and_keeps_its_weights() {
    let fixture = Fixture::open("torchscript_half");
    let model = opened("torchscript_half/model.pt");
    assert!(model.graph.weights.iter().all(|weight| weight.dtype.size() == 2));
    let engine = Engine::load(model.graph, Device::Cpu).unwrap();
    let far = difference(&run(&engine, &fixture.input())[0], &fixture.array("output").data);
    assert!(far <= 2e-3, "{far}");
}

#[test]
fn the_size_is_the_traces_own_or_the_one_that_the_programs_control_flow_asks_for() {
    assert_eq!(opened("torchscript_convnet/traced.pt").input.size, Some((20, 20)));
    assert_eq!(opened("torchscript_flow/model.pt").input.size, Some((28, 28)));
    assert_eq!(opened("torchscript_convnet/scripted.pt").input.size, None);
}

#[test]
fn weights_have_the_names_and_roles_of_the_module_tree() {
    for path in ["torchscript_convnet/traced.pt", "torchscript_convnet/scripted.pt"] {
        let graph = opened(path).graph;
        let role = |name: &str| graph.weights.iter().find(|weight| weight.name == name).map(|weight| weight.role);
        assert_eq!(role("layer1.conv1.weight"), Some(WeightRole::Parameter), "{path}");
        assert_eq!(role("layer1.bn1.running_mean"), Some(WeightRole::Buffer), "{path}");
        let layers = LayerTree::of(&graph);
        assert_eq!(layers.layers[layers.find("layer1.conv1").unwrap().0].parameters(), 8 * 8 * 9);
    }
}

#[test]
fn constants_of_a_frozen_program_are_named_after_the_node_that_reads_them() {
    let graph = opened("torchscript_convnet/frozen.pt").graph;
    let weight = |name: &str| graph.weights.iter().find(|weight| weight.name == name).map(|weight| weight.role);
    assert_eq!(weight("conv2d.weight"), Some(WeightRole::Parameter));
    assert_eq!(weight("batch_norm.running_var"), Some(WeightRole::Buffer));
}

#[test]
fn dead_arithmetic_on_sizes_is_left_out() {
    let graph = opened("torchscript_flow/model.pt").graph;
    let read: std::collections::HashSet<_> =
        graph.nodes.iter().flat_map(layerscope::model::graph::Node::reads).collect();
    for node in graph.nodes.iter().filter(|node| matches!(node.operator, Operator::Size(_))) {
        assert!(node.makes().any(|value| read.contains(&value)), "{} is read by nobody", node.name);
    }
}

fn refusal(path: &Path) -> String {
    let line = formats::open(path, None).map(drop).unwrap_err().to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[test]
fn what_cannot_be_shown_is_refused_in_one_line_that_says_what_would_be_right() {
    for (file, says) in [
        ("quantized.pt", "packed 8-bit integers"),
        ("optimize_for_inference.pt", "save the module before that"),
        ("two_inputs.pt", "its forward takes y, a Tensor; layerscope shows networks that take one picture"),
        ("files.pt", "its code writes files (torch.save)"),
        ("endless.pt", "it runs more operators than any network does"),
    ] {
        let line = refusal(&archive("torchscript_refused").join(file));
        assert!(line.contains(says), "{file}: {line}");
    }
}

/// A zip of these entries, with the checksums that they must have.
fn zip_with<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> tempfile::NamedTempFile {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        // libtorch wants every storage to begin at a multiple of 64 bytes.
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .with_alignment(64);
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    file_of(&zip.finish().unwrap().into_inner())
}

/// A zip of empty entries.
fn zip_of(names: &[&str]) -> tempfile::NamedTempFile {
    zip_with(names.iter().map(|name| (*name, &[][..])))
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn archives_of_other_kinds_are_told_apart() {
    let old = zip_of(&["m/model.json", "m/code/m.py", "m/tensors/0"]);
    assert!(refusal(old.path()).contains("PyTorch 1.0 to 1.3"), "{}", refusal(old.path()));
    let phone = zip_of(&["m/data.pkl", "m/bytecode.pkl"]);
    assert!(refusal(phone.path()).contains("bytecode only"), "{}", refusal(phone.path()));
    let flat = file_of(b"\x1c\0\0\0PTMF and more");
    assert!(refusal(flat.path()).contains("for phones (.ptl)"), "{}", refusal(flat.path()));
}

#[test]
fn a_storage_that_claims_more_than_its_entry_holds_is_refused_before_libtorch_reads_it() {
    let bytes = std::fs::read(archive("torchscript_convnet/scripted.pt")).unwrap();
    // 'cpu' and the number of elements of a storage: K, one byte. Made larger, without touching the zip's directory.
    let at = bytes.windows(4).position(|window| window == b"cpuq").unwrap();
    let number = at + bytes[at..].iter().position(|&byte| byte == b'K').unwrap() + 1;
    let mut damaged = bytes.clone();
    damaged[number] = 0xff;
    let line = refusal(file_of(&damaged).path());
    assert!(line.contains("damaged") || line.contains("checksum") || line.contains("cannot be read"), "{line}");
}

const DAMAGED: [&str; 5] = [
    "torchscript_convnet/frozen.pt",
    "torchscript_flow/model.pt",
    "torchscript_vit/traced.pt",
    "torchscript_half/model.pt",
    "torchscript_vit/frozen.pt",
];

/// Name and bytes of an archive's entries.
fn entries(file: &str) -> Vec<(String, Vec<u8>)> {
    let mut archive = Archive::open(std::fs::File::open(archive(file)).unwrap()).unwrap();
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    names.into_iter().map(|name| (name.clone(), archive.read(&name).unwrap())).collect()
}

#[test]
fn a_program_that_divides_by_zero_is_refused_and_does_not_end_the_process() {
    let mut entries = entries("torchscript_flow/model.pt");
    let code = entries.iter_mut().find(|(name, _)| name.ends_with("code/__torch__.py")).unwrap();
    let text = String::from_utf8(code.1.clone()).unwrap();
    let divides = text.replace("padded(x0, 8, )", "padded(x0, 0, )");
    assert_ne!(divides, text);
    code.1 = divides.into_bytes();
    refusal(zip_with(entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))).path());
}

/// What may happen to a pickle or to code.
#[derive(Debug, Clone)]
enum Damage {
    /// Another byte.
    Byte(u8),
    /// Bytes that are gone.
    Cut(usize),
    /// Bytes from elsewhere in the same entry.
    Moved(f64, usize),
    /// A number where none was, or another one.
    Number(i64),
}

fn damage() -> impl Strategy<Value = (f64, Damage)> {
    let kind = prop_oneof![
        any::<u8>().prop_map(Damage::Byte),
        (1..40_usize).prop_map(Damage::Cut),
        (0.0..1.0_f64, 1..40_usize).prop_map(|(from, length)| Damage::Moved(from, length)),
        prop_oneof![Just(-1), Just(0), Just(i64::MAX), 0..1_000_i64].prop_map(Damage::Number),
    ];
    (0.0..1.0_f64, kind)
}

fn place(share: f64, length: usize) -> usize {
    ((share * length as f64) as usize).min(length.saturating_sub(1))
}

fn apply(bytes: &mut Vec<u8>, (share, damage): &(f64, Damage)) {
    if bytes.is_empty() {
        return;
    }
    let at = place(*share, bytes.len());
    match damage {
        Damage::Byte(byte) => bytes[at] = *byte,
        Damage::Cut(length) => drop(bytes.drain(at..(at + length).min(bytes.len()))),
        Damage::Moved(from, length) => {
            let from = place(*from, bytes.len());
            let moved = bytes[from..(from + length).min(bytes.len())].to_vec();
            drop(bytes.splice(at..at, moved));
        }
        Damage::Number(number) => {
            // In place of the next digits, as code writes them.
            let start = bytes[at..].iter().position(u8::is_ascii_digit).map_or(at, |step| at + step);
            let end =
                bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |step| start + step);
            drop(bytes.splice(start..end, number.to_string().into_bytes()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_archive_is_one_line_or_a_model_but_never_a_crash(
        file in proptest::sample::select(&DAMAGED[..]),
        cut in proptest::option::of(0.0..1.0_f64),
        flips in proptest::collection::vec((0.0..1.0_f64, 1..=255_u8), 0..6),
    ) {
        let mut bytes = std::fs::read(archive(file)).unwrap();
        for (place, flip) in flips {
            let at = (place * (bytes.len() - 1) as f64) as usize;
            bytes[at] ^= flip;
        }
        if let Some(share) = cut {
            bytes.truncate((share * bytes.len() as f64) as usize);
        }
        let damaged = file_of(&bytes);
        if let Err(error) = formats::open(damaged.path(), None) {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }

    #[test]
    fn damage_that_no_checksum_shows_is_one_line_or_a_model_but_never_a_crash(
        file in proptest::sample::select(&DAMAGED[..]),
        which in any::<proptest::sample::Index>(),
        damages in proptest::collection::vec(damage(), 1..4),
    ) {
        let mut entries = entries(file);
        // Most of a network's program is in a few entries; the numbers of its weights may be any.
        let read: Vec<usize> = (0..entries.len())
            .filter(|&index| [".py", "/data.pkl", "/constants.pkl"].iter().any(|kind| entries[index].0.ends_with(kind)))
            .collect();
        let bytes = &mut entries[*which.get(&read)].1;
        for damage in &damages {
            apply(bytes, damage);
        }
        let damaged = zip_with(entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        if let Err(error) = formats::open(damaged.path(), None) {
            prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
        }
    }
}
