//! Tensors that come with the file: their element types, and where their numbers are.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::error::{OnnxError, Result};
use super::proto::{Data, Model, Tensor};
use super::values::{Number, Numbers};
use crate::model::graph::{DType, ValueId};

/// Element boundaries that raw numbers are moved to.
const ALIGNMENT: usize = 16;
/// Raw numbers of fewer bytes are not worth moving.
const WORTH_MOVING: usize = 64;
/// Larger tensors are weights, never shape arithmetic.
const MOST_NUMBERS: usize = 4096;

/// A tensor of the file: a weight, or a constant.
#[derive(Debug)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// Elements to step over for each dimension; `None` for row-major.
    pub(super) strides: Option<Vec<usize>>,
    pub(super) data: Bytes,
    /// Whether it is an initializer, as weights are, and not the output of a `Constant` node.
    pub(super) initializer: bool,
    /// Whether its numbers are of four bits in the file.
    pub(super) four_bits: bool,
    /// The graph's weight, once some node reads it.
    pub(super) value: Cell<Option<ValueId>>,
}

impl Constant {
    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Another view of the same numbers.
    pub(super) fn view(&self, shape: Vec<usize>, strides: Option<Vec<usize>>) -> Self {
        Self {
            name: self.name.clone(),
            dtype: self.dtype,
            shape,
            strides,
            data: self.data.clone(),
            initializer: self.initializer,
            four_bits: self.four_bits,
            value: Cell::new(None),
        }
    }

    /// Steps for each dimension, written out.
    pub(super) fn steps(&self) -> Vec<usize> {
        self.strides.clone().unwrap_or_else(|| row_major(&self.shape))
    }

    /// The elements themselves where they are few.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        if self.elements() > MOST_NUMBERS || self.strides.is_some() {
            return None;
        }
        let items = self.data.chunks_exact(self.dtype.size()).map(|bytes| number(self.dtype, bytes)).collect();
        Some(Numbers { dtype: self.dtype, shape: self.shape.clone(), items })
    }
}

/// Elements to step over for each dimension of a row-major tensor.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|dimension| shape[dimension + 1..].iter().product()).collect()
}

fn number(dtype: DType, bytes: &[u8]) -> Number {
    let array = |bytes: &[u8]| {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(eight)
    };
    let bits = array(bytes);
    match dtype {
        DType::Bool => Number::Int(i64::from(bits != 0)),
        DType::Int8 => Number::Int((bits as i8).into()),
        DType::Int16 => Number::Int((bits as i16).into()),
        DType::Int32 => Number::Int((bits as i32).into()),
        DType::UInt8 | DType::Int64 => Number::Int(bits as i64),
        DType::Float16 => Number::Float(half(bits as u16)),
        DType::BFloat16 => Number::Float(f32::from_bits((bits as u32) << 16).into()),
        DType::Float32 => Number::Float(f32::from_bits(bits as u32).into()),
        DType::Float64 => Number::Float(f64::from_bits(bits)),
    }
}

/// A number of IEEE 754's half precision.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
    }
}

/// How a type of the file is held here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// As it is.
    As(DType),
    /// In a wider type that has all its numbers: from unsigned numbers of so many bytes.
    Widened(DType, usize),
    /// Two to a byte, signed or not.
    Halves { signed: bool },
}

fn held(data_type: i64) -> Option<Held> {
    Some(match data_type {
        1 => Held::As(DType::Float32),
        2 => Held::As(DType::UInt8),
        3 => Held::As(DType::Int8),
        4 => Held::Widened(DType::Int32, 2),
        5 => Held::As(DType::Int16),
        6 => Held::As(DType::Int32),
        7 => Held::As(DType::Int64),
        9 => Held::As(DType::Bool),
        10 => Held::As(DType::Float16),
        11 => Held::As(DType::Float64),
        12 => Held::Widened(DType::Int64, 4),
        13 => Held::Widened(DType::Int64, 8),
        16 => Held::As(DType::BFloat16),
        21 => Held::Halves { signed: false },
        22 => Held::Halves { signed: true },
        _ => return None,
    })
}

