//! The one representation every model file is lowered to: a list of ATen operator calls.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use super::size_operator::SizeOperator;

/// Index of a value in [`Graph::values`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub usize);

/// Index of a node in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// A value to keep from a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tap {
    /// Which value.
    pub value: ValueId,
    /// The node after which it is whole; `None` when it is whole as soon as it is made. A layer that fills a tensor slice by
    /// slice gives it away only after its last node.
    pub after: Option<NodeId>,
}

impl From<ValueId> for Tap {
    fn from(value: ValueId) -> Self {
        Self { value, after: None }
    }
}

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the types")]
pub enum DType {
    Bool,
    UInt8,
    Int8,
    Int16,
    Int32,
    Int64,
    Float16,
    BFloat16,
    Float32,
    Float64,
}

impl DType {
    /// Whether elements are real numbers, in floating point of any precision.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::BFloat16 | Self::Float32 | Self::Float64)
    }

    /// Bytes that one element takes.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::UInt8 | Self::Int8 => 1,
            Self::Int16 | Self::Float16 | Self::BFloat16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }
}

/// What a node gives to one parameter of its operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Nothing: an optional parameter that is left out on purpose.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A word, such as a padding or rounding mode.
    String(String),
    /// An element type.
    DType(DType),
    /// The device that the graph runs on, whatever the file says.
    Device,
    /// libtorch's own number of a memory format (`0` contiguous, `1` preserve, `2` channels last).
    MemoryFormat(i8),
    /// What another node made: a tensor or a number.
    Value(ValueId),
    /// Several of any of these.
    List(Vec<Argument>),
}

impl Argument {
    /// A list of whole numbers.
    pub fn ints(items: impl IntoIterator<Item = i64>) -> Self {
        Self::List(items.into_iter().map(Self::Int).collect())
    }

    /// Calls `visit` for every value that the argument mentions.
    pub fn for_each_value(&self, visit: &mut impl FnMut(ValueId)) {
        match self {
            Self::Value(value) => visit(*value),
            Self::List(items) => items.iter().for_each(|item| item.for_each_value(visit)),
            _ => {}
        }
    }
}

impl From<ValueId> for Argument {
    fn from(value: ValueId) -> Self {
        Self::Value(value)
    }
}

/// What a node calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// An operator of libtorch's dispatcher, by its qualified name (`aten::conv2d`) and overload (often empty).
    Aten {
        /// Namespace and name: `aten::max_pool2d`.
        name: Arc<str>,
        /// Overload: `Tensor`, `dim_IntList`, or nothing.
        overload: Arc<str>,
    },
    /// Arithmetic on sizes; the arguments are positional.
    Size(SizeOperator),
}

impl Operator {
    /// `Operator::aten("conv2d", "")` is `aten::conv2d`.
    pub fn aten(name: &str, overload: &str) -> Self {
        Self::Aten { name: format!("aten::{name}").into(), overload: overload.into() }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aten { name, overload } if overload.is_empty() => f.write_str(name),
            Self::Aten { name, overload } => write!(f, "{name}.{overload}"),
            Self::Size(operator) => write!(f, "size::{operator:?}"),
        }
    }
}

/// One step of the way from the model down to the layer that a node belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Path of the module as the file names it: `layer4.1.conv2`.
    pub path: Arc<str>,
    /// Its type, without its package: `Conv2d`.
    pub kind: Arc<str>,
}

/// What one return of an operator is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A single tensor or number.
    Value(ValueId),
    /// A list of tensors, one value each (`aten::split`).
    List(Vec<ValueId>),
    /// Nobody asks for it.
    Ignored,
}

impl Output {
    /// The values that the return is bound to.
    pub fn values(&self) -> &[ValueId] {
        match self {
            Self::Value(value) => std::slice::from_ref(value),
            Self::List(values) => values,
            Self::Ignored => &[],
        }
    }
}

