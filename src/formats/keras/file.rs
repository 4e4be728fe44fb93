//! The HDF5 side of a Keras file: its attributes and arrays.

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{AttrValue, File};

use super::KerasError;
use crate::model::printable;

/// Deflate makes nothing smaller than this; so an array that claims to be larger than the file times this lies.
const MOST_COMPRESSION: u64 = 1032;

/// An open Keras file.
pub(super) struct KerasFile {
    file: File,
    /// The group under which every layer has one of its own.
    root: &'static str,
    /// Paths of the arrays of a layer's group, in Keras's order.
    names: HashMap<String, Vec<String>>,
}

/// An array of the file, found but not read.
pub(super) struct Array {
    dataset: hdf5_pure::Dataset,
    /// Its shape, as the file has it.
    pub(super) shape: Vec<u64>,
}

fn damaged(error: &hdf5_pure::Error) -> KerasError {
    KerasError::Damaged(printable(&error.to_string()).into_owned())
}

impl KerasFile {
    /// Opens a file without reading its arrays.
    pub(super) fn open(path: &Path) -> Result<Self, KerasError> {
        let length = std::fs::metadata(path).map_err(|error| KerasError::Unreadable(error.to_string()))?.len();
        Self::check(File::open_streaming(path), length)
    }

    /// Takes over a file in memory.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, KerasError> {
        let length = bytes.len() as u64;
        Self::check(File::from_bytes(bytes), length)
    }

    fn check(file: Result<File, hdf5_pure::Error>, length: u64) -> Result<Self, KerasError> {
        let file = file.map_err(|error| match error {
            hdf5_pure::Error::Io(error) => KerasError::Unreadable(error.to_string()),
            _ => KerasError::NotHdf5,
        })?;
        let announced = file.superblock().eof_address;
        if announced > length {
            return Err(KerasError::Truncated { announced, found: length });
        }
        Ok(Self { file, root: "model_weights", names: HashMap::new() })
    }

    /// The text of the attribute `model_config`.
    pub(super) fn model_config(&self) -> Result<String, KerasError> {
        let root = self.file.root();
        let attributes = root.attrs().map_err(|error| damaged(&error))?;
        if let Some(config) = attributes.get("model_config").and_then(AttrValue::as_str) {
            return Ok(config.to_owned());
        }
        // Keras 2 lists the layers of a weights file in an attribute; Keras 3's `.weights.h5` has a group of layers.
        let groups = root.groups().map_err(|error| damaged(&error))?;
        let layers = ["layers", "_layer_checkpoint_dependencies"];
        let weights = attributes.contains_key("layer_names") || groups.iter().any(|group| layers.contains(&&**group));
        Err(if weights { KerasError::WeightsOnly } else { KerasError::NoModel })
    }

    /// Paths of the arrays in the group of a top-level layer, in Keras's order; empty where there is no such group.
    pub(super) fn weight_names(&mut self, layer: &str) -> Result<&[String], KerasError> {
        if !self.names.contains_key(layer) {
            let names = self.read_weight_names(layer)?;
            self.names.insert(layer.to_owned(), names);
        }
        Ok(self.names.get(layer).map_or(&[], Vec::as_slice))
    }

    fn read_weight_names(&self, layer: &str) -> Result<Vec<String>, KerasError> {
        let Ok(group) = self.file.group(&format!("{}/{layer}", self.root)) else { return Ok(Vec::new()) };
        let attributes = group.attrs().map_err(|error| damaged(&error))?;
        let strings = |name: &str| attributes.get(name).and_then(AttrValue::as_strings);
        if let Some(names) = strings("weight_names") {
            return Ok(names.to_vec());
        }
        // A list past HDF5's limit of 64 KB for an attribute is cut into `weight_names0`, `weight_names1`, …
        let parts = (0..).map_while(|part: usize| strings(&format!("weight_names{part}")));
        Ok(parts.flatten().cloned().collect())
    }

    /// Finds an array by a path of [`Self::weight_names`].
    pub(super) fn array(&self, layer: &str, name: &str) -> Result<Array, KerasError> {
        let dataset = self.file.dataset(&format!("{}/{layer}/{name}", self.root)).map_err(|error| damaged(&error))?;
        let shape = dataset.shape().map_err(|error| damaged(&error))?;
        Ok(Array { dataset, shape })
    }

    /// Reads an array as little-endian float32, whatever real type the file has.
    pub(super) fn numbers(&self, array: &Array) -> Result<Vec<u8>, KerasError> {
        let lies = || KerasError::Damaged(format!("an array of shape {:?} does not fit into the file", array.shape));
        let elements = array.shape.iter().try_fold(1_u64, |all, &size| all.checked_mul(size)).ok_or_else(lies)?;
        let size = array.dataset.element_size().map_err(|error| damaged(&error))?;
        let most = self.file.file_size().saturating_mul(if array.dataset.is_chunked() { MOST_COMPRESSION } else { 1 });
        if elements.checked_mul(size).is_none_or(|bytes| bytes > most) {
            return Err(lies());
        }
        let numbers = array.dataset.read_f32().map_err(|error| damaged(&error))?;
        if numbers.len() as u64 != elements {
            return Err(lies());
        }
        Ok(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    }
}
