//! What `torch.save` writes since 1.6: a zip of `NAME/data.pkl`, `NAME/byteorder` and one entry `NAME/data/KEY` for each
//! storage.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::find::{self, Found};
use super::storages::{assemble, needed};
use super::{Checkpoint, CheckpointError};
use crate::formats::archive::Archive;
use crate::formats::pickle;

pub(super) fn is_checkpoint<'a>(names: impl Iterator<Item = &'a str> + Clone) -> bool {
    root(names.clone()).is_some() && !names.into_iter().any(|name| name.ends_with("constants.pkl"))
}

/// What stands before `data.pkl`: a folder with its slash, or nothing.
fn root<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut roots = names.filter_map(|name| name.strip_suffix("data.pkl"));
    roots.find(|root| root.is_empty() || root.ends_with('/'))
}

pub(super) fn read<R: Read + Seek>(mut archive: Archive<R>) -> Result<Checkpoint, CheckpointError> {
    let Some(root) = root(archive.names()).map(str::to_owned) else {
        return Err(CheckpointError::OtherKind("a zip archive without a data.pkl: no file of torch.save".to_owned()));
    };
    let byteorder = format!("{root}byteorder");
    if archive.names().any(|name| name == byteorder) && archive.read(&byteorder)?.trim_ascii() == b"big" {
        return Err(CheckpointError::OtherKind(
            "written on a big-endian machine; load it with PyTorch and save it again on another".to_owned(),
        ));
    }
    let found = {
        let bytes = archive.read(&format!("{root}data.pkl"))?;
        let pickle = pickle::read(&mut bytes.as_slice(), bytes.len() as u64)?;
        find::tensors(&pickle)?
    };
    let storages = storages(&mut archive, &root, &found)?;
    assemble(found, &storages)
}

fn storages<R: Read + Seek>(
    archive: &mut Archive<R>,
    root: &str,
    found: &Found,
) -> Result<HashMap<String, bytes::Bytes>, CheckpointError> {
    let mut storages = HashMap::new();
    for key in needed(found) {
        storages.insert(key.to_owned(), archive.read(&format!("{root}data/{key}"))?.into());
    }
    Ok(storages)
}
