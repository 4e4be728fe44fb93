//! Pictures of fixed amplitudes and movable phases, and the crops that the network sees of them.

use tch::{Device, Tensor};

use super::fourier;
use super::random::{Lane, Purpose, Random};
use super::recipe::Maco;
use crate::methods::MethodError;

/// Added to the standard deviation that is divided by.
const EPSILON: f64 = 1e-4;
/// Standard deviation of a crop's centre around the picture's, as a share of the side.
const WANDER: f32 = 0.15;

/// A square crop, as shares of the picture's sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// Its centre from the left.
    pub x: f32,
    /// Its centre from above.
    pub y: f32,
    /// Its side.
    pub side: f32,
}

/// Amplitudes of pictures of one size.
#[derive(Debug)]
pub struct Magnitude {
    height: i64,
    width: i64,
    /// rows × columns.
    amplitudes: Tensor,
}

impl Magnitude {
    /// 1/f for pictures of `height` by `width`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn falling((height, width): (usize, usize), device: Device) -> Result<Self, MethodError> {
        let (amplitudes, columns) = fourier::falling(height, width);
        let amplitudes: Vec<f32> = amplitudes.into_iter().map(|amplitude| amplitude as f32).collect();
        let all = Tensor::f_from_slice(&amplitudes)?.f_reshape([height as i64, columns as i64])?;
        let amplitudes = all.f_narrow(1, 0, width as i64 / 2 + 1)?.f_contiguous()?.f_to_device(device)?;
        Ok(Self { height: height as i64, width: width as i64, amplitudes })
    }

    /// Sizes of a picture's phases: channels × rows × columns.
    pub fn shape(&self, channels: usize) -> [i64; 3] {
        [channels as i64, self.height, self.width / 2 + 1]
    }

    /// Independent colour directions K×C×H×W, each picture of mean 0 and standard deviation 1, of phases K×C×rows×columns.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn directions(&self, phases: &Tensor) -> Result<Tensor, MethodError> {
        let phases = standardised(phases)?;
        let real = phases.f_cos()?.f_mul(&self.amplitudes)?;
        let imaginary = phases.f_sin()?.f_mul(&self.amplitudes)?;
        let spectrum = Tensor::f_complex(&real, &imaginary)?;
        standardised(&spectrum.f_fft_irfft2(&[self.height, self.width][..], [-2, -1], "backward")?)
    }

    pub(super) fn phases(&self, channels: usize, numbers: &[Vec<f32>]) -> Result<Tensor, MethodError> {
        let shape = self.shape(channels);
        let each = numbers.iter().map(|numbers| Ok(Tensor::f_from_slice(numbers)?.f_reshape(shape)?));
        let each = each.collect::<Result<Vec<_>, MethodError>>()?;
        Ok(Tensor::f_stack(&each, 0)?.f_to_device(self.amplitudes.device())?)
    }
}

/// Mean 0 and standard deviation 1 for each picture, over all its channels together.
fn standardised(pictures: &Tensor) -> Result<Tensor, MethodError> {
    let axes = [1_i64, 2, 3];
    let centred = pictures.f_sub(&pictures.f_mean_dim(axes.as_slice(), true, tch::Kind::Float)?)?;
    let deviation = centred.f_std_dim(axes.as_slice(), true, true)?.f_add_scalar(EPSILON)?;
    Ok(centred.f_div(&deviation)?)
}

/// The crops of a step, for each pattern.
pub(super) fn drawn(maco: &Maco, seed: u64, lanes: &[Lane], step: usize) -> Vec<Vec<Crop>> {
    let crops = |&lane: &Lane| {
        let mut random = Random::new(seed, lane, Purpose::Crops, step);
        (0..maco.crops)
            .map(|_| {
                let around = random.normal(2);
                let centre = |index: usize| 0.5 + WANDER * around.get(index).copied().unwrap_or(0.0);
                let side = maco.smallest as f32 + (maco.largest - maco.smallest) as f32 * random.uniform();
                Crop { x: centre(0), y: centre(1), side }
            })
            .collect()
    };
    lanes.iter().map(crops).collect()
}

/// The crops of pictures K×C×H×W, each pattern's one after the other, sampled bilinearly to `height` by `width`; what lies beyond
/// the picture is as its border.
///
/// # Errors
/// When the device is out of memory.
pub fn cropped(pictures: &Tensor, crops: &[Vec<Crop>], (height, width): (usize, usize)) -> Result<Tensor, MethodError> {
    let (count, channels, _, _) = pictures.size4()?;
    let each = crops.first().map_or(0, Vec::len) as i64;
    let positions = |side: usize, centre: &dyn Fn(&Crop) -> f32| -> Result<Tensor, MethodError> {
        let all: Vec<f32> = (crops.iter().flatten())
            .flat_map(|crop| {
                let (middle, length) = (centre(crop), crop.side);
                let share = move |at: usize| (at as f32 + 0.5) / side as f32 - 0.5;
                (0..side).map(move |at| 2.0 * (middle + length * share(at)) - 1.0)
            })
            .collect();
        Ok(Tensor::f_from_slice(&all)?.f_reshape([count, each, side as i64])?.f_to_device(pictures.device())?)
    };
    let (rows, columns) = (positions(height, &|crop| crop.y)?, positions(width, &|crop| crop.x)?);
    let sizes = [count, each, height as i64, width as i64];
    let across = columns.f_unsqueeze(2)?.f_expand(sizes, false)?;
    let down = rows.f_unsqueeze(3)?.f_expand(sizes, false)?;
    // The crops of one picture below each other, so that the picture itself is not copied for each.
    let tall = [count, each * height as i64, width as i64, 2];
    let grid = Tensor::f_stack(&[across, down], -1)?.f_reshape(tall)?;
    let (bilinear, border) = (0, 1);
    let seen = pictures.f_grid_sampler(&grid, bilinear, border, false)?;
    let apart = seen.f_reshape([count, channels, each, height as i64, width as i64])?.f_transpose(1, 2)?;
    Ok(apart.f_reshape([count * each, channels, height as i64, width as i64])?)
}

/// Normal and even noise over the crops of each pattern, N×C×H×W.
pub(super) fn noise(
    maco: &Maco,
    seed: u64,
    lanes: &[Lane],
    step: usize,
    sizes: [i64; 4],
) -> Result<Tensor, MethodError> {
    let each = (sizes.iter().product::<i64>() / lanes.len().max(1) as i64) as usize;
    let mut all = Vec::with_capacity(each * lanes.len());
    for &lane in lanes {
        let mut random = Random::new(seed, lane, Purpose::Noise, step);
        let normal = random.normal(each);
        all.extend(normal.into_iter().map(|normal| maco.noise as f32 * (normal + random.uniform() - 0.5)));
    }
    Ok(Tensor::f_from_slice(&all)?.f_reshape(sizes)?)
}
