//! A recording as nodes of the graph.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::recording::{Call, Given, Made, Recording, Tagged};
use super::{TorchScriptError, constants, shown};
use crate::aten::dtype_of;
use crate::aten::torchscript::Recorded;
use crate::model::Graph;
use crate::model::graph::{Argument, DType, Node, Operator, Output, Scope, SizeOperator, ValueId, Weight, WeightRole};

/// A graph, and how often the run's control flow asked for the input.
pub(super) struct Lowered {
    pub(super) graph: Graph,
    pub(super) decisions: usize,
}

/// Calls that only carry numbers of the input's size: left out where nobody reads them.
const CARRIERS: &[&str] = &["aten::sym_size", "aten::scalar_tensor", "aten::item"];

/// Lowers what a run left behind. `dtype` is what the program wants to be fed.
pub(super) fn graph(recorded: &Recorded, dtype: DType) -> Result<Lowered, TorchScriptError> {
    let damaged = |reason: String| TorchScriptError::Node { node: "of the recording".to_owned(), reason };
    let recording: Recording =
        serde_json::from_str(&recorded.json).map_err(|error| damaged(format!("it cannot be read ({error})")))?;
    if recording.outputs.is_empty() {
        return Err(TorchScriptError::NoOutput);
    }
    let mut graph = Graph::default();
    for _ in 0..recording.values {
        graph.value("");
    }
    let needed = needed(&recording);
    let scopes: Vec<Vec<Scope>> = recording.scopes.iter().map(|modules| scope(modules)).collect();
    let mut names = Names::default();
    for (call, _) in recording.nodes.iter().zip(&needed).filter(|(_, needed)| **needed) {
        let node = node(call, &scopes, &mut names)?;
        name_values(&mut graph, &node);
        graph.nodes.push(node);
    }
    let read: HashSet<ValueId> = graph.nodes.iter().flat_map(Node::reads).collect();
    for (entry, weight) in recording.weights.iter().zip(&recorded.weights) {
        let value = ValueId(entry.value);
        if !read.contains(&value) && !recording.outputs.contains(&entry.value) {
            continue;
        }
        let (name, role) = match entry.role.as_str() {
            "parameter" => (entry.name.clone(), WeightRole::Parameter),
            "buffer" => (entry.name.clone(), WeightRole::Buffer),
            _ if !entry.name.is_empty() => (entry.name.clone(), WeightRole::Constant),
            _ => constants::first_use(&graph.nodes, value).unwrap_or(("constant".to_owned(), WeightRole::Constant)),
        };
        let name = names.weight(&shown(&name));
        graph.values[value.0].clone_from(&name);
        graph.weights.push(Weight {
            name,
            value,
            role,
            dtype: weight.dtype,
            shape: weight.shape.clone(),
            strides: Some(weight.strides.clone()),
            data: weight.data.clone(),
        });
    }
    graph.outputs = recording.outputs.iter().map(|&output| ValueId(output)).collect();
    feed(&mut graph, ValueId(recording.input), dtype);
    Ok(Lowered { graph, decisions: recording.decisions })
}

/// Everything is fed as float32: a program in another precision gets it through a conversion, which gradients pass.
fn feed(graph: &mut Graph, input: ValueId, dtype: DType) {
    "input".clone_into(&mut graph.values[input.0]);
    if dtype == DType::Float32 {
        graph.inputs = vec![input];
        return;
    }
    "input_converted".clone_into(&mut graph.values[input.0]);
    let fed = graph.value("input");
    graph.nodes.insert(
        0,
        Node {
            name: "input_converted".to_owned(),
            operator: Operator::aten("to", "dtype"),
            arguments: vec![("self".into(), Argument::Value(fed)), ("dtype".into(), Argument::DType(dtype))],
            outputs: vec![Output::Value(input)],
            scope: Vec::new(),
        },
    );
    graph.inputs = vec![fed];
}

/// Which calls stay: all but the carriers that nobody reads.
fn needed(recording: &Recording) -> Vec<bool> {
    let mut read: HashSet<usize> = recording.outputs.iter().copied().collect();
    let mut needed = vec![true; recording.nodes.len()];
    for (index, call) in recording.nodes.iter().enumerate().rev() {
        let carries = call.name.starts_with("size::") || CARRIERS.contains(&call.name.as_str());
        let wanted = call.outputs.iter().any(|made| match made {
            Made::One(value) => read.contains(value),
            Made::Many(values) => values.iter().any(|value| read.contains(value)),
            Made::Nothing(()) => false,
        });
        needed[index] = wanted || !carries;
        if needed[index] {
            call.arguments.iter().for_each(|(_, given)| reads(given, &mut read));
        }
    }
    needed
}

