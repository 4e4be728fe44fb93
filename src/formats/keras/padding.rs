//! Borders: `padding="same"` as TensorFlow pads, and `ZeroPadding2D`.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use crate::model::graph::{Argument, SizeOperator, ValueId};

/// A window that slides over rows and columns.
pub(super) struct Window {
    pub(super) size: [i64; 2],
    pub(super) stride: [i64; 2],
    pub(super) dilation: [i64; 2],
    /// Whether the output has as many steps as fit into the input, borders filled up.
    pub(super) same: bool,
}

/// A window's input once its borders are settled.
pub(super) enum Bordered {
    /// The operator itself pads both sides by these numbers of rows and columns.
    ByOperator([i64; 2]),
    /// The input with its borders filled up, and how.
    Filled {
        value: ValueId,
        /// Columns left and right, rows above and below.
        border: Vec<Argument>,
    },
}

impl Window {
    /// Pixels from the window's first row (column) to its last.
    fn span(&self, axis: usize) -> i64 {
        (self.size[axis] - 1).saturating_mul(self.dilation[axis]).saturating_add(1)
    }

    /// Height and width of what the window gives.
    pub(super) fn steps(&self, call: &Call, sizes: [Option<i64>; 2]) -> Result<[Option<i64>; 2], KerasError> {
        let steps = |axis: usize| {
            let Some(size) = sizes[axis] else { return Ok(None) };
            let (span, stride) = (self.span(axis), self.stride[axis]);
            let room = if self.same { size - 1 } else { size - span };
            if size < 1 || room < 0 {
                return Err(call
                    .options
                    .wrong(format!("its window spans {span} pixels, but its input has only {size}")));
            }
            Ok(Some(room / stride + 1))
        };
        Ok([steps(0)?, steps(1)?])
    }

    /// Rows (columns) that `same` adds in all; `None` when that hangs on an open size.
    fn total(&self, axis: usize, size: Option<i64>) -> Option<i64> {
        let (span, stride) = (self.span(axis), self.stride[axis]);
        match size {
            Some(size) => Some((((size - 1) / stride * stride).saturating_add(span) - size).max(0)),
            None if stride == 1 => Some(span - 1),
            None => None,
        }
    }

    /// Settles the borders; TensorFlow puts the odd row below and the odd column to the right.
    pub(super) fn border(
        &self,
        call: &mut Call,
        input: &Tensor,
        sizes: [Option<i64>; 2],
        fill: f64,
    ) -> Result<Bordered, KerasError> {
        if !self.same {
            return Ok(Bordered::ByOperator([0, 0]));
        }
        let totals = [self.total(0, sizes[0]), self.total(1, sizes[1])];
        if let [Some(rows), Some(columns)] = totals
            && rows % 2 == 0
            && columns % 2 == 0
        {
            return Ok(Bordered::ByOperator([rows / 2, columns / 2]));
        }
        let mut border = Vec::with_capacity(4);
        // The operator wants the last dimension first.
        for axis in [1, 0] {
            match totals[axis] {
                Some(total) => border.extend([Argument::Int(total / 2), Argument::Int(total - total / 2)]),
                None => border.extend(self.open_sides(call, input, axis)?),
            }
        }
        let value = fill_border(call, input.value, border.clone(), fill)?;
        Ok(Bordered::Filled { value, border })
    }

    /// The same arithmetic as in [`Self::total`], done when the size is known.
    fn open_sides(&self, call: &mut Call, input: &Tensor, axis: usize) -> Result<[Argument; 2], KerasError> {
        use SizeOperator as Op;
        let dimension = Argument::Int(input.graph_axis(axis + 1));
        let size = call.node("size", ("sym_size", "int"), [("self", input.value.into()), ("dim", dimension)])?;
        let mut total = call.size("same", Op::Sub, [size.into(), Argument::Int(1)])?;
        for (operator, by) in [
            (Op::FloorDiv, Argument::Int(self.stride[axis])),
            (Op::Mul, Argument::Int(self.stride[axis])),
            (Op::Add, Argument::Int(self.span(axis))),
            (Op::Sub, size.into()),
            (Op::Max, Argument::Int(0)),
        ] {
            total = call.size("same", operator, [total.into(), by])?;
        }
        let before = call.size("same", Op::FloorDiv, [total.into(), Argument::Int(2)])?;
        let after = call.size("same", Op::Sub, [total.into(), before.into()])?;
        Ok([before.into(), after.into()])
    }
}

/// Adds `border` (left, right, top, bottom) around feature maps.
pub(super) fn fill_border(
    call: &mut Call,
    value: ValueId,
    border: Vec<Argument>,
    fill: f64,
) -> Result<ValueId, KerasError> {
    let arguments = [("self", value.into()), ("pad", Argument::List(border)), ("value", Argument::Float(fill))];
    call.node("padding", ("constant_pad_nd", ""), arguments)
}

/// `ZeroPadding2D`.
pub(super) fn zeros(call: &mut Call, input: &Tensor) -> Result<Tensor, KerasError> {
    call.options.channels_last()?;
    let (sizes, channels) = call.maps(input)?;
    let [[top, bottom], [left, right]] = call.options.border("padding")?.unwrap_or([[1, 1], [1, 1]]);
    let border = [left, right, top, bottom].map(Argument::Int).to_vec();
    let value = fill_border(call, input.value, border, 0.0)?;
    let grown = |size: Option<i64>, by: i64| size.map(|size| size.saturating_add(by));
    Ok(Tensor { value, sizes: vec![grown(sizes[0], top + bottom), grown(sizes[1], left + right), Some(channels)] })
}
