//! Checkpoints give PyTorch's own tensors, whatever is kept around them; damaged and hostile files give one line.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::PathBuf;

use common::fixtures;
use layerscope::formats::checkpoint::{self, Checkpoint, Tensor};
use layerscope::model::graph::DType;
use serde_json::Value as Json;

fn folder() -> PathBuf {
    fixtures().join("checkpoint")
}

fn golden() -> Json {
    serde_json::from_slice(&std::fs::read(folder().join("golden.json")).unwrap()).unwrap()
}

fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    sign * if exponent == 0 {
        fraction * 2_f64.powi(-24)
    } else {
        (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15)
    }
}

fn element(dtype: DType, bytes: &[u8]) -> f64 {
    match dtype {
        DType::Bool | DType::UInt8 => bytes[0].into(),
        DType::Int8 => bytes[0].cast_signed().into(),
        DType::Int16 => i16::from_le_bytes(bytes.try_into().unwrap()).into(),
        DType::Int32 => i32::from_le_bytes(bytes.try_into().unwrap()).into(),
        DType::Int64 => i64::from_le_bytes(bytes.try_into().unwrap()) as f64,
        DType::Float16 => half(u16::from_le_bytes(bytes.try_into().unwrap())),
        DType::BFloat16 => f32::from_bits(u32::from(u16::from_le_bytes(bytes.try_into().unwrap())) << 16).into(),
        DType::Float32 => f32::from_le_bytes(bytes.try_into().unwrap()).into(),
        DType::Float64 => f64::from_le_bytes(bytes.try_into().unwrap()),
    }
}

/// The elements in row-major order.
fn elements(tensor: &Tensor) -> Vec<f64> {
    let count: usize = tensor.shape.iter().product();
    let size = tensor.dtype.size();
    let at = |index: usize| {
        let Some(strides) = &tensor.strides else { return index };
        let mut rest = index;
        let steps = tensor.shape.iter().zip(strides).rev().map(|(&size, &stride)| {
            let step = rest % size * stride;
            rest /= size;
            step
        });
        steps.sum()
    };
    (0..count).map(|index| element(tensor.dtype, &tensor.data[at(index) * size..][..size])).collect()
}

/// Names, shapes, types and digests are the golden ones.
fn compare(file: &str, checkpoint: &Checkpoint, golden: &Json) {
    let expected = golden["tensors"].as_array().unwrap();
    let names: Vec<&str> = checkpoint.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let golden_names: Vec<&str> = expected.iter().map(|pair| pair[0].as_str().unwrap()).collect();
    assert_eq!(names, golden_names, "{file}");
    if let Some(found_in) = golden["found_in"].as_str() {
        assert_eq!(checkpoint.found_in, found_in, "{file}");
    }
    for (tensor, pair) in checkpoint.tensors.iter().zip(expected) {
        let (name, golden) = (&tensor.name, &pair[1]);
        assert_eq!(serde_json::json!(tensor.shape), golden["shape"], "{file} {name}");
        assert_eq!(format!("{:?}", tensor.dtype).to_lowercase(), golden["dtype"].as_str().unwrap(), "{file} {name}");
        let elements = elements(tensor);
        let sum: f64 = elements.iter().sum();
        let golden_sum = golden["sum"].as_f64().unwrap();
        let scale: f64 = elements.iter().map(|element| element.abs()).sum();
        assert!((sum - golden_sum).abs() <= 1e-9 * scale, "{file} {name}: {sum} and not {golden_sum}");
        for (place, element) in [("first", elements.first()), ("last", elements.last())] {
            // The JSON reader may be off by a last digit.
            let (element, golden) = (element.copied().unwrap_or(0.0), golden[place].as_f64().unwrap());
            assert!((element - golden).abs() <= 1e-15 * golden.abs(), "{file} {name}: {place} {element}, not {golden}");
        }
    }
}

#[test]
fn every_checkpoint_gives_the_tensors_that_torch_gives() {
    let golden = golden();
    let mut files = 0;
    for (file, golden) in golden.as_object().unwrap() {
        if golden.get("tensors").is_some() {
            let checkpoint = checkpoint::open(&folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            compare(file, &checkpoint, golden);
            files += 1;
        }
    }
    assert!(files >= 29, "only {files} files");
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_in_one_line_that_names_what_is_wrong() {
    for (file, words) in golden()["refused"].as_object().unwrap() {
        let error =
            checkpoint::open(&folder().join("refused").join(file)).err().unwrap_or_else(|| panic!("{file} opens"));
        let line = error.to_string();
        for word in words.as_array().unwrap() {
            assert!(line.contains(word.as_str().unwrap()), "{file}: {line}");
        }
        assert_eq!(line.lines().count(), 1, "{file}: {line}");
    }
}

/// EfficientNet-Lite0, MTCNN and whole models of torchvision, as `make_checkpoints.py --packages target/fixtures/checkpoints`
/// puts them down: too large to be committed.
#[test]
fn files_that_packages_ship_give_the_tensors_that_torch_gives() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fixtures/checkpoints");
    let Ok(golden) = std::fs::read(folder.join("golden.json")) else {
        eprintln!("left out: run tests/fixtures/make_checkpoints.py --packages target/fixtures/checkpoints");
        return;
    };
    let golden: Json = serde_json::from_slice(&golden).unwrap();
    for (file, golden) in golden.as_object().unwrap() {
        let checkpoint = checkpoint::open(&folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        compare(file, &checkpoint, golden);
    }
}

#[test]
fn labels_beside_the_weights_are_found() {
    for (file, golden) in golden().as_object().unwrap() {
        let Some(classes) = golden.get("classes") else { continue };
        let found = checkpoint::open(&folder().join(file)).unwrap().classes.unwrap();
        let found: Vec<&str> = found.iter().map(|(_, label)| label).collect();
        assert_eq!(serde_json::json!(found), *classes, "{file}");
    }
}

#[test]
fn a_whole_pickled_model_is_read_without_its_code_and_says_its_class() {
    let checkpoint = checkpoint::open(&folder().join("whole.pth")).unwrap();
    assert_eq!(checkpoint.class.as_deref(), Some("__main__.TinyNetwork"));
    assert!(checkpoint.tensors.iter().all(|tensor| tensor.name != "passing"), "a buffer that state_dict() leaves out");
}

#[test]
fn tensors_of_one_storage_share_its_bytes() {
    for file in ["views.pth", "legacy_views.pth"] {
        let checkpoint = checkpoint::open(&folder().join(file)).unwrap();
        let data = |name: &str| &checkpoint.tensors.iter().find(|tensor| tensor.name == name).unwrap().data;
        assert_eq!(data("whole").as_ptr().wrapping_add(16), data("part").as_ptr(), "{file}");
    }
}
