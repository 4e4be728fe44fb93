//! What a recipe starts from, what the network sees of it, and the picture that it is.

use image::RgbImage;
use tch::Tensor;

use super::color;
use super::fourier::Fourier;
use super::maco::{self, Crop, Magnitude};
use super::random::{Lane, Purpose, Random};
use super::recipe::{Lucid, Maco, Recipe};
use super::space::{Space, deprocess, pictures_as_they_are};
use super::transform::{self, Transforms};
use crate::methods::{MethodError, Network};

/// Random choices that are given in place of drawn ones, to compare with another program that chose them.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// For each step, the transforms of the patterns in their order; after the last step they are drawn again.
    pub transforms: Vec<Transforms>,
    /// For each step, the crops of the patterns in their order.
    pub crops: Vec<Vec<Vec<Crop>>>,
}

/// A recipe, made ready for a network and a size.
#[derive(Debug)]
pub(super) struct Growth {
    kind: Kind,
    space: Space,
    channels: usize,
    size: (usize, usize),
    /// What the network is fed of crops.
    fed: (usize, usize),
    seed: u64,
    given: Given,
}

#[derive(Debug)]
enum Kind {
    Book,
    Lucid(Lucid, Fourier),
    Maco(Maco, Magnitude),
}

/// What the network sees of the patterns at a step.
pub(super) struct Seen {
    /// N×C×H×W in the network's input space.
    pub(super) pictures: Tensor,
    /// How often each pattern is seen, one after the other.
    pub(super) times: usize,
}

impl Growth {
    pub(super) fn new(network: &Network, recipe: Recipe, size: (usize, usize), seed: u64) -> Result<Self, MethodError> {
        let device = network.engine.device();
        let kind = match recipe {
            Recipe::Book(_) => Kind::Book,
            Recipe::Lucid(lucid) => Kind::Lucid(lucid, Fourier::new(size, device)?),
            Recipe::Maco(maco) => Kind::Maco(maco, Magnitude::falling(size, device)?),
        };
        let (space, channels, fed) = (Space::of(network)?, network.input.channels, network.usual_size());
        Ok(Self { kind, space, channels, size, fed, seed, given: Given::default() })
    }

    pub(super) fn give(&mut self, given: Given) {
        self.given = given;
    }

    /// How often the network sees a pattern at a step.
    pub(super) fn times(&self) -> usize {
        match &self.kind {
            Kind::Maco(maco, _) => maco.crops.max(1),
            _ => 1,
        }
    }

    /// Height and width of the largest picture that the network is shown.
    pub(super) fn largest(&self) -> (usize, usize) {
        match &self.kind {
            Kind::Lucid(lucid, _) if lucid.transforms => {
                (transform::largest(self.size.0), transform::largest(self.size.1))
            }
            Kind::Book | Kind::Lucid(..) => self.size,
            Kind::Maco(..) => self.fed,
        }
    }

    /// Sizes of a pattern's parameters.
    pub(super) fn shape(&self) -> Vec<i64> {
        match &self.kind {
            Kind::Book => vec![self.channels as i64, self.size.0 as i64, self.size.1 as i64],
            Kind::Lucid(_, fourier) => fourier.shape(self.channels).to_vec(),
            Kind::Maco(_, magnitude) => magnitude.shape(self.channels).to_vec(),
        }
    }

    /// Parameters from noise, K×….
    pub(super) fn start(&self, lanes: &[Lane]) -> Result<Tensor, MethodError> {
        let count = self.shape().iter().product::<i64>() as usize;
        let normal = |lane: &Lane| Random::new(self.seed, *lane, Purpose::Start, 0).normal(count);
        match &self.kind {
            Kind::Book => {
                let shape = self.shape();
                let noise = |lane: &Lane| {
                    let mut random = Random::numbered(self.seed, *lane);
                    let uniform: Vec<f32> = (0..count).map(|_| random.uniform()).collect();
                    Ok(Tensor::f_from_slice(&uniform)?.f_reshape(&shape)?)
                };
                let noise = lanes.iter().map(noise).collect::<Result<Vec<_>, MethodError>>()?;
                let grey = Tensor::f_stack(&noise, 0)?.f_mul_scalar(20.0)?.f_add_scalar(128.0)?;
                Ok(grey.f_to_device(self.space.levels.device())?.f_mul(&self.space.levels)?)
            }
            Kind::Lucid(lucid, fourier) => {
                let numbers: Vec<Vec<f32>> = lanes.iter().map(normal).collect();
                Ok(fourier.coefficients(self.channels, &numbers)?.f_mul_scalar(lucid.deviation)?)
            }
            Kind::Maco(_, magnitude) => {
                let numbers: Vec<Vec<f32>> = lanes.iter().map(normal).collect();
                magnitude.phases(self.channels, &numbers)
            }
        }
    }

