//! `Resize` and `Upsample` in all coordinate modes.
//!
//! Where libtorch's own upsampling computes the same, it is used; else each dimension is resized by a product with a matrix of
//! weights that is made here, which needs an input of known size.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number, Tensor};
use super::elementwise::is_one;
use super::interpolation::{How, coordinate, fill};
use crate::model::graph::{Argument, SizeOperator};

/// Weights of one dimension that are made at load: rows times columns.
const MOST_WEIGHTS: usize = 1 << 24;

/// How one dimension is resized.
#[derive(Debug, Clone, Copy)]
struct Axis {
    place: usize,
    /// New size over old size.
    scale: f64,
    size: Number,
}

pub(super) fn resize(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let upsample = call.node.operator == "Upsample";
    // Version 10 of Resize is Upsample with another name; both begin at the first pixel's corner.
    let old = upsample || call.version < 11;
    let how = How {
        mode: call.text("mode", "nearest")?,
        coordinates: if old { "asymmetric" } else { call.text("coordinate_transformation_mode", "half_pixel")? },
        nearest: if old { "floor" } else { call.text("nearest_mode", "round_prefer_floor")? },
        cubic: call.float("cubic_coeff_a", -0.75)?,
        exclude: call.flag("exclude_outside")?,
        antialias: call.flag("antialias")?,
        extrapolation: call.float("extrapolation_value", 0.0)?,
    };
    let mut axes = targets(call, &input, old)?;
    if how.coordinates != "tf_crop_and_resize" {
        axes.retain(|axis| !is_one(axis.scale) || call.lowering.dim(axis.size) != input.sizes[axis.place]);
    }
    if axes.is_empty() {
        return Ok(vec![Known::Tensor(input)]);
    }
    if let Some(made) = direct(call, &input, &axes, &how) {
        return Ok(vec![Known::Tensor(made)]);
    }
    let region = if how.coordinates == "tf_crop_and_resize" { call.reals(1)? } else { None };
    let mut made = input.clone();
    for axis in axes {
        let region = region.as_ref().and_then(|region| {
            let rank = region.len() / 2;
            let told = call.int_list("axes").ok().flatten();
            let place = told.map_or(Some(axis.place), |axes| {
                axes.iter().position(|&one| call.axis(one, input.rank()).is_ok_and(|one| one == axis.place))
            })?;
            Some((*region.get(place)?, *region.get(place + rank)?))
        });
        made = by_weights(call, &made, axis, &how, region)?;
    }
    Ok(vec![Known::Tensor(made)])
}

