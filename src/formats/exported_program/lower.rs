//! The program's nodes as nodes of the graph.

use std::sync::Arc;

use serde_json::Value as Json;

use super::arguments::{Names, argument, output, tagged};
use super::{Dimension, ExportedProgramError, InputShape};
use crate::model::Graph;
use crate::model::graph::{Argument, Node, Operator, Output, Scope, SizeOperator, ValueId, WeightRole};

/// A weight that the signature names.
#[derive(Debug)]
pub(super) struct WeightInput {
    /// Its name in the state dictionary or among the constants.
    pub(super) name: String,
    /// The value that nodes read.
    pub(super) value: ValueId,
    pub(super) role: WeightRole,
}

/// What feeds the graph.
#[derive(Debug, Default)]
pub(super) struct Signature {
    pub(super) weights: Vec<WeightInput>,
    /// Names of the inputs that a user feeds.
    pub(super) user: Vec<String>,
}

/// Checks of sizes that were true at export and change nothing.
const ASSERTIONS: &[&str] = &[
    "torch.ops.aten._assert_scalar.default",
    "torch.ops.aten._assert_async.default",
    "torch.ops.aten._assert_async.msg",
    "torch.ops.aten._assert_tensor_metadata.default",
    "torch.ops.aten.sym_constrain_range.default",
    "torch.ops.aten.sym_constrain_range_for_size.default",
];

fn damaged(what: &str) -> ExportedProgramError {
    ExportedProgramError::Damaged(format!("its {what} is missing or not as expected"))
}

fn array<'a>(json: &'a Json, key: &str) -> Result<&'a Vec<Json>, ExportedProgramError> {
    json.get(key).and_then(Json::as_array).ok_or_else(|| damaged(key))
}

/// Reads nodes and signature; weights are left to be filled in.
pub(super) fn graph(module: &Json) -> Result<(Graph, Signature), ExportedProgramError> {
    let body = module.get("graph").ok_or_else(|| damaged("graph"))?;
    let signature = module.get("signature").ok_or_else(|| damaged("signature"))?;
    let mut lowering = Lowering::default();
    let signature = lowering.inputs(array(signature, "input_specs")?)?;
    lowering.nodes(array(body, "nodes")?)?;
    let specs =
        module.pointer("/signature/output_specs").and_then(Json::as_array).ok_or_else(|| damaged("output_specs"))?;
    for spec in specs {
        let Some(("user_output", spec)) = tagged(spec) else { continue };
        if let Some(name) = spec.pointer("/arg/as_tensor/name").and_then(Json::as_str) {
            let value = lowering.names.get(name).ok_or_else(|| damaged("output"))?;
            lowering.graph.outputs.push(*value);
        }
    }
    if lowering.graph.outputs.is_empty() {
        return Err(ExportedProgramError::OtherKind(
            "a program without a tensor as output: layerscope shows networks".to_owned(),
        ));
    }
    Ok((lowering.graph, signature))
}

/// The one input, which must be a picture.
pub(super) fn picture_input(module: &Json, signature: &Signature) -> Result<InputShape, ExportedProgramError> {
    let other = |what: String| {
        ExportedProgramError::OtherKind(format!(
            "{what}; layerscope shows networks that take one float picture of N×C×H×W"
        ))
    };
    let name = match signature.user.as_slice() {
        [name] => name,
        [] => return Err(other("a program without inputs".to_owned())),
        names => return Err(other(format!("a program of {} inputs ({})", names.len(), names.join(", ")))),
    };
    let meta = module
        .pointer("/graph/tensor_values")
        .and_then(|values| values.get(name))
        .ok_or_else(|| damaged("tensor_values"))?;
    let sizes = meta.get("sizes").and_then(Json::as_array).ok_or_else(|| damaged("sizes"))?;
    let dimension = |size: &Json| match tagged(size) {
        Some(("as_int", number)) => number.as_u64().map(|number| Dimension::Fixed(number as usize)),
        Some(("as_expr", expression)) => Some(Dimension::Symbolic(
            expression.pointer("/hint/as_int").and_then(Json::as_u64).map(|hint| hint as usize),
        )),
        _ => None,
    };
    let dimensions: Vec<Dimension> =
        sizes.iter().map(dimension).collect::<Option<_>>().ok_or_else(|| damaged("sizes"))?;
    let dtype = meta.get("dtype").and_then(super::arguments::dtype);
    let float = dtype.is_some_and(|dtype| {
        use crate::model::graph::DType;
        matches!(dtype, DType::Float16 | DType::BFloat16 | DType::Float32 | DType::Float64)
    });
    if dimensions.len() != 4 || !float {
        let shape: Vec<String> = dimensions
            .iter()
            .map(|dimension| dimension.size().map_or("?".to_owned(), |size| size.to_string()))
            .collect();
        let kind = dtype.map_or("unknown".to_owned(), |dtype| format!("{dtype:?}").to_lowercase());
        return Err(other(format!("a program whose input {name} is {kind} of shape {}", shape.join("×"))));
    }
    Ok(InputShape { name: name.clone(), dimensions })
}

