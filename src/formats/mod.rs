//! Model files into graphs: each format lowers to [`crate::model::Graph`] once, at load.

pub mod archive;
pub mod exported_program;
pub mod keras;
mod open;
pub mod pickle;

pub use open::{OpenError, Reason, demo, open};
