//! The program's JSON, as far as it is needed: names and words are borrowed from the text, and what is not asked for (stack
//! traces, which are most of it) is stepped over.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// A word of the text, copied only where it is written with escapes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The whole document.
#[derive(Debug, Deserialize)]
pub(super) struct Program<'a> {
    #[serde(borrow)]
    pub(super) graph_module: Module<'a>,
    #[serde(borrow, default)]
    pub(super) torch_version: Option<Text<'a>>,
}

/// A graph and what its inputs and outputs are.
#[derive(Debug, Deserialize)]
pub(super) struct Module<'a> {
    #[serde(borrow)]
    pub(super) graph: Graph<'a>,
    #[serde(borrow)]
    pub(super) signature: Signature<'a>,
}

/// Nodes in the order in which they run.
#[derive(Debug, Deserialize)]
pub(super) struct Graph<'a> {
    #[serde(borrow, default)]
    pub(super) inputs: Vec<Argument<'a>>,
    #[serde(borrow, default)]
    pub(super) outputs: Vec<Argument<'a>>,
    #[serde(borrow)]
    pub(super) nodes: Vec<Node<'a>>,
    #[serde(borrow, default)]
    pub(super) tensor_values: HashMap<Text<'a>, TensorMeta>,
}

/// One call.
#[derive(Debug, Deserialize)]
pub(super) struct Node<'a> {
    #[serde(borrow)]
    pub(super) target: Text<'a>,
    #[serde(borrow)]
    pub(super) inputs: Vec<NamedArgument<'a>>,
    #[serde(borrow)]
    pub(super) outputs: Vec<Argument<'a>>,
    #[serde(borrow, default)]
    pub(super) metadata: Metadata<'a>,
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
}

/// What a node knows of where it comes from.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow, default)]
    pub(super) nn_module_stack: Option<Text<'a>>,
}

/// An argument and its parameter; arguments of higher-order operators have no name.
#[derive(Debug, Deserialize)]
pub(super) struct NamedArgument<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arg: Argument<'a>,
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self(Cow::Borrowed(""))
    }
}

/// Element type and shape of a tensor.
#[derive(Debug, Deserialize)]
pub(super) struct TensorMeta {
    pub(super) dtype: u64,
    pub(super) sizes: Vec<Size>,
}

/// A size: a number, or an expression with the number at export.
#[derive(Debug, Deserialize)]
pub(super) enum Size {
    #[serde(rename = "as_int")]
    Int(i64),
    #[serde(rename = "as_expr")]
    Expression {
        #[serde(default)]
        hint: Option<Hint>,
    },
}

/// The number that an expression had at export, if it is whole.
#[derive(Debug, Deserialize)]
pub(super) struct Hint {
    #[serde(default)]
    pub(super) as_int: Option<i64>,
}

/// What feeds the graph and what comes out.
#[derive(Debug, Deserialize)]
pub(super) struct Signature<'a> {
    #[serde(borrow)]
    pub(super) input_specs: Vec<InputSpec<'a>>,
    #[serde(borrow)]
    pub(super) output_specs: Vec<OutputSpec<'a>>,
}

/// What an input of the graph is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InputSpec<'a> {
    #[serde(borrow)]
    UserInput(Bound<'a>),
    Parameter {
        #[serde(borrow)]
        arg: Argument<'a>,
        #[serde(borrow)]
        parameter_name: Text<'a>,
    },
    Buffer {
        #[serde(borrow)]
        arg: Argument<'a>,
        #[serde(borrow)]
        buffer_name: Text<'a>,
    },
    TensorConstant {
        #[serde(borrow)]
        arg: Argument<'a>,
        #[serde(borrow)]
        tensor_constant_name: Text<'a>,
    },
    CustomObj {
        #[serde(borrow)]
        custom_obj_name: Text<'a>,
    },
    Token(IgnoredAny),
    ConstantInput(IgnoredAny),
}

/// What an output of the graph is: only what the user gets matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputSpec<'a> {
    #[serde(borrow)]
    UserOutput(Bound<'a>),
    LossOutput(IgnoredAny),
    BufferMutation(IgnoredAny),
    ParameterMutation(IgnoredAny),
    GradientToParameter(IgnoredAny),
    GradientToUserInput(IgnoredAny),
    UserInputMutation(IgnoredAny),
    Token(IgnoredAny),
}

/// An argument inside of an object.
#[derive(Debug, Deserialize)]
pub(super) struct Bound<'a> {
    #[serde(borrow)]
    pub(super) arg: Argument<'a>,
}

