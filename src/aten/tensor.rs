//! Tensors made from a file's bytes, and the loading of CUDA.

use std::ffi::{CString, c_void};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tch::Tensor;

use super::{AtenError, ffi};
use crate::model::graph::DType;

/// A weight that does not fit its bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The shape reaches past the end of the data.
    #[error("a tensor of shape {shape:?} needs {needed} bytes, but there are {given}")]
    TooShort {
        /// Shape that was asked for.
        shape: Vec<usize>,
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that there are.
        given: usize,
    },
    /// libtorch refused.
    #[error(transparent)]
    Aten(#[from] AtenError),
}

/// libtorch's own number of an element type (`c10::ScalarType`); a file's numbers are others.
pub(crate) fn type_number(dtype: DType) -> i32 {
    match dtype {
        DType::UInt8 => 0,
        DType::Int8 => 1,
        DType::Int16 => 2,
        DType::Int32 => 3,
        DType::Int64 => 4,
        DType::Float16 => 5,
        DType::Float32 => 6,
        DType::Float64 => 7,
        DType::Bool => 11,
        DType::BFloat16 => 15,
    }
}

/// An element type as tch names it.
pub(crate) fn kind(dtype: DType) -> tch::Kind {
    use tch::Kind;
    match dtype {
        DType::UInt8 => Kind::Uint8,
        DType::Int8 => Kind::Int8,
        DType::Int16 => Kind::Int16,
        DType::Int32 => Kind::Int,
        DType::Int64 => Kind::Int64,
        DType::Float16 => Kind::Half,
        DType::Float32 => Kind::Float,
        DType::Float64 => Kind::Double,
        DType::Bool => Kind::Bool,
        DType::BFloat16 => Kind::BFloat16,
    }
}

/// The element type with libtorch's own number `number`, if it is one that a model is made of.
pub(crate) fn dtype_of(number: i32) -> Option<DType> {
    let all = [
        DType::UInt8,
        DType::Int8,
        DType::Int16,
        DType::Int32,
        DType::Int64,
        DType::Float16,
        DType::Float32,
        DType::Float64,
        DType::Bool,
        DType::BFloat16,
    ];
    all.into_iter().find(|&dtype| type_number(dtype) == number)
}

/// Takes over an `at::Tensor` made by the bridge.
///
/// # Safety
/// `tensor` is a live `at::Tensor` of the caller's, which is gone afterwards.
pub(super) unsafe fn adopt(tensor: *mut c_void) -> Tensor {
    // SAFETY: clone_from_ptr adds a reference of its own, so ours must still be given back: leaking it would keep every
    // intermediate result alive.
    unsafe {
        let adopted = Tensor::clone_from_ptr(tensor.cast());
        ffi::ls_tensor_free(tensor);
        adopted
    }
}

extern "C" fn release(owner: *mut c_void) {
    // SAFETY: the owner was made by Box::into_raw in tensor_over, and libtorch calls this once.
    drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
}

/// A tensor that lies over `data` without copying it, unless its elements stand at odd addresses there. `strides` counts
/// elements; `None` is row-major. The bytes may be shared: the tensor must never be written to, which [`crate::engine`] sees
/// to for all weights.
///
/// # Errors
/// When the shape reaches past the end of `data`.
pub fn tensor_over(
    data: Bytes,
    dtype: DType,
    shape: &[usize],
    strides: Option<&[usize]>,
) -> Result<Tensor, TensorError> {
    let row_major: Vec<usize> = (0..shape.len()).map(|dimension| shape[dimension + 1..].iter().product()).collect();
    let strides = strides.unwrap_or(&row_major);
    let last = shape
        .iter()
        .zip(strides)
        .try_fold(0_usize, |sum, (&size, &stride)| sum.checked_add(size.saturating_sub(1).checked_mul(stride)?));
    let empty = shape.contains(&0);
    let needed = last.and_then(|last| last.checked_add(1)?.checked_mul(dtype.size())).unwrap_or(usize::MAX);
    if strides.len() != shape.len() || (!empty && needed > data.len()) {
        return Err(TensorError::TooShort { shape: shape.to_vec(), needed, given: data.len() });
    }
    let sizes: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let steps: Vec<i64> = strides.iter().map(|&step| step as i64).collect();
    let aligned = (data.as_ptr() as usize).is_multiple_of(dtype.size());
    let data = if aligned { data } else { Bytes::from(data.to_vec()) };
    let start = data.as_ptr().cast_mut().cast();
    let owner = Box::into_raw(Box::new(data));
    // SAFETY: every element that sizes and strides reach lies inside the bytes (checked above), which do not move until
    // `release` drops them, and nothing writes to them.
    let made = unsafe {
        ffi::ls_tensor_over(
            start,
            sizes.as_ptr(),
            steps.as_ptr(),
            sizes.len(),
            type_number(dtype),
            owner.cast(),
            release,
        )
    };
    if made.is_null() {
        // SAFETY: libtorch made no tensor, so the owner is still ours.
        drop(unsafe { Box::from_raw(owner) });
        return Err(AtenError::last().into());
    }
    // SAFETY: made is a fresh at::Tensor of ours.
    Ok(unsafe { adopt(made) })
}

/// Ends the process without the destructors of libtorch's own statics, which crash beside a thread that still computes.
pub fn exit_now(code: u8) -> ! {
    // SAFETY: _exit touches no memory of ours; what is buffered was flushed by whoever calls this.
    unsafe { libc::_exit(code.into()) }
}

static CUDA: AtomicBool = AtomicBool::new(false);

/// Loads libtorch's CUDA half from beside its CPU half. Must come before anything asks libtorch about CUDA.
///
/// # Errors
/// Why it cannot be loaded: not installed, or a library that it needs is missing.
pub fn load_cuda() -> Result<(), AtenError> {
    let folder = libtorch_folder().ok_or_else(|| AtenError("the folder of libtorch was not found".to_owned()))?;
    let file = folder.join("libtorch_cuda.so");
    if !file.exists() {
        return Err(AtenError(format!("{} is not there: this libtorch is for the CPU only", file.display())));
    }
    let name = CString::new(file.to_string_lossy().as_bytes())
        .map_err(|_| AtenError("a folder with a NUL byte".to_owned()))?;
    // SAFETY: the name is NUL-ended; the library registers itself with the libtorch_cpu that is already loaded and is
    // never unloaded.
    let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if library.is_null() {
        // SAFETY: dlerror gives a NUL-ended string or null after a failed dlopen.
        let reason = unsafe {
            let text = libc::dlerror();
            if text.is_null() {
                "no reason given".to_owned()
            } else {
                std::ffi::CStr::from_ptr(text).to_string_lossy().into_owned()
            }
        };
        return Err(AtenError(reason));
    }
    CUDA.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether [`load_cuda`] has succeeded.
pub fn cuda_is_loaded() -> bool {
    CUDA.load(Ordering::Relaxed)
}

/// The folder that holds the `libtorch_cpu.so` of this process.
pub fn libtorch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    let path = line.get(line.find('/')?..)?;
    PathBuf::from(path).parent().map(std::path::Path::to_path_buf)
}
