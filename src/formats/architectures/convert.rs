//! A checkpoint's numbers as the graph computes with them: half precision and double become what the graph has.

use bytes::Bytes;
use half::{bf16, f16};

use super::ArchitectureError;
use super::skeleton::Wanted;
use crate::formats::checkpoint::Tensor;
use crate::model::graph::{DType, Weight};

/// A tensor of a checkpoint as the weight that a graph waits for. Numbers of the right kind are not copied.
///
/// # Errors
/// Whole numbers where the graph has real ones, or the other way round; fewer numbers than the shape says.
pub(super) fn filled(wanted: Wanted, tensor: Tensor) -> Result<Weight, ArchitectureError> {
    let (strides, data) = if tensor.dtype == wanted.dtype {
        (tensor.strides, tensor.data)
    } else {
        let kind = || ArchitectureError::Kind { name: wanted.name.clone(), stored: tensor.dtype, wanted: wanted.dtype };
        let numbers = row_major(&tensor).ok_or_else(|| ArchitectureError::CutShort(wanted.name.clone()))?;
        (None, converted(numbers, tensor.dtype, wanted.dtype).ok_or_else(kind)?)
    };
    let Wanted { name, value, role, dtype, .. } = wanted;
    Ok(Weight { name, value, role, dtype, shape: tensor.shape, strides, data })
}

/// Each element's bytes in row-major order; `None` where they reach past the data.
fn row_major(tensor: &Tensor) -> Option<impl Iterator<Item = &[u8]>> {
    let size = tensor.dtype.size();
    let count: usize = tensor.shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side))?;
    let steps = tensor.strides.clone().unwrap_or_else(|| contiguous(&tensor.shape));
    let sides = || tensor.shape.iter().zip(&steps);
    let last =
        sides().try_fold(0_usize, |sum, (&side, &step)| sum.checked_add(side.saturating_sub(1).checked_mul(step)?))?;
    let fits = steps.len() == tensor.shape.len()
        && (count == 0 || last.checked_add(1)?.checked_mul(size)? <= tensor.data.len());
    let plain = steps == contiguous(&tensor.shape);
    let shape = tensor.shape.clone();
    let place = move |index: usize| {
        if plain {
            return index;
        }
        let (mut rest, mut place) = (index, 0);
        for (&side, &step) in shape.iter().zip(&steps).rev() {
            place += rest % side * step;
            rest /= side;
        }
        place
    };
    fits.then(|| (0..count).filter_map(move |index| tensor.data.get(place(index) * size..)?.get(..size)))
}

fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; shape.len()];
    for index in (1..shape.len()).rev() {
        steps[index - 1] = steps[index] * shape[index].max(1);
    }
    steps
}

/// The same numbers in another element type of the same sort; `None` between whole and real numbers.
fn converted<'a>(elements: impl Iterator<Item = &'a [u8]>, from: DType, to: DType) -> Option<Bytes> {
    fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
        bytes.try_into().ok()
    }
    if let (Some(read), Some(write)) = (real(from), write_real(to)) {
        let mut data = Vec::with_capacity(elements.size_hint().1.unwrap_or(0) * to.size());
        for element in elements {
            write(read(element)?, &mut data);
        }
        return Some(data.into());
    }
    let whole = |bytes: &[u8]| -> Option<i64> {
        Some(match from {
            DType::Bool | DType::UInt8 => i64::from(u8::from_le_bytes(array(bytes)?)),
            DType::Int8 => i64::from(i8::from_le_bytes(array(bytes)?)),
            DType::Int16 => i64::from(i16::from_le_bytes(array(bytes)?)),
            DType::Int32 => i64::from(i32::from_le_bytes(array(bytes)?)),
            DType::Int64 => i64::from_le_bytes(array(bytes)?),
            _ => return None,
        })
    };
    let mut data = Vec::new();
    for element in elements {
        let number = whole(element)?;
        match to {
            DType::Bool => data.push(u8::from(number != 0)),
            DType::UInt8 => data.push(u8::try_from(number).ok()?),
            DType::Int32 => data.extend(i32::try_from(number).ok()?.to_le_bytes()),
            DType::Int64 => data.extend(number.to_le_bytes()),
            _ => return None,
        }
    }
    Some(data.into())
}

/// Reads a number from its bytes, if they are as many as it has.
type Read = fn(&[u8]) -> Option<f64>;

/// Reads a real number of an element type.
fn real(from: DType) -> Option<Read> {
    Some(match from {
        DType::Float16 => |bytes| Some(f16::from_le_bytes(bytes.try_into().ok()?).to_f64()),
        DType::BFloat16 => |bytes| Some(bf16::from_le_bytes(bytes.try_into().ok()?).to_f64()),
        DType::Float32 => |bytes| Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        DType::Float64 => |bytes| Some(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => return None,
    })
}

/// Appends a real number in an element type.
fn write_real(to: DType) -> Option<fn(f64, &mut Vec<u8>)> {
    Some(match to {
        DType::Float16 => |number, data| data.extend(f16::from_f64(number).to_le_bytes()),
        DType::BFloat16 => |number, data| data.extend(bf16::from_f64(number).to_le_bytes()),
        DType::Float32 => |number, data| data.extend((number as f32).to_le_bytes()),
        DType::Float64 => |number, data| data.extend(number.to_le_bytes()),
        _ => return None,
    })
}
