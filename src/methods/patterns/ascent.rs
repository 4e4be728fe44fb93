//! Patterns while they grow.

use image::RgbImage;
use tch::{Kind, Tensor};

use super::climb::{Climb, Feeding};
use super::group::Group;
use super::growth::{Given, Growth};
use super::objective::Subject;
use super::own_channel::OwnChannel;
use super::random::Lane;
use super::recipe::Recipe;
use super::saved::Saved;
use crate::engine::{Cancel, EngineError, numbers};
use crate::methods::{MethodError, Network, Place};

/// Pictures that the network sees at once, where memory allows.
const BATCH: usize = 16;

/// What is held of each pattern's parameters: themselves, two moments, and the picture twice when it is given out.
const COPIES: u64 = 5;

/// Patterns while they grow, in groups that the network sees together.
#[derive(Debug)]
pub struct Ascent<'a> {
    network: &'a Network,
    subject: Subject,
    own_channel: Option<OwnChannel>,
    recipe: Recipe,
    growth: Growth,
    lanes: Vec<Lane>,
    groups: Vec<Group>,
    /// Pictures that the network may see at once: one at least, and all of a channel that must differ.
    at_once: usize,
    feeding: Feeding,
}

impl<'a> Ascent<'a> {
    /// Starts a layer's channels from noise.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn from_noise(
        network: &'a Network,
        place: Place,
        channels: &[usize],
        size: (usize, usize),
        recipe: Recipe,
        seed: u64,
    ) -> Result<Self, MethodError> {
        Self::new(network, Subject::channels(place), channels, size, recipe, seed, Vec::new())
    }

    /// Starts from noise that depends on `seed` and the channel alone, or goes on from what was saved: one for each
    /// picture of each channel, in their order. `size` is height and width.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new(
        network: &'a Network,
        subject: Subject,
        channels: &[usize],
        size: (usize, usize),
        recipe: Recipe,
        seed: u64,
        mut saved: Vec<Option<Saved>>,
    ) -> Result<Self, MethodError> {
        let growth = Growth::new(network, recipe, size, seed)?;
        let pictures = subject.pictures();
        let lanes: Vec<Lane> =
            channels.iter().flat_map(|&channel| (0..pictures).map(move |copy| Lane { channel, copy })).collect();
        let shape = growth.shape();
        saved.resize_with(lanes.len(), || None);
        let steps = recipe.steps();
        let usable = |saved: &Saved| saved.step <= steps && saved.fits(&shape);
        let mut groups = Vec::new();
        // Patterns that have taken the same steps go on together; pictures of one channel always do.
        let mut apart: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
        for channel in 0..channels.len() {
            let places = channel * pictures..(channel + 1) * pictures;
            let found: Vec<Option<usize>> = saved[places.clone()]
                .iter()
                .map(|saved| saved.as_ref().filter(|saved| usable(saved)).map(|saved| saved.step))
                .collect();
            let step = match found.first() {
                Some(&Some(step)) if found.iter().all(|&other| other == Some(step)) => step,
                _ => {
                    saved[places.clone()].iter_mut().for_each(|saved| *saved = None);
                    0
                }
            };
            apart.entry(step).or_default().extend(places);
        }
        let at_once = at_once(network, &subject, &growth, lanes.len())?;
        let together = (at_once / (growth.times() * pictures)).max(1) * pictures;
        for (step, places) in apart {
            for places in places.chunks(together) {
                groups.push(Group::new(&growth, &lanes, places, step, &saved)?);
            }
        }
        let own_channel = OwnChannel::find(network, &subject);
        Ok(Self { network, subject, own_channel, recipe, growth, lanes, groups, at_once, feeding: Feeding::FREE })
    }

    /// Starts the book's recipe from images K×C×H×W in the network's input space, one for each channel, with steps of the recipe's
    /// length there.
    ///
    /// # Errors
    /// As [`Ascent::from_parameters`].
    pub fn from_start(
        network: &'a Network,
        place: Place,
        channels: &[usize],
        images: &Tensor,
        recipe: Recipe,
    ) -> Result<Self, MethodError> {
        let mut ascent = Self::from_parameters(network, Subject::channels(place), channels, images, recipe)?;
        ascent.growth.in_levels_of_one();
        Ok(ascent)
    }

    /// Starts from parameters K×… in place of noise: images in the network's input space for the book's recipe, Fourier
    /// coefficients K×C×H×(W/2+1)×2 for Lucid's, phases K×C×H×(W/2+1) for `MaCo`; the pictures are as wide as that says, an even
    /// number.
    ///
    /// # Errors
    /// When the parameters have another shape than this, or another number than the channels.
    pub fn from_parameters(
        network: &'a Network,
        subject: Subject,
        channels: &[usize],
        parameters: &Tensor,
        recipe: Recipe,
    ) -> Result<Self, MethodError> {
        let sizes = parameters.size();
        let (height, width) = match (&recipe, sizes.as_slice()) {
            (Recipe::Book(_), &[_, _, height, width]) => (height, width),
            (Recipe::Lucid(_), &[_, _, height, columns, 2]) | (Recipe::Maco(_), &[_, _, height, columns]) => {
                (height, (columns - 1) * 2)
            }
            _ => (0, 0),
        };
        let mut ascent =
            Self::new(network, subject, channels, (height as usize, width as usize), recipe, 0, Vec::new())?;
        let mut wanted = vec![ascent.lanes.len() as i64];
        wanted.extend(ascent.growth.shape());
        if sizes != wanted {
            let (given, wanted) = (sizes.iter().map(|&size| size as usize).collect(), super::super::shape(&wanted));
            return Err(MethodError::InputShape { given, wanted });
        }
        for group in &mut ascent.groups {
            let places: Vec<i64> = group.places.iter().map(|&place| place as i64).collect();
            let places = Tensor::f_from_slice(&places)?.f_to_device(parameters.device())?;
            group.parameters = parameters.f_index_select(0, &places)?;
        }
        Ok(ascent)
    }

    /// Uses random choices of another program in place of drawn ones.
    #[must_use]
    pub fn with_given(mut self, given: Given) -> Self {
        self.growth.give(given);
        self
    }

    /// Steps that every pattern has taken.
    pub fn step(&self) -> usize {
        self.groups.iter().map(|group| group.step).min().unwrap_or(self.recipe.steps())
    }

    /// Steps in all.
    pub fn steps(&self) -> usize {
        self.recipe.steps()
    }

    /// Whether all steps are done.
    pub fn is_done(&self) -> bool {
        self.step() >= self.recipe.steps()
    }

    /// What they are grown for.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The patterns: for each channel its pictures.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// K×C×H×W, in the network's input space.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn images(&self) -> Result<Tensor, MethodError> {
        let images = self.groups.iter().map(|group| self.growth.images(&group.parameters));
        self.in_order(&images.collect::<Result<Vec<_>, _>>()?)
    }

    /// As they are looked at: the book's under its `deprocess_image`, others as they are.
    ///
    /// # Errors
    /// When the copy to the host fails.
    pub fn pictures(&self) -> Result<Vec<RgbImage>, MethodError> {
        let mut all = vec![RgbImage::default(); self.lanes.len()];
        for group in &self.groups {
            let pictures = self.growth.pictures(&group.parameters)?;
            for (&place, picture) in group.places.iter().zip(pictures) {
                all[place] = picture;
            }
        }
        Ok(all)
    }

    /// The objective of each pattern before its last step; NaN before the first.
    ///
    /// # Errors
    /// When the copy to the host fails.
    pub fn activations(&self) -> Result<Vec<f32>, MethodError> {
        let values: Vec<Tensor> = self.groups.iter().map(|group| group.values.shallow_clone()).collect();
        Ok(numbers(&self.in_order(&values)?)?)
    }

    /// What is needed to go on with a pattern later.
    ///
    /// # Errors
    /// When there is no such pattern or the copy to the host fails.
    pub fn saved(&self, place: usize) -> Result<Option<Saved>, MethodError> {
        let find = |group: &Group| group.places.iter().position(|&known| known == place);
        let Some((group, row)) = self.groups.iter().find_map(|group| Some((group, find(group)?))) else {
            return Ok(None);
        };
        let row = |tensor: &Tensor| Ok::<_, MethodError>(numbers(&tensor.f_select(0, row as i64)?)?);
        let moments = match self.recipe {
            Recipe::Book(_) => Vec::new(),
            _ => vec![row(&group.moments.first)?, row(&group.moments.second)?],
        };
        Ok(Some(Saved {
            step: group.step,
            value: row(&group.values)?.first().copied().unwrap_or(f32::NAN),
            parameters: row(&group.parameters)?,
            moments,
        }))
    }

    /// Takes one step with all patterns that are behind. What was reached before an error stays.
    ///
    /// # Errors
    /// The node that failed, that the run was stopped, or a channel that the layer does not have.
    pub fn advance(&mut self, cancel: &Cancel) -> Result<(), MethodError> {
        let step = self.step();
        if step >= self.recipe.steps() {
            return Ok(());
        }
        let mut index = 0;
        while index < self.groups.len() {
            if self.groups[index].step > step {
                index += 1;
                continue;
            }
            match self.advance_group(index, cancel) {
                Ok(()) => index += 1,
                Err(MethodError::Engine(EngineError::OutOfMemory { .. }))
                    if self.groups[index].places.len() > self.subject.pictures() =>
                {
                    let (first, second) = self.groups[index].halves(self.subject.pictures())?;
                    self.groups.splice(index..=index, [first, second]);
                }
                // A single pattern that is seen in several crops.
                Err(MethodError::Engine(EngineError::OutOfMemory { .. }))
                    if self.at_once > 1 && self.growth.times() > 1 && self.subject.pictures() == 1 =>
                {
                    self.at_once = self.at_once.div_ceil(2);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn advance_group(&mut self, index: usize, cancel: &Cancel) -> Result<(), MethodError> {
        let group = &mut self.groups[index];
        let lanes: Vec<Lane> = group.places.iter().map(|&place| self.lanes[place]).collect();
        let parameters = group.parameters.detach().set_requires_grad(true);
        let seen = tch::with_grad(|| self.growth.seen(&parameters, (&lanes, &group.places), group.step))?;
        let times = seen.times as i64;
        let seen_lanes: Vec<Lane> = lanes.iter().flat_map(|&lane| std::iter::repeat_n(lane, seen.times)).collect();
        let climb = Climb {
            network: self.network,
            subject: &self.subject,
            lanes: &seen_lanes,
            times: seen.times,
            own_channel: self.own_channel.as_ref(),
            redirected: self.growth.redirects_at(group.step),
            resizable: self.growth.is_resizable(),
            at_once: self.at_once,
            cancel,
        };
        let slope = climb.slope(&seen.pictures, &mut self.feeding)?;
        let gradient = if let Recipe::Book(_) = self.recipe {
            slope.gradient
        } else {
            let along = tch::with_grad(|| slope.fed.f_mul(&slope.gradient)?.f_sum(Kind::Float))?;
            let mut gradients = self.network.engine.gradients(&along, &[&parameters], false)?;
            gradients.pop().ok_or_else(|| MethodError::NoGradient(self.subject.place.name.clone()))?
        };
        tch::no_grad(|| -> Result<(), MethodError> {
            let parameters = &group.parameters;
            group.parameters = match self.recipe {
                Recipe::Book(book) => {
                    let square = gradient.f_square()?.f_mean_dim([1, 2, 3].as_slice(), true, Kind::Float)?;
                    let pace = gradient.f_div(&square.f_sqrt()?.f_add_scalar(book.epsilon)?)?;
                    parameters.f_add(&pace.f_mul(self.growth.levels())?.f_mul_scalar(book.step)?)?
                }
                Recipe::Lucid(lucid) => group.moments.adam(parameters, &gradient, lucid.learning_rate, group.step)?,
                Recipe::Maco(maco) => group.moments.nadam(parameters, &gradient, maco.learning_rate, group.step)?,
            };
            group.values = slope.values.f_reshape([-1, times])?.f_mean_dim(1, false, Kind::Float)?;
            Ok(())
        })?;
        group.step += 1;
        Ok(())
    }

    /// Rows of the groups in the patterns' order.
    fn in_order(&self, groups: &[Tensor]) -> Result<Tensor, MethodError> {
        let mut row_of = vec![0_i64; self.lanes.len()];
        for (row, &place) in self.groups.iter().flat_map(|group| &group.places).enumerate() {
            row_of[place] = row as i64;
        }
        let all = Tensor::f_cat(groups, 0)?;
        Ok(all.f_index_select(0, &Tensor::f_from_slice(&row_of)?.f_to_device(all.device())?)?)
    }
}

/// Pictures that fit the memory at once, recorded for a gradient, beside so many patterns.
fn at_once(network: &Network, subject: &Subject, growth: &Growth, patterns: usize) -> Result<usize, MethodError> {
    let (source, taps) = (network.source()?, subject.taps());
    let (height, width) = growth.largest();
    let sizes = [1, network.input.channels as i64, height as i64, width as i64];
    let largest = Tensor::f_zeros(sizes, (Kind::Float, network.engine.device()))?;
    let shapes = match network.shapes_of(&largest, &taps, &Cancel::new()) {
        Ok(shapes) => shapes,
        // A graph that takes its own size only.
        Err(MethodError::Engine(EngineError::Node { .. } | EngineError::Torch(_))) => {
            network.shapes_of(&network.zeros()?, &taps, &Cancel::new())?
        }
        Err(error) => return Err(error),
    };
    let each = network.cost(&[source], &taps, &[source.into()], &shapes);
    let kept = patterns as u64 * growth.shape().iter().product::<i64>() as u64 * 4 * COPIES;
    let together = subject.together(growth.times());
    Ok((network.batch_beside(kept, together as u64 * each)? * together).min(BATCH.max(together)))
}
