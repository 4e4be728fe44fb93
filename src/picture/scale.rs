//! From numbers to levels: the scales of a page.

use std::str::FromStr;

use super::colormap::ColorMap;
use super::indexed::{IndexMap, LEVELS, MIDDLE, NOT_FINITE};
use crate::model::nearest::suggestion;

/// Least and largest finite value.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Range {
    /// Least value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
}

impl Range {
    /// The range of the finite values; none where there are none.
    pub fn of(values: &[f32]) -> Option<Self> {
        values.iter().filter(|value| value.is_finite()).fold(None, |range, value| {
            Some(range.map_or(Self { min: *value, max: *value }, |range: Self| Self {
                min: range.min.min(*value),
                max: range.max.max(*value),
            }))
        })
    }

    /// The larger of the two distances from zero.
    pub fn reach(self) -> f32 {
        self.min.abs().max(self.max.abs())
    }
}

/// How the values of a channel become levels of a colour map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// The book's: each channel's mean at 128 and its standard deviation 64 of 255 levels, clipped. Channels cannot be compared.
    #[default]
    PerChannel,
    /// Each channel from its least to its largest value. Channels cannot be compared.
    MinMax,
    /// All channels from the least to the largest value of the layer.
    Layer,
    /// All channels symmetric about zero, which is always the middle level: for colour maps with a middle.
    Signed,
}

/// A scale that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("unknown scale `{name}`{hint}; scales: {}", Scale::ALL.map(Scale::name).join(", "))]
pub struct UnknownScale {
    name: String,
    hint: String,
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scale {
    type Err = UnknownScale;

    fn from_str(name: &str) -> Result<Self, UnknownScale> {
        let lower = name.trim().to_lowercase();
        Self::ALL.into_iter().find(|scale| scale.name() == lower).ok_or_else(|| UnknownScale {
            name: crate::model::printable(name).into_owned(),
            hint: suggestion(&lower, Self::ALL.map(Self::name)),
        })
    }
}

impl Scale {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PerChannel, Self::MinMax, Self::Layer, Self::Signed];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerChannel => "per-channel",
            Self::MinMax => "min-max",
            Self::Layer => "layer",
            Self::Signed => "signed",
        }
    }

    /// The next scale, and after the last the first.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::PerChannel => Self::MinMax,
            Self::MinMax => Self::Layer,
            Self::Layer => Self::Signed,
            Self::Signed => Self::PerChannel,
        }
    }

    /// The colour map that fits it when the user chose none.
    pub fn fitting_map(self) -> ColorMap {
        if self == Self::Signed { ColorMap::Coolwarm } else { ColorMap::Viridis }
    }

    /// What stands beside a picture drawn with this scale; `layer` is the range of the layer.
    pub fn text(self, layer: Range) -> String {
        match self {
            Self::PerChannel => "each channel: mean ± 2 std".into(),
            Self::MinMax => "each channel: min to max".into(),
            Self::Layer => format!("whole layer: {} to {}", short(layer.min), short(layer.max)),
            Self::Signed => format!("zero in the middle: −{0} to {0}", short(layer.reach())),
        }
    }

    /// The levels of one channel of `width` columns; `layer` is the range of the layer.
    pub fn apply(self, channel: &[f32], width: usize, layer: Range) -> IndexMap {
        let line = self.line(channel, layer);
        let indices =
            channel.iter().map(|value| if value.is_finite() { line.level(*value) } else { NOT_FINITE }).collect();
        IndexMap { width, height: channel.len().checked_div(width).unwrap_or(0), indices }
    }

    fn line(self, channel: &[f32], layer: Range) -> Line {
        match self {
            Self::PerChannel => book(channel),
            Self::MinMax => Range::of(channel).map_or(Line::FLAT, Line::over),
            Self::Layer => Line::over(layer),
            Self::Signed => match f64::from(layer.reach()) {
                reach if reach > 0.0 => Line { zero: 0.0, step: f64::from(MIDDLE) / reach, offset: f64::from(MIDDLE) },
                _ => Line { zero: 0.0, step: 0.0, offset: f64::from(MIDDLE) },
            },
        }
    }
}

/// `(x − mean) ÷ std × 64 + 128`, clipped to 0–255. A channel of equal values has no standard deviation: it is only moved to
/// 128, and left at 0 if it is all zero, so that a dead channel looks dead.
fn book(channel: &[f32]) -> Line {
    let finite = || channel.iter().filter(|value| value.is_finite()).map(|value| f64::from(*value));
    let count = finite().count();
    if count == 0 {
        return Line::FLAT;
    }
    let mean = finite().sum::<f64>() / count as f64;
    let std = (finite().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
    let levels_per_step = f64::from(LEVELS - 1) / 255.0;
    let equal = Range::of(channel).is_none_or(|range| range.min >= range.max);
    match (equal, mean == 0.0) {
        (true, true) => Line::FLAT,
        (true, false) => Line { zero: mean, step: 0.0, offset: 128.0 * levels_per_step },
        (false, _) => Line { zero: mean, step: 64.0 / std * levels_per_step, offset: 128.0 * levels_per_step },
    }
}

/// Level = (value − zero) × step + offset.
struct Line {
    zero: f64,
    step: f64,
    offset: f64,
}

impl Line {
    /// Everything at the lowest level.
    const FLAT: Self = Self { zero: 0.0, step: 0.0, offset: 0.0 };

    fn over(range: Range) -> Self {
        let (min, max) = (f64::from(range.min), f64::from(range.max));
        let step = if max > min { f64::from(LEVELS - 1) / (max - min) } else { 0.0 };
        Self { zero: min, step, offset: 0.0 }
    }

    fn level(&self, value: f32) -> u8 {
        let level = (f64::from(value) - self.zero) * self.step + self.offset;
        level.round().clamp(0.0, f64::from(LEVELS - 1)) as u8
    }
}

/// A number in four figures or so: what fits beside a picture.
pub fn short(value: f32) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !size.is_finite() => value.to_string(),
        size if !(0.001..10_000.0).contains(&size) => format!("{value:.2e}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
