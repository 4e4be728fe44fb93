//! Where a Keras file keeps its configuration and its arrays: an HDF5 file, or a zip archive with one in it.

use std::collections::HashMap;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

use bytes::Bytes;
use hdf5_pure::{AttrValue, Datatype, DatatypeByteOrder, File, ReadSeekSource};
use serde_json::Value as Json;

use super::KerasError;
use super::window::FileWindow;
use crate::formats::archive::Archive;
use crate::model::printable;

/// Deflate makes nothing smaller than this; so an array that claims to be larger than the file times this lies.
const MOST_COMPRESSION: u64 = 1032;

/// The two entries that make a zip archive a `.keras` file.
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
/// The entry that says who wrote it.
const METADATA: &str = "metadata.json";

/// An open Keras file.
pub(super) struct KerasFile {
    file: File,
    /// Text of `config.json`, where the file is an archive.
    config: Option<String>,
    /// Keras's version that wrote the file.
    version: Option<String>,
    store: Store,
    /// Paths of the arrays of a layer's group, in Keras's order.
    names: HashMap<String, Vec<String>>,
}

/// How the arrays are found.
enum Store {
    /// `model_weights/<top layer>/<name>`, the names listed in an attribute.
    Named,
    /// `layers/<class>_<number>/vars/<number>`, with the word for `layers` that the version uses.
    Numbered(&'static str),
}

/// Where a layer's arrays are.
#[derive(Debug, Clone, Default)]
pub(super) struct Address {
    /// Names of the models around the layer and its own, without marks of calls.
    pub(super) names: Vec<String>,
    /// The same as an archive counts them: `conv2d_1`, by class and position.
    pub(super) numbers: Vec<String>,
    /// Attributes of the layer that hold layers of its own: `query_dense`.
    pub(super) parts: Vec<String>,
}

/// An array of the file, found but not read.
pub(super) struct Array {
    dataset: hdf5_pure::Dataset,
    /// Its shape, as the file has it.
    pub(super) shape: Vec<u64>,
}

/// An array of a layer.
pub(super) struct Listed {
    /// Its path, for [`KerasFile::array`].
    pub(super) path: String,
    /// Its name in the layer, as the file gives it: `kernel`, `mix/kernel`; in an archive a number (`0`, `mix/0`).
    pub(super) name: String,
}

impl Array {
    /// Whether it holds numbers.
    pub(super) fn is_numeric(&self) -> bool {
        let datatype = self.dataset.datatype();
        matches!(datatype, Ok(Datatype::FloatingPoint { .. } | Datatype::FixedPoint { .. }))
    }
}

fn damaged(error: &hdf5_pure::Error) -> KerasError {
    KerasError::Damaged(printable(&error.to_string()).into_owned())
}

/// Whether the entries of a zip archive are those of a `.keras` file.
pub(super) fn is_archive<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    names.filter(|name| matches!(*name, CONFIG | WEIGHTS)).count() == 2
}

impl KerasFile {
    /// Opens an HDF5 file or an archive without reading its arrays.
    pub(super) fn open(path: &Path) -> Result<Self, KerasError> {
        let unreadable = |error: std::io::Error| KerasError::Unreadable(error.to_string());
        let mut file = std::fs::File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut start = [0; 2];
        if file.read_exact(&mut start).is_ok() && &start == b"PK" {
            let again = std::fs::File::open(path).map_err(unreadable)?;
            return Self::of_archive(BufReader::new(file), again);
        }
        Self::of_hdf5(File::open_streaming(path), length)
    }

