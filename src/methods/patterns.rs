//! Filter patterns: the input that maximises a channel, by gradient ascent from noise.
//!
//! The recipe is that of Chollet, *Deep Learning with Python*, section 5.4: start at 128 + 20·U(0,1), maximise the mean of the
//! channel's activation, divide the gradient by its root mean square + 1e-5, take 40 steps of 1. A picture is made of the
//! result by `deprocess_image`.
//!
//! The book feeds a network whose input is on the 0–255 scale. For a network whose input is divided by a standard deviation,
//! noise and steps are divided by it as well, so that a step is one grey level there too.

use image::RgbImage;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tch::{Kind, Tensor};

use super::{MethodError, Network, Place, channels};
use crate::engine::{Cancel, EngineError, numbers};
use crate::model::Layout;
use crate::model::preprocess::Order;

/// The constants of the recipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Steps of gradient ascent.
    pub steps: usize,
    /// Length of a step, in grey levels.
    pub step: f64,
    /// Added to the root mean square that the gradient is divided by.
    pub epsilon: f64,
}

impl Recipe {
    /// The book's: 40 steps of 1.
    pub const BOOK: Self = Self { steps: 40, step: 1.0, epsilon: 1e-5 };
}

/// A batch of patterns while they grow.
#[derive(Debug)]
pub struct Ascent<'a> {
    network: &'a Network,
    place: Place,
    channels: Vec<usize>,
    recipe: Recipe,
    /// Input levels per grey level, 1×C×1×1.
    scale: Tensor,
    images: Tensor,
    activations: Vec<f32>,
    step: usize,
    /// Whether the graph takes a batch; one that was exported for a single picture is run picture by picture.
    batched: bool,
}

impl<'a> Ascent<'a> {
    /// Starts from noise that depends on `seed` and the channel alone, so that a channel's pattern is the same on every page.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn from_noise(
        network: &'a Network,
        place: Place,
        channels: Vec<usize>,
        (height, width): (usize, usize),
        recipe: Recipe,
        seed: u64,
    ) -> Result<Self, MethodError> {
        let scale = scale(network)?;
        let size = [network.input.channels as i64, height as i64, width as i64];
        // libtorch's own generator is shared by all threads of the process.
        let noise = |&channel: &usize| {
            let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(channel as u64));
            let count = size.iter().product::<i64>();
            // The upper 24 bits make every float of the interval equally likely.
            let uniform: Vec<f32> =
                (0..count).map(|_| (random.next_u32() >> 8) as f32 / (1_u32 << 24) as f32).collect();
            Tensor::f_from_slice(&uniform)?.f_reshape(size)
        };
        let noise = channels.iter().map(noise).collect::<Result<Vec<_>, _>>()?;
        let images = Tensor::f_stack(&noise, 0)?
            .f_mul_scalar(20.0)?
            .f_add_scalar(128.0)?
            .f_to_device(network.engine.device())?
            .f_mul(&scale)?;
        Ok(Self::from_images(network, place, channels, images, scale, recipe))
    }

    /// Starts from images K×C×H×W in the network's input space, one for each channel, with steps of the recipe's length.
    pub fn from_start(
        network: &'a Network,
        place: Place,
        channels: Vec<usize>,
        images: Tensor,
        recipe: Recipe,
    ) -> Self {
        let scale = Tensor::from(1.0_f32).to_device(network.engine.device());
        Self::from_images(network, place, channels, images, scale, recipe)
    }

    fn from_images(
        network: &'a Network,
        place: Place,
        channels: Vec<usize>,
        images: Tensor,
        scale: Tensor,
        recipe: Recipe,
    ) -> Self {
        let activations = vec![f32::NAN; channels.len()];
        Self { network, place, channels, recipe, scale, images, activations, step: 0, batched: true }
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Steps in all.
    pub fn steps(&self) -> usize {
        self.recipe.steps
    }

    /// Whether all steps are done.
    pub fn is_done(&self) -> bool {
        self.step >= self.recipe.steps
    }

    /// K×C×H×W, in the network's input space.
    pub fn images(&self) -> &Tensor {
        &self.images
    }

    /// Mean activation of each channel before the last step.
    pub fn activations(&self) -> &[f32] {
        &self.activations
    }

    /// Takes one step with all images.
    ///
    /// # Errors
    /// The node that failed, that the run was stopped, or a channel that the layer does not have.
    pub fn advance(&mut self, cancel: &Cancel) -> Result<(), MethodError> {
        let (gradient, activations) = self.gradient(cancel)?;
        self.images = tch::no_grad(|| -> Result<Tensor, MethodError> {
            let square = gradient.f_square()?.f_mean_dim([1, 2, 3].as_slice(), true, Kind::Float)?;
            let normalised = gradient.f_div(&square.f_sqrt()?.f_add_scalar(self.recipe.epsilon)?)?;
            Ok(self.images.f_add(&normalised.f_mul(&self.scale)?.f_mul_scalar(self.recipe.step)?)?)
        })?;
        self.activations = activations;
        self.step += 1;
        Ok(())
    }

    fn gradient(&mut self, cancel: &Cancel) -> Result<(Tensor, Vec<f32>), MethodError> {
        if self.batched && self.channels.len() > 1 {
            match self.gradient_of(&self.images, &self.channels, cancel) {
                Err(MethodError::Engine(EngineError::Node { .. } | EngineError::Torch(_))) => self.batched = false,
                done => return done,
            }
        }
        let mut gradients = Vec::with_capacity(self.channels.len());
        let mut activations = Vec::with_capacity(self.channels.len());
        for (index, channel) in self.channels.iter().enumerate() {
            let image = self.images.f_narrow(0, index as i64, 1)?;
            let (gradient, activation) = self.gradient_of(&image, &[*channel], cancel)?;
            gradients.push(gradient);
            activations.extend(activation);
        }
        Ok((Tensor::f_cat(&gradients, 0)?, activations))
    }

    fn gradient_of(
        &self,
        images: &Tensor,
        channels: &[usize],
        cancel: &Cancel,
    ) -> Result<(Tensor, Vec<f32>), MethodError> {
        let engine = &self.network.engine;
        let source = self.network.source()?;
        let run =
            engine.run_recorded(&[(source, images.shallow_clone())], &[self.place.tap], &[source.into()], cancel)?;
        let (input, output) = (run.get(source)?, run.get(self.place.tap.value)?);
        if output.size().first() != Some(&(channels.len() as i64)) {
            return Err(EngineError::Torch("the layer does not keep the batch".to_owned()).into());
        }
        let means = tch::with_grad(|| self.means(output, channels))?;
        if !means.requires_grad() {
            return Err(MethodError::NoGradient(self.place.name.clone()));
        }
        let target = tch::with_grad(|| means.f_sum(Kind::Float))?;
        let mut gradients = engine.gradients(&target, &[input], false)?;
        let gradient = gradients.pop().ok_or_else(|| MethodError::NoGradient(self.place.name.clone()))?;
        Ok((gradient, numbers(&means)?))
    }

    /// The mean activation of the n-th channel in the n-th image.
    fn means(&self, output: &Tensor, channels: &[usize]) -> Result<Tensor, MethodError> {
        let sizes = output.size();
        let dimension = channels::dimension(sizes.len(), self.network.layout(self.place.tap.value));
        let count = sizes.get(dimension).copied().unwrap_or(0);
        if let Some(&asked) = channels.iter().find(|&&channel| channel as i64 >= count) {
            return Err(MethodError::NoSuchChannel {
                layer: self.place.name.clone(),
                last: (count - 1).max(0) as usize,
                asked,
            });
        }
        let mean = |(index, &channel): (usize, &usize)| -> Result<Tensor, MethodError> {
            let image = output.f_select(0, index as i64)?;
            Ok(image.f_select(dimension as i64 - 1, channel as i64)?.f_mean(Kind::Float)?)
        };
        let means = channels.iter().enumerate().map(mean).collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::f_stack(&means, 0)?)
    }
}

