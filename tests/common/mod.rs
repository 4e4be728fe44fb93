//! What several tests need: fixtures, their golden arrays, and how far two arrays are apart.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each test file uses a part of it; a test may panic"
)]

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A row-major array of a golden file.
#[derive(Debug, Clone)]
pub struct Array {
    pub shape: Vec<i64>,
    pub data: Vec<f32>,
}

/// A fixture: a model, an input and what the reference implementation makes of them.
pub struct Fixture {
    pub folder: PathBuf,
    pub golden: serde_json::Value,
    pub arrays: HashMap<String, Array>,
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The arrays of an `.npz`.
pub fn arrays(path: &Path) -> HashMap<String, Array> {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut arrays = HashMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let key = entry.name().unwrap().trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        arrays.insert(key, npy(&bytes));
    }
    arrays
}

impl Fixture {
    pub fn open(name: &str) -> Self {
        let folder = fixtures().join(name);
        let golden: serde_json::Value =
            serde_json::from_reader(File::open(folder.join("golden.json")).unwrap()).unwrap();
        let arrays = arrays(&folder.join("golden.npz"));
        Self { folder, golden, arrays }
    }

    pub fn model(&self) -> PathBuf {
        self.folder.join(self.golden["model"].as_str().unwrap())
    }

    pub fn input_path(&self) -> PathBuf {
        self.folder.join("input.npy")
    }

    pub fn input(&self) -> Array {
        npy(&std::fs::read(self.input_path()).unwrap())
    }

    pub fn array(&self, key: &str) -> &Array {
        self.arrays.get(key).unwrap_or_else(|| panic!("no golden array {key}"))
    }

    pub fn class(&self) -> usize {
        self.golden["class"].as_u64().unwrap() as usize
    }

    pub fn list(&self, key: &str) -> &[serde_json::Value] {
        self.golden[key].as_array().unwrap()
    }
}

/// Reads a `.npy` of float32 or uint8.
pub fn npy(bytes: &[u8]) -> Array {
    let file = npyz::NpyFile::new(bytes).unwrap();
    let shape = file.shape().iter().map(|&size| size as i64).collect();
    let data = match file.dtype().descr().trim_matches('\'') {
        "|u1" => file.into_vec::<u8>().unwrap().into_iter().map(f32::from).collect(),
        _ => file.into_vec::<f32>().unwrap(),
    };
    Array { shape, data }
}

/// Largest difference, relative to the largest golden value.
pub fn difference(ours: &[f32], golden: &[f32]) -> f32 {
    assert_eq!(ours.len(), golden.len(), "as many numbers as the golden array");
    assert!(ours.iter().all(|value| value.is_finite()), "a number that is not finite");
    let largest = golden.iter().fold(0.0_f32, |most, value| most.max(value.abs())).max(1e-20);
    ours.iter().zip(golden).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

/// The network of a fixture, on the CPU.
pub fn network(fixture: &Fixture) -> layerscope::methods::Network {
    let model = layerscope::formats::open(&fixture.model(), None).unwrap();
    layerscope::methods::Network::load(model, tch::Device::Cpu).unwrap()
}

/// The fixture's input as the graph has it.
pub fn input(network: &layerscope::methods::Network, fixture: &Fixture) -> tch::Tensor {
    let array = fixture.input();
    let shape: Vec<usize> = array.shape.iter().map(|&size| size as usize).collect();
    network.input_tensor(&array.data, &shape).unwrap()
}

/// The golden networks that take one picture.
pub const NETWORKS: [&str; 5] = ["convnet", "vit", "hand_checkable", "keras_sequential", "keras_functional"];
