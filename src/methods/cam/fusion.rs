//! One map of several layers' maps, at the picture's size.

use std::fmt;
use std::str::FromStr;

use tch::{Kind, Tensor};

use super::Map;
use crate::engine::numbers;
use crate::methods::MethodError;

/// How the maps of several layers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fusion {
    /// The mean of their positive parts, each scaled to 0–1: pytorch-grad-cam's.
    #[default]
    Mean,
    /// The greatest of tanh(2x), x as before, so that early layers with weak maps count: Jiang et al., *LayerCAM* (2021), and torch-cam.
    Max,
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mean => "mean",
            Self::Max => "max",
        })
    }
}

impl FromStr for Fusion {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mean" => Ok(Self::Mean),
            "max" => Ok(Self::Max),
            _ => Err(format!("'{name}' is no way to fuse maps: mean or max")),
        }
    }
}

/// The maps as one of the picture's height and width, 0 to 1: ReLU, scaled, enlarged bilinearly as OpenCV's `INTER_LINEAR`, fused. With
/// the mean that is all that pytorch-grad-cam gives, of a single map as well.
///
/// # Errors
/// When memory is short.
pub fn fused(maps: &[Map], how: Fusion, (height, width): (usize, usize)) -> Result<Map, MethodError> {
    let size = [height as i64, width as i64];
    let enlarged = maps.iter().map(|map| {
        let tensor = Tensor::f_from_slice(&map.values)?.f_reshape([1, 1, map.height as i64, map.width as i64])?;
        let positive = tensor.f_nan_to_num(0.0, None, None)?.f_relu()?;
        let shown = match how {
            Fusion::Mean => scaled(&positive, 1e-7)?,
            Fusion::Max => scaled(&positive, 1e-8)?.f_mul_scalar(2.0)?.f_tanh()?,
        };
        Ok(shown.f_upsample_bilinear2d(size, false, None, None)?)
    });
    let stacked = Tensor::f_cat(&enlarged.collect::<Result<Vec<_>, MethodError>>()?, 0)?;
    let one = match how {
        Fusion::Mean => scaled(&stacked.f_mean_dim([0].as_slice(), false, Kind::Float)?, 1e-7)?,
        Fusion::Max => stacked.f_amax([0].as_slice(), false)?,
    };
    Ok(Map { height, width, values: numbers(&one)? })
}

/// Rows and columns of the coarsest of several maps: as much as all of them tell apart.
pub fn coarsest(maps: &[Map]) -> (usize, usize) {
    let grids = maps.iter().map(|map| (map.height, map.width));
    grids.min_by_key(|(height, width)| height * width).unwrap_or((1, 1))
}

/// From 0 to 1, with a little against division by zero.
fn scaled(map: &Tensor, epsilon: f64) -> Result<Tensor, MethodError> {
    let moved = map.f_sub(&map.f_min()?)?;
    Ok(moved.f_div(&moved.f_max()?.f_add_scalar(epsilon)?)?)
}
