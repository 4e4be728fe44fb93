//! Borders: `padding="same"` as TensorFlow pads, causal padding, `ZeroPadding` and `Cropping`.

use super::KerasError;
use super::layers::Call;
use super::options::Padding;
use super::tensor::{Maps, Tensor};
use crate::model::graph::{Argument, SizeOperator, ValueId};

/// A window that slides over the dimensions in space.
pub(super) struct Window {
    pub(super) size: Vec<i64>,
    pub(super) stride: Vec<i64>,
    pub(super) dilation: Vec<i64>,
    pub(super) padding: Padding,
}

/// A window's input once its borders are settled.
pub(super) enum Bordered {
    /// The operator itself pads both sides by these numbers of rows and columns.
    ByOperator(Vec<i64>),
    /// The input with its borders filled up, and how.
    Filled {
        value: ValueId,
        /// Before and after, the last dimension first.
        border: Vec<Argument>,
    },
}

impl Window {
    /// Pixels from the window's first row (column) to its last.
    pub(super) fn span(&self, axis: usize) -> i64 {
        (self.size[axis] - 1).saturating_mul(self.dilation[axis]).saturating_add(1)
    }

    /// Sizes in space of what the window gives.
    pub(super) fn steps(&self, call: &Call, sizes: &[Option<i64>]) -> Result<Vec<Option<i64>>, KerasError> {
        let steps = |(axis, size): (usize, &Option<i64>)| {
            let Some(size) = *size else { return Ok(None) };
            let (span, stride) = (self.span(axis), self.stride[axis]);
            let room = if self.padding == Padding::Valid { size - span } else { size - 1 };
            if size < 1 || room < 0 {
                return Err(call
                    .options
                    .wrong(format!("its window spans {span} pixels, but its input has only {size}")));
            }
            Ok(Some(room / stride + 1))
        };
        sizes.iter().enumerate().map(steps).collect()
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
    pub(super) fn border(&self, call: &mut Call, input: &Maps, fill: f64) -> Result<Bordered, KerasError> {
        let axes = 0..self.size.len();
        let mut border = Vec::with_capacity(2 * axes.len());
        match self.padding {
            Padding::Valid => return Ok(Bordered::ByOperator(vec![0; axes.len()])),
            Padding::Causal => border.extend([Argument::Int(self.span(0) - 1), Argument::Int(0)]),
            Padding::Same => {
                let totals: Vec<Option<i64>> = axes.clone().map(|axis| self.total(axis, input.sizes[axis])).collect();
                let halves = totals.iter().map(|total| total.filter(|total| total % 2 == 0).map(|total| total / 2));
                if let Some(halves) = halves.collect::<Option<Vec<i64>>>() {
                    return Ok(Bordered::ByOperator(halves));
                }
                for axis in axes.rev() {
                    match totals[axis] {
                        Some(total) => border.extend([Argument::Int(total / 2), Argument::Int(total - total / 2)]),
                        None => border.extend(self.open_sides(call, input, axis)?),
                    }
                }
            }
        }
        let value = fill_border(call, input.value, border.clone(), fill)?;
        Ok(Bordered::Filled { value, border })
    }

    /// The same arithmetic as in [`Self::total`], done when the size is known.
    fn open_sides(&self, call: &mut Call, input: &Maps, axis: usize) -> Result<[Argument; 2], KerasError> {
        use SizeOperator as Op;
        let dimension = Argument::Int(axis as i64 + 2);
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

/// Adds `border` (before and after, the last dimension first) around feature maps; less than nothing cuts off.
pub(super) fn fill_border(
    call: &mut Call,
    value: ValueId,
    border: Vec<Argument>,
    fill: f64,
) -> Result<ValueId, KerasError> {
    let arguments = [("self", value.into()), ("pad", Argument::List(border)), ("value", Argument::Float(fill))];
    call.node("padding", ("constant_pad_nd", ""), arguments)
}

/// `ZeroPadding1D` to `3D`, and `Cropping1D` to `3D`, which take away what the others add.
pub(super) fn layer(call: &mut Call, input: &Tensor, dimensions: usize) -> Result<Tensor, KerasError> {
    let (key, sign) = if call.options.class.starts_with("Cropping") { ("cropping", -1) } else { ("padding", 1) };
    let maps = call.maps(input, dimensions)?;
    let usual = i64::from(call.options.class != "Cropping2D");
    let borders = call.options.borders(key, dimensions)?.unwrap_or_else(|| vec![[usual; 2]; dimensions]);
    let mut sizes = Vec::with_capacity(dimensions);
    for (size, [before, after]) in maps.sizes.iter().zip(&borders) {
        let by = sign * before.saturating_add(*after);
        let size = size.map(|size| size.saturating_add(by));
        if size.is_some_and(|size| size < 1) {
            return Err(call.options.wrong("it leaves nothing of its input"));
        }
        sizes.push(size);
    }
    let border = borders.iter().rev().flatten().map(|&by| Argument::Int(sign * by)).collect();
    let value = fill_border(call, maps.value, border, 0.0)?;
    call.give(value, sizes, Some(maps.channels))
}
