//! A picture by its Fourier coefficients, each scaled so that all frequencies of a natural picture are moved alike.
//!
//! Lucid's parametrisation (`lucid/optvis/param/spatial.py`, `fft_image`): coefficients of the real transform, times
//! 1 / max(f, 1/max(w, h)) and √(w·h), transformed back and divided by 4. Lucent calls the orthonormal transform in place of the
//! factor √(w·h), which is the same where the width is even. Where it is odd, Lucid has a column more, goes to a picture one
//! pixel wider and cuts that off, as here; Lucent drops the column.

use tch::{Device, Kind, Tensor};

use crate::methods::MethodError;

/// Lucid's divisor of the picture.
const DIVISOR: f64 = 4.0;

/// The coefficients of pictures of one size, and how they become pictures.
#[derive(Debug)]
pub struct Fourier {
    height: i64,
    width: i64,
    /// height × columns, for each coefficient, with Lucid's √(w·h).
    scale: Tensor,
}

/// Radial frequencies in cycles per pixel of the coefficients of a real transform, and their columns.
fn frequencies(height: usize, width: usize) -> (Vec<f64>, usize) {
    // One column more where the width is odd.
    let columns = width / 2 + 1 + width % 2;
    let folded = |index: usize, count: usize| index.min(count - index.min(count)) as f64 / count as f64;
    let all = (0..height).flat_map(|row| (0..columns).map(move |column| (row, column)));
    (all.map(|(row, column)| folded(row, height).hypot(folded(column, width))).collect(), columns)
}

/// 1 / max(f, 1/max(w, h)) for each coefficient, and the number of columns: how amplitude falls with frequency in natural
/// pictures.
pub(super) fn falling(height: usize, width: usize) -> (Vec<f64>, usize) {
    let (frequencies, columns) = frequencies(height, width);
    let least = 1.0 / height.max(width).max(1) as f64;
    (frequencies.into_iter().map(|frequency| 1.0 / frequency.max(least)).collect(), columns)
}

impl Fourier {
    /// For pictures of `height` by `width`.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new((height, width): (usize, usize), device: Device) -> Result<Self, MethodError> {
        let (scale, columns) = falling(height, width);
        let root = ((height * width) as f64).sqrt();
        let scale: Vec<f32> = scale.into_iter().map(|scale| (scale * root) as f32).collect();
        let scale = Tensor::f_from_slice(&scale)?.f_reshape([height as i64, columns as i64])?.f_to_device(device)?;
        Ok(Self { height: height as i64, width: width as i64, scale })
    }

    /// Sizes of the coefficients of a picture's `channels`: channels × rows × columns × real and imaginary part.
    pub fn shape(&self, channels: usize) -> [i64; 4] {
        let (rows, columns) = self.scale.size2().unwrap_or_default();
        [channels as i64, rows, columns, 2]
    }

    /// Pictures K×C×H×W of coefficients K×C×rows×columns×2, with no limit to their values.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn picture(&self, coefficients: &Tensor) -> Result<Tensor, MethodError> {
        let scaled = coefficients.f_mul(&self.scale.f_unsqueeze(-1)?)?;
        let even = self.width + self.width % 2;
        let sizes = [self.height, even];
        let picture = scaled.f_view_as_complex()?.f_fft_irfft2(&sizes[..], [-2, -1], "backward")?;
        let picture = if even == self.width { picture } else { picture.f_narrow(-1, 0, self.width)? };
        Ok(picture.f_div_scalar(DIVISOR)?)
    }

    /// Coefficients of the sizes K×[`Fourier::shape`] from the numbers of each picture.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub(super) fn coefficients(&self, channels: usize, numbers: &[Vec<f32>]) -> Result<Tensor, MethodError> {
        let shape = self.shape(channels);
        let each = numbers.iter().map(|numbers| Ok(Tensor::f_from_slice(numbers)?.f_reshape(shape)?));
        let each = each.collect::<Result<Vec<_>, MethodError>>()?;
        Ok(Tensor::f_stack(&each, 0)?.f_to_kind(Kind::Float)?.f_to_device(self.scale.device())?)
    }
}
