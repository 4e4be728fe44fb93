//! A layer's output as channels that can be drawn: K×H×W.

use tch::{Kind, Tensor};

use super::cam::{Grid, Grids};
use super::{MethodError, Network};
use crate::model::Layout;
use crate::model::graph::ValueId;

impl Network {
    /// Where a four-dimensional value of the graph has its channels.
    pub fn layout(&self, value: ValueId) -> Layout {
        self.layouts.get(&value).copied().unwrap_or(Layout::ChannelsFirst)
    }
}

/// The first picture's channels of an output, as K×H×W.
///
/// N×C×H×W gives C maps of H×W, and so does N×H×W×C if `layout` says so. Tokens, N×T×C, give C maps of the patches' rows and columns,
/// without the class and register tokens, or of 1×T where `grids` knows no grid of T tokens. Vectors, N×K, give K maps of one
/// value each.
///
/// # Errors
/// When the device is out of memory.
pub fn maps(output: &Tensor, layout: Layout, grids: &Grids) -> Result<Tensor, MethodError> {
    Ok(match output.dim() {
        2..=5 => batch_maps(&output.f_narrow(0, 0, 1)?, layout, grids)?.f_select(0, 0)?,
        _ => output.f_reshape([-1, 1, 1])?,
    })
}

/// Every picture's channels of an output that has two to five dimensions, as N×K×H×W: see [`maps`].
///
/// # Errors
/// When the device is out of memory, or the output has other dimensions.
pub fn batch_maps(output: &Tensor, layout: Layout, grids: &Grids) -> Result<Tensor, MethodError> {
    let sizes = output.size();
    Ok(match *sizes.as_slice() {
        [pictures, tokens, channels] => match grids.find(tokens) {
            Some(grid) => on_grid(output, grid)?,
            None => output.f_transpose(1, 2)?.f_reshape([pictures, channels, 1, tokens])?,
        },
        [pictures, units] => output.f_reshape([pictures, units, 1, 1])?,
        [pictures, channels, depth, height, width] => output.f_reshape([pictures, channels, depth * height, width])?,
        _ => channels_first(output, layout)?,
    })
}

/// Tokens N×T×C as N×C×H×W, without those that are no patches.
///
/// # Errors
/// When there are fewer tokens than the grid has, or the device is out of memory.
pub fn on_grid(tokens: &Tensor, grid: Grid) -> Result<Tensor, MethodError> {
    let (batch, _, channels) = tokens.size3()?;
    let patches = tokens.f_narrow(1, grid.extra, grid.patches())?.f_transpose(1, 2)?;
    Ok(patches.f_reshape([batch, channels, grid.height, grid.width])?)
}

/// A four-dimensional value as N×C×H×W; anything else as it is.
///
/// # Errors
/// When the device is out of memory.
pub fn channels_first(output: &Tensor, layout: Layout) -> Result<Tensor, MethodError> {
    match (output.dim(), layout) {
        (4, Layout::ChannelsLast) => Ok(output.f_permute([0, 3, 1, 2])?),
        _ => Ok(output.shallow_clone()),
    }
}

/// The dimension that [`maps`] takes for the channels.
pub fn dimension(rank: usize, layout: Layout) -> usize {
    match (rank, layout) {
        (3, _) => 2,
        (4, Layout::ChannelsLast) => 3,
        _ => 1,
    }
}

/// Number of channels that [`maps`] gives for an output's shape.
pub fn count(sizes: &[i64], layout: Layout) -> usize {
    let count = match sizes.len() {
        2..=5 => sizes[dimension(sizes.len(), layout)],
        _ => sizes.iter().product(),
    };
    count.max(0) as usize
}

/// The sum of each channel of an output over everything but the channel, class and register tokens included.
///
/// # Errors
/// When the device is out of memory.
pub fn sums(output: &Tensor, layout: Layout) -> Result<Tensor, MethodError> {
    let count = count(&output.size(), layout) as i64;
    if !(2..=5).contains(&output.dim()) {
        return Ok(output.f_reshape([count])?);
    }
    let channels = dimension(output.dim(), layout) as i64;
    let rows = output.f_narrow(0, 0, 1)?.f_movedim_int(channels, 0)?.f_reshape([count, -1])?;
    Ok(rows.f_sum_dim_intlist(1, false, Kind::Float)?)
}