    /// Takes over a file in memory.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, KerasError> {
        if bytes.starts_with(b"PK") {
            let bytes = Bytes::from(bytes);
            return Self::of_archive(Cursor::new(bytes.clone()), Cursor::new(bytes));
        }
        let length = bytes.len() as u64;
        Self::of_hdf5(File::from_bytes(bytes), length)
    }

    fn check(file: Result<File, hdf5_pure::Error>, length: u64) -> Result<File, KerasError> {
        let file = file.map_err(|error| match error {
            hdf5_pure::Error::Io(error) => KerasError::Unreadable(error.to_string()),
            _ => KerasError::NotHdf5,
        })?;
        let announced = file.superblock().eof_address;
        if announced > length {
            return Err(KerasError::Truncated { announced, found: length });
        }
        Ok(file)
    }

    fn of_hdf5(file: Result<File, hdf5_pure::Error>, length: u64) -> Result<Self, KerasError> {
        let file = Self::check(file, length)?;
        let version = |group: hdf5_pure::Group| group.attrs().ok()?.get("keras_version")?.as_str().map(str::to_owned);
        let version = version(file.root()).or_else(|| version(file.group("model_weights").ok()?));
        Ok(Self { file, config: None, version, store: Store::Named, names: HashMap::new() })
    }

    /// Arrays of an archive that does not compress them, as Keras writes it, are read from their place in it.
    fn of_archive<R: Read + Seek, S: Read + Seek + Send + 'static>(reader: R, again: S) -> Result<Self, KerasError> {
        let mut archive = Archive::open(reader)?;
        let config = archive.read(CONFIG)?;
        let config = String::from_utf8(config).map_err(|_| KerasError::Damaged(format!("{CONFIG} is no text")))?;
        let (file, length) = if let Some((start, length)) = archive.place(WEIGHTS)? {
            let source = ReadSeekSource::new(FileWindow::new(again, start, length));
            (source.map_err(hdf5_pure::Error::from).and_then(File::from_source), length)
        } else {
            let bytes = archive.read(WEIGHTS)?;
            let length = bytes.len() as u64;
            (File::from_bytes(bytes), length)
        };
        let file = Self::check(file, length).map_err(|error| match error {
            KerasError::NotHdf5 => KerasError::Damaged(format!("its {WEIGHTS} is no HDF5 file")),
            other => other,
        })?;
        let old = file.group("_layer_checkpoint_dependencies").is_ok();
        let store = Store::Numbered(if old { "_layer_checkpoint_dependencies" } else { "layers" });
        let metadata = archive.read(METADATA).ok().and_then(|text| serde_json::from_slice::<Json>(&text).ok());
        let version = metadata.and_then(|metadata| Some(metadata.get("keras_version")?.as_str()?.to_owned()));
        Ok(Self { file, config: Some(config), version, store, names: HashMap::new() })
    }

    /// Name of the format, for people.
    pub(super) fn format(&self) -> &'static str {
        if self.config.is_some() { "Keras archive" } else { "Keras HDF5" }
    }

    /// Keras's version that wrote the file, where it says so.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The text that describes the model.
    pub(super) fn model_config(&self) -> Result<String, KerasError> {
        if let Some(config) = &self.config {
            return Ok(config.clone());
        }
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

    /// Path of an array: by one of its `names`, or by its position among the layer's own.
    pub(super) fn find(
        &mut self,
        layer: &Address,
        names: &[&str],
        position: usize,
    ) -> Result<Option<String>, KerasError> {
        match self.store {
            Store::Numbered(word) => {
                let models = layer.numbers.iter().flat_map(|number| [word, number.as_str()]);
                let models: Vec<&str> = models.collect();
                let place = |mark: &str| {
                    let parts = layer.parts.iter().map(|part| format!("/{mark}{part}"));
                    models.join("/") + &parts.collect::<String>() + &format!("/vars/{position}")
                };
                // Some classes and versions keep the layers inside a layer in private attributes.
                let private = place("_");
                Ok(Some(if self.file.dataset(&private).is_ok() { private } else { place("") }))
            }
            Store::Named => {
                let Some(group) = layer.names.first() else { return Ok(None) };
                let found = find_named(self.weight_names(group)?, &layer.names, names, position);
                Ok(found.map(|name| format!("model_weights/{group}/{name}")))
            }
        }
    }

    /// Paths of the arrays in the group of a top-level layer, in Keras's order; empty where there is no such group.
    fn weight_names(&mut self, layer: &str) -> Result<&[String], KerasError> {
        if !self.names.contains_key(layer) {
            let names = self.read_weight_names(layer)?;
            self.names.insert(layer.to_owned(), names);
        }
        Ok(self.names.get(layer).map_or(&[], Vec::as_slice))
    }

    fn read_weight_names(&self, layer: &str) -> Result<Vec<String>, KerasError> {
        let Ok(group) = self.file.group(&format!("model_weights/{layer}")) else { return Ok(Vec::new()) };
        let attributes = group.attrs().map_err(|error| damaged(&error))?;
        let strings = |name: &str| attributes.get(name).and_then(AttrValue::as_strings);
        if let Some(names) = strings("weight_names") {
            return Ok(names.to_vec());
        }
        // A list past HDF5's limit of 64 KB for an attribute is cut into `weight_names0`, `weight_names1`, …
        let parts = (0..).map_while(|part: usize| strings(&format!("weight_names{part}")));
        Ok(parts.flatten().cloned().collect())
    }

    /// Every array of a layer, also those of layers that it makes itself.
    pub(super) fn list(&mut self, layer: &Address) -> Result<Vec<Listed>, KerasError> {
        match self.store {
            Store::Numbered(word) => {
                let models: Vec<&str> = layer.numbers.iter().flat_map(|number| [word, number.as_str()]).collect();
                let path = models.join("/");
                let mut found = Vec::new();
                let mut visits = MOST_GROUPS;
                if let Ok(group) = self.file.group(&path) {
                    list_below(&group, &path, "", MOST_LEVELS, &mut visits, &mut found)?;
                }
                Ok(found)
            }
            Store::Named => {
                let Some(group) = layer.names.first() else { return Ok(Vec::new()) };
                let own = |array: &String| {
                    let name = own_name(array, &layer.names)?;
                    Some(Listed { path: format!("model_weights/{group}/{array}"), name })
                };
                Ok(self.weight_names(group)?.iter().filter_map(own).collect())
            }
        }
    }

    /// Finds an array by a path of [`Self::find`]; `None` where there is none.
    pub(super) fn array(&self, path: &str) -> Result<Option<Array>, KerasError> {
        let Ok(dataset) = self.file.dataset(path) else { return Ok(None) };
        let shape = dataset.shape().map_err(|error| damaged(&error))?;
        Ok(Some(Array { dataset, shape }))
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
        let datatype = array.dataset.datatype().map_err(|error| damaged(&error))?;
        let little =
            matches!(datatype, Datatype::FloatingPoint { size: 4, byte_order: DatatypeByteOrder::LittleEndian, .. });
        let bytes = if little {
            array.dataset.read_raw().map_err(|error| damaged(&error))?
        } else {
            let numbers = array.dataset.read_f32().map_err(|error| damaged(&error))?;
            numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
        };
        if bytes.len() as u64 == elements.saturating_mul(4) { Ok(bytes) } else { Err(lies()) }
    }
}

