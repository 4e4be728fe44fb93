//! What `torch.save` wrote before 1.6, and writes still when asked to: pickles of a magic number, a version, the machine's
//! properties, the object and the storages' keys, then the storages themselves. A lone pickle of NumPy arrays is read too.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read, Seek, SeekFrom};

use bytes::Bytes;

use super::find;
use super::storages::{assemble, needed, shown};
use super::{Checkpoint, CheckpointError};
use crate::formats::pickle::{self, Node, Pickle, Value};

/// `0x1950a86a20f9469cfc6c`, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

pub(super) fn read<R: Read + Seek>(mut reader: BufReader<R>, length: u64) -> Result<Checkpoint, CheckpointError> {
    let next = |reader: &mut BufReader<R>| -> Result<Pickle, CheckpointError> {
        let at = reader.stream_position()?;
        Ok(pickle::read(reader, length.saturating_sub(at))?)
    };
    let first = next(&mut reader)?;
    let magic = matches!(first.node(first.root), Some(Node::Large(bytes)) if *bytes == MAGIC);
    if !magic {
        let found = find::tensors(&first)?;
        if !needed(&found).is_empty() {
            return Err(CheckpointError::Damaged("a pickle of tensors without their storages".to_owned()));
        }
        return assemble(found, &HashMap::new());
    }
    let version = next(&mut reader)?;
    if version.root != Value::Int(1001) {
        return Err(CheckpointError::OtherKind(
            "written in a version of the old format of torch.save that is not known".to_owned(),
        ));
    }
    let machine = next(&mut reader)?;
    if machine.get(machine.root, "little_endian") == Some(Value::Bool(false)) {
        return Err(CheckpointError::OtherKind(
            "written on a big-endian machine; load it with PyTorch and save it again on another".to_owned(),
        ));
    }
    let object = next(&mut reader)?;
    let sizes = object.storages();
    let found = find::tensors(&object)?;
    drop(object);
    let keys = next(&mut reader)?;
    let Some(Node::Sequence(listed)) = keys.node(keys.root) else {
        return Err(CheckpointError::Damaged("the list of its storages is missing".to_owned()));
    };
    let wanted: HashSet<&str> = needed(&found).into_iter().collect();
    let mut storages = HashMap::with_capacity(wanted.len());
    for &key in listed {
        if storages.len() == wanted.len() {
            break;
        }
        let key = match key {
            Value::Int(number) => number.to_string(),
            other => keys.text(other).unwrap_or_default().to_owned(),
        };
        let damaged = |what: &str| CheckpointError::Damaged(format!("storage {} {what}", shown(&key)));
        let size = sizes.get(&key).ok_or_else(|| damaged("belongs to no tensor"))?;
        let mut count = [0; 8];
        reader.read_exact(&mut count).map_err(|_| damaged("is cut short"))?;
        let at = reader.stream_position()?;
        let bytes = u64::from_le_bytes(count).checked_mul(*size as u64);
        let bytes = bytes.filter(|&bytes| bytes <= length.saturating_sub(at)).ok_or_else(|| damaged("is cut short"))?;
        if wanted.contains(key.as_str()) {
            let mut data = Vec::with_capacity(bytes as usize);
            reader.by_ref().take(bytes).read_to_end(&mut data)?;
            storages.insert(key, Bytes::from(data));
        } else {
            reader.seek(SeekFrom::Start(at + bytes))?;
        }
    }
    drop(wanted);
    assemble(found, &storages)
}
