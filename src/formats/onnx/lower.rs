//! The graph of the file as ATen operator calls: walks the nodes, and keeps what is known of every value.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;

use super::call::Call;
use super::error::{OnnxError, Result};
use super::names::{self, Names};
use super::operators;
use super::proto::{self, Attribute, AttributeValue, Function, Opsets};
use super::tensor::{Constant, Store};
use super::values::{Dim, Known, Number, Numbers, Tensor, of_sizes};
use crate::model::graph::{Argument, DType, Graph, Operator, Scope, ValueId, Weight, WeightRole};

/// Functions that call functions.
const DEEPEST_CALL: usize = 32;
/// Nodes that a graph may have once its loops are unrolled.
const MOST_NODES: usize = 500_000;

/// The graph so far and all that is known.
pub(super) struct Lowering<'m> {
    pub(super) graph: Graph,
    pub(super) model: &'m proto::Model,
    pub(super) store: Store,
    /// Sizes that were asked for already, by tensor and dimension.
    pub(super) sizes: HashMap<(ValueId, usize), ValueId>,
    /// What dimension a size is of.
    pub(super) dims: HashMap<ValueId, Dim>,
    /// Where a value is a permutation of another, so that a permutation back costs nothing.
    pub(super) permuted: HashMap<ValueId, (Tensor, Vec<usize>)>,
    /// What a running mean is to the framework that wrote the file.
    pub(super) statistics: WeightRole,
    pub(super) opsets: Opsets,
    frames: Vec<Frame<'m>>,
    names: HashMap<String, usize>,
    layers: Names,
    calls: usize,
}

/// Values by the names that they have in one graph or function.
#[derive(Default)]
struct Frame<'m> {
    known: HashMap<String, Known>,
    /// Whether names of the graph around it are known inside, as in a branch but not in a function.
    open: bool,
    attributes: HashMap<&'m str, &'m AttributeValue>,
    /// Layers around the function's call.
    scope: Vec<Scope>,
}

impl<'m> Lowering<'m> {
    pub(super) fn new(model: &'m proto::Model, store: Store) -> Self {
        let keras =
            model.producer.to_lowercase().contains("tf2onnx") || model.producer.to_lowercase().contains("keras");
        Self {
            graph: Graph::default(),
            model,
            store,
            sizes: HashMap::new(),
            dims: HashMap::new(),
            permuted: HashMap::new(),
            statistics: if keras { WeightRole::Frozen } else { WeightRole::Buffer },
            opsets: model.opsets.clone(),
            frames: vec![Frame::default()],
            names: HashMap::new(),
            layers: Names::of(&model.graph.nodes),
            calls: 0,
        }
    }