/// One operator call.
#[derive(Debug, Clone)]
pub struct Node {
    /// Name that is unique in the graph: `conv2d_3`.
    pub name: String,
    /// What is called.
    pub operator: Operator,
    /// Arguments by the schema's parameter names; parameters not named take the schema's default.
    pub arguments: Vec<(Arc<str>, Argument)>,
    /// One entry for each return of the operator.
    pub outputs: Vec<Output>,
    /// Modules around the node, outermost first; empty at the top of the model.
    pub scope: Vec<Scope>,
}

impl Node {
    /// Values that the node reads.
    pub fn reads(&self) -> Vec<ValueId> {
        let mut values = Vec::new();
        for (_, argument) in &self.arguments {
            argument.for_each_value(&mut |value| values.push(value));
        }
        values
    }

    /// Values that the node makes.
    pub fn makes(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.outputs.iter().flat_map(|output| output.values().iter().copied())
    }
}

/// What a weight is to its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightRole {
    /// Learned by gradient descent.
    Parameter,
    /// A parameter that training by gradients leaves alone, as Keras counts its moving means.
    Frozen,
    /// What a module keeps beside its parameters: a running mean of PyTorch's, which counts as no parameter.
    Buffer,
    /// A constant of the graph: counted nowhere.
    Constant,
}

/// A tensor that comes with the file.
#[derive(Debug, Clone)]
pub struct Weight {
    /// Name as the file gives it: `layer1.0.conv1.weight`.
    pub name: String,
    /// The value that nodes read.
    pub value: ValueId,
    /// What it is to the model.
    pub role: WeightRole,
    /// Element type.
    pub dtype: DType,
    /// Shape; its product times the element size must not reach past `data`.
    pub shape: Vec<usize>,
    /// Elements to step over in `data` for each dimension; `None` for row-major.
    pub strides: Option<Vec<usize>>,
    /// Little-endian elements. Weights that share a storage in the file share its bytes here.
    pub data: Bytes,
}

impl Weight {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|&size| size as u64).product()
    }
}

/// A module as the file lists it.
#[derive(Debug, Clone)]
pub struct Module {
    /// The modules around it, outermost first, and itself.
    pub scope: Vec<Scope>,
    /// The weight that it convolves or multiplies with, output channels first, where it is known without the call.
    pub kernel: Option<ValueId>,
}

/// What a file says of a network of which it does not hold everything that runs.
#[derive(Debug, Clone)]
pub struct Outline {
    /// All modules in the file's order, those that no node belongs to among them.
    pub modules: Vec<Module>,
    /// Why some have no node, as a part of a line: `the network ends at layer hub, whose code is not in the file`.
    pub reason: String,
}

/// A network as ATen operator calls in the order in which they run.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Name of every value; [`ValueId`] is the index.
    pub values: Vec<String>,
    /// The calls, each reading only inputs, weights and what earlier calls made.
    pub nodes: Vec<Node>,
    /// What the user feeds, in order.
    pub inputs: Vec<ValueId>,
    /// What comes with the file.
    pub weights: Vec<Weight>,
    /// What the network gives, in order.
    pub outputs: Vec<ValueId>,
    /// Element types that weights are run in, where these are not the file's.
    pub run_types: HashMap<ValueId, DType>,
    /// The modules, where the nodes are not the whole network.
    pub outline: Option<Outline>,
}

impl Graph {
    /// Adds a value and gives its index.
    pub fn value(&mut self, name: impl Into<String>) -> ValueId {
        self.values.push(name.into());
        ValueId(self.values.len() - 1)
    }

    /// Adds a call with one output that bears the node's name.
    pub fn call<'a>(
        &mut self,
        scope: &[Scope],
        name: &str,
        operator: Operator,
        arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    ) -> ValueId {
        let value = self.value(name);
        self.nodes.push(Node {
            name: name.to_owned(),
            operator,
            arguments: arguments.into_iter().map(|(name, argument)| (name.into(), argument)).collect(),
            outputs: vec![Output::Value(value)],
            scope: scope.to_vec(),
        });
        value
    }

    /// Adds a row-major or strided weight and gives its value.
    pub fn weight(&mut self, weight: impl FnOnce(ValueId) -> Weight) -> ValueId {
        let value = self.value(String::new());
        let weight = weight(value);
        self.values[value.0].clone_from(&weight.name);
        self.weights.push(weight);
        value
    }
}
