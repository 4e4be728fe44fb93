//! TorchScript archives through libtorch's own loader: a program is run once, and what it called comes out as plain data.
//!
//! The loader is libtorch's: it builds the objects that the archive's pickle names and compiles the archive's code. What can
//! be checked before is checked by [`crate::formats::torchscript`].

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::Bytes;
use tch::{Kind, Tensor};

use super::{AtenError, ffi, tensor, type_number};
use crate::model::graph::DType;

/// A loaded archive, in evaluation mode and on the CPU.
#[derive(Debug)]
pub struct Script {
    handle: *mut c_void,
}

/// What one run called.
#[derive(Debug)]
pub struct Recorded {
    /// The calls, scopes, weights' names and outputs, as `torchscript_recording.cpp` writes them.
    pub json: String,
    /// The weights in the order in which `json` lists them.
    pub weights: Vec<RecordedWeight>,
}

/// A weight's numbers, in the memory that libtorch read them into.
#[derive(Debug)]
pub struct RecordedWeight {
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements to step over for each dimension.
    pub strides: Vec<usize>,
    /// Little-endian elements; keeps the tensor alive.
    pub data: Bytes,
}

impl Script {
    /// Loads the archive at `path`.
    ///
    /// # Errors
    /// What libtorch's loader says.
    pub fn load(path: &Path) -> Result<Self, AtenError> {
        let path = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| AtenError("a file name with a NUL byte".to_owned()))?;
        // SAFETY: the path is NUL-ended and outlives the call; the handle is freed once, in Drop.
        let handle = unsafe { ffi::ls_script_load(path.as_ptr()) };
        if handle.is_null() { Err(AtenError::last()) } else { Ok(Self { handle }) }
    }

    /// What the weights say about the input, as JSON: `dtype`, and `stem`, the shape of the first kernel.
    pub fn description(&self) -> String {
        // SAFETY: the text is NUL-ended and lives as long as the handle.
        unsafe { CStr::from_ptr(ffi::ls_script_description(self.handle)) }.to_string_lossy().into_owned()
    }

    /// Runs `forward` once on noise of `shape` and gives what it called.
    ///
    /// # Errors
    /// The operator or the module that failed.
    pub fn record(&self, shape: &[i64], dtype: DType) -> Result<Recorded, AtenError> {
        // SAFETY: the handle is alive and the shape outlives the call; the result is freed once, in Drop.
        let handle = unsafe { ffi::ls_script_record(self.handle, shape.as_ptr(), shape.len(), type_number(dtype)) };
        if handle.is_null() {
            return Err(AtenError::last());
        }
        let handle = RecordedHandle(handle);
        // SAFETY: the text is NUL-ended and lives as long as the handle.
        let json = unsafe { CStr::from_ptr(ffi::ls_recorded_json(handle.0)) }.to_string_lossy().into_owned();
        // SAFETY: the handle is alive.
        let count = unsafe { ffi::ls_recorded_weights(handle.0) };
        let weights = (0..count).map(|index| handle.weight(index)).collect::<Result<_, _>>()?;
        Ok(Recorded { json, weights })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: the handle came from ls_script_load and is freed here only.
        unsafe { ffi::ls_script_free(self.handle) }
    }
}

struct RecordedHandle(*mut c_void);

impl RecordedHandle {
    fn weight(&self, index: usize) -> Result<RecordedWeight, AtenError> {
        // SAFETY: the handle is alive, and an index out of range is an error there.
        let made = unsafe { ffi::ls_recorded_weight(self.0, index) };
        if made.is_null() {
            return Err(AtenError::last());
        }
        // SAFETY: made is a fresh at::Tensor of ours.
        let tensor = unsafe { tensor::adopt(made) };
        let failed = |error: tch::TchError| AtenError(error.to_string().lines().next().unwrap_or_default().to_owned());
        let dtype = dtype(tensor.f_kind().map_err(failed)?)
            .ok_or_else(|| AtenError("a weight that is neither real nor whole numbers".to_owned()))?;
        let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
        let strides: Vec<usize> = tensor.stride().iter().map(|&step| step as usize).collect();
        let reach: usize = shape.iter().zip(&strides).map(|(&size, &step)| size.saturating_sub(1) * step).sum();
        let length = if shape.contains(&0) { 0 } else { (reach + 1) * dtype.size() };
        Ok(RecordedWeight { dtype, shape, strides, data: Bytes::from_owner(TensorBytes { tensor, length }) })
    }
}

impl Drop for RecordedHandle {
    fn drop(&mut self) {
        // SAFETY: the handle came from ls_script_record and is freed here only.
        unsafe { ffi::ls_recorded_free(self.0) }
    }
}

/// A tensor of libtorch's, seen as bytes.
struct TensorBytes {
    tensor: Tensor,
    length: usize,
}

impl AsRef<[u8]> for TensorBytes {
    fn as_ref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the tensor is alive, on the CPU and strided (checked where it was made); the length is as far as its shape
        // and strides reach, which libtorch has checked against its storage; nothing writes to a weight.
        unsafe { std::slice::from_raw_parts(self.tensor.data_ptr().cast(), self.length) }
    }
}

fn dtype(kind: Kind) -> Option<DType> {
    Some(match kind {
        Kind::Uint8 => DType::UInt8,
        Kind::Int8 => DType::Int8,
        Kind::Int16 => DType::Int16,
        Kind::Int => DType::Int32,
        Kind::Int64 => DType::Int64,
        Kind::Half => DType::Float16,
        Kind::BFloat16 => DType::BFloat16,
        Kind::Float => DType::Float32,
        Kind::Double => DType::Float64,
        Kind::Bool => DType::Bool,
        _ => return None,
    })
}