    /// `name`, or with a number where it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let count = self.names.entry(name.to_owned()).or_default();
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name}_{}", *count - 1) }
    }

    /// Makes a value of the file known.
    pub(super) fn bind(&mut self, name: &str, known: Known) {
        if let Known::Tensor(tensor) = &known
            && !name.is_empty()
            && !self.graph.inputs.contains(&tensor.value)
        {
            name.clone_into(&mut self.graph.values[tensor.value.0]);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.known.insert(name.to_owned(), known);
        }
    }

    fn find(&self, name: &str) -> Option<&Known> {
        for frame in self.frames.iter().rev() {
            if let Some(known) = frame.known.get(name) {
                return Some(known);
            }
            if !frame.open {
                return None;
            }
        }
        None
    }

    /// Lowers a graph's initializers and nodes; its inputs are bound already.
    pub(super) fn body(&mut self, graph: &'m proto::Graph) -> Result<()> {
        if graph.sparse {
            return Err(OnnxError::OtherKind("it has sparse weights, which cannot be held here".to_owned()));
        }
        for initializer in &graph.initializers {
            let constant = self.store.constant(initializer, true)?;
            self.bind(&initializer.name, Known::Constant(Rc::new(constant)));
        }
        graph.nodes.iter().try_for_each(|node| self.node(node))
    }

    /// What a graph gives, by the names of its outputs.
    pub(super) fn outputs_of(&self, graph: &proto::Graph) -> Result<Vec<Known>> {
        let known = |name: &str| self.find(name).cloned();
        let missing = |name: &str| OnnxError::damaged(format!("nothing makes its output {name}"));
        graph.outputs.iter().map(|output| known(&output.name).ok_or_else(|| missing(&output.name))).collect()
    }

    /// Lowers a branch or a loop's body with its inputs bound to `inputs`.
    pub(super) fn nested(&mut self, graph: &'m proto::Graph, inputs: Vec<Known>) -> Result<Vec<Known>> {
        let attributes = self.frames.last().map(|frame| frame.attributes.clone()).unwrap_or_default();
        let scope = self.frames.last().map(|frame| frame.scope.clone()).unwrap_or_default();
        self.frames.push(Frame { open: true, attributes, scope, ..Frame::default() });
        for (input, known) in graph.inputs.iter().zip(inputs) {
            self.bind(&input.name, known);
        }
        let outputs = self.body(graph).and_then(|()| self.outputs_of(graph));
        self.frames.pop();
        outputs
    }

    fn node(&mut self, node: &'m proto::Node) -> Result<()> {
        if self.graph.nodes.len() > MOST_NODES {
            return Err(OnnxError::damaged(format!("more than {MOST_NODES} nodes once its loops are unrolled")));
        }
        let around = self.frames.last().map(|frame| frame.scope.clone()).unwrap_or_default();
        let mut scope = self.layers.scope(node, around.is_empty());
        if !around.is_empty() {
            let inner = std::mem::replace(&mut scope, around);
            scope.extend(inner);
        }
        let place = scope.last().map_or_else(String::new, |layer| format!("{}.", layer.path));
        let name = self.unique(&format!("{place}{}", crate::model::printable(&node.operator)));
        let attributes = self.attributes(node);
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            inputs.push(match self.find(input) {
                _ if input.is_empty() => None,
                Some(Known::Nothing) => None,
                Some(known) => Some(known.clone()),
                None => {
                    let reason = format!("it reads {}, which nothing before it makes", crate::model::printable(input));
                    return Err(names::fail(node, reason));
                }
            });
        }
        if let Some(function) = self.function(node) {
            return self.inline(node, function, &attributes, inputs, scope);
        }
        let version = self.opsets.version(&node.domain).unwrap_or(1);
        let first = self.graph.nodes.len();
        let mut call = Call::new(self, node, attributes, inputs, scope, name.clone(), version);
        let outputs = operators::lower(&mut call)?;
        self.rename_last(first, &name);
        for (output, known) in node.outputs.iter().zip(outputs) {
            if !output.is_empty() {
                let known = match known {
                    Known::Tensor(tensor) => Known::Tensor(Tensor { sizes: of_sizes(tensor.sizes), ..tensor }),
                    known => known,
                };
                self.bind(output, known);
            }
        }
        Ok(())
    }

    /// The last call that a node of the file became bears the node's name.
    fn rename_last(&mut self, first: usize, name: &str) {
        let own = format!("{name}.");
        if let Some(last) = self.graph.nodes[first..].iter_mut().rev().find(|node| node.name.starts_with(&own)) {
            name.clone_into(&mut last.name);
        }
    }

    /// A node's attributes, those of the function around it put in.
    fn attributes(&self, node: &'m proto::Node) -> HashMap<&'m str, &'m AttributeValue> {
        let given = self.frames.last().map(|frame| &frame.attributes);
        let value = |attribute: &'m Attribute| {
            if attribute.reference.is_empty() {
                Some(&attribute.value)
            } else {
                given.and_then(|given| given.get(attribute.reference.as_str()).copied())
            }
        };
        node.attributes.iter().filter_map(|one| Some((one.name.as_str(), value(one)?))).collect()
    }

    fn function(&self, node: &proto::Node) -> Option<&'m Function> {
        self.model.functions.iter().find(|function| {
            function.name == node.operator
                && proto::own_domain(&function.domain) == proto::own_domain(&node.domain)
                && function.overload == node.overload
        })
    }

    fn inline(
        &mut self,
        node: &'m proto::Node,
        function: &'m Function,
        given: &HashMap<&'m str, &'m AttributeValue>,
        inputs: Vec<Option<Known>>,
        scope: Vec<Scope>,
    ) -> Result<()> {
        if self.calls >= DEEPEST_CALL {
            return Err(names::fail(node, format!("functions call functions more than {DEEPEST_CALL} deep")));
        }
        let mut attributes: HashMap<&str, &AttributeValue> =
            function.defaults.iter().map(|attribute| (attribute.name.as_str(), &attribute.value)).collect();
        attributes.extend(given);
        let mut frame = Frame { attributes, scope, ..Frame::default() };
        let nothing = std::iter::repeat(None);
        for (name, known) in function.inputs.iter().zip(inputs.into_iter().chain(nothing)) {
            frame.known.insert(name.clone(), known.unwrap_or(Known::Nothing));
        }
        let opsets = if function.opsets == Opsets::default() { self.opsets.clone() } else { function.opsets.clone() };
        let outer = std::mem::replace(&mut self.opsets, opsets);
        self.frames.push(frame);
        self.calls += 1;
        let lowered = function.nodes.iter().try_for_each(|inner| self.node(inner));
        let outputs: Vec<Option<Known>> = function.outputs.iter().map(|name| self.find(name).cloned()).collect();
        self.calls -= 1;
        self.frames.pop();
        self.opsets = outer;
        lowered?;
        for (output, known) in node.outputs.iter().zip(outputs) {
            let missing = || names::fail(node, "its function does not make all of its outputs".to_owned());
            if !output.is_empty() {
                self.bind(output, known.ok_or_else(missing)?);
            }
        }
        Ok(())
    }

    /// A value as a tensor of the graph.
    pub(super) fn tensor(&mut self, known: &Known) -> Result<Tensor> {
        match known {
            Known::Tensor(tensor) => Ok(tensor.clone()),
            Known::Constant(constant) => {
                let number = constant.dtype.is_float();
                let learned = constant.initializer && number && constant.elements() > 1;
                Ok(self.weight(constant, if learned { WeightRole::Parameter } else { WeightRole::Constant }))
            }
            Known::Numbers(numbers) => Ok(self.tensor_of(numbers)),
            Known::Sequence(_) => Err(OnnxError::damaged("a sequence stands where a tensor should be")),
            Known::Nothing => Err(OnnxError::damaged("nothing stands where a tensor should be")),
        }
    }

    /// A tensor of the file as a weight of the graph; who asks first says what it is.
    pub(super) fn weight(&mut self, constant: &Constant, role: WeightRole) -> Tensor {
        let value = constant.value.get().unwrap_or_else(|| {
            self.graph.weight(|value| Weight {
                name: constant.name.clone(),
                value,
                role,
                dtype: constant.dtype,
                shape: constant.shape.clone(),
                strides: constant.strides.clone(),
                data: constant.data.clone(),
            })
        });
        constant.value.set(Some(value));
        let sizes = constant.shape.iter().map(|&size| Dim::Fixed(size as i64)).collect();
        Tensor { value, dtype: constant.dtype, sizes }
    }

    fn tensor_of(&mut self, numbers: &Numbers) -> Tensor {
        let sizes: Vec<Dim> = numbers.shape.iter().map(|&size| Dim::Fixed(size as i64)).collect();
        if let Some(data) = bytes_of(numbers) {
            let name = self.unique("constant");
            let (dtype, shape) = (numbers.dtype, numbers.shape.clone());
            let role = WeightRole::Constant;
            let value = self.graph.weight(|value| Weight { name, value, role, dtype, shape, strides: None, data });
            return Tensor { value, dtype, sizes };
        }
        let mut scalars = Vec::with_capacity(numbers.items.len());
        for item in &numbers.items {
            let arguments =
                [("s", item.argument()), ("dtype", Argument::DType(numbers.dtype)), ("device", Argument::Device)];
            let name = self.unique("size.scalar");
            scalars.push(Argument::Value(self.graph.call(&[], &name, Operator::aten("scalar_tensor", ""), arguments)));
        }
        let name = self.unique("size.stack");
        let stacked = self.graph.call(&[], &name, Operator::aten("stack", ""), [("tensors", Argument::List(scalars))]);
        let name = self.unique("size.reshape");
        let shape = Argument::ints(numbers.shape.iter().map(|&size| size as i64));
        let arguments = [("self", stacked.into()), ("shape", shape)];
        let value = self.graph.call(&[], &name, Operator::aten("reshape", ""), arguments);
        Tensor { value, dtype: numbers.dtype, sizes }
    }
}

