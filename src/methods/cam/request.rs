//! Maps as users ask for them: of one layer or several, smoothed by test-time augmentation.

use std::rc::Rc;

use super::fusion::{Fusion, fused};
use super::{Map, MapInput, MapMethod, Recording};
use crate::methods::job::Job;
use crate::methods::registry::Settings;
use crate::methods::target::Target;
use crate::methods::{Forward, MethodError, Network, Place};

/// What the picture is multiplied by, once as it is and once mirrored.
const FACTORS: [f64; 3] = [0.9, 1.0, 1.1];

/// A method with what it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct MapRequest<'a> {
    /// The method.
    pub make: MapMethod,
    /// Its parameters.
    pub settings: &'a Settings,
    /// The layers.
    pub places: &'a [Place],
    /// What the maps are of.
    pub target: &'a Target,
    /// How several layers' maps become one.
    pub fusion: Fusion,
}

impl MapRequest<'_> {
    /// The map of each layer at its resolution, before ReLU and scaling. `recordings` are used where they suit, and kept there: one
    /// for each layer, or none.
    ///
    /// # Errors
    /// What the method says.
    pub fn maps(
        &self,
        network: &Network,
        forward: &Forward,
        recordings: &mut [Option<Rc<Recording>>],
        job: Job<'_>,
    ) -> Result<Vec<Map>, MethodError> {
        let tap = self.target.tap(network)?.value;
        let mut maps = Vec::with_capacity(self.places.len());
        for (index, place) in self.places.iter().enumerate() {
            let kept = recordings.get(index).cloned().flatten().filter(|known| known.tap() == tap);
            let input = MapInput::new(network, forward, place, self.target, kept, job);
            maps.push((self.make)(&input, self.settings)?);
            if let Some(slot) = recordings.get_mut(index) {
                *slot = input.into_recording();
            }
        }
        Ok(maps)
    }

    /// One map of all layers, at the picture's size, 0 to 1.
    ///
    /// # Errors
    /// What the method says.
    pub fn fused(&self, network: &Network, forward: &Forward, job: Job<'_>) -> Result<Map, MethodError> {
        fused(&self.maps(network, forward, &mut [], job)?, self.fusion, picture_size(forward)?)
    }

    /// The mean of [`MapRequest::fused`] over the picture, its mirror image, and both darker and brighter by a tenth, mirrored
    /// back: pytorch-grad-cam's `aug_smooth`, with its factors on the network's input. Six times the work.
    ///
    /// # Errors
    /// What the method says.
    pub fn smoothed(&self, network: &Network, forward: &Forward, job: Job<'_>) -> Result<Map, MethodError> {
        let (height, width) = picture_size(forward)?;
        let mut sum = vec![0.0_f32; height * width];
        let variants: Vec<(bool, f64)> =
            [false, true].into_iter().flat_map(|mirrored| FACTORS.map(|factor| (mirrored, factor))).collect();
        for (index, (mirrored, factor)) in variants.iter().enumerate() {
            (job.progress)(index, variants.len());
            let turned = if *mirrored { forward.input.f_flip([3])? } else { forward.input.shallow_clone() };
            let seen = network.forward(&turned.f_mul_scalar(*factor)?, job.cancel)?;
            let map = self.fused(network, &seen, Job { progress: &|_, _| {}, ..job })?;
            for (row, values) in map.values.chunks_exact(width).enumerate() {
                for (column, value) in values.iter().enumerate() {
                    let across = if *mirrored { width - 1 - column } else { column };
                    sum[row * width + across] += value / variants.len() as f32;
                }
            }
        }
        (job.progress)(variants.len(), variants.len());
        Ok(Map { height, width, values: sum })
    }
}

fn picture_size(forward: &Forward) -> Result<(usize, usize), MethodError> {
    let (_, _, height, width) = forward.input.size4()?;
    Ok((height as usize, width as usize))
}
