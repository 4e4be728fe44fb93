//! Reductions over dimensions, sorting, and sums along a dimension.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Tensor};
use crate::model::graph::{Argument, DType};

/// Since which version of an operator its axes are an input.
fn axes_are_input(call: &Call, operator: &str) -> bool {
    call.version >= if operator == "ReduceSum" { 13 } else { 18 }
}

/// `ReduceSum`, `ReduceMean` and their like.
pub(super) fn reduce(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let rank = input.rank();
    let told = if axes_are_input(call, operator) { call.ints(1)? } else { call.int_list("axes")? };
    let keep = call.int("keepdims", 1)? != 0;
    let axes = match told {
        Some(axes) if !axes.is_empty() => call.axes(&axes, rank)?,
        _ if call.flag("noop_with_empty_axes")? => Vec::new(),
        _ => (0..rank).collect(),
    };
    let none = axes.is_empty() && rank > 0;
    let mut sizes = Vec::with_capacity(rank);
    for (axis, &size) in input.sizes.iter().enumerate() {
        match (axes.contains(&axis), keep) {
            (false, _) => sizes.push(size),
            (true, true) => sizes.push(Dim::Fixed(1)),
            (true, false) => {}
        }
    }
    let to = Over { axes, keep, sizes, none };
    let float = |call: &mut Call, input: &Tensor| {
        if input.dtype.is_float() { input.clone() } else { call.cast(input, DType::Float64) }
    };
    let made = match operator {
        "ReduceSum" => to.sum(call, &input),
        "ReduceMean" => {
            let fed = float(call, &input);
            if none { fed } else { call.shaped(("mean", "dim"), &fed, to.arguments(), to.sizes.clone()) }
        }
        "ReduceMax" | "ReduceMin" => {
            let name = if operator == "ReduceMax" { "amax" } else { "amin" };
            if none {
                input.clone()
            } else if to.axes.iter().any(|&axis| input.sizes[axis] == Dim::Fixed(0)) {
                to.nothing(call, &input, operator == "ReduceMax")
            } else {
                call.shaped((name, ""), &input, to.arguments(), to.sizes.clone())
            }
        }
        "ReduceProd" => to.product(call, &input),
        "ReduceL1" => {
            let sizes = call.like(("abs", ""), &input, Vec::new());
            to.sum(call, &sizes)
        }
        "ReduceL2" => {
            let fed = float(call, &input);
            let squares = call.binary(("mul", "Tensor"), &fed, &fed);
            let sum = to.sum(call, &squares);
            call.like(("sqrt", ""), &sum, Vec::new())
        }
        "ReduceSumSquare" => {
            let squares = call.binary(("mul", "Tensor"), &input, &input);
            to.sum(call, &squares)
        }
        "ReduceLogSum" => {
            let fed = float(call, &input);
            let sum = to.sum(call, &fed);
            call.like(("log", ""), &sum, Vec::new())
        }
        _ => {
            let fed = float(call, &input);
            let dims = to.arguments();
            if none { fed } else { call.shaped(("logsumexp", ""), &fed, dims, to.sizes.clone()) }
        }
    };
    Ok(vec![Known::Tensor(call.cast(&made, input.dtype))])
}

struct Over {
    axes: Vec<usize>,
    keep: bool,
    sizes: Vec<Dim>,
    /// Nothing is reduced.
    none: bool,
}

impl Over {
    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let dims = Argument::ints(self.axes.iter().map(|&axis| axis as i64));
        vec![("dim", dims), ("keepdim", Argument::Bool(self.keep))]
    }

    /// The largest of no elements is the least number that there is, the smallest the greatest.
    fn nothing(&self, call: &mut Call, input: &Tensor, largest: bool) -> Tensor {
        let (least, greatest) = match input.dtype {
            DType::Bool => (0, 1),
            DType::UInt8 => (0, 255),
            DType::Int8 => (i8::MIN.into(), i8::MAX.into()),
            DType::Int16 => (i16::MIN.into(), i16::MAX.into()),
            DType::Int32 => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        };
        let number = match (input.dtype.is_float(), largest) {
            (true, true) => Argument::Float(f64::NEG_INFINITY),
            (true, false) => Argument::Float(f64::INFINITY),
            (false, true) => Argument::Int(least),
            (false, false) => Argument::Int(greatest),
        };
        let mut shape = Vec::with_capacity(input.rank());
        for axis in 0..input.rank() {
            match (self.axes.contains(&axis), self.keep) {
                (false, _) => shape.push(call.lowering.size(input, axis).argument()),
                (true, true) => shape.push(Argument::Int(1)),
                (true, false) => {}
            }
        }
        let arguments = vec![
            ("size", Argument::List(shape)),
            ("fill_value", number),
            ("dtype", Argument::DType(input.dtype)),
            ("device", Argument::Device),
        ];
        Tensor { value: call.aten(("full", ""), arguments), dtype: input.dtype, sizes: self.sizes.clone() }
    }

    fn sum(&self, call: &mut Call, input: &Tensor) -> Tensor {
        if self.none {
            return input.clone();
        }
        let mut arguments = self.arguments();
        arguments.push(("dtype", Argument::DType(input.dtype)));
        call.shaped(("sum", "dim_IntList"), input, arguments, self.sizes.clone())
    }

    /// libtorch multiplies along one dimension at a time.
    fn product(&self, call: &mut Call, input: &Tensor) -> Tensor {
        let mut axes = self.axes.clone();
        axes.sort_unstable();
        axes.iter().rev().fold(input.clone(), |made, &axis| {
            let mut sizes = made.sizes.clone();
            if self.keep {
                sizes[axis] = Dim::Fixed(1);
            } else {
                sizes.remove(axis);
            }
            let rest = vec![
                ("dim", Argument::Int(axis as i64)),
                ("keepdim", Argument::Bool(self.keep)),
                ("dtype", Argument::DType(input.dtype)),
            ];
            call.shaped(("prod", "dim_int"), &made, rest, sizes)
        })
    }
}