/// Little-endian elements, where none depends on what is fed.
pub(super) fn bytes_of(numbers: &Numbers) -> Option<Bytes> {
    let mut bytes = Vec::with_capacity(numbers.items.len() * numbers.dtype.size());
    for item in &numbers.items {
        match numbers.dtype {
            DType::Float32 => bytes.extend((item.real()? as f32).to_le_bytes()),
            DType::Float64 => bytes.extend(item.real()?.to_le_bytes()),
            DType::Float16 => bytes.extend(to_half(item.real()? as f32).to_le_bytes()),
            DType::BFloat16 => bytes.extend(to_bfloat(item.real()? as f32).to_le_bytes()),
            whole => {
                let number = item.int().or_else(|| item.real().map(|real| real as i64))?;
                bytes.extend(number.to_le_bytes().into_iter().take(whole.size()));
            }
        }
    }
    Some(bytes.into())
}

/// Rounded to nearest, ties to even.
fn to_bfloat(number: f32) -> u16 {
    let bits = number.to_bits();
    if number.is_nan() { 0x7fc0 } else { ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16 }
}

/// Rounded to nearest, ties to even, by arithmetic: a number of so few bits is a whole multiple of its last place.
fn to_half(number: f32) -> u16 {
    let sign = if number.is_sign_negative() { 0x8000 } else { 0 };
    let size = f64::from(number.abs());
    if number.is_nan() {
        return 0x7e00;
    }
    if size >= 65520.0 {
        return sign | 0x7c00;
    }
    let exponent = (size.log2().floor() as i32).clamp(-14, 15);
    let places = (size / 2.0_f64.powi(exponent - 10)).round_ties_even() as u16;
    // A carry out of the fraction goes to the exponent, as the bits lie beside each other.
    sign | if exponent == -14 && places < 1024 { places } else { (((exponent + 15) as u16) << 10) + places - 1024 }
}

/// A whole number that is known, or that the graph must compute from a tensor's element.
pub(super) fn element(lowering: &mut Lowering, tensor: &Tensor, index: i64) -> Number {
    let flat = if tensor.rank() == 1 {
        tensor.value
    } else {
        let name = lowering.unique("size.reshape");
        let arguments = [("self", tensor.value.into()), ("shape", Argument::ints([-1]))];
        lowering.graph.call(&[], &name, Operator::aten("reshape", ""), arguments)
    };
    let name = lowering.unique("size.select");
    let arguments = [("self", flat.into()), ("dim", Argument::Int(0)), ("index", Argument::Int(index))];
    let selected = lowering.graph.call(&[], &name, Operator::aten("select", "int"), arguments);
    let name = lowering.unique("size.item");
    let arguments = [("self", selected.into())];
    Number::Size(lowering.graph.call(&[], &name, Operator::aten("item", ""), arguments))
}
