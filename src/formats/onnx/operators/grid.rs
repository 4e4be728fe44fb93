//! Pictures taken at the points of a grid: `GridSample`, and the grids of `AffineGrid`.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Tensor};
use crate::model::graph::Argument;

pub(super) fn grid_sample(call: &mut Call) -> Result<Vec<Known>> {
    let (input, grid) = (call.tensor(0)?, call.tensor(1)?);
    let mode = match call.text("mode", if call.version < 20 { "bilinear" } else { "linear" })? {
        "bilinear" | "linear" => 0,
        "nearest" => 1,
        "bicubic" | "cubic" => 2,
        other => return Err(call.unknown("mode", other)),
    };
    let padding = match call.text("padding_mode", "zeros")? {
        "zeros" => 0,
        "border" => 1,
        "reflection" => 2,
        other => return Err(call.unknown("padding_mode", other)),
    };
    let aligned = call.flag("align_corners")?;
    if !matches!(input.rank(), 4 | 5) || grid.rank() != input.rank() {
        return Err(call.fail(format!("an input of {} dimensions and a grid of {}", input.rank(), grid.rank())));
    }
    if input.rank() == 5 && mode == 2 {
        return Err(call.fail("cubic sampling of volumes cannot be run here"));
    }
    let mut sizes = input.sizes[..2].to_vec();
    sizes.extend(&grid.sizes[1..grid.rank() - 1]);
    let arguments = vec![
        ("input", input.value.into()),
        ("grid", grid.value.into()),
        ("interpolation_mode", Argument::Int(mode)),
        ("padding_mode", Argument::Int(padding)),
        ("align_corners", Argument::Bool(aligned)),
    ];
    Ok(vec![Known::Tensor(Tensor { value: call.aten(("grid_sampler", ""), arguments), dtype: input.dtype, sizes })])
}

/// The grid of points that an affine map takes pictures from.
pub(super) fn affine_grid(call: &mut Call) -> Result<Vec<Known>> {
    let theta = call.tensor(0)?;
    let size = call.numbers(1)?.ok_or_else(|| call.fail("its size is missing"))?;
    let aligned = call.flag("align_corners")?;
    let mut sizes: Vec<Dim> = size.iter().map(|&size| call.lowering.dim(size)).collect();
    if !matches!(sizes.len(), 4 | 5) {
        return Err(call.fail(format!("a size of {} dimensions", sizes.len())));
    }
    sizes.remove(1);
    sizes.push(Dim::Fixed(sizes.len() as i64 - 1));
    let arguments = vec![
        ("theta", theta.value.into()),
        ("size", Argument::List(size.iter().map(|size| size.argument()).collect())),
        ("align_corners", Argument::Bool(aligned)),
    ];
    Ok(vec![Known::Tensor(Tensor {
        value: call.aten(("affine_grid_generator", ""), arguments),
        dtype: theta.dtype,
        sizes,
    })])
}