/// `ArgMax` and `ArgMin`.
pub(super) fn arg(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", 0)?, input.rank())?;
    let keep = call.int("keepdims", 1)? != 0;
    let mut sizes = input.sizes.clone();
    if keep {
        sizes[axis] = Dim::Fixed(1);
    } else {
        sizes.remove(axis);
    }
    let rest = vec![("dim", Argument::Int(axis as i64)), ("keepdim", Argument::Bool(keep))];
    let mut made = if call.flag("select_last_index")? {
        // The first of the turned dimension is the last of it.
        let turned = call.like(("flip", ""), &input, vec![("dims", Argument::ints([axis as i64]))]);
        let first = call.shaped((operator, ""), &turned, rest, sizes);
        let first = Tensor { dtype: DType::Int64, ..first };
        let size = call.lowering.size(&input, axis);
        let last = call.lowering.arithmetic(
            crate::model::graph::SizeOperator::Sub,
            size,
            super::super::values::Number::Int(1),
        )?;
        let negative = call.like(("neg", ""), &first, Vec::new());
        call.binary(("add", "Tensor"), &negative, last)
    } else {
        call.shaped((operator, ""), &input, rest, sizes)
    };
    made.dtype = DType::Int64;
    Ok(vec![Known::Tensor(made)])
}

/// `TopK`: the number is an attribute before version 10.
pub(super) fn top_k(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let axis = call.axis(call.int("axis", -1)?, input.rank())?;
    let count = if call.version < 10 {
        super::super::values::Number::Int(call.int("k", 1)?)
    } else {
        let count = call.numbers(1)?.and_then(|numbers| numbers.first().copied());
        count.ok_or_else(|| call.fail("its number of elements is missing"))?
    };
    // libtorch's own topk leaves open which of equal elements comes first; here it is the one of the lower index.
    let arguments = vec![
        ("self", input.value.into()),
        ("stable", Argument::Bool(true)),
        ("dim", Argument::Int(axis as i64)),
        ("descending", Argument::Bool(call.int("largest", 1)? != 0)),
    ];
    let made = call.aten_many(("sort", "stable"), arguments, 2, false);
    let length = call.lowering.dim(count);
    let mut first = |value, dtype| {
        let sorted = Tensor { value, dtype, sizes: input.sizes.clone() };
        Known::Tensor(call.slice(&sorted, axis, super::super::values::Number::Int(0), Some(count), length))
    };
    Ok(vec![first(made[0], input.dtype), first(made[1], DType::Int64)])
}

/// `CumSum` and `CumProd`, in either direction, with or without the element itself.
pub(super) fn cumulative(call: &mut Call, operator: &str) -> Result<Vec<Known>> {
    use super::super::values::Number;
    let input = call.tensor(0)?;
    let axis = call.one_int(1)?.ok_or_else(|| call.fail("its axis is missing"))?;
    let axis = call.axis(axis, input.rank())?;
    let dims = || vec![("dims", Argument::ints([axis as i64]))];
    let reverse = call.flag("reverse")?;
    let mut fed = if reverse { call.like(("flip", ""), &input, dims()) } else { input.clone() };
    if call.flag("exclusive")? {
        // Moved on by one place: a neutral element comes in, the last goes out.
        let behind = input.rank() - axis;
        let (mut before, mut after) = (vec![Number::Int(0); behind], vec![Number::Int(0); behind]);
        before[0] = Number::Int(1);
        after[0] = Number::Int(-1);
        let neutral = if operator == "cumsum" { 0.0 } else { 1.0 };
        fed = call.pad(&fed, &before, &after, Argument::Float(neutral));
        fed.sizes.clone_from(&input.sizes);
    }
    let rest = vec![("dim", Argument::Int(axis as i64)), ("dtype", Argument::DType(input.dtype))];
    let made = call.like((operator, ""), &fed, rest);
    Ok(vec![Known::Tensor(if reverse { call.like(("flip", ""), &made, dims()) } else { made })])
}