/// The element type that values of a type of the file have here.
pub(super) fn dtype(data_type: i64) -> std::result::Result<DType, String> {
    match held(data_type) {
        Some(Held::As(dtype) | Held::Widened(dtype, _)) => Ok(dtype),
        Some(Held::Halves { signed }) => Ok(if signed { DType::Int8 } else { DType::UInt8 }),
        None => Err(format!("elements of type {} cannot be held here", type_name(data_type))),
    }
}

/// The least number of a type that is held in another, and how many numbers it has.
pub(super) fn wraps(data_type: i64) -> Option<(i64, i64)> {
    match data_type {
        4 => Some((0, 1 << 16)),
        12 => Some((0, 1 << 32)),
        21 => Some((0, 1 << 4)),
        22 => Some((-(1 << 3), 1 << 4)),
        _ => None,
    }
}

/// Whether a type's numbers are of four bits.
pub(super) fn is_of_four_bits(data_type: i64) -> bool {
    matches!(held(data_type), Some(Held::Halves { .. }))
}

fn type_name(data_type: i64) -> String {
    match data_type {
        8 => "string".to_owned(),
        14 => "complex64".to_owned(),
        15 => "complex128".to_owned(),
        17..=20 | 24 => "float8".to_owned(),
        23 => "float4".to_owned(),
        other => other.to_string(),
    }
}

/// The file's bytes with the large tensors' numbers at addresses that can be computed on, so that no tensor must be copied.
/// They are moved a few bytes to the front, over what was read already.
pub(super) fn align(mut file: Vec<u8>, model: &mut Model) -> Bytes {
    let base = file.as_ptr() as usize;
    model.for_each_tensor(&mut |tensor| {
        let Data::Raw { bytes, from } = &mut tensor.data else { return };
        let over = (base + bytes.start) % ALIGNMENT;
        if over == 0 || bytes.len() < WORTH_MOVING || bytes.start < *from + over {
            return;
        }
        let start = bytes.start - over;
        file.copy_within(bytes.clone(), start);
        *bytes = start..start + bytes.len();
    });
    Bytes::from(file)
}

/// Where tensors' numbers are: in the file and beside it.
pub(super) struct Store {
    file: Bytes,
    /// The model's folder; `None` for a model that is no file.
    folder: Option<PathBuf>,
    /// Files beside the model, each read once.
    others: HashMap<String, Bytes>,
}

impl Store {
    pub(super) fn new(file: Bytes, folder: Option<PathBuf>) -> Self {
        Self { file, folder, others: HashMap::new() }
    }

