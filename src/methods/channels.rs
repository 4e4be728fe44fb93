//! A layer's output as channels that can be drawn: K×H×W.

use tch::{Kind, Tensor};

use super::{MethodError, Network};
use crate::model::Layout;
use crate::model::graph::ValueId;

impl Network {
    /// Where a four-dimensional value of the graph has its channels.
    pub fn layout(&self, value: ValueId) -> Layout {
        if self.channels_last.contains(&value) { Layout::ChannelsLast } else { Layout::ChannelsFirst }
    }
}

/// The first picture's channels of an output, as K×H×W.
///
/// N×C×H×W gives C maps of H×W, and so does N×H×W×C if `layout` says so. Tokens, N×T×C, give C maps of √T×√T, without the class and
/// register tokens that stand before them, or of 1×T where T is no square. Vectors, N×K, give K maps of one value each.
///
/// # Errors
/// When the device is out of memory.
pub fn maps(output: &Tensor, layout: Layout) -> Result<Tensor, MethodError> {
    Ok(match output.dim() {
        2..=5 => batch_maps(&output.f_narrow(0, 0, 1)?, layout)?.f_select(0, 0)?,
        _ => output.f_reshape([-1, 1, 1])?,
    })
}

/// Every picture's channels of an output that has two to five dimensions, as N×K×H×W: see [`maps`].
///
/// # Errors
/// When the device is out of memory, or the output has other dimensions.
pub fn batch_maps(output: &Tensor, layout: Layout) -> Result<Tensor, MethodError> {
    let sizes = output.size();
    Ok(match *sizes.as_slice() {
        [pictures, tokens, channels] => {
            let (side, extra) = token_grid(tokens);
            let all = output.f_transpose(1, 2)?;
            match side {
                Some(side) => all.f_narrow(2, extra, side * side)?.f_reshape([pictures, channels, side, side])?,
                None => all.f_reshape([pictures, channels, 1, tokens])?,
            }
        }
        [pictures, units] => output.f_reshape([pictures, units, 1, 1])?,
        [pictures, channels, depth, height, width] => output.f_reshape([pictures, channels, depth * height, width])?,
        _ => channels_first(output, layout)?,
    })
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

/// The side of the square that tokens make, and how many class and register tokens stand before them.
fn token_grid(tokens: i64) -> (Option<i64>, i64) {
    let side = (tokens as f64).sqrt().floor() as i64;
    // One class token, or a class and four registers as in DINOv2; more would be a coincidence.
    let extra = tokens - side * side;
    if side > 1 && extra <= 5 { (Some(side), extra) } else { (None, 0) }
}