/// A graph that is an argument of a higher-order operator.
#[derive(Debug, Deserialize)]
pub(super) struct Nested<'a> {
    #[serde(borrow)]
    pub(super) graph: Graph<'a>,
}

/// An argument, or what an output is bound to.
#[derive(Debug)]
pub(super) enum Argument<'a> {
    None,
    /// A value, tensor or number, by its name.
    Name(Text<'a>),
    Int(i64),
    Float(f64),
    Bool(bool),
    String(Text<'a>),
    /// The file's own number of an element type.
    ScalarType(u64),
    /// The file's own number of a memory format.
    MemoryFormat(u64),
    /// The file's own number of a layout.
    Layout(u64),
    Device,
    List(Vec<Argument<'a>>),
    Graph(Box<Nested<'a>>),
    /// A kind that has no place in a graph of tensors: its name in the file.
    Other(Text<'a>),
}

impl<'a> Argument<'a> {
    /// The name, where it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// An object with one key that says the kind; `key` has been read.
    fn of<M: MapAccess<'a>>(key: Text<'a>, map: &mut M) -> Result<Self, M::Error> {
        Ok(match &*key {
            "as_none" => {
                map.next_value::<IgnoredAny>()?;
                Self::None
            }
            // A tensor, size or number wraps what it is once more.
            "as_tensor" | "as_optional_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool" => map.next_value()?,
            "name" | "as_name" => Self::Name(map.next_value()?),
            "as_tensors" | "as_optional_tensors" | "as_sym_ints" | "as_sym_floats" | "as_sym_bools" => {
                Self::List(map.next_value()?)
            }
            "as_nested_tensors" => lists(map.next_value()?),
            "as_int" => Self::Int(map.next_value()?),
            "as_ints" => list(map.next_value()?, Self::Int),
            "as_int_lists" => Self::List(each(map.next_value::<Vec<Vec<i64>>>()?, |items| list(items, Self::Int))),
            "as_float" => Self::Float(map.next_value::<Real>()?.0),
            "as_floats" => list(map.next_value()?, |real: Real| Self::Float(real.0)),
            "as_float_lists" => {
                let items: Vec<Vec<Real>> = map.next_value()?;
                Self::List(each(items, |items| list(items, |real| Self::Float(real.0))))
            }
            "as_bool" => Self::Bool(map.next_value()?),
            "as_bools" => list(map.next_value()?, Self::Bool),
            "as_string" => Self::String(map.next_value()?),
            "as_strings" => list(map.next_value()?, Self::String),
            "as_scalar_type" => Self::ScalarType(map.next_value()?),
            "as_memory_format" => Self::MemoryFormat(map.next_value()?),
            "as_layout" => Self::Layout(map.next_value()?),
            "as_device" => {
                map.next_value::<IgnoredAny>()?;
                Self::Device
            }
            "as_graph" => Self::Graph(map.next_value()?),
            _ => {
                map.next_value::<IgnoredAny>()?;
                Self::Other(key)
            }
        })
    }
}

fn each<'a, T>(items: Vec<T>, item: impl Fn(T) -> Argument<'a>) -> Vec<Argument<'a>> {
    items.into_iter().map(item).collect()
}

fn list<'a, T>(items: Vec<T>, item: impl Fn(T) -> Argument<'a>) -> Argument<'a> {
    Argument::List(each(items, item))
}

fn lists(items: Vec<Vec<Argument<'_>>>) -> Argument<'_> {
    Argument::List(each(items, Argument::List))
}

impl<'de: 'a, 'a> Deserialize<'de> for Argument<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ArgumentVisitor)
    }
}

struct ArgumentVisitor;

impl<'de> Visitor<'de> for ArgumentVisitor {
    type Value = Argument<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an argument: an object with one key that says its kind")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let key = map.next_key::<Text<'de>>()?.ok_or_else(|| M::Error::custom("an argument without a kind"))?;
        let argument = Argument::of(key, &mut map)?;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(argument)
    }
}

/// A real number; JSON has no infinities and no NaN, so that the file spells them.
struct Real(f64);

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RealVisitor).map(Self)
    }
}

struct RealVisitor;

impl Visitor<'_> for RealVisitor {
    type Value = f64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, \"Infinity\", \"-Infinity\" or \"NaN\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<f64, E> {
        match word {
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            "NaN" => Ok(f64::NAN),
            _ => Err(E::custom(format!("{word:?} is no number"))),
        }
    }
}
