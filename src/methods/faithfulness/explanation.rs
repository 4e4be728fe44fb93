//! Any map and any attribution, as something to be measured.

use tch::Tensor;

use super::FaithfulnessError;
use crate::methods::attribution::{Attribution, Reading};
use crate::methods::cam::fusion::{Fusion, fused};
use crate::methods::cam::{Map, MapRequest};
use crate::methods::job::Job;
use crate::methods::{Forward, MethodError, Network, noise};

/// What a method says of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The method's own numbers: a map at its layer's resolution before ReLU and scaling, or an attribution.
    pub values: Vec<f32>,
    /// How much each pixel matters, at the picture's size. The greatest is 1 where anything matters; what speaks against the target is
    /// negative where the method tells it apart.
    pub relevance: Map,
}

impl Explanation {
    /// Of a map at a layer's resolution: relevant is what is shown, the positive part scaled to 0–1 and enlarged, as pytorch-grad-cam gives it.
    ///
    /// # Errors
    /// When memory is short.
    pub fn of_map(map: &Map, size: (usize, usize)) -> Result<Self, MethodError> {
        let relevance = fused(std::slice::from_ref(map), Fusion::Mean, size)?;
        Ok(Self { values: map.values.clone(), relevance })
    }

    /// Of what a request makes of a picture that has run: one layer's map, several fused, or smoothed.
    ///
    /// # Errors
    /// What the method says.
    pub fn of_request(
        request: &MapRequest<'_>,
        smooth: bool,
        network: &Network,
        forward: &Forward,
        job: Job<'_>,
    ) -> Result<Self, MethodError> {
        if smooth {
            return Ok(Self::of_whole(request.smoothed(network, forward, job)?));
        }
        let (_, _, height, width) = forward.input.size4()?;
        let maps = request.maps(network, forward, &mut [], job)?;
        Self::of_maps(&maps, request.fusion, (height as usize, width as usize))
    }

    /// Of the maps of one layer or of several.
    ///
    /// # Errors
    /// When memory is short.
    pub fn of_maps(maps: &[Map], fusion: Fusion, size: (usize, usize)) -> Result<Self, MethodError> {
        match maps {
            [map] => Self::of_map(map, size),
            several => Ok(Self::of_whole(fused(several, fusion, size)?)),
        }
    }

    /// Of a map that is scaled and of the picture's size already, as of several layers.
    pub fn of_whole(map: Map) -> Self {
        Self { values: map.values.clone(), relevance: map }
    }

    /// Of an attribution: relevant is the sum over the channels; where the sign tells nothing, of the magnitudes.
    pub fn of_attribution(attribution: &Attribution, reading: Reading) -> Self {
        let Attribution { height, width, ref values, .. } = *attribution;
        let mut sums = vec![0.0_f32; height * width];
        for channel in values.chunks_exact(sums.len().max(1)) {
            for (sum, &value) in sums.iter_mut().zip(channel) {
                let value = if value.is_finite() { value } else { 0.0 };
                *sum += if reading == Reading::Magnitude { value.abs() } else { value };
            }
        }
        let most = sums.iter().fold(0.0_f32, |most, &sum| most.max(sum));
        let scale = if most > 0.0 { most } else { sums.iter().fold(0.0_f32, |most, sum| most.max(sum.abs())) };
        if scale > 0.0 {
            for sum in &mut sums {
                *sum /= scale;
            }
        }
        Self { values: values.clone(), relevance: Map { height, width, values: sums } }
    }

    /// A map that knows nothing: uniform numbers on a grid, enlarged as maps are.
    pub(super) fn random(
        seed: u64,
        stream: u64,
        grid: (usize, usize),
        size: (usize, usize),
    ) -> Result<Map, MethodError> {
        let (height, width) = grid;
        let values = noise::uniform(seed, stream, height * width);
        fused(&[Map { height, width, values }], Fusion::Mean, size)
    }

    /// What the picture is seen through: the relevance of 0 to 1, as 1×1×H×W on the host.
    pub(super) fn mask(&self) -> Result<Tensor, MethodError> {
        let Map { height, width, ref values } = self.relevance;
        let mask = Tensor::f_from_slice(values)?.f_reshape([1, 1, height as i64, width as i64])?;
        Ok(mask.f_clamp(0.0, 1.0)?)
    }

    /// # Errors
    /// When the relevance is not of the picture's size.
    pub(super) fn fits(&self, picture: (usize, usize)) -> Result<(), FaithfulnessError> {
        let map = (self.relevance.height, self.relevance.width);
        if map == picture { Ok(()) } else { Err(FaithfulnessError::Size { map, picture }) }
    }
}
