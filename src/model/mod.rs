//! What a network is here: its graph, its layer tree, what it wants as input and what its outputs mean.

pub mod graph;
pub mod head;
pub mod input;
pub mod labels;
pub mod layers;
pub mod nearest;
pub mod precision;
pub mod preprocess;
pub mod printable;
pub mod resample;
mod size_operator;
pub mod spec;

pub use graph::Graph;
pub use input::{InputDescription, InputTensor, Layout, Source};
pub use labels::Labels;
pub use layers::{Layer, LayerId, LayerKind, LayerTree};
pub use nearest::{nearest, suggestion};
pub use precision::Precision;
pub use preprocess::Preprocessing;
pub use printable::printable;

/// A model as its file gives it: the graph and all that is known about it.
#[derive(Debug)]
pub struct Model {
    /// Name for people: of the file, or of the network.
    pub name: String,
    /// Name of the file format.
    pub format: &'static str,
    /// The graph with its weights.
    pub graph: Graph,
    /// The layer tree.
    pub layers: LayerTree,
    /// What it wants as input.
    pub input: InputDescription,
    /// What its outputs mean.
    pub labels: Option<Labels>,
    /// Label of a single sigmoid's other answer.
    pub negative_label: Option<String>,
    /// What the user should know of how the file was opened: what it lacks, what of it takes no part.
    pub note: Option<String>,
}

impl Model {
    /// A model of which only this is known.
    pub fn new(name: String, format: &'static str, graph: Graph, input: InputDescription) -> Self {
        let layers = LayerTree::of(&graph);
        Self { name, format, graph, layers, input, labels: None, negative_label: None, note: None }
    }

    /// The model, run in another precision than its file's.
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Self {
        if let Some(dtype) = precision.dtype() {
            precision::convert(&mut self.graph, dtype);
            self.layers = LayerTree::of(&self.graph);
        }
        self
    }
}
