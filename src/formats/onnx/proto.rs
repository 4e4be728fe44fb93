//! The messages of `onnx.proto` that a network is made of, with the names that they have there.

use std::collections::HashMap;
use std::ops::Range;

/// A whole file.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) producer: String,
    pub(super) opsets: Opsets,
    pub(super) graph: Graph,
    pub(super) metadata: HashMap<String, String>,
    pub(super) functions: Vec<Function>,
}

/// Version of each operator set, by domain; the standard's own domain is the empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Opsets(HashMap<String, i64>);

impl Opsets {
    /// The version of a domain's operators.
    pub(super) fn version(&self, domain: &str) -> Option<i64> {
        self.0.get(own_domain(domain)).copied()
    }

    pub(super) fn insert(&mut self, domain: &str, version: i64) {
        self.0.insert(own_domain(domain).to_owned(), version);
    }
}

/// The two names of the standard's own domain are one.
pub(super) fn own_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) initializers: Vec<Tensor>,
    pub(super) inputs: Vec<ValueInfo>,
    pub(super) outputs: Vec<ValueInfo>,
    /// Whether there are sparse initializers, which nothing here can hold.
    pub(super) sparse: bool,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) domain: String,
    pub(super) overload: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) metadata: HashMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Attribute {
    pub(super) name: String,
    /// Name of the function's attribute that this one stands for.
    pub(super) reference: String,
    pub(super) value: AttributeValue,
}

#[derive(Debug, Default)]
pub(super) enum AttributeValue {
    #[default]
    None,
    Float(f32),
    Int(i64),
    Text(String),
    Tensor(Tensor),
    Graph(Graph),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    /// Several texts, which no operator here reads.
    Texts,
}

/// Where the numbers of a tensor are.
#[derive(Debug, Default)]
pub(super) enum Data {
    /// In the file, little-endian; the second range is what may be overwritten before them.
    Raw { bytes: Range<usize>, from: usize },
    /// In another file.
    External(HashMap<String, String>),
    /// Whole numbers, one each.
    Ints(Vec<i64>),
    /// Bytes of real numbers.
    Reals(Vec<u8>),
    /// Texts, which no network computes on.
    Texts,
    /// Nothing said.
    #[default]
    None,
}

#[derive(Debug, Default)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i64,
    pub(super) data: Data,
}

/// A value of a graph with its type.
#[derive(Debug, Default)]
pub(super) struct ValueInfo {
    pub(super) name: String,
    /// Element type and shape; `None` for what is no tensor.
    pub(super) tensor: Option<TensorType>,
}

#[derive(Debug, Default)]
pub(super) struct TensorType {
    pub(super) data_type: i64,
    /// `None` where even the number of dimensions is left open.
    pub(super) shape: Option<Vec<Dimension>>,
}

/// A declared dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dimension {
    Fixed(i64),
    Named(String),
    Open,
}

#[derive(Debug, Default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) overload: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) nodes: Vec<Node>,
    pub(super) opsets: Opsets,
    /// Attributes with a default.
    pub(super) defaults: Vec<Attribute>,
}

impl Model {
    /// Calls `visit` for every tensor of the file.
    pub(super) fn for_each_tensor(&mut self, visit: &mut impl FnMut(&mut Tensor)) {
        self.graph.for_each_tensor(visit);
        for function in &mut self.functions {
            function.nodes.iter_mut().for_each(|node| node.for_each_tensor(visit));
            function.defaults.iter_mut().for_each(|attribute| attribute.for_each_tensor(visit));
        }
    }
}

impl Graph {
    fn for_each_tensor(&mut self, visit: &mut impl FnMut(&mut Tensor)) {
        self.initializers.iter_mut().for_each(&mut *visit);
        self.nodes.iter_mut().for_each(|node| node.for_each_tensor(visit));
    }
}

impl Node {
    fn for_each_tensor(&mut self, visit: &mut impl FnMut(&mut Tensor)) {
        self.attributes.iter_mut().for_each(|attribute| attribute.for_each_tensor(visit));
    }
}

impl Attribute {
    fn for_each_tensor(&mut self, visit: &mut impl FnMut(&mut Tensor)) {
        match &mut self.value {
            AttributeValue::Tensor(tensor) => visit(tensor),
            AttributeValue::Graph(graph) => graph.for_each_tensor(visit),
            _ => {}
        }
    }
}
