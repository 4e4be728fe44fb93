//! RISE: what the target is when random parts of the picture are faded out.
//!
//! Petsiuk, Das, Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models* (2018), equation 6:
//! `1/(N·p) Σ_i y(b + M_i (x − b)) · M_i`. A mask M is a grid of cells that are kept with probability p, enlarged bilinearly to one
//! cell more than the picture and cut out at a random place. The authors fade to zero in the network's input space and take
//! the class's probability for y.

use tch::{Kind, Tensor};

use super::baseline::baseline;
use super::batch::Runner;
use super::{Attribution, AttributionError, AttributionInput};
use crate::methods::registry::Settings;
use crate::methods::{MethodError, noise};

/// RISE; the same for every channel.
pub(in crate::methods) fn rise(input: &AttributionInput<'_>, settings: &Settings) -> Result<Attribution, MethodError> {
    let runner = Runner::new(input)?;
    let (_, channels, height, width) = input.input.size4()?;
    let base = baseline(input, settings.word("baseline"))?;
    let shown = input.input.f_sub(&base)?;
    let (samples, grid, share) = (settings.whole("masks") as usize, settings.whole("grid"), settings.real("keep"));
    let mut sum = Tensor::f_zeros([1, 1, height, width], (Kind::Float, input.network.engine.device()))?;
    let mut done = 0;
    let mean = |sum: &Tensor, done: usize| -> Result<Tensor, MethodError> {
        Ok(sum.f_div_scalar(done as f64 * share)?.f_expand([1, channels, height, width], false)?)
    };
    while done < samples {
        let now = runner.batch().min(samples - done);
        let masks = if let Some(given) = input.drawn {
            cut(given, done, &[now as i64, 1, height, width])?
        } else {
            let made: Vec<Tensor> = (done..done + now)
                .map(|sample| mask(input.job.seed, sample, grid, share, (height, width)))
                .collect::<Result<_, _>>()?;
            Tensor::f_cat(&made, 0)?.f_to_device(input.network.engine.device())?
        };
        let values = runner.values(&masks.f_mul(&shown)?.f_add(&base)?)?;
        let weights = input.network.engine.tensor(&values, &[now as i64, 1, 1, 1])?;
        sum = sum.f_add(&masks.f_mul(&weights)?.f_sum_dim_intlist(0, true, Kind::Float)?)?;
        done += now;
        (input.job.progress)(done, samples);
        input.show(|| mean(&sum, done))?;
    }
    Attribution::of(&mean(&sum, done)?, None)
}

fn cut(given: &Tensor, first: usize, wanted: &[i64]) -> Result<Tensor, MethodError> {
    let sizes = given.size();
    let there = sizes.first().copied().unwrap_or(0);
    if sizes.get(1..) != wanted.get(1..) || there < first as i64 + wanted[0] {
        return Err(AttributionError::Drawn { given: sizes, wanted: wanted.to_vec() }.into());
    }
    Ok(given.f_narrow(0, first as i64, wanted[0])?)
}

/// A mask of RISE, 1×1×H×W of 0 to 1.
fn mask(seed: u64, sample: usize, grid: i64, share: f64, size: (i64, i64)) -> Result<Tensor, MethodError> {
    let cells = (grid * grid) as usize;
    let drawn = noise::uniform(seed, sample as u64, cells + 2);
    let kept: Vec<f32> =
        drawn.iter().take(cells).map(|&number| f32::from(u8::from(f64::from(number) < share))).collect();
    // The last two numbers are where the mask is cut out.
    let place = |number: usize, pixels: i64| {
        let cell = (pixels as usize).div_ceil(grid as usize);
        drawn.get(cells + number).map_or(0, |number| (f64::from(*number) * cell as f64) as usize)
    };
    let offset = (place(0, size.0), place(1, size.1));
    let cells = Tensor::f_from_slice(&kept)?.f_reshape([1, 1, grid, grid])?;
    masks(&cells, offset, size)
}

/// Masks N×1×H×W of a size made of grids N×1×s×s, enlarged by one cell more than the size and cut out `offset` rows and columns
/// from the corner.
///
/// # Errors
/// When the device is out of memory.
pub fn masks(grids: &Tensor, offset: (usize, usize), size: (i64, i64)) -> Result<Tensor, MethodError> {
    let (_, _, rows, columns) = grids.size4()?;
    let cell = |pixels: i64, cells: i64| (pixels as usize).div_ceil(cells as usize) as i64;
    let large = [(rows + 1) * cell(size.0, rows), (columns + 1) * cell(size.1, columns)];
    let enlarged = grids.f_upsample_bilinear2d(large, false, None, None)?;
    let down = enlarged.f_narrow(2, offset.0 as i64, size.0)?;
    Ok(down.f_narrow(3, offset.1 as i64, size.1)?.f_contiguous()?)
}
