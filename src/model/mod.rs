//! What a network is here: its graph, its layer tree, what it wants as input and what its outputs mean.

pub mod graph;
pub mod layers;

pub use graph::Graph;
pub use layers::{Layer, LayerId, LayerKind, LayerTree};