#[derive(Default)]
struct Lowering {
    graph: Graph,
    names: Names,
    /// Prefix of names inside a nested graph.
    prefix: String,
}

impl Lowering {
    fn define(&mut self, name: &str) -> ValueId {
        let name = format!("{}{name}", self.prefix);
        let value = self.graph.value(name.clone());
        self.names.insert(name, value);
        value
    }

    fn inputs(&mut self, specs: &[Json]) -> Result<Signature, ExportedProgramError> {
        let mut signature = Signature::default();
        for spec in specs {
            let (kind, spec) = tagged(spec).ok_or_else(|| damaged("input_specs"))?;
            let text =
                |pointer: &str| spec.pointer(pointer).and_then(Json::as_str).ok_or_else(|| damaged("input_specs"));
            match kind {
                "user_input" => {
                    let Some(("as_tensor", argument)) = spec.get("arg").and_then(tagged) else { continue };
                    let name = argument.get("name").and_then(Json::as_str).ok_or_else(|| damaged("input_specs"))?;
                    let value = self.define(name);
                    self.graph.inputs.push(value);
                    signature.user.push(name.to_owned());
                }
                "parameter" | "buffer" | "tensor_constant" => {
                    let role = match kind {
                        "parameter" => WeightRole::Parameter,
                        "buffer" => WeightRole::Buffer,
                        _ => WeightRole::Constant,
                    };
                    let name = text(&format!("/{kind}_name"))?.to_owned();
                    let value = self.define(text("/arg/name")?);
                    signature.weights.push(WeightInput { name, value, role });
                }
                "constant_input" => {}
                other => {
                    return Err(ExportedProgramError::OtherKind(format!(
                        "a program with an input of the kind {other}, which is no tensor"
                    )));
                }
            }
        }
        Ok(signature)
    }

