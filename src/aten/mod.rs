//! The bridge that calls any ATen operator by name through libtorch's own dispatcher.
//!
//! The only room with C++ and with `unsafe`: everything above it is safe Rust on [`tch::Tensor`].
#![allow(unsafe_code, reason = "the one border to C++; each block says why it is sound")]

mod ffi;
mod gate;
mod tensor;
pub mod torchscript;

use std::ffi::{CStr, CString, c_void};

use tch::Tensor;

pub use gate::{Gate, gate};
pub use tensor::{TensorError, cuda_is_loaded, exit_now, libtorch_folder, load_cuda, tensor_over};
pub(crate) use tensor::{dtype_of, kind, type_number};

/// Version of libtorch that this was built with: `2.13.0`.
pub fn libtorch_version() -> &'static str {
    // SAFETY: the function returns a string constant, which ends with a zero and lives as long as the program.
    unsafe { CStr::from_ptr(ffi::ls_version()) }.to_str().unwrap_or("unknown")
}

/// What an operator takes.
#[derive(Debug)]
pub enum Feed<'a> {
    /// Nothing, for an optional parameter.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A word: a mode, or a device's name.
    String(&'a str),
    /// A tensor.
    Tensor(&'a Tensor),
    /// Several of these.
    List(Vec<Feed<'a>>),
}

/// What an operator gives.
#[derive(Debug)]
pub enum Value {
    /// Nothing: an undefined tensor or Python's `None`.
    None,
    /// A tensor.
    Tensor(Tensor),
    /// A whole number or a size.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Several of these.
    List(Vec<Value>),
}

impl Value {
    /// Another handle on the same value; tensors share their memory.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Tensor(tensor) => Self::Tensor(tensor.shallow_clone()),
            Self::Int(number) => Self::Int(*number),
            Self::Float(number) => Self::Float(*number),
            Self::Bool(truth) => Self::Bool(*truth),
            Self::List(items) => Self::List(items.iter().map(Self::shallow_clone).collect()),
        }
    }

    /// The tensor, if it is one.
    pub fn tensor(&self) -> Option<&Tensor> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }
}

/// What libtorch said when an operator failed: its first line, without C++ frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AtenError(pub String);

impl AtenError {
    fn last() -> Self {
        // SAFETY: ls_error gives a NUL-ended string of this thread that lives until the next failing call.
        let text = unsafe { CStr::from_ptr(ffi::ls_error()) }.to_string_lossy();
        Self(text.lines().next().unwrap_or("unknown error").to_owned())
    }
}

/// A parameter of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the schema.
    pub name: String,
    /// Whether the operator writes to it (`relu_`, `copy_`).
    pub written: bool,
}

/// An operator of libtorch's dispatcher.
#[derive(Debug)]
pub struct Operator {
    handle: *mut c_void,
    parameters: Vec<Parameter>,
    aliases: Vec<Vec<usize>>,
}

impl Operator {
    /// The operator `name` (`aten::conv2d`) with the overload `overload` (often empty), if libtorch has it.
    pub fn find(name: &str, overload: &str) -> Option<Self> {
        let (name, overload) = (CString::new(name).ok()?, CString::new(overload).ok()?);
        // SAFETY: both strings are NUL-ended and outlive the call; the handle is freed once, in Drop.
        let handle = unsafe { ffi::ls_operator(name.as_ptr(), overload.as_ptr()) };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the handle is not null and the indices stay below the counts that the schema gives; the names live as
        // long as the dispatcher.
        let (parameters, aliases) = unsafe {
            let count = ffi::ls_parameters(handle);
            let parameters = (0..count)
                .map(|index| Parameter {
                    name: CStr::from_ptr(ffi::ls_parameter_name(handle, index)).to_string_lossy().into_owned(),
                    written: ffi::ls_parameter_written(handle, index) != 0,
                })
                .collect();
            let aliases = (0..ffi::ls_returns(handle))
                .map(|result| (0..count).filter(|&index| ffi::ls_return_aliases(handle, result, index) != 0).collect())
                .collect();
            (parameters, aliases)
        };
        Some(Self { handle, parameters, aliases })
    }

