//! Model files into graphs: each format lowers to [`crate::model::Graph`] once, at load.

pub mod architectures;
pub mod archive;
pub mod checkpoint;
mod demo;
pub mod exported_program;
mod guess;
pub mod keras;
pub mod onnx;
mod open;
pub mod pickle;
mod recognise;
pub mod torchscript;

pub use demo::{Demo, demo};
pub use open::{OpenError, Reason, open};
