//! Checkpoints of several files, with an index that says which tensor is in which.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use serde::Deserialize;

use super::storages::{at_tensor, shown};
use super::{Checkpoint, CheckpointError, Tensor, prefixes};

/// Largest index: a tensor takes a hundred bytes in it.
const LARGEST_INDEX: u64 = 100 << 20;

/// What a folder of weights is looked for, in this order.
const FILES: [&str; 4] =
    ["model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin"];

#[derive(Deserialize)]
struct Index {
    weight_map: serde_json::Map<String, serde_json::Value>,
}

/// The file of a folder that the others, if there are any, belong to.
pub(super) fn main_file(folder: &Path) -> Option<std::path::PathBuf> {
    FILES.iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

pub(super) fn open_folder(folder: &Path) -> Result<Checkpoint, CheckpointError> {
    let Some(file) = main_file(folder) else {
        return Err(CheckpointError::OtherKind(format!("a folder without {}", FILES.join(", "))));
    };
    super::open(&file)
}

pub(super) fn open_index(path: &Path, mut file: BufReader<File>) -> Result<Checkpoint, CheckpointError> {
    let mut json = Vec::new();
    file.by_ref().take(LARGEST_INDEX).read_to_end(&mut json)?;
    let index: Index = serde_json::from_slice(&json).map_err(|error| {
        CheckpointError::OtherKind(format!(
            "a JSON file that is no index of a checkpoint's shards ({})",
            shown(&error.to_string())
        ))
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut shards: HashMap<String, Tensor> = HashMap::new();
    let mut read = std::collections::HashSet::new();
    let mut tensors = Vec::with_capacity(index.weight_map.len());
    for shard in index.weight_map.values() {
        let name = shard.as_str().unwrap_or_default();
        if read.insert(name) {
            let reason = |reason| CheckpointError::Shard { file: shown(name), reason: Box::new(reason) };
            for tensor in shard_tensors(folder, name).map_err(reason)? {
                shards.insert(tensor.name.clone(), tensor);
            }
        }
    }
    for (name, shard) in &index.weight_map {
        let tensor = shards.remove(name).ok_or_else(|| {
            let shard = shard.as_str().unwrap_or_default();
            at_tensor(name, format!("it is not in the shard {} as the index says", shown(shard)))
        })?;
        tensors.push(tensor);
    }
    prefixes::remove(&mut tensors);
    Ok(Checkpoint { tensors, found_in: String::new(), class: None, classes: None })
}

/// The tensors of one shard under their full names. A shard lies beside its index.
fn shard_tensors(folder: &Path, name: &str) -> Result<Vec<Tensor>, CheckpointError> {
    let inside = !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err(CheckpointError::OtherKind("its name leads out of the folder of the index".to_owned()));
    }
    Ok(super::stored(BufReader::new(File::open(folder.join(name))?))?.tensors)
}
