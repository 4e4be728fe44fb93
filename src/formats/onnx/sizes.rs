//! Arithmetic on single numbers: done at load where they are known, left to the graph where they depend on the input.

use std::sync::Arc;

use super::error::{OnnxError, Result};
use super::lower::Lowering;
use super::values::{Dim, Number, Tensor, of_size};
use crate::model::graph::{Argument, Node, Operator, Output, SizeOperator, ValueId};

impl Lowering<'_> {
    /// The size of a tensor's dimension.
    pub(super) fn size(&mut self, tensor: &Tensor, axis: usize) -> Number {
        let dim = tensor.sizes.get(axis).copied().unwrap_or(Dim::Open);
        if let Dim::Fixed(size) = dim {
            return Number::Int(size);
        }
        if let Some(&known) = self.sizes.get(&(tensor.value, axis)) {
            return Number::Size(known);
        }
        let arguments = [("self", tensor.value.into()), ("dim", Argument::Int(axis as i64))];
        let name = self.unique("size");
        let value = self.graph.call(&[], &name, Operator::aten("sym_size", "int"), arguments);
        self.sizes.insert((tensor.value, axis), value);
        self.dims.insert(value, dim);
        Number::Size(value)
    }

    /// The sizes of all dimensions.
    pub(super) fn shape(&mut self, tensor: &Tensor) -> Vec<Number> {
        (0..tensor.rank()).map(|axis| self.size(tensor, axis)).collect()
    }

    /// The dimension that has a number as its size.
    pub(super) fn dim(&self, number: Number) -> Dim {
        match number {
            Number::Int(size) => of_size(size),
            Number::Float(_) => Dim::Open,
            Number::Size(value) => self.dims.get(&value).copied().unwrap_or(Dim::Open),
        }
    }

    /// `operator` of two numbers.
    pub(super) fn arithmetic(&mut self, operator: SizeOperator, a: Number, b: Number) -> Result<Number> {
        if let Some(known) = folded(operator, a, b)? {
            return Ok(known);
        }
        match (operator, a, b) {
            (SizeOperator::Add | SizeOperator::Sub, any, Number::Int(0))
            | (SizeOperator::Add, Number::Int(0), any)
            | (SizeOperator::Mul | SizeOperator::FloorDiv, any, Number::Int(1))
            | (SizeOperator::Mul, Number::Int(1), any) => return Ok(any),
            _ => {}
        }
        let dim = match (operator, self.dim(a), self.dim(b)) {
            (SizeOperator::Mul, Dim::Batch(k), Dim::Fixed(n)) | (SizeOperator::Mul, Dim::Fixed(n), Dim::Batch(k)) => {
                k.checked_mul(n).map_or(Dim::Open, Dim::Batch)
            }
            (SizeOperator::FloorDiv, Dim::Batch(k), Dim::Fixed(n)) if n > 0 && k % n == 0 => Dim::Batch(k / n),
            _ => Dim::Open,
        };
        let value = self.size_node(operator, &[a, b]);
        self.dims.insert(value, dim);
        Ok(Number::Size(value))
    }

    /// A number rounded up, down or towards zero, negated, and so on.
    pub(super) fn of_one(&mut self, operator: SizeOperator, a: Number) -> Result<Number> {
        use SizeOperator as Op;
        let whole = |number: f64| Number::Int(number as i64);
        Ok(match (operator, a) {
            (Op::Neg, Number::Int(number)) => Number::Int(number.checked_neg().ok_or_else(overflow)?),
            (Op::Neg, Number::Float(number)) => Number::Float(-number),
            (Op::Ceil | Op::Floor | Op::ToInt, Number::Int(_)) | (Op::ToFloat, Number::Float(_)) => a,
            (Op::Ceil, Number::Float(number)) => whole(number.ceil()),
            (Op::Floor, Number::Float(number)) => whole(number.floor()),
            (Op::ToInt, Number::Float(number)) => whole(number.trunc()),
            (Op::ToFloat, Number::Int(number)) => Number::Float(number as f64),
            (operator, a) => Number::Size(self.size_node(operator, &[a])),
        })
    }

    fn size_node(&mut self, operator: SizeOperator, arguments: &[Number]) -> ValueId {
        let name = self.unique("size");
        let value = self.graph.value(name.clone());
        let parameters: [Arc<str>; 2] = ["a".into(), "b".into()];
        self.graph.nodes.push(Node {
            name,
            operator: Operator::Size(operator),
            arguments: parameters.into_iter().zip(arguments.iter().map(|number| number.argument())).collect(),
            outputs: vec![Output::Value(value)],
            scope: Vec::new(),
        });
        value
    }
}

fn overflow() -> OnnxError {
    OnnxError::damaged("its shape arithmetic leaves 64 bits")
}

/// The result where both numbers are known.
fn folded(operator: SizeOperator, a: Number, b: Number) -> Result<Option<Number>> {
    use SizeOperator as Op;
    if let (Some(a), Some(b)) = (a.int(), b.int()) {
        let truth = |truth: bool| Some(i64::from(truth));
        let result = match operator {
            Op::Add => a.checked_add(b),
            Op::Sub => a.checked_sub(b),
            Op::Mul => a.checked_mul(b),
            Op::FloorDiv | Op::Mod if b == 0 => return Err(OnnxError::damaged("its shape arithmetic divides by zero")),
            Op::FloorDiv => a.checked_div_euclid(b).map(|_| {
                let quotient = a / b;
                if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }
            }),
            Op::Mod => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
            Op::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            Op::Max => Some(a.max(b)),
            Op::Min => Some(a.min(b)),
            Op::Eq => truth(a == b),
            Op::Ne => truth(a != b),
            Op::Lt => truth(a < b),
            Op::Le => truth(a <= b),
            Op::Gt => truth(a > b),
            Op::Ge => truth(a >= b),
            Op::TrueDiv if b != 0 => return Ok(Some(Number::Float(a as f64 / b as f64))),
            _ => None,
        };
        return result.map(|number| Some(Number::Int(number))).ok_or_else(overflow);
    }
    let (Some(a), Some(b)) = (a.real(), b.real()) else { return Ok(None) };
    let truth = |truth: bool| Number::Int(i64::from(truth));
    Ok(Some(match operator {
        Op::Add => Number::Float(a + b),
        Op::Sub => Number::Float(a - b),
        Op::Mul => Number::Float(a * b),
        Op::TrueDiv => Number::Float(a / b),
        Op::FloorDiv => Number::Float((a / b).floor()),
        Op::Mod => Number::Float(a - b * (a / b).floor()),
        Op::Pow => Number::Float(a.powf(b)),
        Op::Max => Number::Float(a.max(b)),
        Op::Min => Number::Float(a.min(b)),
        Op::Eq => truth(a.total_cmp(&b).is_eq()),
        Op::Ne => truth(a.total_cmp(&b).is_ne()),
        Op::Lt => truth(a < b),
        Op::Le => truth(a <= b),
        Op::Gt => truth(a > b),
        Op::Ge => truth(a >= b),
        _ => return Ok(None),
    }))
}
