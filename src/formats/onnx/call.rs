//! One node of the file while it becomes operator calls.

use std::collections::HashMap;

use super::error::{OnnxError, Result};
use super::lower::{Lowering, element};
use super::names;
use super::proto::{self, AttributeValue};
use super::values::{Known, Number, Tensor};
use crate::model::graph::{Argument, DType, Scope};
use crate::model::printable;

/// A node with its inputs and attributes.
pub(super) struct Call<'a, 'm> {
    pub(super) lowering: &'a mut Lowering<'m>,
    pub(super) node: &'m proto::Node,
    /// Version of the operator set that the node's operator is of.
    pub(super) version: i64,
    attributes: HashMap<&'m str, &'m AttributeValue>,
    inputs: Vec<Option<Known>>,
    pub(super) scope: Vec<Scope>,
    pub(super) name: String,
}

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

    /// Whether somebody may ask for an output.
    pub(super) fn wants(&self, index: usize) -> bool {
        self.node.outputs.get(index).is_some_and(|name| !name.is_empty())
    }
}
