//! Keras HDF5 files.
use crate::model::graph::{Graph, ValueId};
#[derive(Debug)]
pub struct KerasInput {
    pub height: Option<usize>,
    pub width: Option<usize>,
    pub channels: usize,
    pub channels_last: bool,
}
#[derive(Debug)]
pub struct KerasModel {
    pub graph: Graph,
    pub name: String,
    pub input: KerasInput,
    pub pre_activation: Option<ValueId>,
    pub rescaling: bool,
}
#[derive(Debug, thiserror::Error)]
pub enum KerasError {
    #[error("x")]
    X,
}
pub fn open(_path: &std::path::Path) -> Result<KerasModel, KerasError> {
    Err(KerasError::X)
}
pub fn read(_bytes: Vec<u8>) -> Result<KerasModel, KerasError> {
    Err(KerasError::X)
}
