//! One node of the file while it becomes operator calls.

use std::collections::HashMap;

use super::error::{OnnxError, Result};
use super::lower::{Lowering, element};
use super::names;
use super::proto::{self, AttributeValue};
use super::values::{Dim, Known, Number, Numbers, Tensor, of_size};
use crate::model::graph::{Argument, DType, Node, Operator, Output, Scope, ValueId};
use crate::model::printable;

/// A node with its inputs and attributes.
pub(super) struct Call<'a, 'm> {
    pub(super) lowering: &'a mut Lowering<'m>,
    pub(super) node: &'m proto::Node,
    /// Version of the operator set that the node's operator is of.
    pub(super) version: i64,
    attributes: HashMap<&'m str, &'m AttributeValue>,
    inputs: Vec<Option<Known>>,
    scope: Vec<Scope>,
    name: String,
}

/// Arguments of an operator, by its parameters' names.
pub(super) type Arguments<'p> = Vec<(&'p str, Argument)>;

impl<'a, 'm> Call<'a, 'm> {
    pub(super) fn new(
        lowering: &'a mut Lowering<'m>,
        node: &'m proto::Node,
        attributes: HashMap<&'m str, &'m AttributeValue>,
        inputs: Vec<Option<Known>>,
        scope: Vec<Scope>,
        name: String,
        version: i64,
    ) -> Self {
        Self { lowering, node, version, attributes, inputs, scope, name }
    }

    /// The node cannot be run, for this reason.
    pub(super) fn fail(&self, reason: impl Into<String>) -> OnnxError {
        names::fail(self.node, reason.into())
    }

    // Inputs.

    pub(super) fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// An input that may be left out.
    pub(super) fn given(&self, index: usize) -> Option<&Known> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    pub(super) fn known(&self, index: usize) -> Result<Known> {
        self.given(index).cloned().ok_or_else(|| self.fail(format!("its input {index} is missing")))
    }

    pub(super) fn tensor(&mut self, index: usize) -> Result<Tensor> {
        let known = self.known(index)?;
        self.lowering.tensor(&known)
    }

    pub(super) fn maybe_tensor(&mut self, index: usize) -> Result<Option<Tensor>> {
        match self.given(index).cloned() {
            Some(known) => self.lowering.tensor(&known).map(Some),
            None => Ok(None),
        }
    }

    /// An optional tensor as an argument.
    pub(super) fn maybe_argument(&mut self, index: usize) -> Result<Argument> {
        Ok(self.maybe_tensor(index)?.map_or(Argument::None, |tensor| tensor.value.into()))
    }

    /// The whole numbers of an input: known, or computed by the graph.
    pub(super) fn numbers(&mut self, index: usize) -> Result<Option<Vec<Number>>> {
        let Some(known) = self.given(index).cloned() else { return Ok(None) };
        if let Some(numbers) = known.numbers() {
            return Ok(Some(numbers.items));
        }
        let tensor = self.lowering.tensor(&known)?;
        let count = tensor.sizes.iter().try_fold(1, |product: i64, size| product.checked_mul(size.fixed()?));
        match count {
            Some(count) if count <= 64 => Ok(Some((0..count).map(|at| element(self.lowering, &tensor, at)).collect())),
            _ => Err(self.fail(format!("how many numbers its input {index} has depends on the data"))),
        }
    }

    /// Whole numbers that must be known at load.
    pub(super) fn ints(&self, index: usize) -> Result<Option<Vec<i64>>> {
        self.constants(index, Number::int)
    }

    /// Real numbers that must be known at load.
    pub(super) fn reals(&self, index: usize) -> Result<Option<Vec<f64>>> {
        self.constants(index, Number::real)
    }

    fn constants<T>(&self, index: usize, read: impl Fn(Number) -> Option<T>) -> Result<Option<Vec<T>>> {
        let Some(known) = self.given(index) else { return Ok(None) };
        let items = known.numbers().and_then(|numbers| numbers.items.into_iter().map(read).collect());
        let fail = || self.fail(format!("its input {index} is no constant, which only constants can be here"));
        items.map(Some).ok_or_else(fail)
    }

