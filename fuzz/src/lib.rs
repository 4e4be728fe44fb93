//! The parsers under test, compiled here without the rest of the program: no target needs libtorch. And what every target
//! asks of a parser beside not failing.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "the program uses more of its rooms than the parsers do")]

#[path = "../../src/model/mod.rs"]
pub mod model;

/// The rooms of `src/formats` that call no ATen.
#[path = "../../src/formats"]
pub mod formats {
    pub mod archive;
    pub mod checkpoint;
    pub mod exported_program;
    mod guess;
    pub mod keras;
    pub mod onnx;
    pub mod pickle;

    /// What comes before libtorch's loader, which is not here.
    pub mod torchscript {
        mod check;
        pub mod error;
        mod storages;

        use std::io::{Read, Seek};

        use super::archive::Archive;

        /// What is checked before libtorch sees the archive.
        ///
        /// # Errors
        /// Why libtorch is not to see it.
        pub fn before_loading<R: Read + Seek>(archive: &mut Archive<R>) -> Result<(), error::TorchScriptError> {
            check::before_loading(archive).map(drop)
        }
    }
}

use formats::checkpoint::Tensor;

/// An error is one line, whatever the file has written in it.
///
/// # Panics
/// When it is not.
pub fn one_line(error: &dyn std::error::Error) {
    let line = error.to_string();
    assert!(!line.contains(|character: char| character.is_control()), "{line:?}");
}

/// A tensor's last element lies in its bytes.
///
/// # Panics
/// When it does not.
pub fn inside(tensor: &Tensor) {
    let elements: usize = tensor.shape.iter().product();
    if elements == 0 {
        return;
    }
    let last: usize = match &tensor.strides {
        Some(strides) => tensor.shape.iter().zip(strides).map(|(size, stride)| (size - 1) * stride).sum(),
        None => elements - 1,
    };
    assert!((last + 1) * tensor.dtype.size() <= tensor.data.len(), "tensor {:?}", tensor.name);
}
