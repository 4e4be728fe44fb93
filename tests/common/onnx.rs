//! Small networks as ONNX files, for tests that need one with a certain property and no reference to compare it with.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

/// A network that is written node by node.
#[derive(Default)]
pub struct Onnx {
    graph: Vec<u8>,
    last: String,
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(out: &mut Vec<u8>, field: u64, number: u64) {
    varint(out, field << 3);
    varint(out, number);
}

fn bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A value of the graph: a size of 0 is one that is not fixed.
fn value(name: &str, shape: &[u64]) -> Vec<u8> {
    let mut sizes = Vec::new();
    for (index, &size) in shape.iter().enumerate() {
        let mut one = Vec::new();
        if size > 0 {
            number(&mut one, 1, size);
        } else {
            bytes(&mut one, 2, format!("size{index}").as_bytes());
        }
        bytes(&mut sizes, 1, &one);
    }
    let (mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, 1);
    bytes(&mut tensor, 2, &sizes);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut value, 1, name.as_bytes());
    bytes(&mut value, 2, &kind);
    value
}

impl Onnx {
    /// Takes pictures of this shape, N×C×H×W; 0 is a size that is not fixed.
    pub fn of(shape: [u64; 4]) -> Self {
        let mut new = Self { graph: Vec::new(), last: "input".to_owned() };
        bytes(&mut new.graph, 2, b"small");
        bytes(&mut new.graph, 11, &value("input", &shape));
        new
    }

    /// A node on what the last one made and on weights, each with its shape. Attributes are lists of whole numbers, or one where
    /// their name ends with `=`.
    pub fn then(mut self, name: &str, operator: &str, weights: &[(&[u64], &[f32])], ints: &[(&str, &[u64])]) -> Self {
        let mut node = Vec::new();
        bytes(&mut node, 1, self.last.as_bytes());
        for (index, (shape, numbers)) in weights.iter().enumerate() {
            let weight = format!("{name}.{index}");
            bytes(&mut node, 1, weight.as_bytes());
            let mut tensor = Vec::new();
            shape.iter().for_each(|&size| number(&mut tensor, 1, size));
            number(&mut tensor, 2, 1);
            bytes(&mut tensor, 8, weight.as_bytes());
            bytes(&mut tensor, 9, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
            bytes(&mut self.graph, 5, &tensor);
        }
        bytes(&mut node, 2, name.as_bytes());
        bytes(&mut node, 3, name.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        for (key, numbers) in ints {
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, key.trim_end_matches('=').as_bytes());
            let one = key.ends_with('=');
            numbers.iter().for_each(|&int| number(&mut attribute, if one { 3 } else { 8 }, int));
            number(&mut attribute, 20, if one { 2 } else { 7 });
            bytes(&mut node, 5, &attribute);
        }
        bytes(&mut self.graph, 1, &node);
        name.clone_into(&mut self.last);
        self
    }

    /// Writes the file; the last node's output is the network's, with this shape.
    pub fn write(mut self, path: &Path, shape: &[u64]) {
        bytes(&mut self.graph, 12, &value(&self.last, shape));
        let (mut standard, mut model) = (Vec::new(), Vec::new());
        number(&mut standard, 2, 17);
        number(&mut model, 1, 8);
        bytes(&mut model, 7, &self.graph);
        bytes(&mut model, 8, &standard);
        std::fs::write(path, model).unwrap();
    }
}

/// Numbers between -1 and 1 that look random and are always the same.
pub fn scattered(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index as f32 * 12.9898 + 1.0).sin() * 43_758.547 % 1.0).collect()
}
