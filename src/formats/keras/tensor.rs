//! A value of the graph together with the shape that Keras gives it, and the ways between the two orders of dimensions.

use super::KerasError;
use super::layers::Call;
use crate::model::graph::{Argument, ValueId};

/// What a layer takes and gives.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// The value in the graph.
    pub(super) value: ValueId,
    /// Sizes without the batch, in Keras's order; `None` where the network leaves one open.
    pub(super) sizes: Vec<Option<i64>>,
    /// Whether the last of Keras's dimensions is the graph's second: maps of height×width×channels as N×C×H×W.
    pub(super) moved: bool,
}

/// Feature maps as libtorch wants them.
pub(super) struct Maps {
    /// N×C×…
    pub(super) value: ValueId,
    /// Sizes of the dimensions in space.
    pub(super) sizes: Vec<Option<i64>>,
    /// Number of channels.
    pub(super) channels: i64,
}

/// Product of sizes that are all known.
pub(super) fn elements(sizes: &[Option<i64>]) -> Option<i64> {
    sizes.iter().try_fold(1_i64, |all, size| all.checked_mul((*size)?))
}

/// For people: `28×28×?`.
pub(super) fn shape_text(sizes: &[Option<i64>]) -> String {
    let sizes: Vec<_> = sizes.iter().take(8).map(|size| size.map_or("?".to_owned(), |size| size.to_string())).collect();
    sizes.join("×")
}

/// `0, 3, 1, 2` for a rank of 4.
fn channels_to_front(rank: usize) -> Vec<i64> {
    let last = rank.saturating_sub(1) as i64;
    [0, last].into_iter().chain(1..last).collect()
}

/// `0, 2, 3, 1` for a rank of 4.
fn channels_to_back(rank: usize) -> Vec<i64> {
    std::iter::once(0).chain(2..rank as i64).chain([1]).collect()
}

impl Tensor {
    /// A value in Keras's own order.
    pub(super) fn plain(value: ValueId, sizes: Vec<Option<i64>>) -> Self {
        Self { value, sizes, moved: false }
    }

    /// Number of dimensions, the batch included.
    pub(super) fn rank(&self) -> usize {
        self.sizes.len() + 1
    }

    /// Where dimension `axis` of Keras's shape (0 is the batch) stands in the graph.
    pub(super) fn graph_axis(&self, axis: usize) -> i64 {
        let last = self.rank() - 1;
        (match axis {
            0 => 0,
            axis if !self.moved => axis,
            axis if axis == last => 1,
            axis => axis + 1,
        }) as i64
    }

    /// A shape in Keras's order, without the batch, as the graph has it.
    pub(super) fn graph_shape(&self, mut shape: Vec<usize>) -> Vec<usize> {
        if self.moved && !shape.is_empty() {
            shape.rotate_right(1);
        }
        shape
    }

    /// The same sizes with another value.
    pub(super) fn with(&self, value: ValueId) -> Self {
        Self { value, ..self.clone() }
    }
}