/// The dimensions' new sizes, from scales or sizes.
fn targets(call: &mut Call, input: &Tensor, old: bool) -> Result<Vec<Axis>> {
    let rank = input.rank();
    let upsample = call.node.operator == "Upsample";
    let axes = match call.int_list("axes")? {
        Some(axes) if !old => call.axes(&axes, rank)?,
        _ => (0..rank).collect(),
    };
    let scales: Option<Vec<Number>> = if upsample && call.version < 9 {
        match call.attribute("scales") {
            Some(super::super::proto::AttributeValue::Floats(scales)) => {
                Some(scales.iter().map(|&scale| Number::Float(scale.into())).collect())
            }
            _ => None,
        }
    } else {
        let index = if old { 1 } else { 2 };
        match call.given(index).map(Known::sizes) {
            Some(Some(sizes)) if sizes == [Dim::Fixed(0)] => None,
            Some(_) => call.numbers(index)?,
            None => None,
        }
    };
    if let Some(scales) = scales {
        if scales.len() != axes.len() {
            return Err(call.fail(format!("its scales are {} numbers for {} dimensions", scales.len(), axes.len())));
        }
        let mut targets = Vec::with_capacity(axes.len());
        for (&axis, &scale) in axes.iter().zip(&scales) {
            let old_size = call.lowering.size(input, axis);
            let scale_number = scale.real().ok_or_else(|| call.fail("its scales are no constants"))?;
            let size = match old_size {
                Number::Int(size) => Number::Int((size as f64 * scale_number).floor() as i64),
                size if is_one(scale_number) => size,
                size => {
                    let exact = call.lowering.arithmetic(SizeOperator::Mul, size, Number::Float(scale_number))?;
                    call.lowering.of_one(SizeOperator::Floor, exact)?
                }
            };
            targets.push(Axis { place: axis, scale: scale_number, size });
        }
        return Ok(targets);
    }
    let sizes = if old { None } else { call.numbers(3)? };
    let sizes = sizes.ok_or_else(|| call.fail("it has neither scales nor sizes"))?;
    if sizes.len() != axes.len() {
        return Err(call.fail(format!("its sizes are {} numbers for {} dimensions", sizes.len(), axes.len())));
    }
    let ratio = |size: Number, axis: usize| match (size, input.sizes[axis]) {
        (Number::Int(size), Dim::Fixed(old)) if old > 0 => size as f64 / old as f64,
        _ => f64::NAN,
    };
    let policy = call.text("keep_aspect_ratio_policy", "stretch")?;
    let ratios = || axes.iter().zip(&sizes).map(|(&axis, &size)| ratio(size, axis));
    let common = match policy {
        "stretch" => None,
        "not_larger" => Some(ratios().fold(f64::INFINITY, f64::min)),
        "not_smaller" => Some(ratios().fold(0.0, f64::max)),
        other => return Err(call.unknown("keep_aspect_ratio_policy", other)),
    };
    if let Some(scale) = common {
        return axes
            .iter()
            .map(|&axis| match input.sizes[axis] {
                Dim::Fixed(size) => {
                    Ok(Axis { place: axis, scale, size: Number::Int((size as f64 * scale).round() as i64) })
                }
                _ => Err(call.fail("a kept aspect ratio needs an input of a fixed size")),
            })
            .collect();
    }
    let target = |(&axis, &size): (&usize, &Number)| {
        let same = call.lowering.dim(size) == input.sizes[axis] && input.sizes[axis] != Dim::Open;
        let pictures = matches!(input.sizes[axis], Dim::Batch(_)) && size == Number::Int(1);
        // A file that was made with one picture says 1 where any number is.
        if pictures || same {
            Axis { place: axis, scale: 1.0, size }
        } else {
            Axis { place: axis, scale: ratio(size, axis), size }
        }
    };
    Ok(axes.iter().zip(&sizes).map(target).collect())
}

/// libtorch's own upsampling of rows and columns, where it computes the same.
fn direct(call: &mut Call, input: &Tensor, axes: &[Axis], how: &How) -> Option<Tensor> {
    let spatial = input.rank().saturating_sub(2);
    if !(1..=3).contains(&spatial) || axes.iter().any(|axis| axis.place < 2) || how.exclude || !input.dtype.is_float() {
        return None;
    }
    let mut sizes: Vec<Number> = (2..input.rank()).map(|axis| call.lowering.size(input, axis)).collect();
    let mut scales = vec![Argument::Float(1.0); spatial];
    let mut open = false;
    for axis in axes {
        open |= !matches!((axis.size, input.sizes[axis.place]), (Number::Int(_), Dim::Fixed(_)));
        sizes[axis.place - 2] = axis.size;
        scales[axis.place - 2] = if axis.scale.is_finite() { Argument::Float(axis.scale) } else { Argument::None };
    }
    let whole = axes.iter().all(|axis| axis.scale.is_finite() && axis.scale >= 1.0 && axis.scale.fract() == 0.0);
    let linear = ["upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"][spatial - 1];
    let nearest = ["upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"][spatial - 1];
    let aligned = match how.coordinates {
        "align_corners" => true,
        "half_pixel" | "pytorch_half_pixel" => false,
        _ if how.mode == "nearest" => false,
        _ => return None,
    };
    let exact = ["_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"][spatial - 1];
    let from_corner = how.coordinates == "asymmetric" && how.nearest == "floor";
    let rounded = how.coordinates == "half_pixel" && matches!(how.nearest, "round_prefer_floor" | "round_prefer_ceil");
    let name = match how.mode {
        // Of a pixel that becomes several whole ones, both rules take that pixel.
        "nearest" if from_corner || rounded && whole => nearest,
        "nearest" if rounded && how.nearest == "round_prefer_ceil" => exact,
        "linear" if !how.antialias => linear,
        "linear" if spatial == 2 && open => "_upsample_bilinear2d_aa",
        "cubic" if spatial == 2 && !how.antialias && (how.cubic + 0.75).abs() < 1e-6 => "upsample_bicubic2d",
        _ => return None,
    };
    // pytorch_half_pixel differs from half_pixel for a new size of 1, where libtorch is as the latter.
    if how.coordinates == "pytorch_half_pixel" && axes.iter().any(|axis| axis.size == Number::Int(1)) {
        return None;
    }
    let mut result = input.sizes.clone();
    for (axis, &size) in sizes.iter().enumerate() {
        result[axis + 2] = call.lowering.dim(size);
    }
    let output = Argument::List(sizes.iter().map(|size| size.argument()).collect());
    let mut rest = vec![("output_size", output)];
    if how.mode != "nearest" {
        rest.push(("align_corners", Argument::Bool(aligned)));
    }
    let names: &[&str] = if spatial == 1 { &["scales"] } else { &["scales_d", "scales_h", "scales_w"][3 - spatial..] };
    rest.extend(names.iter().copied().zip(scales));
    Some(call.shaped((name, ""), input, rest, result))
}

