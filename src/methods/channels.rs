//! A layer's output as channels that can be drawn: K×H×W.

use tch::Tensor;

use super::MethodError;

/// The first picture's channels of an output, as K×H×W.
///
/// N×C×H×W gives C maps of H×W. Tokens, N×T×C, give C maps of √T×√T, without the class and register tokens that stand before
/// them, or of 1×T where T is no square. Vectors, N×K, give K maps of one value each.
///
/// # Errors
/// When the device is out of memory.
pub fn maps(output: &Tensor) -> Result<Tensor, MethodError> {
    let sizes = output.size();
    Ok(match *sizes.as_slice() {
        [_, _, _, _] => output.f_select(0, 0)?,
        [_, tokens, channels] => {
            let (side, extra) = token_grid(tokens);
            let all = output.f_select(0, 0)?.f_transpose(0, 1)?;
            match side {
                Some(side) => all.f_narrow(1, extra, side * side)?.f_reshape([channels, side, side])?,
                None => all.f_reshape([channels, 1, tokens])?,
            }
        }
        [_, units] => output.f_select(0, 0)?.f_reshape([units, 1, 1])?,
        [_, channels, depth, height, width] => output.f_select(0, 0)?.f_reshape([channels, depth * height, width])?,
        _ => output.f_reshape([-1, 1, 1])?,
    })
}

/// Number of channels that [`maps`] gives for an output's shape.
pub fn count(sizes: &[i64]) -> usize {
    let count = match *sizes {
        [_, channels, _, _] | [_, _, channels] | [_, channels] | [_, channels, _, _, _] => channels,
        _ => sizes.iter().product(),
    };
    count.max(0) as usize
}

/// The side of the square that tokens make, and how many class and register tokens stand before them.
fn token_grid(tokens: i64) -> (Option<i64>, i64) {
    let side = (tokens as f64).sqrt().floor() as i64;
    // One class token, or a class and four registers as in DINOv2; more would be a coincidence.
    let extra = tokens - side * side;
    if side > 1 && extra <= 5 { (Some(side), extra) } else { (None, 0) }
}