    /// A single whole number that must be known at load.
    pub(super) fn one_int(&self, index: usize) -> Result<Option<i64>> {
        Ok(self.ints(index)?.and_then(|items| items.first().copied()))
    }

    /// A single real number that must be known at load.
    pub(super) fn one_real(&self, index: usize) -> Result<Option<f64>> {
        Ok(self.reals(index)?.and_then(|items| items.first().copied()))
    }

    // Attributes.

    pub(super) fn attribute(&self, name: &str) -> Option<&'m AttributeValue> {
        self.attributes.get(name).copied()
    }

    pub(super) fn maybe_int(&self, name: &str) -> Result<Option<i64>> {
        match self.attribute(name) {
            Some(AttributeValue::Int(value)) => Ok(Some(*value)),
            Some(AttributeValue::None) | None => Ok(None),
            Some(_) => Err(self.fail(format!("its attribute {name} is no whole number"))),
        }
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.maybe_int(name)?.unwrap_or(default))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.int(name, 0)? != 0)
    }

    pub(super) fn maybe_float(&self, name: &str) -> Result<Option<f64>> {
        match self.attribute(name) {
            Some(AttributeValue::Float(value)) => Ok(Some(f64::from(*value))),
            Some(AttributeValue::Int(value)) => Ok(Some(*value as f64)),
            Some(AttributeValue::None) | None => Ok(None),
            Some(_) => Err(self.fail(format!("its attribute {name} is no number"))),
        }
    }

    pub(super) fn float(&self, name: &str, default: f64) -> Result<f64> {
        Ok(self.maybe_float(name)?.unwrap_or(default))
    }

    pub(super) fn int_list(&self, name: &str) -> Result<Option<Vec<i64>>> {
        match self.attribute(name) {
            Some(AttributeValue::Ints(values)) => Ok(Some(values.clone())),
            Some(AttributeValue::None) | None => Ok(None),
            Some(_) => Err(self.fail(format!("its attribute {name} is no list of whole numbers"))),
        }
    }

    pub(super) fn text(&self, name: &str, default: &'m str) -> Result<&'m str> {
        match self.attribute(name) {
            Some(AttributeValue::Text(value)) => Ok(value),
            Some(AttributeValue::None) | None => Ok(default),
            Some(_) => Err(self.fail(format!("its attribute {name} is no text"))),
        }
    }

    pub(super) fn graph(&self, name: &str) -> Result<&'m proto::Graph> {
        match self.attribute(name) {
            Some(AttributeValue::Graph(graph)) => Ok(graph),
            _ => Err(self.fail(format!("its attribute {name} is missing"))),
        }
    }

    /// The element type that an attribute names, as it is held here.
    pub(super) fn dtype(&self, name: &str) -> Result<Option<DType>> {
        self.maybe_int(name)?.map(|kind| super::tensor::dtype(kind).map_err(|reason| self.fail(reason))).transpose()
    }

    /// The value of an attribute that names something unknown here.
    pub(super) fn unknown(&self, attribute: &str, value: &str) -> OnnxError {
        self.fail(format!("{attribute} {:?} is not known here", printable(value)))
    }

    /// A dimension counted from either end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        let inside = usize::try_from(counted).ok().filter(|&axis| axis < rank);
        inside.ok_or_else(|| self.fail(format!("its axis {axis} is none of {rank} dimensions")))
    }

    /// Several dimensions, counted from either end; the same one must not come twice.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let mut counted = Vec::with_capacity(axes.len());
        for &told in axes {
            let place = self.axis(told, rank)?;
            if counted.contains(&place) {
                return Err(self.fail(format!("its axes {axes:?} name one dimension twice")));
            }
            counted.push(place);
        }
        Ok(counted)
    }

    // Outputs.

    /// Whether somebody may ask for an output.
    pub(super) fn wants(&self, index: usize) -> bool {
        self.node.outputs.get(index).is_some_and(|name| !name.is_empty())
    }

    /// Calls an operator that gives one tensor.
    pub(super) fn aten(&mut self, operator: (&str, &str), arguments: Arguments) -> ValueId {
        let name = self.lowering.unique(&format!("{}.{}", self.name, operator.0));
        self.lowering.graph.call(&self.scope, &name, Operator::aten(operator.0, operator.1), arguments)
    }

    /// Calls an operator that gives several tensors, or one list of them.
    pub(super) fn aten_many(
        &mut self,
        operator: (&str, &str),
        arguments: Arguments,
        count: usize,
        list: bool,
    ) -> Vec<ValueId> {
        let name = self.lowering.unique(&format!("{}.{}", self.name, operator.0));
        let graph = &mut self.lowering.graph;
        let values: Vec<ValueId> = (0..count).map(|at| graph.value(format!("{name}.{at}"))).collect();
        let outputs = if list {
            vec![Output::List(values.clone())]
        } else {
            values.iter().map(|&value| Output::Value(value)).collect()
        };
        graph.nodes.push(Node {
            name,
            operator: Operator::aten(operator.0, operator.1),
            arguments: arguments.into_iter().map(|(name, argument)| (name.into(), argument)).collect(),
            outputs,
            scope: self.scope.clone(),
        });
        values
    }

    /// An operator on one tensor, `self`, that keeps its shape and type.
    pub(super) fn like(&mut self, operator: (&str, &str), input: &Tensor, rest: Arguments) -> Tensor {
        let mut arguments = vec![("self", input.value.into())];
        arguments.extend(rest);
        Tensor { value: self.aten(operator, arguments), dtype: input.dtype, sizes: input.sizes.clone() }
    }

    /// An operator on one tensor, `self`, that gives another shape.
    pub(super) fn shaped(
        &mut self,
        operator: (&str, &str),
        input: &Tensor,
        rest: Arguments,
        sizes: Vec<Dim>,
    ) -> Tensor {
        Tensor { sizes, ..self.like(operator, input, rest) }
    }

    /// `input` in another element type.
    pub(super) fn cast(&mut self, input: &Tensor, dtype: DType) -> Tensor {
        if input.dtype == dtype {
            return input.clone();
        }
        let cast = self.like(("_to_copy", ""), input, vec![("dtype", Argument::DType(dtype))]);
        Tensor { dtype, ..cast }
    }

    /// `input` with its dimensions in another order; a permutation back gives the tensor that was there before.
    pub(super) fn permute(&mut self, input: &Tensor, order: &[usize]) -> Tensor {
        if order.iter().enumerate().all(|(at, &from)| at == from) {
            return input.clone();
        }
        if let Some((source, before)) = self.lowering.permuted.get(&input.value).cloned()
            && order.iter().enumerate().all(|(at, &from)| before.get(from) == Some(&at))
        {
            return source;
        }
        let sizes = order.iter().map(|&axis| input.sizes[axis]).collect();
        let dims = Argument::ints(order.iter().map(|&axis| axis as i64));
        let permuted = self.shaped(("permute", ""), input, vec![("dims", dims)], sizes);
        self.lowering.permuted.insert(permuted.value, (input.clone(), order.to_vec()));
        permuted
    }

    /// `input` in a shape of numbers that are known or sizes.
    pub(super) fn reshape(&mut self, input: &Tensor, shape: &[Number]) -> Tensor {
        let sizes = shape.iter().map(|&number| self.lowering.dim(number)).collect();
        let shape = Argument::List(shape.iter().map(|number| number.argument()).collect());
        self.shaped(("reshape", ""), input, vec![("shape", shape)], sizes)
    }

    /// `input` with dimensions of size 1 at these places of the result.
    pub(super) fn unsqueeze(&mut self, input: &Tensor, axes: &[usize]) -> Tensor {
        let mut sorted = axes.to_vec();
        sorted.sort_unstable();
        sorted.iter().fold(input.clone(), |tensor, &axis| {
            let mut sizes = tensor.sizes.clone();
            sizes.insert(axis.min(sizes.len()), Dim::Fixed(1));
            self.shaped(("unsqueeze", ""), &tensor, vec![("dim", Argument::Int(axis as i64))], sizes)
        })
    }

    /// `input` with zeros, or another number, around it; `begin` and `end` are of the last dimensions.
    pub(super) fn pad(&mut self, input: &Tensor, begin: &[Number], end: &[Number], value: Argument) -> Tensor {
        if begin.iter().chain(end).all(|&pad| pad == Number::Int(0)) {
            return input.clone();
        }
        let first = input.rank().saturating_sub(begin.len());
        let mut sizes = input.sizes.clone();
        for (at, (&before, &after)) in begin.iter().zip(end).enumerate() {
            let axis = first + at;
            if before != Number::Int(0) || after != Number::Int(0) {
                sizes[axis] = match (sizes[axis], before.int(), after.int()) {
                    (Dim::Fixed(size), Some(before), Some(after)) => {
                        of_size(size.saturating_add(before).saturating_add(after))
                    }
                    _ => Dim::Open,
                };
            }
        }
        let pairs = begin.iter().zip(end).rev().flat_map(|(before, after)| [before.argument(), after.argument()]);
        let arguments = vec![("pad", Argument::List(pairs.collect())), ("value", value)];
        self.shaped(("constant_pad_nd", ""), input, arguments, sizes)
    }

    /// A part of one dimension, of `length` if that is known.
    pub(super) fn slice(
        &mut self,
        input: &Tensor,
        axis: usize,
        start: Number,
        end: Option<Number>,
        length: Dim,
    ) -> Tensor {
        let mut sizes = input.sizes.clone();
        sizes[axis] = length;
        let end = end.map_or(Argument::None, Number::argument);
        let arguments = vec![("dim", Argument::Int(axis as i64)), ("start", start.argument()), ("end", end)];
        self.shaped(("slice", "Tensor"), input, arguments, sizes)
    }

    /// Elementwise operator of two operands that are broadcast as in numpy.
    pub(super) fn binary(&mut self, operator: (&str, &str), a: &Tensor, b: impl Into<Operand>) -> Tensor {
        let (other, sizes) = match b.into() {
            Operand::Number(number) => (number, a.sizes.clone()),
            Operand::Tensor(tensor) => (tensor.value.into(), broadcast(&a.sizes, &tensor.sizes)),
        };
        self.shaped(operator, a, vec![("other", other)], sizes)
    }

    /// A constant of the program's own.
    pub(super) fn constant(&mut self, dtype: DType, shape: Vec<usize>, items: Vec<Number>) -> Result<Tensor> {
        self.lowering.tensor(&Known::Numbers(Numbers { dtype, shape, items }))
    }
}

