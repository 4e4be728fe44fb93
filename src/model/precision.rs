//! The element type that a network is run in, whatever its file holds.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::graph::{Argument, DType, Graph, Node, Operator, Output, ValueId};

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Precision {
    /// As the file has it.
    #[default]
    File,
    /// 64 bits: to see what rounding does.
    Float64,
    /// 32 bits.
    Float32,
    /// 16 bits with 8 for the exponent.
    BFloat16,
    /// 16 bits with 5 for the exponent.
    Float16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::File, Self::Float64, Self::Float32, Self::BFloat16, Self::Float16];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::BFloat16 => "bfloat16",
            Self::Float16 => "float16",
        }
    }

    /// The element type; `None` is the file's own.
    pub fn dtype(self) -> Option<DType> {
        match self {
            Self::File => None,
            Self::Float64 => Some(DType::Float64),
            Self::Float32 => Some(DType::Float32),
            Self::BFloat16 => Some(DType::BFloat16),
            Self::Float16 => Some(DType::Float16),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("'{text}' is no precision: {}", names.join(", "))
        })
    }
}

/// The element type that most of a graph's real numbers have.
fn usual(graph: &Graph) -> Option<DType> {
    let mut counts: HashMap<DType, u64> = HashMap::new();
    for weight in graph.weights.iter().filter(|weight| weight.dtype.is_float()) {
        *counts.entry(weight.dtype).or_default() += weight.elements().max(1);
    }
    counts.into_iter().max_by_key(|&(_, count)| count).map(|(dtype, _)| dtype)
}

/// Makes a graph run in `to`: its inputs are turned into that, and where nodes ask for the type that most weights have, they
/// ask for `to`. The numbers that a batch norm counts with stay in 32 bits where `to` has 16, as libtorch allows and as their
/// range asks for.
pub(super) fn convert(graph: &mut Graph, to: DType) {
    let Some(from) = usual(graph) else { return };
    let short = matches!(to, DType::Float16 | DType::BFloat16);
    let normalises = |node: &Node| matches!(&node.operator, Operator::Aten { name, .. } if name.contains("batch_norm"));
    let mut elsewhere: HashMap<ValueId, bool> = HashMap::new();
    for node in &graph.nodes {
        for value in node.reads() {
            *elsewhere.entry(value).or_default() |= !normalises(node);
        }
    }
    let changed = graph.weights.iter().filter(|weight| weight.dtype == from).map(|weight| {
        let counts = elsewhere.get(&weight.value) == Some(&false);
        (weight.value, if short && counts { DType::Float32 } else { to })
    });
    graph.run_types = changed.collect();
    for node in &mut graph.nodes {
        for (_, argument) in &mut node.arguments {
            retype(argument, from, to);
        }
    }
    for input in graph.inputs.clone() {
        let cast = graph.value(format!("{}.{to:?}", graph.values[input.0]));
        for node in &mut graph.nodes {
            for (_, argument) in &mut node.arguments {
                rename(argument, input, cast);
            }
        }
        for output in graph.outputs.iter_mut().filter(|output| **output == input) {
            *output = cast;
        }
        let name = graph.values[cast.0].clone();
        let arguments = vec![("self".into(), Argument::Value(input)), ("dtype".into(), Argument::DType(to))];
        let outputs = vec![Output::Value(cast)];
        graph
            .nodes
            .insert(0, Node { name, operator: Operator::aten("_to_copy", ""), arguments, outputs, scope: Vec::new() });
    }
}

fn retype(argument: &mut Argument, from: DType, to: DType) {
    match argument {
        Argument::DType(dtype) if *dtype == from => *dtype = to,
        Argument::List(items) => items.iter_mut().for_each(|item| retype(item, from, to)),
        _ => {}
    }
}

fn rename(argument: &mut Argument, from: ValueId, to: ValueId) {
    match argument {
        Argument::Value(value) if *value == from => *value = to,
        Argument::List(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        _ => {}
    }
}
