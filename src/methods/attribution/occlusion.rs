//! Occlusion: what the target loses when a window of the picture is covered.
//!
//! Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (2013). As Captum's `Occlusion` with a window over all
//! channels: windows begin at multiples of the stride, the last is cut off at the edge, and a pixel gets the mean over the windows
//! that cover it.

use tch::Tensor;

use super::baseline::baseline;
use super::batch::Runner;
use super::{Attribution, AttributionInput};
use crate::methods::MethodError;
use crate::methods::registry::Settings;

/// Rows and columns that are covered.
struct Window {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

/// Occlusion.
pub(in crate::methods) fn occlusion(
    input: &AttributionInput<'_>,
    settings: &Settings,
) -> Result<Attribution, MethodError> {
    let runner = Runner::new(input)?;
    let (_, channels, height, width) = input.input.size4()?;
    let cover = baseline(input, settings.word("baseline"))?;
    let windows = windows(height as usize, width as usize, settings);
    let whole = runner.values(input.input)?.first().copied().map_or(f64::NAN, f64::from);
    let mut gathered = Gathered::new(height as usize, width as usize);
    let mut done = 0;
    while done < windows.len() {
        let now = &windows[done..(done + runner.batch()).min(windows.len())];
        let inputs = input.input.f_repeat([now.len() as i64, 1, 1, 1])?;
        for (index, window) in now.iter().enumerate() {
            let part = |of: &Tensor| -> Result<Tensor, MethodError> {
                let rows = of.f_narrow(1, window.top as i64, window.height as i64)?;
                Ok(rows.f_narrow(2, window.left as i64, window.width as i64)?)
            };
            part(&inputs.f_select(0, index as i64)?)?.f_copy_(&part(&cover.f_select(0, 0)?)?)?;
        }
        for (window, value) in now.iter().zip(runner.values(&inputs)?) {
            gathered.add(window, whole - f64::from(value));
        }
        done += now.len();
        (input.job.progress)(done, windows.len());
        if let Some(partial) = input.partial {
            partial(&gathered.attribution(channels as usize));
        }
    }
    Ok(gathered.attribution(channels as usize))
}

/// All windows, row by row.
fn windows(height: usize, width: usize, settings: &Settings) -> Vec<Window> {
    let window = match settings.whole("window") as usize {
        0 => (height.min(width) / 15).max(1),
        pixels => pixels,
    };
    let stride = match settings.whole("stride") as usize {
        0 => window.div_ceil(2),
        pixels => pixels,
    };
    let starts = |length: usize| {
        let shifts = length.saturating_sub(window).div_ceil(stride);
        (0..=shifts).map(move |shift| shift * stride).filter(move |&start| start < length)
    };
    let row = |top: usize| {
        starts(width).map(move |left| Window {
            top,
            left,
            height: window.min(height - top),
            width: window.min(width - left),
        })
    };
    starts(height).flat_map(row).collect()
}

/// Sum and number of the windows over each pixel.
struct Gathered {
    height: usize,
    width: usize,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Gathered {
    fn new(height: usize, width: usize) -> Self {
        Self { height, width, sums: vec![0.0; height * width], counts: vec![0; height * width] }
    }

    fn add(&mut self, window: &Window, loss: f64) {
        for row in window.top..window.top + window.height {
            let start = row * self.width + window.left;
            self.sums[start..start + window.width].iter_mut().for_each(|sum| *sum += loss);
            self.counts[start..start + window.width].iter_mut().for_each(|count| *count += 1);
        }
    }

    /// The mean at each pixel, the same for every channel; zero where no window came.
    fn attribution(&self, channels: usize) -> Attribution {
        let mean = |(sum, count): (&f64, &u32)| if *count == 0 { 0.0 } else { (sum / f64::from(*count)) as f32 };
        let plane: Vec<f32> = self.sums.iter().zip(&self.counts).map(mean).collect();
        let (height, width) = (self.height, self.width);
        Attribution { channels, height, width, values: plane.repeat(channels), convergence_delta: None }
    }
}
