//! The operator calls that a node of the file becomes.

use super::call::Call;
use super::error::Result;
use super::values::{Dim, Known, Number, Numbers, Tensor, of_size};
use crate::model::graph::{Argument, DType, Node, Operator, Output, ValueId};

/// Arguments of an operator, by its parameters' names.
pub(super) type Arguments<'p> = Vec<(&'p str, Argument)>;

impl Call<'_, '_> {
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