fn reads(given: &Given, read: &mut HashSet<usize>) {
    match given {
        Given::Tagged(Tagged::Value(value)) => {
            read.insert(*value);
        }
        Given::List(items) => items.iter().for_each(|item| reads(item, read)),
        _ => {}
    }
}

fn scope(modules: &[(String, String)]) -> Vec<Scope> {
    modules.iter().map(|(path, kind)| Scope { path: shown(path).into(), kind: shown(kind).into() }).collect()
}

fn node(call: &Call, scopes: &[Vec<Scope>], names: &mut Names) -> Result<Node, TorchScriptError> {
    let short = call.name.rsplit("::").next().unwrap_or(&call.name);
    let name = names.node(short);
    let fail = |reason: String| TorchScriptError::Node { node: name.clone(), reason };
    let operator = match call.name.strip_prefix("size::") {
        Some(size) => {
            let known = SizeOperator::named(size);
            Operator::Size(known.ok_or_else(|| fail(format!("{} is no arithmetic on sizes", call.name)))?)
        }
        None => Operator::Aten { name: call.name.as_str().into(), overload: call.overload.as_str().into() },
    };
    let arguments = call
        .arguments
        .iter()
        .map(|(parameter, given)| Ok((Arc::from(parameter.as_str()), argument(given)?)))
        .collect::<Result<Vec<_>, String>>()
        .map_err(fail)?;
    let outputs = call.outputs.iter().map(|made| match made {
        Made::Nothing(()) => Output::Ignored,
        Made::One(value) => Output::Value(ValueId(*value)),
        Made::Many(values) => Output::List(values.iter().map(|&value| ValueId(value)).collect()),
    });
    let scope = scopes.get(call.scope).cloned().unwrap_or_default();
    let mut node = Node { name: name.clone(), operator, arguments, outputs: outputs.collect(), scope };
    if call.name == "aten::_convolution" {
        plain_convolution(&mut node, names);
    }
    Ok(node)
}

/// A trace writes `_convolution`, with flags of cuDNN's: the same as the plain operators without them.
fn plain_convolution(node: &mut Node, names: &mut Names) {
    const FLAGS: &[&str] = &["benchmark", "deterministic", "cudnn_enabled", "allow_tf32"];
    let given = |name: &str| node.arguments.iter().find(|(known, _)| &**known == name).map(|(_, argument)| argument);
    let flat = matches!(given("stride"), Some(Argument::List(items)) if items.len() == 2)
        && matches!(given("transposed"), Some(Argument::Bool(false)));
    node.arguments.retain(|(name, _)| !FLAGS.contains(&&**name));
    let plain = if flat { "conv2d" } else { "convolution" };
    if flat {
        node.arguments.retain(|(name, _)| !matches!(&**name, "transposed" | "output_padding"));
    }
    node.operator = Operator::aten(plain, "");
    node.name = names.node(plain);
}

fn argument(given: &Given) -> Result<Argument, String> {
    Ok(match given {
        Given::None(()) => Argument::None,
        Given::Bool(truth) => Argument::Bool(*truth),
        Given::Int(number) => Argument::Int(*number),
        Given::String(text) => Argument::String(text.clone()),
        Given::List(items) => Argument::List(items.iter().map(argument).collect::<Result<_, _>>()?),
        Given::Tagged(Tagged::Value(value)) => Argument::Value(ValueId(*value)),
        Given::Tagged(Tagged::Float(real)) => Argument::Float(real.number()),
        Given::Tagged(Tagged::Dtype(number)) => Argument::DType(
            dtype_of(*number).ok_or_else(|| format!("element type {number} of libtorch's is none of a network's"))?,
        ),
        Given::Tagged(Tagged::MemoryFormat(number)) => Argument::MemoryFormat(*number),
        Given::Tagged(Tagged::Device(())) => Argument::Device,
    })
}

/// A node's first output bears its name, the others a number behind it.
fn name_values(graph: &mut Graph, node: &Node) {
    for (index, value) in node.makes().enumerate() {
        graph.values[value.0] = if index == 0 { node.name.clone() } else { format!("{}#{index}", node.name) };
    }
}

/// Names that are given once: `conv2d`, `conv2d_1`, as torch.export counts.
#[derive(Default)]
struct Names {
    nodes: HashMap<String, usize>,
    weights: HashSet<String>,
}

impl Names {
    fn node(&mut self, short: &str) -> String {
        let count = self.nodes.entry(short.to_owned()).or_default();
        *count += 1;
        if *count == 1 { short.to_owned() } else { format!("{short}_{}", *count - 1) }
    }

    fn weight(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 1;
        while !self.weights.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }
}