impl Call<'_> {
    /// The value in Keras's own order of dimensions.
    pub(super) fn keras_order(&mut self, input: &Tensor) -> Result<ValueId, KerasError> {
        if input.moved { self.permute(input.value, channels_to_back(input.rank())) } else { Ok(input.value) }
    }

    /// A value in Keras's own order, as the graph has it: maps with channels first.
    pub(super) fn place(&mut self, value: ValueId, sizes: Vec<Option<i64>>) -> Result<Tensor, KerasError> {
        if sizes.len() < 3 || self.lowering.channels_first {
            return Ok(Tensor::plain(value, sizes));
        }
        let value = self.permute(value, channels_to_front(sizes.len() + 1))?;
        Ok(Tensor { value, sizes, moved: true })
    }

    /// Reorders dimensions.
    pub(super) fn permute(&mut self, value: ValueId, order: Vec<i64>) -> Result<ValueId, KerasError> {
        self.node("permute", ("permute", ""), [("self", value.into()), ("dims", Argument::ints(order))])
    }

    /// An input that must be feature maps with `dimensions` in space, as the layer's `data_format` says.
    pub(super) fn maps(&mut self, input: &Tensor, dimensions: usize) -> Result<Maps, KerasError> {
        if input.sizes.len() != dimensions + 1 {
            let wanted = ["channels", "length×channels", "height×width×channels", "depth×height×width×channels"];
            return Err(self.options.wrong(format!(
                "it takes {}, but gets {} dimensions beside the batch",
                wanted.get(dimensions).copied().unwrap_or_default(),
                input.sizes.len()
            )));
        }
        let first = self.options.channels_first()?;
        let mut sizes = input.sizes.clone();
        let channels = if first { sizes.remove(0) } else { sizes.pop().flatten() };
        let channels =
            channels.ok_or_else(|| self.options.wrong("the number of channels of its input is not known"))?;
        let value = match (first, input.moved) {
            (true, _) => self.keras_order(input)?,
            (false, true) => input.value,
            (false, false) => self.permute(input.value, channels_to_front(input.rank()))?,
        };
        Ok(Maps { value, sizes, channels })
    }

    /// N×C×… as this layer's output.
    pub(super) fn give(
        &mut self,
        value: ValueId,
        mut sizes: Vec<Option<i64>>,
        channels: Option<i64>,
    ) -> Result<Tensor, KerasError> {
        if self.options.channels_first()? {
            sizes.insert(0, channels);
            return Ok(Tensor::plain(value, sizes));
        }
        sizes.push(channels);
        if sizes.len() >= 3 {
            return Ok(Tensor { value, sizes, moved: true });
        }
        // Tokens stay N×T×C.
        let value = self.permute(value, channels_to_back(sizes.len() + 1))?;
        Ok(Tensor::plain(value, sizes))
    }

    /// The tensor with dimension `axis` of Keras's as the graph's `to`; gives the value and what undoes it.
    pub(super) fn exchange(&mut self, input: &Tensor, axis: usize, to: i64) -> Result<(ValueId, [i64; 2]), KerasError> {
        let dimensions = [input.graph_axis(axis), to];
        Ok((self.transpose(input.value, dimensions)?, dimensions))
    }

    /// Exchanges two dimensions, where they are two.
    pub(super) fn transpose(&mut self, value: ValueId, [one, other]: [i64; 2]) -> Result<ValueId, KerasError> {
        if one == other {
            return Ok(value);
        }
        let arguments = [("self", value.into()), ("dim0", Argument::Int(one)), ("dim1", Argument::Int(other))];
        self.node("transpose", ("transpose", "int"), arguments)
    }

    /// Two tensors of one rank through an operator that works element by element and stretches sizes of 1.
    pub(super) fn binary(
        &mut self,
        word: &str,
        operator: (&str, &str),
        first: &Tensor,
        second: &Tensor,
    ) -> Result<Tensor, KerasError> {
        if first.rank() != second.rank() {
            return Err(self.options.unsupported("a number of dimensions that differs between its inputs"));
        }
        let mut sizes = first.sizes.clone();
        for (size, other) in sizes.iter_mut().zip(&second.sizes) {
            // A size of 1 goes together with any other, and an open one may turn out right.
            if size.is_none_or(|size| size == 1) && *other != Some(1) {
                *size = *other;
            } else if other.is_some_and(|other| other != 1) && other != size {
                let shapes = [shape_text(&first.sizes), shape_text(&second.sizes)];
                return Err(self.options.wrong(format!("its inputs of {} do not go together", shapes.join(" and "))));
            }
        }
        if first.moved == second.moved {
            let arguments = [("self", first.value.into()), ("other", second.value.into())];
            return Ok(Tensor { value: self.node(word, operator, arguments)?, sizes, moved: first.moved });
        }
        let (first, second) = (self.keras_order(first)?, self.keras_order(second)?);
        let value = self.node(word, operator, [("self", first.into()), ("other", second.into())])?;
        self.place(value, sizes)
    }
}