    /// The numbers of a tensor, in the file's buffer where they lie there as they are needed.
    pub(super) fn constant(&mut self, tensor: &Tensor, initializer: bool) -> Result<Constant> {
        let fail = |reason: String| OnnxError::tensor(&tensor.name, reason);
        let Some(held) = held(tensor.data_type) else {
            return Err(fail(dtype(tensor.data_type).err().unwrap_or_default()));
        };
        let shape = tensor.dims.iter().map(|&size| usize::try_from(size)).collect::<std::result::Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| fail(format!("its shape {:?} is none", tensor.dims)))?;
        let elements = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let elements = elements.filter(|&elements| elements <= isize::MAX as usize / 16);
        let elements = elements.ok_or_else(|| fail(format!("its shape {shape:?} has too many elements")))?;
        let (dtype, bytes) = match held {
            Held::As(dtype) => (dtype, self.data(tensor, dtype, elements * dtype.size())?),
            Held::Widened(dtype, size) => {
                let narrow = match &tensor.data {
                    Data::Ints(ints) => le_bytes(ints, size),
                    _ => self.raw(tensor, elements * size)?,
                };
                (dtype, widened(&narrow, size, dtype))
            }
            Held::Halves { signed } => {
                let packed = match &tensor.data {
                    Data::Ints(ints) => le_bytes(ints, 1),
                    _ => self.raw(tensor, elements.div_ceil(2))?,
                };
                (if signed { DType::Int8 } else { DType::UInt8 }, unpacked(&packed, elements, signed))
            }
        };
        if bytes.len() != elements * dtype.size() {
            let found = bytes.len() / dtype.size();
            return Err(fail(format!("its shape {shape:?} has {elements} elements, but the file has {found}")));
        }
        Ok(Constant {
            name: tensor.name.clone(),
            dtype,
            shape,
            strides: None,
            data: bytes,
            initializer,
            four_bits: is_of_four_bits(tensor.data_type),
            value: Cell::new(None),
        })
    }

    fn data(&mut self, tensor: &Tensor, dtype: DType, length: usize) -> Result<Bytes> {
        match &tensor.data {
            Data::Ints(ints) => Ok(le_bytes(ints, dtype.size())),
            Data::Reals(bytes) => Ok(Bytes::from(bytes.clone())),
            _ => self.raw(tensor, length),
        }
    }

    fn raw(&mut self, tensor: &Tensor, length: usize) -> Result<Bytes> {
        let fail = |reason: String| OnnxError::tensor(&tensor.name, reason);
        match &tensor.data {
            Data::Raw { bytes, .. } if bytes.end <= self.file.len() => Ok(self.file.slice(bytes.clone())),
            Data::None if length == 0 => Ok(Bytes::new()),
            Data::None => Err(fail("it has no numbers".to_owned())),
            Data::Texts => Err(fail("it holds texts".to_owned())),
            Data::External(about) => self.external(about, length).map_err(fail),
            Data::Raw { .. } | Data::Ints(_) | Data::Reals(_) => {
                Err(fail("its numbers are of another type".to_owned()))
            }
        }
    }

    /// Numbers in a file beside the model.
    fn external(&mut self, about: &HashMap<String, String>, length: usize) -> std::result::Result<Bytes, String> {
        let location = about.get("location").ok_or("its data is in another file that is not named")?;
        let number = |key: &str| match about.get(key) {
            Some(text) => text.parse::<usize>().map(Some).map_err(|_| format!("its data's {key} is no number")),
            None => Ok(None),
        };
        let offset = number("offset")?.unwrap_or(0);
        if let Some(told) = number("length")?.filter(|&told| told != length) {
            return Err(format!("it takes {length} bytes, but {told} are given for it in {location:?}"));
        }
        let file = if let Some(file) = self.others.get(location) {
            file.clone()
        } else {
            let file = read_beside(self.folder.as_deref(), location)?;
            self.others.insert(location.clone(), file.clone());
            file
        };
        let end = offset.checked_add(length).filter(|&end| end <= file.len());
        let end = end.ok_or_else(|| {
            format!(
                "its data is bytes {offset} to {} of {location:?}, which has {}",
                offset.saturating_add(length),
                file.len()
            )
        })?;
        Ok(file.slice(offset..end))
    }
}

/// Reads a file of the model's own folder; a path that leads out of it, by `..` or by a link, is refused.
fn read_beside(folder: Option<&Path>, location: &str) -> std::result::Result<Bytes, String> {
    let folder = folder.ok_or_else(|| format!("its data is in {location:?}, but the model is no file"))?;
    let path = Path::new(location);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let outside = || format!("its data is in {location:?}, which is outside the model's folder");
    if !inside || location.is_empty() {
        return Err(outside());
    }
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("its data is in {location:?}, which is not beside the model"),
        _ => format!("its data is in {location:?}, which cannot be read ({error})"),
    };
    let real = folder.join(path).canonicalize().map_err(unreadable)?;
    if !real.starts_with(folder.canonicalize().map_err(unreadable)?) {
        return Err(outside());
    }
    let mut file = File::open(&real).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(format!("its data is in {location:?}, which is no file"));
    }
    let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length as usize)
        .map_err(|error| format!("{location:?} does not fit into memory: {error}"))?;
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Bytes::from(bytes))
}

/// The lowest `size` bytes of each number.
fn le_bytes(ints: &[i64], size: usize) -> Bytes {
    ints.iter().flat_map(|int| int.to_le_bytes().into_iter().take(size)).collect::<Vec<u8>>().into()
}

fn widened(narrow: &[u8], size: usize, to: DType) -> Bytes {
    let wide = to.size();
    let widen = |bytes: &[u8]| {
        let mut number = [0_u8; 8];
        number[..bytes.len()].copy_from_slice(bytes);
        number.into_iter().take(wide)
    };
    narrow.chunks_exact(size).flat_map(widen).collect::<Vec<u8>>().into()
}

fn unpacked(packed: &[u8], elements: usize, signed: bool) -> Bytes {
    let widen = |half: u8| if signed && half >= 8 { half | 0xf0 } else { half };
    let halves = packed.iter().flat_map(|&byte| [byte & 0xf, byte >> 4]);
    halves.take(elements).map(widen).collect::<Vec<u8>>().into()
}