    /// What the network sees of the patterns `lanes` at a step; `places` are their numbers among all.
    pub(super) fn seen(
        &self,
        parameters: &Tensor,
        (lanes, places): (&[Lane], &[usize]),
        step: usize,
    ) -> Result<Seen, MethodError> {
        let times = self.times();
        let pictures = match &self.kind {
            Kind::Book => parameters.shallow_clone(),
            Kind::Lucid(lucid, fourier) => {
                let pictures = color::picture(&fourier.picture(parameters)?)?;
                let transforms = match self.given.transforms.get(step) {
                    Some(given) => {
                        let each = places.iter().filter_map(|&place| given.each.get(place).copied());
                        Transforms { scale: given.scale, each: each.collect() }
                    }
                    None => Transforms::drawn(self.seed, lanes, step),
                };
                self.space.fed(&if lucid.transforms { transforms.of(&pictures)? } else { pictures })?
            }
            Kind::Maco(maco, magnitude) => {
                let pictures = color::picture(&magnitude.directions(parameters)?)?;
                let crops = match self.given.crops.get(step) {
                    Some(given) => places.iter().filter_map(|&place| given.get(place).cloned()).collect(),
                    None => maco::drawn(maco, self.seed, lanes, step),
                };
                let fed = self.space.fed(&maco::cropped(&pictures, &crops, self.fed)?)?;
                if maco.noise > 0.0 {
                    let (count, channels, height, width) = fed.size4()?;
                    let noise = maco::noise(maco, self.seed, lanes, step, [count, channels, height, width])?;
                    fed.f_add(&noise.f_to_device(fed.device())?)?
                } else {
                    fed
                }
            }
        };
        Ok(Seen { pictures, times })
    }

    /// Whether what is seen may be brought to a size that the graph fixes.
    pub(super) fn is_resizable(&self) -> bool {
        !matches!(self.kind, Kind::Book)
    }

    /// The last step at which dead ReLU operators are woken.
    pub(super) fn redirects_at(&self, step: usize) -> bool {
        matches!(&self.kind, Kind::Lucid(lucid, _) if step <= lucid.redirected_until)
    }

    /// Pictures from 0 to 1, red first, of the recipes that make such.
    fn colors(&self, parameters: &Tensor) -> Result<Option<Tensor>, MethodError> {
        tch::no_grad(|| {
            let directions = match &self.kind {
                Kind::Book => return Ok(None),
                Kind::Lucid(_, fourier) => fourier.picture(parameters)?,
                Kind::Maco(_, magnitude) => magnitude.directions(parameters)?,
            };
            color::picture(&directions).map(Some)
        })
    }

    /// The patterns K×C×H×W in the network's input space.
    pub(super) fn images(&self, parameters: &Tensor) -> Result<Tensor, MethodError> {
        match self.colors(parameters)? {
            Some(colors) => self.space.fed(&colors),
            None => Ok(parameters.shallow_clone()),
        }
    }

    /// The patterns as they are looked at.
    pub(super) fn pictures(&self, parameters: &Tensor) -> Result<Vec<RgbImage>, MethodError> {
        match self.colors(parameters)? {
            Some(colors) => pictures_as_they_are(&colors),
            None => self.space.pictures(parameters, deprocess(parameters)?),
        }
    }

    /// Input levels per grey level, for the book's steps.
    pub(super) fn levels(&self) -> &Tensor {
        &self.space.levels
    }

    /// Steps in a picture's own numbers, as those of a network that is fed grey levels.
    pub(super) fn in_levels_of_one(&mut self) {
        self.space.levels = self.space.levels.ones_like();
    }
}
