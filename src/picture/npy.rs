//! NumPy's `.npy` files: read as `f32` in C order, written as `f32` or bytes.

use std::io;
use std::path::Path;

use super::atomic;
use crate::model::printable::printable_path;

/// An array of a `.npy` file.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Sizes, slowest axis first; empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers in C order (last axis fastest).
    pub data: Vec<f32>,
}

/// Why an array could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct NpyError {
    file: String,
    problem: NpyProblem,
}

/// What is wrong with the bytes of a `.npy` file.
#[derive(Debug, thiserror::Error)]
pub enum NpyProblem {
    /// Not this format at all.
    #[error("not a .npy array")]
    NotNpy,
    /// A later version of the format.
    #[error("version {0} of the .npy format is not known (1, 2 and 3 are)")]
    Version(u8),
    /// A header that cannot be understood.
    #[error("a damaged .npy header: {0}")]
    Header(&'static str),
    /// Numbers that cannot become `f32`.
    #[error("an array of type `{0}`; real, whole and truth values can be read")]
    Type(String),
    /// Fewer bytes than the shape needs, or more.
    #[error("the shape {shape:?} of `{descr}` needs {needed} bytes, the file has {there}")]
    Size {
        /// Shape in the header.
        shape: Vec<usize>,
        /// Type in the header.
        descr: String,
        /// Bytes that the shape needs.
        needed: u128,
        /// Bytes after the header.
        there: usize,
    },
    /// The file system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
}

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// As many axes as NumPy has.
const MOST_AXES: usize = 64;

impl NpyArray {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no array, is damaged, or holds something other than numbers.
    pub fn open(path: &Path) -> Result<Self, NpyError> {
        std::fs::read(path)
            .map_err(NpyProblem::from)
            .and_then(|bytes| Self::parse(&bytes))
            .map_err(|problem| NpyError { file: printable_path(path), problem })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// Bytes that are no array, are damaged, or hold something other than numbers.
    pub fn parse(bytes: &[u8]) -> Result<Self, NpyProblem> {
        let (header, payload) = split(bytes)?;
        let descr = quoted(after(header, "'descr'")?).ok_or(NpyProblem::Header("no type"))?;
        let fortran = after(header, "'fortran_order'")?.starts_with("True");
        let shape = shape(after(header, "'shape'")?)?;
        let kind = Number::named(descr).ok_or_else(|| NpyProblem::Type(crate::model::printable(descr).into_owned()))?;
        let count = shape.iter().try_fold(1_u128, |count, size| count.checked_mul(*size as u128));
        let needed = count.and_then(|count| count.checked_mul(kind.size as u128)).unwrap_or(u128::MAX);
        if needed != payload.len() as u128 {
            return Err(NpyProblem::Size { shape, descr: descr.to_owned(), needed, there: payload.len() });
        }
        let data: Vec<f32> = payload.chunks_exact(kind.size).map(|bytes| kind.read(bytes)).collect();
        let data = if fortran { c_order(&data, &shape) } else { data };
        Ok(Self { shape, data })
    }
}

/// Header text and the numbers after it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), NpyProblem> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyProblem::NotNpy)?;
    let cut = || NpyProblem::Header("it is cut short");
    let ([major, _minor], rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match major {
        1 => rest.split_first_chunk::<2>().map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        2 | 3 => rest.split_first_chunk::<4>().map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        other => return Err(NpyProblem::Version(*other)),
    }
    .ok_or_else(cut)?;
    let (header, payload) = rest.split_at_checked(length).ok_or_else(cut)?;
    Ok((std::str::from_utf8(header).map_err(|_| NpyProblem::Header("it is not text"))?, payload))
}

/// What stands after `key` and its colon.
fn after<'a>(header: &'a str, key: &str) -> Result<&'a str, NpyProblem> {
    let missing = match key {
        "'descr'" => "no type",
        "'shape'" => "no shape",
        _ => "no order",
    };
    let (_, rest) = header.split_once(key).ok_or(NpyProblem::Header(missing))?;
    Ok(rest.trim_start().strip_prefix(':').ok_or(NpyProblem::Header(missing))?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    Some(text.strip_prefix('\'')?.split_once('\'')?.0)
}

fn shape(text: &str) -> Result<Vec<usize>, NpyProblem> {
    let inside = text.strip_prefix('(').and_then(|text| text.split_once(')')).ok_or(NpyProblem::Header("no shape"))?.0;
    let sizes: Result<Vec<usize>, _> =
        inside.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse).collect();
    let sizes = sizes.map_err(|_| NpyProblem::Header("a size that is no number"))?;
    if sizes.len() > MOST_AXES { Err(NpyProblem::Header("too many axes")) } else { Ok(sizes) }
}

