//! Blocks of pixels and channels: `DepthToSpace`, `SpaceToDepth`.

use super::super::call::Call;
use super::super::error::Result;
use super::super::values::{Dim, Known, Number};
use crate::model::graph::{Argument, SizeOperator};

/// Channels to blocks of pixels: `DepthToSpace`.
pub(super) fn depth_to_space(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let block = call.maybe_int("blocksize")?.filter(|&block| (1..1 << 20).contains(&block));
    let block = block.ok_or_else(|| call.fail("its blocksize is missing"))?;
    if input.rank() != 4 {
        return Err(call.fail(format!("an input of {} dimensions", input.rank())));
    }
    let scaled = |size: Dim| size.fixed().and_then(|size| size.checked_mul(block)).map_or(Dim::Open, Dim::Fixed);
    let channels = input.sizes[1].fixed().map_or(Dim::Open, |channels| Dim::Fixed(channels / (block * block)));
    let sizes = vec![input.sizes[0], channels, scaled(input.sizes[2]), scaled(input.sizes[3])];
    match call.text("mode", "DCR")? {
        "CRD" => {
            let rest = vec![("upscale_factor", Argument::Int(block))];
            Ok(vec![Known::Tensor(call.shaped(("pixel_shuffle", ""), &input, rest, sizes))])
        }
        "DCR" => {
            let shape = call.lowering.shape(&input);
            let number = Number::Int(block);
            let inner = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[1], Number::Int(block * block))?;
            let split = call.reshape(&input, &[shape[0], number, number, inner, shape[2], shape[3]]);
            let order = call.permute(&split, &[0, 3, 4, 1, 5, 2]);
            let height = call.lowering.arithmetic(SizeOperator::Mul, shape[2], number)?;
            let width = call.lowering.arithmetic(SizeOperator::Mul, shape[3], number)?;
            Ok(vec![Known::Tensor(call.reshape(&order, &[shape[0], inner, height, width]))])
        }
        other => Err(call.unknown("mode", other)),
    }
}

/// Blocks of pixels to channels, the block's place first or (`CRD`) last: `SpaceToDepth`.
pub(super) fn space_to_depth(call: &mut Call) -> Result<Vec<Known>> {
    let input = call.tensor(0)?;
    let block = call.maybe_int("blocksize")?.filter(|&block| (1..1 << 20).contains(&block));
    let block = Number::Int(block.ok_or_else(|| call.fail("its blocksize is missing"))?);
    if input.rank() != 4 {
        return Err(call.fail(format!("an input of {} dimensions", input.rank())));
    }
    let shape = call.lowering.shape(&input);
    let height = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[2], block)?;
    let width = call.lowering.arithmetic(SizeOperator::FloorDiv, shape[3], block)?;
    let split = call.reshape(&input, &[shape[0], shape[1], height, block, width, block]);
    let order = match call.text("mode", "DCR")? {
        "CRD" => call.permute(&split, &[0, 1, 3, 5, 2, 4]),
        _ => call.permute(&split, &[0, 3, 5, 1, 2, 4]),
    };
    let area = call.lowering.arithmetic(SizeOperator::Mul, block, block)?;
    let channels = call.lowering.arithmetic(SizeOperator::Mul, shape[1], area)?;
    Ok(vec![Known::Tensor(call.reshape(&order, &[shape[0], channels, height, width]))])
}