/// The name of an array in its layer, without Keras 2's number of the output that it was made by; `None` where it is another
/// layer's. A top-level layer's group holds nothing but its own weights, whatever their paths.
fn own_name(array: &str, own_path: &[String]) -> Option<String> {
    let last = own_path.last()?;
    let within = array.strip_prefix(last.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let within = within.or_else(|| array.split_once(&format!("/{last}/")).map(|(_, rest)| rest));
    let name = within.or_else(|| (own_path.len() == 1).then_some(array))?;
    Some(name.rsplit_once(':').map_or(name, |(name, _)| name).to_owned())
}

/// No layer's layers lie deeper, or are more, than these: groups of a damaged file may hold each other.
const MOST_LEVELS: usize = 32;
const MOST_GROUPS: usize = 10_000;

/// The arrays in a group of an archive and below it; `vars` says nothing in their names.
fn list_below(
    group: &hdf5_pure::Group,
    path: &str,
    name: &str,
    levels: usize,
    visits: &mut usize,
    found: &mut Vec<Listed>,
) -> Result<(), KerasError> {
    *visits = visits
        .checked_sub(1)
        .filter(|_| levels > 0)
        .ok_or_else(|| KerasError::Damaged(format!("its groups below {} hold each other", printable(path))))?;
    let inside = |entry: &str| if name.is_empty() { entry.to_owned() } else { format!("{name}/{entry}") };
    for entry in group.datasets().map_err(|error| damaged(&error))? {
        found.push(Listed { path: format!("{path}/{entry}"), name: inside(&entry) });
    }
    for entry in group.groups().map_err(|error| damaged(&error))? {
        let inner = group.group(&entry).map_err(|error| damaged(&error))?;
        let name = if entry == "vars" { name.to_owned() } else { inside(&entry) };
        list_below(&inner, &format!("{path}/{entry}"), &name, levels - 1, visits, found)?;
    }
    Ok(())
}

/// The array among `arrays` whose path ends in one of `names` and, before that, in most of the layer's own path.
///
/// A top-level layer's group holds nothing but its own weights; so there the rest of an array's path, which Keras 2 took
/// from TensorFlow's scopes, says nothing, and where no name is known the order counts, as it does for Keras itself.
fn find_named(arrays: &[String], own_path: &[String], names: &[&str], position: usize) -> Option<String> {
    let agreement = |array: &&String| {
        let mut parts = array.rsplit('/');
        let last = parts.next()?;
        let last = last.split_once(':').map_or(last, |(name, _)| name);
        names.contains(&last).then(|| parts.zip(own_path.iter().rev()).take_while(|(a, b)| a == b).count())
    };
    let needed = usize::from(own_path.len() > 1);
    let best = arrays.iter().filter_map(|array| Some((agreement(&array)?, array)));
    let best = best.filter(|(agreement, _)| *agreement >= needed).reduce(|a, b| if b.0 > a.0 { b } else { a });
    let by_order = || if own_path.len() == 1 { arrays.get(position) } else { None };
    best.map(|(_, array)| array).or_else(by_order).cloned()
}
