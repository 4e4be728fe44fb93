//! safetensors: the length of a JSON header, the header, then the tensors' bytes.

use std::fmt;
use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};

use super::storages::{at_tensor, shown};
use super::{Checkpoint, CheckpointError, Tensor};
use crate::formats::pickle::MOST_DIMENSIONS;
use crate::model::graph::DType;

/// Longest header; the format's own limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// Whether a file of `length` bytes begins as one of safetensors does.
pub(super) fn begins(start: &[u8], length: u64) -> bool {
    let Some((&count, rest)) = start.split_first_chunk() else { return false };
    let header = u64::from_le_bytes(count);
    // A header that is longer than the file is still a header: the file is cut short then.
    rest.first() == Some(&b'{') && (header <= length || header <= LONGEST_HEADER)
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// The header's entries in their order.
struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut entries = Vec::new();
                let mut seen = std::collections::HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format_args!("{name} is there twice")));
                    }
                    entries.push((name, map.next_value()?));
                }
                Ok(Header(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

pub(super) fn read<R: Read + Seek>(mut reader: R, length: u64) -> Result<Checkpoint, CheckpointError> {
    let tensors = read_tensors(&mut reader, length)?;
    Ok(Checkpoint { tensors, found_in: String::new(), class: None, classes: None })
}

fn read_tensors<R: Read + Seek>(reader: &mut R, length: u64) -> Result<Vec<Tensor>, CheckpointError> {
    let damaged = |what: String| CheckpointError::Damaged(what);
    let mut count = [0; 8];
    reader.read_exact(&mut count)?;
    let header = u64::from_le_bytes(count);
    if header > LONGEST_HEADER || header > length - 8 {
        return Err(damaged(format!("its header claims {header} bytes in a file of {length}")));
    }
    let mut json = Vec::with_capacity(header as usize);
    reader.by_ref().take(header).read_to_end(&mut json)?;
    let Header(entries) = serde_json::from_slice(&json)
        .map_err(|error| damaged(format!("its header cannot be read ({})", shown(&error.to_string()))))?;
    drop(json);
    let base = 8 + header;
    let sized = entries.into_iter().map(|(name, entry)| Sized::of(name, entry, length - base));
    let sized = sized.collect::<Result<Vec<_>, _>>()?;
    without_overlap(&sized)?;
    if sized.is_empty() {
        return Err(CheckpointError::OtherKind("it holds no tensors".to_owned()));
    }
    let mut tensors = Vec::with_capacity(sized.len());
    for Sized { name, dtype, shape, start, end } in sized {
        reader.seek(SeekFrom::Start(base + start))?;
        let mut data = Vec::with_capacity((end - start) as usize);
        reader.by_ref().take(end - start).read_to_end(&mut data)?;
        if data.len() as u64 != end - start {
            return Err(at_tensor(&name, "it is cut short"));
        }
        tensors.push(Tensor { name, dtype, shape, strides: None, data: Bytes::from(data) });
    }
    Ok(tensors)
}

/// An entry that is known to fit the file.
struct Sized {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    start: u64,
    end: u64,
}

impl Sized {
    fn of(name: String, entry: Entry, length: u64) -> Result<Self, CheckpointError> {
        let dtype = match entry.dtype.as_str() {
            "BOOL" => DType::Bool,
            "U8" => DType::UInt8,
            "I8" => DType::Int8,
            "I16" => DType::Int16,
            "I32" => DType::Int32,
            "I64" => DType::Int64,
            "F16" => DType::Float16,
            "BF16" => DType::BFloat16,
            "F32" => DType::Float32,
            "F64" => DType::Float64,
            other => {
                return Err(at_tensor(&name, format!("its element type {} cannot be shown", shown(other))));
            }
        };
        let (start, end) = entry.data_offsets;
        if start > end || end > length {
            return Err(at_tensor(&name, format!("its bytes {start} to {end} are not in the file's {length}")));
        }
        let size = u64::try_from(dtype.size()).unwrap_or(u64::MAX);
        let bytes = entry.shape.iter().try_fold(size, |product, &size| product.checked_mul(size as u64));
        if entry.shape.len() > MOST_DIMENSIONS || bytes != Some(end - start) {
            return Err(at_tensor(&name, format!("its shape does not fit its {} bytes", end - start)));
        }
        Ok(Self { name, dtype, shape: entry.shape, start, end })
    }
}

fn without_overlap(entries: &[Sized]) -> Result<(), CheckpointError> {
    let mut order: Vec<&Sized> = entries.iter().filter(|entry| entry.start < entry.end).collect();
    order.sort_by_key(|entry| entry.start);
    for pair in order.windows(2) {
        if let [first, second] = pair
            && second.start < first.end
        {
            return Err(at_tensor(&second.name, format!("its bytes lie over those of {}", shown(&first.name))));
        }
    }
    Ok(())
}
