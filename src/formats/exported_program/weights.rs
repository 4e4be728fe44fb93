//! Weights and constants of an exported program, in every layout of the archive.

use std::collections::HashMap;
use std::io::{Read, Seek};

use serde::Deserialize;

use super::inputs::WeightInput;
use super::schema::{Size, TensorMeta};
use super::storage::{Found, Saved, Storages, cut};
use super::{ExportedProgramError, Layout, parsed};
use crate::formats::archive::Archive;
use crate::formats::pickle::TensorRecord;
use crate::model::Graph;
use crate::model::graph::{Weight, WeightRole};

/// Reads every weight that the signature names into the graph.
pub(super) fn load<R: Read + Seek>(
    archive: &mut Archive<R>,
    layout: &Layout,
    wanted: Vec<WeightInput>,
    graph: &mut Graph,
) -> Result<(), ExportedProgramError> {
    let mut source = match layout {
        Layout::New { root, model } => {
            let pickled = ["weights", "constants"].map(|kind| format!("{root}/data/{kind}/{model}.pt"));
            if archive.names().any(|name| name == pickled[0]) {
                Source::pickled(archive, &pickled)?
            } else {
                Source::raw(archive, root, model)?
            }
        }
        Layout::Old => {
            Source::pickled(archive, &["serialized_state_dict.pt", "serialized_constants.pt"].map(str::to_owned))?
        }
    };
    for weight in wanted {
        let found = source.find(archive, &weight.name, weight.role)?;
        graph.weights.push(Weight {
            name: weight.name,
            value: weight.value,
            role: weight.role,
            dtype: found.dtype,
            shape: found.shape,
            strides: Some(found.strides),
            data: found.data,
        });
    }
    Ok(())
}

/// What a listing says of all weights.
#[derive(Deserialize)]
struct Listing {
    config: HashMap<String, Entry>,
}

/// What a listing says of one weight.
#[derive(Deserialize)]
struct Entry {
    path_name: String,
    #[serde(default)]
    use_pickle: bool,
    #[serde(default)]
    tensor_meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(flatten)]
    tensor: TensorMeta,
    strides: Vec<Size>,
    #[serde(default)]
    storage_offset: Option<Size>,
}

enum Source {
    Raw { folders: [String; 2], listings: [Listing; 2], storages: Storages },
    Pickled { tensors: HashMap<String, (usize, TensorRecord)>, archives: Vec<Saved> },
}

impl Source {
    fn raw<R: Read + Seek>(archive: &mut Archive<R>, root: &str, model: &str) -> Result<Self, ExportedProgramError> {
        let kinds = ["weights", "constants"];
        let mut listing = |kind: &str| -> Result<Listing, ExportedProgramError> {
            let name = format!("{root}/data/{kind}/{model}_{kind}_config.json");
            parsed(&name, &archive.read(&name)?)
        };
        let listings = [listing(kinds[0])?, listing(kinds[1])?];
        let folders = kinds.map(|kind| format!("{root}/data/{kind}"));
        Ok(Self::Raw { folders, listings, storages: Storages::default() })
    }

    fn pickled<R: Read + Seek>(archive: &mut Archive<R>, files: &[String]) -> Result<Self, ExportedProgramError> {
        let mut tensors = HashMap::new();
        let mut archives = Vec::new();
        for name in files {
            let Some(saved) = Saved::open(archive, name)? else { continue };
            for (key, record) in saved.pickle.tensors() {
                tensors.insert(key, (archives.len(), record));
            }
            archives.push(saved);
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
        let unlisted = || fail("the archive does not list it");
        match self {
            Self::Raw { folders, listings, storages } => {
                // A buffer that is not persistent stands among the constants.
                let order = if role == WeightRole::Constant { [1, 0] } else { [0, 1] };
                let found = order.into_iter().find_map(|kind| Some((kind, listings[kind].config.get(name)?)));
                let (kind, entry) = found.ok_or_else(unlisted)?;
                if entry.use_pickle {
                    return Err(fail("it is no plain tensor"));
                }
                let meta = entry.tensor_meta.as_ref().ok_or_else(|| fail("it has no description"))?;
                let record = record(meta).ok_or_else(|| fail("its description cannot be read"))?;
                let storage = storages.read(archive, &format!("{}/{}", folders[kind], entry.path_name))?;
                cut(&storage, record).ok_or_else(|| fail("its file is shorter than its shape says"))
            }
            Self::Pickled { tensors, archives } => {
                let (index, record) = tensors.get(name).ok_or_else(unlisted)?;
                let saved = archives.get_mut(*index).ok_or_else(unlisted)?;
                saved.tensor(record)?.ok_or_else(|| fail("its storage is shorter than its shape says"))
            }
        }
    }
}

fn record(meta: &Meta) -> Option<TensorRecord> {
    let int = |size: &Size| match size {
        Size::Int(number) => usize::try_from(*number).ok(),
        Size::Expression { .. } => None,
    };
    Some(TensorRecord {
        storage: String::new(),
        dtype: super::arguments::dtype(meta.tensor.dtype)?,
        offset: meta.storage_offset.as_ref().map_or(Some(0), int)?,
        shape: meta.tensor.sizes.iter().map(int).collect::<Option<_>>()?,
        strides: meta.strides.iter().map(int).collect::<Option<_>>()?,
    })
}
