//! How far a map is to be trusted, drawn: curves as letters, and as charts beside the map.

use image::RgbImage;

use super::chart::{self, Chart};
use super::scale::short;
use crate::methods::faithfulness::{Curve, Measured, Number, Outcome};

/// Curves as bars between zero and the greatest value of all, each after its name.
pub fn bars(curves: &[Curve]) -> Vec<String> {
    let named = curves.iter().zip(columns(curves));
    named.map(|(curve, columns)| format!("{} {columns}", curve.name)).collect()
}

/// The same without the names.
pub fn columns(curves: &[Curve]) -> Vec<String> {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values = curves.iter().flat_map(|curve| curve.points.iter().filter_map(|point| point.value));
    let most = values.fold(f64::MIN_POSITIVE, f64::max);
    let bar = |value: Option<f64>| {
        value.map_or(' ', |value| BARS[(value.max(0.0) / most * (BARS.len() - 1) as f64).round() as usize])
    };
    curves.iter().map(|curve| curve.points.iter().map(|point| bar(point.value)).collect()).collect()
}

/// A number in few characters, `none` where there is none.
pub fn value(number: &Number) -> String {
    number.value.map_or_else(|| "none".to_owned(), |value| short(value as f32))
}

/// Each number after its name.
pub fn numbers(outcome: &Outcome) -> Vec<String> {
    outcome.numbers.iter().map(|number| format!("{} {}", number.name, value(number))).collect()
}

/// The picture with the curves and the numbers beside it; as it is where nothing was measured.
pub fn beside(picture: RgbImage, measured: &[Measured]) -> RgbImage {
    let mut charts = Vec::new();
    let mut others = Vec::new();
    for one in measured {
        let name = one.metric.method().name;
        match &one.found {
            Ok(outcome) if outcome.curves.is_empty() => {
                others.extend(outcome.numbers.first().map(|number| format!("{name} {}", value(number))));
            }
            Ok(outcome) => {
                let mut numbers = numbers(outcome);
                // The number of both curves comes first in its row, after what each of them says.
                let both = numbers.len().saturating_sub(outcome.curves.len());
                let whole = numbers.drain(..both).collect::<Vec<_>>().join(" ");
                // ROAD's number bears the metric's own name.
                let title = if whole.starts_with(name) { whole } else { format!("{name} {whole}") };
                let curve = |curve: &Curve| curve.points.iter().map(|point| (point.at, point.value)).collect();
                charts.push(Chart { title, lines: numbers, curves: outcome.curves.iter().map(curve).collect() });
            }
            Err(reason) => {
                charts.push(Chart { title: name.to_owned(), lines: vec![reason.clone()], curves: Vec::new() });
            }
        }
    }
    if !others.is_empty() {
        charts.push(Chart { title: String::new(), lines: others, curves: Vec::new() });
    }
    if charts.is_empty() { picture } else { chart::beside(&picture, &charts) }
}
