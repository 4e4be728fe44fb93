//! The part of a picture that a position of a map sees.

use super::Patch;
use crate::methods::receptive_field::ReceptiveField;
use crate::model::preprocess::Geometry;

/// What a position of a map of some rows and columns sees of the picture, in the picture's pixels: every pixel that counts, none
/// beyond the border. A layer without receptive fields sees everything that was fed. `most`: see [`super::Probe::limited_to`].
pub(super) fn patch(
    field: Option<ReceptiveField>,
    most: Option<i64>,
    position: (usize, usize),
    map: (usize, usize),
    geometry: &Geometry,
) -> Patch {
    let in_picture = |(start, size): (i64, i64), fed: u32, offset: i64, original: u32, resized: u32| {
        let (fed, original, resized) = (i64::from(fed), i64::from(original), i64::from(resized).max(1));
        let (start, end) = (start.clamp(0, fed - 1), (start + size).clamp(1, fed));
        let scaled = |place: i64| i128::from(place + offset) * i128::from(original);
        let first = scaled(start).div_euclid(resized.into()).clamp(0, i128::from(original - 1));
        let last = -(-scaled(end)).div_euclid(resized.into());
        (first as u32, (last.clamp(first + 1, original.into()) - first) as u32)
    };
    let limited = |(start, size): (i64, i64)| match most {
        Some(most) if size > most => (start + (size - most) / 2, most),
        _ => (start, size),
    };
    let along = |place: usize, of: usize, fed: u32, field: Option<(i64, u64, u64)>| match (field, most) {
        (Some((start, stride, size)), _) => limited((start + stride as i64 * place as i64, size as i64)),
        (None, Some(most)) if map != (1, 1) => {
            // Around the middle of the position's share of what was fed.
            let middle = (2 * place as i64 + 1) * i64::from(fed) / (2 * of.max(1) as i64);
            let size = most.min(i64::from(fed));
            (middle - size / 2, size)
        }
        (None, _) => (0, i64::from(fed)),
    };
    let field = |at: fn(&ReceptiveField) -> (i64, u64, u64)| field.as_ref().map(at);
    let down = along(position.0, map.0, geometry.fed.1, field(|field| (field.start.0, field.stride.0, field.size.0)));
    let across = along(position.1, map.1, geometry.fed.0, field(|field| (field.start.1, field.stride.1, field.size.1)));
    let (y, height) = in_picture(down, geometry.fed.1, geometry.offset.1, geometry.original.1, geometry.resized.1);
    let (x, width) = in_picture(across, geometry.fed.0, geometry.offset.0, geometry.original.0, geometry.resized.0);
    Patch { x, y, width, height }
}
