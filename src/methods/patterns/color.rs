//! Colours that are as independent of each other as those of photographs are not, and pictures between black and white.

use tch::Tensor;

use crate::methods::MethodError;

/// Square root of the covariance of colours in ImageNet's pictures (Lucid, `lucid/optvis/param/color.py`): row: red, green,
/// blue, column: independent direction.
const CORRELATION: [[f64; 3]; 3] = [[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]];

/// The matrix from independent directions to colours: [`CORRELATION`] over its longest column.
fn matrix() -> [f32; 9] {
    let norm = |column: usize| CORRELATION.iter().map(|row| row[column] * row[column]).sum::<f64>().sqrt();
    let longest = (0..3).map(norm).fold(0.0, f64::max);
    let mut matrix = [0.0; 9];
    for (place, value) in matrix.iter_mut().zip(CORRELATION.as_flattened()) {
        *place = (value / longest) as f32;
    }
    matrix
}

/// Red, green and blue K×3×H×W of independent directions; any other number of channels as it is, as a grey picture.
///
/// # Errors
/// When the device is out of memory.
pub fn correlated(directions: &Tensor) -> Result<Tensor, MethodError> {
    if directions.size4()?.1 != 3 {
        return Ok(directions.shallow_clone());
    }
    let matrix = Tensor::f_from_slice(&matrix())?.f_reshape([3, 3, 1, 1])?.f_to_device(directions.device())?;
    Ok(directions.f_conv2d(&matrix, None::<Tensor>, 1, 0, 1, 1)?)
}

/// Pictures K×C×H×W from 0 to 1 of independent directions: [`correlated`], then the logistic function.
///
/// # Errors
/// When the device is out of memory.
pub fn picture(directions: &Tensor) -> Result<Tensor, MethodError> {
    Ok(correlated(directions)?.f_sigmoid()?)
}