/// Resizes one dimension by a product with a matrix of weights.
fn by_weights(call: &mut Call, input: &Tensor, axis: Axis, how: &How, region: Option<(f64, f64)>) -> Result<Tensor> {
    let (Dim::Fixed(old), Number::Int(new)) = (input.sizes[axis.place], axis.size) else {
        return Err(call.fail(format!(
            "resizing in the mode {} with coordinates {} needs an input of a fixed size here",
            how.mode, how.coordinates
        )));
    };
    let known = [
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "align_corners",
        "asymmetric",
        "tf_half_pixel_for_nn",
        "tf_crop_and_resize",
    ];
    if !known.contains(&how.coordinates) {
        return Err(call.unknown("coordinate_transformation_mode", how.coordinates));
    }
    let (Ok(rows), Ok(columns)) = (usize::try_from(new), usize::try_from(old)) else {
        return Err(call.fail("its sizes are negative"));
    };
    if columns == 0 || rows.checked_mul(columns).is_none_or(|count| count > MOST_WEIGHTS) {
        return Err(call.fail(format!("resizing {old} to {new} elements in this mode is too large here")));
    }
    let scale = if axis.scale.is_finite() { axis.scale } else { new as f64 / old as f64 };
    let mut weights = vec![0.0; rows * columns];
    let mut outside = vec![0.0; rows];
    let mut any_outside = false;
    for (row, line) in weights.chunks_exact_mut(columns).enumerate() {
        let centre = coordinate(how, row as f64, old as f64, new as f64, scale, region.unwrap_or((0.0, 1.0)));
        if how.coordinates == "tf_crop_and_resize" && !(0.0..=old as f64 - 1.0).contains(&centre) {
            outside[row] = how.extrapolation;
            any_outside |= true;
            continue;
        }
        fill(call, line, centre, scale, how)?;
    }
    let matrix = call.constant(input.dtype, vec![rows, columns], weights.into_iter().map(Number::Float).collect())?;
    // The dimension goes last, is multiplied, and goes back.
    let rank = input.rank();
    let mut order: Vec<usize> = (0..rank).filter(|&other| other != axis.place).collect();
    order.push(axis.place);
    let turned = call.permute(input, &order);
    let mut sizes = turned.sizes.clone();
    sizes[rank - 1] = Dim::Fixed(new);
    let arguments = vec![("input", turned.value.into()), ("weight", matrix.value.into())];
    let mut made = Tensor { value: call.aten(("linear", ""), arguments), dtype: input.dtype, sizes };
    if any_outside {
        let outside = call.constant(input.dtype, vec![rows], outside.into_iter().map(Number::Float).collect())?;
        made = call.binary(("add", "Tensor"), &made, &outside);
    }
    let mut back = vec![0; rank];
    order.iter().enumerate().for_each(|(at, &from)| back[from] = at);
    Ok(call.permute(&made, &back))
}