/// What stands beside a tensor.
pub(super) enum Operand {
    /// A number, which decides no type.
    Number(Argument),
    /// Another tensor.
    Tensor(Tensor),
}

impl From<f64> for Operand {
    fn from(number: f64) -> Self {
        Self::Number(Argument::Float(number))
    }
}

impl From<Number> for Operand {
    fn from(number: Number) -> Self {
        Self::Number(number.argument())
    }
}

impl From<&Tensor> for Operand {
    fn from(tensor: &Tensor) -> Self {
        Self::Tensor(tensor.clone())
    }
}

/// The shape of two tensors that work together element by element.
pub(super) fn broadcast(a: &[Dim], b: &[Dim]) -> Vec<Dim> {
    let rank = a.len().max(b.len());
    let at =
        |sizes: &[Dim], axis: usize| (axis + sizes.len()).checked_sub(rank).and_then(|axis| sizes.get(axis).copied());
    (0..rank)
        .map(|axis| match (at(a, axis).unwrap_or(Dim::Fixed(1)), at(b, axis).unwrap_or(Dim::Fixed(1))) {
            (Dim::Fixed(1), other) | (other, Dim::Fixed(1)) => other,
            (Dim::Fixed(size), _) | (_, Dim::Fixed(size)) => Dim::Fixed(size),
            (Dim::Batch(one), Dim::Batch(two)) if one == two => Dim::Batch(one),
            (Dim::Batch(size), Dim::Open) | (Dim::Open, Dim::Batch(size)) => Dim::Batch(size),
            _ => Dim::Open,
        })
        .collect()
}
