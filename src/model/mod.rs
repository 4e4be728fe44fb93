//! What a network is here: its graph, its layer tree, what it wants as input and what its outputs mean.

pub mod graph;
pub mod input;
pub mod labels;
pub mod layers;
pub mod nearest;
pub mod preprocess;
pub mod printable;
pub mod resample;
pub mod spec;

pub use graph::Graph;
pub use input::{InputDescription, InputTensor, Layout, Source};
pub use labels::Labels;
pub use layers::{Layer, LayerId, LayerKind, LayerTree};
pub use nearest::{nearest, suggestion};
pub use preprocess::Preprocessing;
pub use printable::printable;
