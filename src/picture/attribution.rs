//! An attribution as a picture.

use image::RgbImage;

use super::colormap::ColorMap;
use crate::methods::attribution::Reading;

/// What of an attribution's sign is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Zero in the middle of a diverging colour map: what speaks for the target, and what against it.
    Both,
    /// How large numbers are, from none to much.
    Absolute,
    /// What speaks for the target alone.
    Positive,
    /// From the least number to the greatest.
    Range,
}

impl From<Reading> for Sign {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Magnitude => Self::Absolute,
            Reading::Sign => Self::Both,
            Reading::Order => Self::Range,
        }
    }
}

/// How an attribution is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttributionPicture {
    /// What of the sign is shown.
    pub sign: Sign,
    /// The colours; of a diverging map with [`Sign::Both`].
    pub colors: ColorMap,
    /// Share of the largest numbers' sum that is clipped, in percent: Captum's `outlier_perc`.
    pub outliers: f64,
    /// How much of a grey picture the map covers, where one lies under it: this times how large a number is.
    pub strength: f32,
}

impl AttributionPicture {
    /// The usual look: blue for what speaks against and red for what speaks for, or black to white, or a range from dark to bright
    /// colours; 2 % clipped, as Captum does.
    pub fn of(sign: Sign) -> Self {
        let colors = match sign {
            Sign::Both => ColorMap::Coolwarm,
            Sign::Absolute | Sign::Positive => ColorMap::Grey,
            Sign::Range => ColorMap::Inferno,
        };
        Self { sign, colors, outliers: 2.0, strength: 0.9 }
    }

    /// The numbers C×H×W as one of −1 to 1 for each pixel: the sum over the channels, of the absolute values with
    /// [`Sign::Absolute`], divided by the clip and clipped; with [`Sign::Range`] of 0 to 1 from the least to the greatest. NaN and
    /// infinity are 0.
    pub fn levels(&self, values: &[f32], channels: usize) -> Vec<f32> {
        let plane = values.len().checked_div(channels).unwrap_or(0);
        let mut sums = vec![0.0_f64; plane];
        for channel in values.chunks_exact(plane.max(1)) {
            for (sum, value) in sums.iter_mut().zip(channel).filter(|(_, value)| value.is_finite()) {
                *sum += match self.sign {
                    Sign::Absolute => f64::from(value.abs()),
                    Sign::Both | Sign::Positive | Sign::Range => f64::from(*value),
                };
            }
        }
        if self.sign == Sign::Range {
            let (least, most) = (
                sums.iter().copied().fold(f64::INFINITY, f64::min),
                sums.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            );
            let scale = if most > least { 1.0 / (most - least) } else { 0.0 };
            return sums.into_iter().map(|sum| ((sum - least) * scale) as f32).collect();
        }
        if self.sign == Sign::Positive {
            for sum in &mut sums {
                *sum = sum.max(0.0);
            }
        }
        let clip = clip(&sums, self.outliers);
        let level = |sum: f64| if clip > 0.0 { (sum / clip).clamp(-1.0, 1.0) as f32 } else { 0.0 };
        sums.into_iter().map(level).collect()
    }

    /// Draws numbers C×H×W of W = `width` columns, alone or over what the network saw, of the same size, in grey.
    pub fn draw(&self, values: &[f32], channels: usize, width: usize, under: Option<&RgbImage>) -> RgbImage {
        let levels = self.levels(values, channels);
        let height = levels.len().checked_div(width).unwrap_or(0);
        let lut = self.colors.lut();
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let level = levels.get(y as usize * width + x as usize).copied().unwrap_or(0.0);
            let place = if self.sign == Sign::Both { f32::midpoint(level, 1.0) } else { level };
            let color = lut[usize::from((place * 255.0).round().clamp(0.0, 255.0) as u8)];
            let Some(picture) = under.filter(|picture| x < picture.width() && y < picture.height()) else {
                return image::Rgb(color);
            };
            let [red, green, blue] = picture.get_pixel(x, y).0.map(f32::from);
            let grey = 0.299 * red + 0.587 * green + 0.114 * blue;
            let share = self.strength.clamp(0.0, 1.0) * level.abs();
            image::Rgb(
                color.map(|part| (share * f32::from(part) + (1.0 - share) * grey).round().clamp(0.0, 255.0) as u8),
            )
        })
    }
}

/// The magnitude at which the running sum of the sorted magnitudes reaches all but `outliers` percent of the whole, as Captum's
/// `_cumulative_sum_threshold`.
fn clip(sums: &[f64], outliers: f64) -> f64 {
    let mut sizes: Vec<f64> = sums.iter().map(|sum| sum.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let enough = sizes.iter().sum::<f64>() * (1.0 - outliers / 100.0);
    let mut running = 0.0;
    let reached = sizes.iter().find(|size| {
        running += **size;
        running >= enough
    });
    reached.or(sizes.last()).copied().unwrap_or(0.0)
}
