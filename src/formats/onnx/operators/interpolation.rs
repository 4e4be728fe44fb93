//! Where a resized dimension takes its elements from, and how much of each.

use super::super::call::Call;
use super::super::error::Result;

/// What the attributes of `Resize` say.
pub(super) struct How<'t> {
    pub(super) mode: &'t str,
    pub(super) coordinates: &'t str,
    pub(super) nearest: &'t str,
    pub(super) cubic: f64,
    pub(super) exclude: bool,
    pub(super) antialias: bool,
    pub(super) extrapolation: f64,
}

/// Where the centre of a new element lies among the old ones.
pub(super) fn coordinate(how: &How, at: f64, old: f64, new: f64, scale: f64, region: (f64, f64)) -> f64 {
    match how.coordinates {
        "asymmetric" => at / scale,
        "align_corners" => {
            if new <= 1.0 {
                0.0
            } else {
                at * (old - 1.0) / (new - 1.0)
            }
        }
        "pytorch_half_pixel" => {
            if new > 1.0 {
                (at + 0.5) / scale - 0.5
            } else {
                0.0
            }
        }
        "half_pixel_symmetric" => {
            // Whole sizes are rounded down; what that loses is shared between both ends.
            let exact = old * scale;
            let offset = old / 2.0 * (1.0 - new / exact);
            offset + (at + 0.5) / scale - 0.5
        }
        "tf_half_pixel_for_nn" => (at + 0.5) / scale,
        "tf_crop_and_resize" => {
            let (start, end) = region;
            if new > 1.0 {
                start * (old - 1.0) + at * (end - start) * (old - 1.0) / (new - 1.0)
            } else {
                0.5 * (start + end) * (old - 1.0)
            }
        }
        _ => (at + 0.5) / scale - 0.5,
    }
}

/// The weights of the old elements for one new element.
pub(super) fn fill(call: &Call, line: &mut [f64], centre: f64, scale: f64, how: &How) -> Result<()> {
    let last = line.len() as i64 - 1;
    let inside = |at: i64| at.clamp(0, last) as usize;
    match how.mode {
        "nearest" => {
            let floor = centre.floor();
            let at = match how.nearest {
                "floor" => floor,
                "ceil" => centre.ceil(),
                "round_prefer_ceil" => (centre + 0.5).floor(),
                "round_prefer_floor" => (centre - 0.5).ceil(),
                other => return Err(call.unknown("nearest_mode", other)),
            };
            line[inside(at as i64)] = 1.0;
        }
        "linear" | "cubic" => {
            // Antialiased, the filter is as wide as a new element when the dimension shrinks.
            let stretch = if how.antialias { scale.min(1.0) } else { 1.0 };
            let reach = (if how.mode == "linear" { 1.0 } else { 2.0 }) / stretch;
            let first = (centre - reach).floor() as i64;
            let end = (centre + reach).ceil() as i64;
            let mut sum = 0.0;
            let mut taken = Vec::new();
            for at in first..=end {
                let distance = ((at as f64 - centre) * stretch).abs();
                let weight = if how.mode == "linear" { (1.0 - distance).max(0.0) } else { cubic(distance, how.cubic) };
                if how.exclude && !(0..=last).contains(&at) {
                    continue;
                }
                sum += weight;
                taken.push((at, weight));
            }
            let divisor = if (how.exclude || how.antialias) && sum != 0.0 { sum } else { 1.0 };
            for (at, weight) in taken {
                line[inside(at)] += weight / divisor;
            }
        }
        other => return Err(call.unknown("mode", other)),
    }
    Ok(())
}

/// Keys's cubic convolution.
fn cubic(distance: f64, a: f64) -> f64 {
    if distance <= 1.0 {
        ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0
    } else if distance < 2.0 {
        ((a * distance - 5.0 * a) * distance + 8.0 * a) * distance - 4.0 * a
    } else {
        0.0
    }
}
