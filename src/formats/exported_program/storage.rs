//! Tensors over storages: each storage is read once and shared by the tensors that lie in it.

use std::collections::HashMap;
use std::io::{Cursor, Read, Seek};

use bytes::Bytes;

use super::ExportedProgramError;
use crate::formats::archive::{Archive, ArchiveError};
use crate::formats::pickle::{self, Pickle, TensorRecord};
use crate::model::graph::DType;

/// A tensor's description and its bytes.
pub(super) struct Found {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) data: Bytes,
}

/// The entries of an archive that have been read.
#[derive(Default)]
pub(super) struct Storages(HashMap<String, Bytes>);

impl Storages {
    /// An entry's bytes, read once.
    pub(super) fn read<R: Read + Seek>(&mut self, archive: &mut Archive<R>, name: &str) -> Result<Bytes, ArchiveError> {
        if let Some(bytes) = self.0.get(name) {
            return Ok(bytes.clone());
        }
        let bytes = Bytes::from(archive.read(name)?);
        self.0.insert(name.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

/// A `torch.save` archive inside of the program's.
pub(super) struct Saved {
    archive: Archive<Cursor<Vec<u8>>>,
    root: String,
    storages: Storages,
    /// What was saved.
    pub(super) pickle: Pickle,
}

impl Saved {
    /// Opens an entry that is such an archive; `None` where it is empty.
    pub(super) fn open<R: Read + Seek>(
        outer: &mut Archive<R>,
        name: &str,
    ) -> Result<Option<Self>, ExportedProgramError> {
        let bytes = outer.read(name)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut archive = Archive::open(Cursor::new(bytes))?;
        let data = archive.names().find(|name| name.ends_with("/data.pkl")).map(str::to_owned);
        let data = data.ok_or_else(|| ExportedProgramError::Damaged(format!("{name} holds no data.pkl")))?;
        let bytes = archive.read(&data)?;
        let pickle = pickle::read(&mut bytes.as_slice(), bytes.len() as u64)?;
        let root = data.trim_end_matches("data.pkl").to_owned();
        Ok(Some(Self { archive, root, storages: Storages::default(), pickle }))
    }

    /// A tensor of it.
    pub(super) fn tensor(&mut self, record: &TensorRecord) -> Result<Option<Found>, ArchiveError> {
        let storage = self.storages.read(&mut self.archive, &format!("{}data/{}", self.root, record.storage))?;
        Ok(cut(&storage, record.clone()))
    }
}

/// The part of a storage that a tensor takes; `None` where it is shorter than that.
pub(super) fn cut(storage: &Bytes, record: TensorRecord) -> Option<Found> {
    let data = storage.slice(record.place(storage.len())?);
    Some(Found { dtype: record.dtype, shape: record.shape, strides: record.strides, data })
}
