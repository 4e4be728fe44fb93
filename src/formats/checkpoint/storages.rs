//! Tensors cut out of their storages: each storage is read once, and shared by the tensors in it.

use std::collections::HashMap;

use bytes::Bytes;

use super::find::{Found, Place};
use super::{Checkpoint, CheckpointError, Tensor};
use crate::formats::pickle::TensorRecord;
use crate::model::printable::printable;

/// A tensor may repeat its storage by strides of zero; more than this and no memory would hold it.
const MOST_REPEATED: usize = 1 << 24;

/// An error that names a tensor.
pub(super) fn at_tensor(name: &str, reason: impl Into<String>) -> CheckpointError {
    CheckpointError::Tensor { name: shown(name), reason: reason.into() }
}

/// A name or message from the file, fit for one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    printable(text).chars().take(LONGEST).collect()
}

/// Keys of the storages that the tensors need, in the order in which they need them.
pub(super) fn needed(found: &Found) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    let keys = found.tensors.iter().filter_map(|(_, place)| match place {
        Place::Storage(record) => Some(record.storage.as_str()),
        Place::Inline(_) => None,
    });
    keys.filter(|key| seen.insert(*key)).collect()
}

/// The checkpoint of the tensors that were found, given the bytes of every storage that they need.
pub(super) fn assemble(found: Found, storages: &HashMap<String, Bytes>) -> Result<Checkpoint, CheckpointError> {
    let mut tensors = Vec::with_capacity(found.tensors.len());
    for (name, place) in found.tensors {
        tensors.push(match place {
            Place::Storage(record) => {
                let storage =
                    storages.get(&record.storage).ok_or_else(|| at_tensor(&name, "its storage is not in the file"))?;
                cut(name, record, storage)?
            }
            Place::Inline(array) => Tensor {
                name,
                dtype: array.dtype,
                strides: plain_unless(&array.shape, array.strides),
                shape: array.shape,
                data: array.data,
            },
        });
    }
    Ok(Checkpoint { tensors, found_in: found.path, class: found.class, classes: found.classes })
}

/// The part of a storage that a tensor takes.
fn cut(name: String, record: TensorRecord, storage: &Bytes) -> Result<Tensor, CheckpointError> {
    let size = record.dtype.size();
    let place = || {
        let elements = record.shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
        // An empty tensor may lie anywhere.
        let place = if elements == 0 { 0..0 } else { record.place(storage.len())? };
        Some((elements.checked_mul(size)?, place))
    };
    let Some((bytes, place)) = place() else {
        return Err(at_tensor(
            &name,
            format!("its storage of {} bytes is shorter than its shape and place say", storage.len()),
        ));
    };
    if bytes > storage.len().max(MOST_REPEATED) {
        return Err(at_tensor(&name, format!("it repeats its storage until it has {bytes} bytes")));
    }
    Ok(Tensor {
        name,
        dtype: record.dtype,
        strides: plain_unless(&record.shape, record.strides),
        shape: record.shape,
        data: storage.slice(place),
    })
}

/// Strides, unless they are those of a row-major tensor.
fn plain_unless(shape: &[usize], strides: Vec<usize>) -> Option<Vec<usize>> {
    let mut elements = 1_usize;
    let row_major = shape.iter().zip(&strides).rev().all(|(&size, &stride)| {
        let plain = size <= 1 || stride == elements;
        elements = elements.saturating_mul(size.max(1));
        plain
    });
    (!row_major).then_some(strides)
}