    /// Parameters in the schema's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// For each return, the parameters whose memory it shares.
    pub fn aliases(&self) -> &[Vec<usize>] {
        &self.aliases
    }

    /// Calls the operator; parameters that are not fed take the schema's default.
    ///
    /// # Errors
    /// What libtorch says: wrong shapes, a missing argument, out of memory.
    pub fn call(&self, arguments: &[(usize, Feed<'_>)]) -> Result<Vec<Value>, AtenError> {
        let call = Call::new(self)?;
        for (parameter, argument) in arguments {
            call.bind(*parameter, argument)?;
        }
        call.run()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // SAFETY: the handle came from ls_operator and is freed here only.
        unsafe { ffi::ls_operator_free(self.handle) }
    }
}

/// One call while its arguments are collected and its results are read.
struct Call<'a> {
    handle: *mut c_void,
    operator: &'a Operator,
}

impl<'a> Call<'a> {
    fn new(operator: &'a Operator) -> Result<Self, AtenError> {
        // SAFETY: the operator's handle is alive while the borrow is.
        let handle = unsafe { ffi::ls_call(operator.handle) };
        if handle.is_null() { Err(AtenError::last()) } else { Ok(Self { handle, operator }) }
    }

    fn bind(&self, parameter: usize, argument: &Feed<'_>) -> Result<(), AtenError> {
        assert!(parameter < self.operator.parameters.len(), "parameter index out of range");
        self.push(argument)?;
        // SAFETY: the index was checked and one value was pushed.
        if unsafe { ffi::ls_bind(self.handle, parameter) } == 0 { Ok(()) } else { Err(AtenError::last()) }
    }

    fn push(&self, argument: &Feed<'_>) -> Result<(), AtenError> {
        // SAFETY: the handle is alive; strings and tensors outlive the calls, which copy them.
        unsafe {
            match argument {
                Feed::None => ffi::ls_none(self.handle),
                Feed::Bool(truth) => ffi::ls_bool(self.handle, i32::from(*truth)),
                Feed::Int(number) => ffi::ls_int(self.handle, *number),
                Feed::Float(number) => ffi::ls_float(self.handle, *number),
                Feed::String(text) => {
                    let text = CString::new(*text).map_err(|_| AtenError("a word with a NUL byte".to_owned()))?;
                    ffi::ls_string(self.handle, text.as_ptr());
                }
                Feed::Tensor(tensor) => ffi::ls_tensor(self.handle, tensor.as_ptr().cast()),
                Feed::List(items) => {
                    for item in items {
                        self.push(item)?;
                    }
                    ffi::ls_list(self.handle, items.len());
                }
            }
        }
        Ok(())
    }

    fn run(self) -> Result<Vec<Value>, AtenError> {
        // SAFETY: the handle is alive.
        if unsafe { ffi::ls_run(self.handle) } != 0 {
            return Err(AtenError::last());
        }
        // SAFETY: as above.
        let count = unsafe { ffi::ls_results(self.handle) };
        (0..count).map(|index| self.result(index, -1)).collect()
    }

    /// A result, or with `item` ≥ 0 an element of a list that is one.
    fn result(&self, index: usize, item: i64) -> Result<Value, AtenError> {
        // SAFETY: index and item are below the lengths that the call gave; kinds are asked before values are read.
        unsafe {
            Ok(match ffi::ls_result_kind(self.handle, index, item) {
                0 => Value::None,
                1 => match ffi::ls_result_tensor(self.handle, index, item) {
                    tensor if tensor.is_null() => Value::None,
                    tensor => Value::Tensor(tensor::adopt(tensor)),
                },
                2 => Value::Int(ffi::ls_result_int(self.handle, index, item)),
                3 => Value::Float(ffi::ls_result_float(self.handle, index, item)),
                4 => Value::Bool(ffi::ls_result_int(self.handle, index, item) != 0),
                5 if item < 0 => {
                    let length = ffi::ls_result_length(self.handle, index);
                    Value::List((0..length).map(|item| self.result(index, item as i64)).collect::<Result<_, _>>()?)
                }
                _ => return Err(AtenError("a result that is neither tensor nor number".to_owned())),
            })
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from ls_call and is freed here only.
        unsafe { ffi::ls_call_free(self.handle) }
    }
}