fn scale(network: &Network) -> Result<Tensor, MethodError> {
    let channels = network.input.channels;
    let levels: Vec<f32> =
        (0..channels).map(|channel| 1.0 / network.input.preprocessing.normalisation(channel).1).collect();
    Ok(network.engine.tensor(&levels, &[1, channels as i64, 1, 1])?)
}

/// Height and width at which a layer's patterns show their structure: about sixteen of the layer's positions, 64 to 160 pixels,
/// or the size that the network was exported for where nothing smaller can be run.
pub fn size_for(network: &Network, layer_shape: &[i64], layout: Layout) -> (usize, usize) {
    let (height, width) = network.usual_size();
    let positions = match (layer_shape, layout) {
        (&[_, _, rows, _], Layout::ChannelsFirst) | (&[_, rows, _, _], Layout::ChannelsLast) if rows > 1 => {
            rows as usize
        }
        // Vectors and tokens look at the whole input.
        _ => return (height, width),
    };
    let side = (16 * (height / positions).max(1)).clamp(64, 160);
    (side.min(height), side.min(width))
}

/// Patterns K×C×H×W as pictures: [`deprocess`], with red first whatever the network's order, grey where it sees only grey.
///
/// # Errors
/// When the copy to the host fails.
pub fn pictures(network: &Network, images: &Tensor) -> Result<Vec<RgbImage>, MethodError> {
    let (_, channels, height, width) = images.size4()?;
    let order = network.input.preprocessing.order();
    let picture = |bytes: Vec<u8>| {
        let pixels = bytes.chunks_exact(channels.max(1) as usize).flat_map(|pixel| match (pixel, order) {
            (&[red, green, blue], Order::Rgb) | (&[blue, green, red], Order::Bgr) => [red, green, blue],
            (pixel, _) => [pixel.first().copied().unwrap_or(0); 3],
        });
        RgbImage::from_raw(width as u32, height as u32, pixels.collect()).unwrap_or_default()
    };
    Ok(deprocess(images)?.into_iter().map(picture).collect())
}

/// The book's `deprocess_image` of images K×C×H×W: mean 0, standard deviation 0.1 around 0.5, clipped, as bytes H×W×C.
///
/// # Errors
/// When the copy to the host fails.
pub fn deprocess(images: &Tensor) -> Result<Vec<Vec<u8>>, MethodError> {
    let sizes = images.size4()?;
    let (channels, plane) = (sizes.1 as usize, (sizes.2 * sizes.3) as usize);
    let values = numbers(images)?;
    Ok(values.chunks_exact((channels * plane).max(1)).map(|image| deprocessed(image, channels, plane)).collect())
}

fn deprocessed(image: &[f32], channels: usize, plane: usize) -> Vec<u8> {
    let count = image.len() as f64;
    let mean = image.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let std = (image.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count).sqrt();
    let mut bytes = vec![0; image.len()];
    for channel in 0..channels {
        for position in 0..plane {
            let value = (f64::from(image[channel * plane + position]) - mean) / (std + 1e-5) * 0.1 + 0.5;
            bytes[position * channels + channel] = (value.clamp(0.0, 1.0) * 255.0) as u8;
        }
    }
    bytes
}