    fn nodes(&mut self, nodes: &[Json]) -> Result<(), ExportedProgramError> {
        for node in nodes {
            self.node(node)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &Json) -> Result<(), ExportedProgramError> {
        let target = node.get("target").and_then(Json::as_str).ok_or_else(|| damaged("target"))?;
        if ASSERTIONS.contains(&target) {
            return Ok(());
        }
        let outputs = array(node, "outputs")?;
        let first = outputs.first().and_then(tagged).and_then(|(_, inner)| {
            let named = inner.get("name").or_else(|| inner.get("as_name")).or_else(|| inner.pointer("/0/name"));
            named.and_then(Json::as_str)
        });
        let name = node.get("name").and_then(Json::as_str).or(first).unwrap_or(target);
        let name = format!("{}{name}", self.prefix);
        if target.starts_with("torch.ops.higher_order.wrap_with_") {
            return self.inline(node, &name);
        }
        let fail = |reason: String| ExportedProgramError::Node { node: name.clone(), reason };
        let operator =
            operator(target).ok_or_else(|| fail(format!("{target} is not an ATen operator and cannot be run here")))?;
        let mut arguments: Vec<(Arc<str>, Argument)> = Vec::new();
        for input in array(node, "inputs")? {
            let parameter = input.get("name").and_then(Json::as_str).unwrap_or_default();
            let json = input.get("arg").ok_or_else(|| damaged("arg"))?;
            let read =
                self.argument(json).map_err(|what| fail(format!("argument '{parameter}' cannot be read: {what}")))?;
            arguments.push((parameter.into(), read));
        }
        let bound: Result<Vec<Output>, String> =
            outputs.iter().map(|json| output(json, &mut |name| self.define(name))).collect();
        let outputs = bound.map_err(fail)?;
        let stack = node.pointer("/metadata/nn_module_stack").and_then(Json::as_str).unwrap_or_default();
        self.graph.nodes.push(Node { name, operator, arguments, outputs, scope: scope(stack) });
        Ok(())
    }

    fn argument(&self, json: &Json) -> Result<Argument, String> {
        if self.prefix.is_empty() {
            return argument(json, &self.names);
        }
        // Inside a nested graph a name means the nested value.
        let local: Names = self
            .names
            .iter()
            .filter_map(|(name, &value)| Some((name.strip_prefix(&self.prefix)?.to_owned(), value)))
            .collect();
        argument(json, &local)
    }

    /// `wrap_with_set_grad_enabled(flag, graph, operands…)` and its like: whether gradients are wanted is for the run to say.
    fn inline(&mut self, node: &Json, name: &str) -> Result<(), ExportedProgramError> {
        let fail = |reason: &str| ExportedProgramError::Node { node: name.to_owned(), reason: reason.to_owned() };
        let inputs = array(node, "inputs")?;
        let at = inputs
            .iter()
            .position(|input| input.pointer("/arg/as_graph").is_some())
            .ok_or_else(|| fail("a wrapped graph without a graph"))?;
        let body = inputs[at].pointer("/arg/as_graph/graph").ok_or_else(|| fail("a wrapped graph without a graph"))?;
        let operands: Vec<Argument> = inputs[at + 1..]
            .iter()
            .map(|input| self.argument(input.get("arg").unwrap_or(&Json::Null)).map_err(|what| fail(&what)))
            .collect::<Result<_, _>>()?;
        let outer = std::mem::replace(&mut self.prefix, format!("{name}/"));
        for (inner, operand) in array(body, "inputs")?.iter().zip(operands) {
            let inner = tagged(inner).and_then(|(_, inner)| inner.get("name")).and_then(Json::as_str);
            if let (Some(inner), Argument::Value(value)) = (inner, operand) {
                self.names.insert(format!("{}{inner}", self.prefix), value);
            }
        }
        self.nodes(array(body, "nodes")?)?;
        let results: Vec<Option<ValueId>> = array(body, "outputs")?
            .iter()
            .map(|json| {
                let name = tagged(json).and_then(|(_, inner)| inner.get("name")).and_then(Json::as_str)?;
                self.names.get(&format!("{}{name}", self.prefix)).copied()
            })
            .collect();
        self.prefix = outer;
        let outputs = array(node, "outputs")?;
        let names = outputs.iter().flat_map(|json| match tagged(json) {
            Some(("as_tensors", inner)) => inner.as_array().cloned().unwrap_or_default(),
            Some((_, inner)) => vec![inner.clone()],
            None => Vec::new(),
        });
        for (json, value) in names.zip(results) {
            if let (Some(name), Some(value)) = (json.get("name").and_then(Json::as_str), value) {
                self.names.insert(format!("{}{name}", self.prefix), value);
            }
        }
        Ok(())
    }
}

fn operator(target: &str) -> Option<Operator> {
    if let Some(rest) = target.strip_prefix("torch.ops.") {
        let mut parts = rest.splitn(3, '.');
        let (namespace, name, overload) = (parts.next()?, parts.next()?, parts.next()?);
        if namespace == "higher_order" {
            return None;
        }
        let overload = if overload == "default" { "" } else { overload };
        return Some(Operator::Aten { name: format!("{namespace}::{name}").into(), overload: overload.into() });
    }
    let name = target.rsplit('.').next()?;
    Some(Operator::Size(match name {
        "add" => SizeOperator::Add,
        "sub" => SizeOperator::Sub,
        "mul" => SizeOperator::Mul,
        "floordiv" => SizeOperator::FloorDiv,
        "truediv" => SizeOperator::TrueDiv,
        "mod" => SizeOperator::Mod,
        "pow" => SizeOperator::Pow,
        "neg" => SizeOperator::Neg,
        "eq" => SizeOperator::Eq,
        "ne" => SizeOperator::Ne,
        "lt" => SizeOperator::Lt,
        "le" => SizeOperator::Le,
        "gt" => SizeOperator::Gt,
        "ge" => SizeOperator::Ge,
        "sym_max" => SizeOperator::Max,
        "sym_min" => SizeOperator::Min,
        "ceil" => SizeOperator::Ceil,
        "floor" => SizeOperator::Floor,
        "_sym_sqrt" | "sqrt" => SizeOperator::Sqrt,
        "sym_float" => SizeOperator::ToFloat,
        "sym_int" | "trunc" => SizeOperator::ToInt,
        "getitem" => SizeOperator::GetItem,
        _ => return None,
    }))
}

/// `L__self__,,networks.Net;L__self__relu@1,relu,torch.nn.modules.activation.ReLU` is `relu@1`: the second call of a module
/// is a layer of its own, as in the program.
fn scope(stack: &str) -> Vec<Scope> {
    let entry = |entry: &str| {
        let mut parts = entry.splitn(3, ',');
        let (key, path, kind) = (parts.next()?, parts.next()?, parts.next()?);
        if path.is_empty() {
            return None;
        }
        let call =
            key.rsplit_once('@').map(|(_, call)| call).filter(|call| call.chars().all(|digit| digit.is_ascii_digit()));
        let path = call.map_or_else(|| path.to_owned(), |call| format!("{path}@{call}"));
        Some(Scope { path: path.into(), kind: kind.rsplit('.').next().unwrap_or(kind).into() })
    };
    stack.split(';').filter_map(entry).collect()
}
