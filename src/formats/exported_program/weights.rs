//! Weights and constants of an exported program, in both layouts of the archive.

use std::collections::HashMap;
use std::io::{Cursor, Read, Seek};

use serde_json::Value as Json;

use super::lower::Signature;
use super::{ExportedProgramError, json};
use crate::formats::archive::Archive;
use crate::formats::pickle::{self, TensorRecord};
use crate::model::Graph;
use crate::model::graph::{DType, Weight, WeightRole};

/// How the archive is laid out.
#[derive(Debug)]
pub(super) enum Layout {
    /// Since 2.8: in a folder that is named after the archive. 2.8 itself still writes `torch.save` archives in it, later ones
    /// raw files.
    New {
        /// The folder.
        root: String,
    },
    /// Up to 2.7: `torch.save` archives inside the archive.
    Old,
}

/// A tensor's description and its bytes.
struct Found {
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
    data: Vec<u8>,
}

/// Reads every weight that the signature names into the graph.
pub(super) fn load<R: Read + Seek>(
    archive: &mut Archive<R>,
    layout: &Layout,
    signature: &Signature,
    graph: &mut Graph,
) -> Result<(), ExportedProgramError> {
    let mut source = match layout {
        Layout::New { root } if archive.names().any(|name| name == format!("{root}/data/weights/model.pt")) => {
            Source::pickled(archive, &["weights", "constants"].map(|kind| format!("{root}/data/{kind}/model.pt")))?
        }
        Layout::New { root } => Source::raw(archive, root)?,
        Layout::Old => {
            Source::pickled(archive, &["serialized_state_dict.pt", "serialized_constants.pt"].map(str::to_owned))?
        }
    };
    for wanted in &signature.weights {
        let found = source.find(archive, &wanted.name, wanted.role)?;
        graph.weights.push(Weight {
            name: wanted.name.clone(),
            value: wanted.value,
            role: wanted.role,
            dtype: found.dtype,
            shape: found.shape,
            strides: Some(found.strides),
            data: found.data.into(),
        });
    }
    Ok(())
}

enum Source {
    Raw { weights: HashMap<String, (String, Json)>, constants: HashMap<String, (String, Json)> },
    Pickled { tensors: HashMap<String, (usize, TensorRecord)>, archives: Vec<(Archive<Cursor<Vec<u8>>>, String)> },
}

impl Source {
    fn raw<R: Read + Seek>(archive: &mut Archive<R>, root: &str) -> Result<Self, ExportedProgramError> {
        let mut config = |kind: &str| -> Result<HashMap<String, (String, Json)>, ExportedProgramError> {
            let listing = json(archive, &format!("{root}/data/{kind}/model_{kind}_config.json"))?;
            let entries = listing.get("config").and_then(Json::as_object).cloned().unwrap_or_default();
            let place = |(name, entry): (String, Json)| {
                let file = entry.get("path_name")?.as_str()?;
                Some((name, (format!("{root}/data/{kind}/{file}"), entry)))
            };
            Ok(entries.into_iter().filter_map(place).collect())
        };
        Ok(Self::Raw { weights: config("weights")?, constants: config("constants")? })
    }

    fn pickled<R: Read + Seek>(archive: &mut Archive<R>, files: &[String]) -> Result<Self, ExportedProgramError> {
        let mut tensors = HashMap::new();
        let mut archives = Vec::new();
        for name in files {
            let bytes = archive.read(name)?;
            if bytes.is_empty() {
                continue;
            }
            let mut inner = Archive::open(Cursor::new(bytes))?;
            let data = inner.names().find(|name| name.ends_with("/data.pkl")).map(str::to_owned);
            let data = data.ok_or_else(|| ExportedProgramError::Damaged(format!("{name} holds no data.pkl")))?;
            let root = data.trim_end_matches("data.pkl").to_owned();
            for (key, record) in pickle::tensors(&inner.read(&data)?)? {
                tensors.insert(key, (archives.len(), record));
            }
            archives.push((inner, root));
        }
        Ok(Self::Pickled { tensors, archives })
    }

    fn find<R: Read + Seek>(
        &mut self,
        archive: &mut Archive<R>,
        name: &str,
        role: WeightRole,
    ) -> Result<Found, ExportedProgramError> {
        let fail = |reason: &str| ExportedProgramError::Weight { name: name.to_owned(), reason: reason.to_owned() };
        match self {
            Self::Raw { weights, constants } => {
                let (first, second) =
                    if role == WeightRole::Constant { (constants, weights) } else { (weights, constants) };
                let (file, entry) =
                    first.get(name).or_else(|| second.get(name)).ok_or_else(|| fail("the archive does not list it"))?;
                if entry.get("use_pickle").and_then(Json::as_bool) == Some(true) {
                    return Err(fail("it is no plain tensor"));
                }
                let meta = entry.get("tensor_meta").ok_or_else(|| fail("it has no description"))?;
                let record = described(meta).ok_or_else(|| fail("its description cannot be read"))?;
                cut(archive.read(file)?, record).ok_or_else(|| fail("its file is shorter than its shape says"))
            }
            Self::Pickled { tensors, archives } => {
                let (index, record) = tensors.get(name).ok_or_else(|| fail("the archive does not list it"))?;
                let (inner, root) = archives.get_mut(*index).ok_or_else(|| fail("the archive does not list it"))?;
                let data = inner.read(&format!("{root}data/{}", record.storage))?;
                cut(data, record.clone()).ok_or_else(|| fail("its storage is shorter than its shape says"))
            }
        }
    }
}

fn described(meta: &Json) -> Option<TensorRecord> {
    let int = |json: &Json| json.get("as_int").and_then(Json::as_u64).map(|number| number as usize);
    let ints = |key: &str| meta.get(key)?.as_array()?.iter().map(int).collect::<Option<Vec<usize>>>();
    Some(TensorRecord {
        storage: String::new(),
        dtype: super::arguments::dtype(meta.get("dtype")?)?,
        offset: meta.get("storage_offset").and_then(int).unwrap_or(0),
        shape: ints("sizes")?,
        strides: ints("strides")?,
    })
}

/// The part of a storage that a tensor takes.
fn cut(mut storage: Vec<u8>, record: TensorRecord) -> Option<Found> {
    let offset = record.offset.checked_mul(record.dtype.size())?;
    if offset > 0 {
        storage = storage.get(offset..)?.to_vec();
    }
    let last = record
        .shape
        .iter()
        .zip(&record.strides)
        .try_fold(0_usize, |sum, (&size, &stride)| sum.checked_add(size.saturating_sub(1).checked_mul(stride)?))?;
    let empty = record.shape.contains(&0);
    let needed = last.checked_add(1)?.checked_mul(record.dtype.size())?;
    let fits = record.shape.len() == record.strides.len() && (empty || needed <= storage.len());
    fits.then_some(Found { dtype: record.dtype, shape: record.shape, strides: record.strides, data: storage })
}