/// How a number is stored.
#[derive(Clone, Copy)]
struct Number {
    kind: u8,
    size: usize,
    big_endian: bool,
}

impl Number {
    /// NumPy's type strings: byte order, kind, size in bytes.
    fn named(descr: &str) -> Option<Self> {
        let [order, kind, size] = *descr.as_bytes() else { return None };
        let size = usize::from(size.checked_sub(b'0')?);
        let known = matches!((kind, size), (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1));
        let big_endian = match order {
            b'<' | b'|' => false,
            b'=' => cfg!(target_endian = "big"),
            b'>' => true,
            _ => return None,
        };
        known.then_some(Self { kind, size, big_endian })
    }

    fn read(self, bytes: &[u8]) -> f32 {
        let mut little = [0_u8; 8];
        for (place, byte) in little.iter_mut().zip(bytes) {
            *place = *byte;
        }
        if self.big_endian {
            little[..self.size].reverse();
        }
        let bits = u64::from_le_bytes(little);
        match (self.kind, self.size) {
            (b'f', 2) => half(bits as u16),
            (b'f', 4) => f32::from_bits(bits as u32),
            (b'f', _) => f64::from_bits(bits) as f32,
            (b'i', 1) => f32::from(bits as u8 as i8),
            (b'i', 2) => f32::from(bits as u16 as i16),
            (b'i', 4) => bits as u32 as i32 as f32,
            (b'i', _) => bits as i64 as f32,
            (b'b', _) => f32::from(u8::from(bits != 0)),
            _ => bits as f32,
        }
    }
}

/// IEEE half precision, subnormal numbers, infinities and NaN included.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2_f32.powi(i32::from(exponent) - 15),
    }
}

/// From first axis fastest to last axis fastest.
fn c_order(data: &[f32], shape: &[usize]) -> Vec<f32> {
    if data.is_empty() {
        return Vec::new();
    }
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    let mut ordered = Vec::with_capacity(data.len());
    for _ in 0..data.len() {
        ordered.extend(data.get(place));
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    ordered
}

/// Writes `data` in the given shape as little-endian `f32`.
///
/// # Errors
/// A shape that does not fit the numbers, or a file that cannot be written.
pub fn write_f32(path: &Path, shape: &[usize], data: &[f32]) -> Result<(), NpyError> {
    write(path, "<f4", shape, data.len(), &mut data.iter().flat_map(|number| number.to_le_bytes()))
}

/// Writes `data` in the given shape as bytes.
///
/// # Errors
/// A shape that does not fit the numbers, or a file that cannot be written.
pub fn write_u8(path: &Path, shape: &[usize], data: &[u8]) -> Result<(), NpyError> {
    write(path, "|u1", shape, data.len(), &mut data.iter().copied())
}

fn write(
    path: &Path,
    descr: &str,
    shape: &[usize],
    count: usize,
    bytes: &mut dyn Iterator<Item = u8>,
) -> Result<(), NpyError> {
    let failed = |problem| NpyError { file: printable_path(path), problem };
    if shape.iter().product::<usize>() != count {
        return Err(failed(NpyProblem::Header("the shape does not fit the numbers")));
    }
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let sizes = if let [only] = sizes.as_slice() { format!("{only},") } else { sizes.join(", ") };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Numbers begin at a multiple of 64 bytes, as NumPy writes them: magic, version and length take 10, the line break 1.
    let padding = (64 - (header.len() + 11) % 64) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    atomic::write(path, |out| {
        out.write_all(MAGIC)?;
        out.write_all(&[1, 0])?;
        let length = u16::try_from(header.len()).map_err(|_| io::Error::other("too many axes"))?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        let mut block = Vec::with_capacity(1 << 16);
        for byte in bytes {
            block.push(byte);
            if block.len() == 1 << 16 {
                out.write_all(&block)?;
                block.clear();
            }
        }
        out.write_all(&block)
    })
    .map_err(|error| failed(error.into()))
}
