//! What is known of a value of the file while its graph is lowered.

use std::rc::Rc;

use super::tensor::Constant;
use crate::model::graph::{Argument, DType, ValueId};

/// A dimension of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dim {
    /// Known at load.
    Fixed(i64),
    /// So many times the number of pictures: the batch may be of any size, whatever the file was made with.
    Batch(i64),
    /// Known when the graph runs.
    Open,
}

impl Dim {
    pub(super) fn fixed(self) -> Option<i64> {
        match self {
            Self::Fixed(size) => Some(size),
            Self::Batch(_) | Self::Open => None,
        }
    }
}

/// The longest dimension that is computed with at load; a longer one is left to the graph, which says what is wrong with it.
const LONGEST: i64 = 1 << 32;

/// A dimension of a size that is known.
pub(super) fn of_size(size: i64) -> Dim {
    if (0..=LONGEST).contains(&size) { Dim::Fixed(size) } else { Dim::Open }
}

/// Sizes that were computed from a file's numbers: what cannot be one is left to the graph.
pub(super) fn of_sizes(sizes: Vec<Dim>) -> Vec<Dim> {
    let checked = |size: Dim| size.fixed().map_or(size, of_size);
    sizes.into_iter().map(checked).collect()
}

/// A tensor that the graph computes.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) value: ValueId,
    pub(super) dtype: DType,
    pub(super) sizes: Vec<Dim>,
}

impl Tensor {
    pub(super) fn rank(&self) -> usize {
        self.sizes.len()
    }
}

/// One number of a small tensor. Truth values are 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A whole number that depends on the size of the input.
    Size(ValueId),
}

impl Number {
    /// As an operator takes it.
    pub(super) fn argument(self) -> Argument {
        match self {
            Self::Int(number) => Argument::Int(number),
            Self::Float(number) => Argument::Float(number),
            Self::Size(value) => Argument::Value(value),
        }
    }

    pub(super) fn int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Float(_) | Self::Size(_) => None,
        }
    }

    pub(super) fn real(self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            Self::Size(_) => None,
        }
    }
}

/// A small tensor whose elements are known one by one: what shapes are computed with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) items: Vec<Number>,
}

impl Numbers {
    /// Whole numbers in a row.
    pub(super) fn row(items: Vec<Number>) -> Self {
        Self { dtype: DType::Int64, shape: vec![items.len()], items }
    }

    /// The one element of a scalar or of a row of one.
    pub(super) fn single(&self) -> Option<Number> {
        match self.items.as_slice() {
            [number] => Some(*number),
            _ => None,
        }
    }
}

/// What is known of a value.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// The graph computes it.
    Tensor(Tensor),
    /// Its elements are known, or are sizes.
    Numbers(Numbers),
    /// It comes with the file.
    Constant(Rc<Constant>),
    /// Several tensors.
    Sequence(Vec<Known>),
    /// An optional value that is not there.
    Nothing,
}

impl Known {
    /// Its dimensions; of a sequence and of nothing there are none.
    pub(super) fn sizes(&self) -> Option<Vec<Dim>> {
        let fixed = |shape: &[usize]| shape.iter().map(|&size| Dim::Fixed(size as i64)).collect();
        match self {
            Self::Tensor(tensor) => Some(tensor.sizes.clone()),
            Self::Numbers(numbers) => Some(fixed(&numbers.shape)),
            Self::Constant(constant) => Some(fixed(&constant.shape)),
            Self::Sequence(_) | Self::Nothing => None,
        }
    }

    pub(super) fn dtype(&self) -> Option<DType> {
        match self {
            Self::Tensor(tensor) => Some(tensor.dtype),
            Self::Numbers(numbers) => Some(numbers.dtype),
            Self::Constant(constant) => Some(constant.dtype),
            Self::Sequence(_) | Self::Nothing => None,
        }
    }

    /// Its elements, if they are known at load or are sizes.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        match self {
            Self::Numbers(numbers) => Some(numbers.clone()),
            Self::Constant(constant) => constant.numbers(),
            Self::Tensor(_) | Self::Sequence(_) | Self::Nothing => None,
        }
    }
}
