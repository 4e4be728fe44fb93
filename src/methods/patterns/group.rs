//! Patterns that the network sees together.

use tch::{Kind, Tensor};

use super::growth::Growth;
use super::optimiser::Moments;
use super::random::Lane;
use super::saved::Saved;
use crate::methods::MethodError;

/// Patterns that have taken the same steps.
#[derive(Debug)]
pub(super) struct Group {
    /// Their numbers among all.
    pub(super) places: Vec<usize>,
    pub(super) step: usize,
    pub(super) parameters: Tensor,
    pub(super) moments: Moments,
    /// The objective of each before the last step.
    pub(super) values: Tensor,
}

impl Group {
    /// From noise, or from what was saved where all of them were.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub(super) fn new(
        growth: &Growth,
        lanes: &[Lane],
        places: &[usize],
        step: usize,
        saved: &[Option<Saved>],
    ) -> Result<Self, MethodError> {
        let own: Vec<Lane> = places.iter().map(|&place| lanes[place]).collect();
        let device = growth.levels().device();
        let kept: Option<Vec<&Saved>> = places.iter().map(|&place| saved[place].as_ref()).collect();
        let Some(kept) = kept else {
            let parameters = growth.start(&own)?;
            let moments = Moments::none(&parameters)?;
            let values = Tensor::f_full([own.len() as i64], f64::NAN, (Kind::Float, device))?;
            return Ok(Self { places: places.to_vec(), step, parameters, moments, values });
        };
        let mut shape = vec![own.len() as i64];
        shape.extend(growth.shape());
        let together = |part: &dyn Fn(&Saved) -> &[f32]| -> Result<Tensor, MethodError> {
            let all: Vec<f32> = kept.iter().flat_map(|saved| part(saved).iter().copied()).collect();
            Ok(Tensor::f_from_slice(&all)?.f_reshape(&shape)?.f_to_device(device)?)
        };
        let parameters = together(&|saved| &saved.parameters)?;
        let moments = if kept.iter().all(|saved| saved.moments.len() == 2) {
            Moments { first: together(&|saved| &saved.moments[0])?, second: together(&|saved| &saved.moments[1])? }
        } else {
            Moments::none(&parameters)?
        };
        let values: Vec<f32> = kept.iter().map(|saved| saved.value).collect();
        let values = Tensor::f_from_slice(&values)?.f_to_device(device)?;
        Ok(Self { places: places.to_vec(), step, parameters, moments, values })
    }

    /// Two groups of half the patterns; `pictures` of a channel stay together.
    pub(super) fn halves(&self, pictures: usize) -> Result<(Self, Self), MethodError> {
        let first = (self.places.len() / pictures / 2).max(1) * pictures;
        let part = |from: usize, to: usize| -> Result<Self, MethodError> {
            let cut = |tensor: &Tensor| tensor.f_narrow(0, from as i64, (to - from) as i64)?.f_contiguous();
            Ok(Self {
                places: self.places[from..to].to_vec(),
                step: self.step,
                parameters: cut(&self.parameters)?,
                moments: Moments { first: cut(&self.moments.first)?, second: cut(&self.moments.second)? },
                values: cut(&self.values)?,
            })
        };
        Ok((part(0, first)?, part(first, self.places.len())?))
    }
}
