//! From a picture to the network's input space and back.

use image::RgbImage;
use tch::{Kind, Tensor};

use crate::engine::numbers;
use crate::methods::{MethodError, Network};
use crate::model::preprocess::Order;

/// How a network's input is scaled and in which order it has its colours.
#[derive(Debug)]
pub(super) struct Space {
    /// Input levels per grey level of 255, 1×C×1×1.
    pub(super) levels: Tensor,
    /// The input of black, 1×C×1×1.
    black: Tensor,
    order: Order,
}

impl Space {
    /// That of a network.
    pub(super) fn of(network: &Network) -> Result<Self, MethodError> {
        let channels = network.input.channels;
        let preprocessing = &network.input.preprocessing;
        let each = |number: &dyn Fn((f32, f32)) -> f32| {
            let numbers: Vec<f32> = (0..channels).map(|channel| number(preprocessing.normalisation(channel))).collect();
            network.engine.tensor(&numbers, &[1, channels as i64, 1, 1])
        };
        Ok(Self {
            levels: each(&|(_, std)| 1.0 / std)?,
            black: each(&|(mean, std)| -mean / std)?,
            order: preprocessing.order(),
        })
    }

    /// What the network is fed of pictures K×C×H×W from 0 to 1, red first.
    pub(super) fn fed(&self, pictures: &Tensor) -> Result<Tensor, MethodError> {
        let bgr = self.order == Order::Bgr && pictures.size4()?.1 == 3;
        let ordered = if bgr { pictures.f_flip([1])? } else { pictures.shallow_clone() };
        Ok(ordered.f_mul(&self.levels.f_mul_scalar(255.0)?)?.f_add(&self.black)?)
    }

    /// Pictures of bytes H×W×C in the network's order: red first, grey where it sees only grey.
    pub(super) fn pictures(&self, images: &Tensor, bytes: Vec<Vec<u8>>) -> Result<Vec<RgbImage>, MethodError> {
        let (_, channels, height, width) = images.size4()?;
        let picture = |bytes: Vec<u8>| {
            let pixels = bytes.chunks_exact(channels.max(1) as usize).flat_map(|pixel| match (pixel, self.order) {
                (&[red, green, blue], Order::Rgb) | (&[blue, green, red], Order::Bgr) => [red, green, blue],
                (pixel, _) => [pixel.first().copied().unwrap_or(0); 3],
            });
            RgbImage::from_raw(width as u32, height as u32, pixels.collect()).unwrap_or_default()
        };
        Ok(bytes.into_iter().map(picture).collect())
    }
}

/// Pictures K×C×H×W from 0 to 1, red first, as they are.
pub(super) fn pictures_as_they_are(pictures: &Tensor) -> Result<Vec<RgbImage>, MethodError> {
    let (count, channels, height, width) = pictures.size4()?;
    // Put in order and rounded on the device, copied once, as bytes.
    let colors =
        if channels == 3 { pictures.shallow_clone() } else { pictures.f_narrow(1, 0, 1)?.f_repeat([1, 3, 1, 1])? };
    let bytes = colors.f_clamp(0.0, 1.0)?.f_mul_scalar(255.0)?.f_round()?.f_permute([0, 2, 3, 1])?;
    let bytes = bytes.f_to_kind(Kind::Uint8)?.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
    let mut all = vec![0_u8; bytes.numel()];
    let length = all.len();
    bytes.f_copy_data(&mut all, length)?;
    let picture = |bytes: &[u8]| RgbImage::from_raw(width as u32, height as u32, bytes.to_vec()).unwrap_or_default();
    let one = (height * width * 3).max(1) as usize;
    Ok(all.chunks_exact(one).take(count as usize).map(picture).collect())
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
