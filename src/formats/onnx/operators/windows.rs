//! What convolutions and pools share: strides, dilations, paddings and their automatic kinds.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Number, Tensor};
use crate::model::graph::{Argument, SizeOperator};

/// The attributes of a window that moves over the last dimensions.
pub(super) struct Window {
    pub(super) kernel: Vec<i64>,
    pub(super) strides: Vec<i64>,
    pub(super) dilations: Vec<i64>,
    pub(super) begin: Vec<Number>,
    pub(super) end: Vec<Number>,
}

impl Window {
    /// Reads the attributes for a kernel over the dimensions of `input` from the third on.
    pub(super) fn read(call: &mut Call, input: &Tensor, kernel: Vec<i64>) -> Result<Self> {
        let count = kernel.len();
        if input.rank() != count + 2 || count == 0 {
            return Err(call.fail(format!("a window of {count} dimensions over an input of {}", input.rank())));
        }
        let list = |call: &Call, name: &str, length: usize| -> Result<Option<Vec<i64>>> {
            match call.int_list(name)? {
                Some(list) if list.len() != length => Err(call.fail(format!("its {name} are not {length} numbers"))),
                list => Ok(list),
            }
        };
        let strides = list(call, "strides", count)?.unwrap_or_else(|| vec![1; count]);
        let dilations = list(call, "dilations", count)?.unwrap_or_else(|| vec![1; count]);
        let pads = list(call, "pads", count * 2)?.unwrap_or_else(|| vec![0; count * 2]);
        if kernel.iter().chain(&strides).chain(&dilations).any(|size| !(1..1 << 24).contains(size)) {
            return Err(call.fail("its kernel, strides and dilations must be at least 1, and no millions"));
        }
        if pads.iter().any(|pad| pad.unsigned_abs() > 1 << 24) {
            return Err(call.fail("its pads are too large"));
        }
        let number = |list: &[i64]| list.iter().map(|&pad| Number::Int(pad)).collect::<Vec<_>>();
        let (begin, end) = (number(&pads[..count]), number(&pads[count..]));
        Ok(Self { kernel, strides, dilations, begin, end })
    }

    /// Replaces the paddings by those of `auto_pad`: for an output of input ÷ stride, rounded up.
    pub(super) fn auto_pad(&mut self, call: &mut Call, input: &Tensor) -> Result<()> {
        let upper = match call.text("auto_pad", "NOTSET")? {
            "NOTSET" | "" => return Ok(()),
            "VALID" => {
                self.begin.fill(Number::Int(0));
                self.end.fill(Number::Int(0));
                return Ok(());
            }
            "SAME_UPPER" => true,
            "SAME_LOWER" => false,
            other => return Err(call.unknown("auto_pad", other)),
        };
        for axis in 0..self.kernel.len() {
            let reach = (self.kernel[axis] - 1) * self.dilations[axis];
            let stride = self.strides[axis];
            let total = if stride == 1 {
                Number::Int(reach)
            } else {
                let size = call.lowering.size(input, axis + 2);
                let lowering = &mut *call.lowering;
                let before = lowering.arithmetic(SizeOperator::Sub, size, Number::Int(1))?;
                let steps = lowering.arithmetic(SizeOperator::FloorDiv, before, Number::Int(stride))?;
                let last = lowering.arithmetic(SizeOperator::Mul, steps, Number::Int(stride))?;
                let end = lowering.arithmetic(SizeOperator::Add, last, Number::Int(reach + 1))?;
                let total = lowering.arithmetic(SizeOperator::Sub, end, size)?;
                lowering.arithmetic(SizeOperator::Max, total, Number::Int(0))?
            };
            let less = call.lowering.arithmetic(SizeOperator::FloorDiv, total, Number::Int(2))?;
            let more = call.lowering.arithmetic(SizeOperator::Sub, total, less)?;
            (self.begin[axis], self.end[axis]) = if upper { (less, more) } else { (more, less) };
        }
        Ok(())
    }

    /// The paddings, where they are known and the same on both sides.
    pub(super) fn symmetric(&self) -> Option<Vec<i64>> {
        let same = |(begin, end): (&Number, &Number)| begin.int().filter(|&pad| pad >= 0 && Some(pad) == end.int());
        self.begin.iter().zip(&self.end).map(same).collect()
    }

    /// Sizes of the output from those of the padded input.
    pub(super) fn sizes(&self, input: &Tensor, channels: Dim, ceil: bool) -> Vec<Dim> {
        let mut sizes = vec![input.sizes[0], channels];
        for axis in 0..self.kernel.len() {
            let reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1;
            sizes.push(match (input.sizes[axis + 2], self.begin[axis].int(), self.end[axis].int()) {
                (Dim::Fixed(size), Some(begin), Some(end)) => {
                    let (room, stride) = (size + begin + end - reach, self.strides[axis]);
                    let mut steps = if ceil { (room + stride - 1).div_euclid(stride) } else { room.div_euclid(stride) };
                    // The last window must begin inside the input or the padding before it.
                    if ceil && steps * stride >= size + begin {
                        steps -= 1;
                    }
                    Dim::Fixed(steps + 1)
                }
                _ => Dim::Open,
            });
        }
        sizes
    }

    pub(super) fn argument(list: &[i64]) -> Argument {
        Argument::ints(list.iter().copied())
    }
}
