//! Colour maps: 256 colours each.

use std::str::FromStr;
use std::sync::OnceLock;

use colorgrad::{Gradient, preset};

use crate::model::nearest::suggestion;

/// A colour map. The names are matplotlib's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorMap {
    /// Dark violet to yellow: even steps, safe for the colour-blind, the book's map for activations.
    #[default]
    Viridis,
    /// Black over violet to cream.
    Magma,
    /// Black over red to pale yellow.
    Inferno,
    /// Blue over pink to yellow.
    Plasma,
    /// Blue over grey to yellow: the same for nearly every kind of colour vision.
    Cividis,
    /// A rainbow with even steps.
    Turbo,
    /// The old rainbow of heatmaps, as OpenCV draws it: the book's map for class activation.
    Jet,
    /// Black to white.
    Grey,
    /// Diverging: red (low) over white to blue (high).
    RdBu,
    /// Diverging: blue (low) over grey to red (high).
    Coolwarm,
}

/// A colour map that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("unknown colour map `{name}`{hint}; colour maps: {}", ColorMap::ALL.map(ColorMap::name).join(", "))]
pub struct UnknownColorMap {
    name: String,
    hint: String,
}

/// The 256 colours of a map.
pub type Lut = [[u8; 3]; 256];

impl ColorMap {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Viridis,
        Self::Magma,
        Self::Inferno,
        Self::Plasma,
        Self::Cividis,
        Self::Turbo,
        Self::Jet,
        Self::Grey,
        Self::RdBu,
        Self::Coolwarm,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::Inferno => "inferno",
            Self::Plasma => "plasma",
            Self::Cividis => "cividis",
            Self::Turbo => "turbo",
            Self::Jet => "jet",
            Self::Grey => "grey",
            Self::RdBu => "rdbu",
            Self::Coolwarm => "coolwarm",
        }
    }

    /// Whether it has a middle that stands for zero.
    pub fn is_diverging(self) -> bool {
        matches!(self, Self::RdBu | Self::Coolwarm)
    }

    /// The next map, and after the last the first.
    #[must_use]
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|map| *map == self).unwrap_or(0);
        Self::ALL.iter().copied().cycle().nth(place + 1).unwrap_or_default()
    }

    /// Its colours, made once.
    pub fn lut(self) -> &'static Lut {
        static LUTS: [OnceLock<Lut>; ColorMap::ALL.len()] = [const { OnceLock::new() }; ColorMap::ALL.len()];
        LUTS[self as usize].get_or_init(|| self.colours())
    }

    fn colours(self) -> Lut {
        match self {
            Self::Viridis => sampled(&preset::viridis()),
            Self::Magma => sampled(&preset::magma()),
            Self::Inferno => sampled(&preset::inferno()),
            Self::Plasma => sampled(&preset::plasma()),
            Self::Cividis => sampled(&preset::cividis()),
            Self::Turbo => sampled(&preset::turbo()),
            Self::RdBu => sampled(&preset::rd_bu()),
            Self::Jet => std::array::from_fn(|level| jet(level as i32)),
            Self::Grey => std::array::from_fn(|level| [level as u8; 3]),
            Self::Coolwarm => std::array::from_fn(|level| coolwarm(level as f64 / 255.0)),
        }
    }
}

impl FromStr for ColorMap {
    type Err = UnknownColorMap;

    fn from_str(name: &str) -> Result<Self, UnknownColorMap> {
        let lower = name.trim().to_lowercase();
        let lower = if lower == "gray" { Self::Grey.name() } else { &lower };
        Self::ALL.into_iter().find(|map| map.name() == lower).ok_or_else(|| UnknownColorMap {
            name: crate::model::printable(name).into_owned(),
            hint: suggestion(lower, Self::ALL.map(Self::name)),
        })
    }
}

impl std::fmt::Display for ColorMap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

fn sampled(gradient: &dyn Gradient) -> Lut {
    std::array::from_fn(|level| {
        let [red, green, blue, _] = gradient.at(level as f32 / 255.0).to_rgba8();
        [red, green, blue]
    })
}

/// OpenCV's `COLORMAP_JET`: ramps of four levels a step.
fn jet(level: i32) -> [u8; 3] {
    let ramp = |up: i32, down: i32| (4 * level + up).min(down - 4 * level).clamp(0, 255) as u8;
    [ramp(-382, 1148), ramp(-128, 892), ramp(128, 638)]
}

/// Moreland's diverging map ('Diverging Color Maps for Scientific Visualization', 2009): from blue (59, 76, 192) to red
/// (180, 4, 38), each half a straight line in his polar form of CIELAB, with the middle at magnitude 88.
fn coolwarm(place: f64) -> [u8; 3] {
    const BLUE: [f64; 3] = [59.0, 76.0, 192.0];
    const RED: [f64; 3] = [180.0, 4.0, 38.0];
    let (end, along) = if place < 0.5 { (BLUE, 2.0 * place) } else { (RED, 2.0 - 2.0 * place) };
    let lab = lab_of(end);
    let [lightness, a, b] = lab;
    let magnitude = lab.map(|part| part * part).iter().sum::<f64>().sqrt();
    let (saturation, hue) = ((lightness / magnitude).acos(), b.atan2(a));
    let middle = magnitude.max(88.0);
    // The hue of a colourless middle is free; Moreland turns it so that the steps look even.
    let turn = saturation * (middle * middle - magnitude * magnitude).sqrt() / (magnitude * saturation.sin());
    let hue_at_middle = if hue > -std::f64::consts::FRAC_PI_3 { hue + turn } else { hue - turn };
    let mixed = |from: f64, to: f64| from + (to - from) * along;
    let (magnitude, saturation, hue) = (mixed(magnitude, middle), mixed(saturation, 0.0), mixed(hue, hue_at_middle));
    rgb_of([
        magnitude * saturation.cos(),
        magnitude * saturation.sin() * hue.cos(),
        magnitude * saturation.sin() * hue.sin(),
    ])
}

/// White of D65, as sRGB has it.
const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

fn lab_of(srgb: [f64; 3]) -> [f64; 3] {
    let [red, green, blue] = srgb.map(|level| {
        let part = level / 255.0;
        if part > 0.040_45 { ((part + 0.055) / 1.055).powf(2.4) } else { part / 12.92 }
    });
    let bent = |part: f64, white: f64| {
        let share = part / white;
        if share > 0.008_856 { share.cbrt() } else { 7.787 * share + 16.0 / 116.0 }
    };
    let x = bent(0.412_4 * red + 0.357_6 * green + 0.180_5 * blue, WHITE[0]);
    let y = bent(0.212_6 * red + 0.715_2 * green + 0.072_2 * blue, WHITE[1]);
    let z = bent(0.019_3 * red + 0.119_2 * green + 0.950_5 * blue, WHITE[2]);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn rgb_of([lightness, a, b]: [f64; 3]) -> [u8; 3] {
    let y = (lightness + 16.0) / 116.0;
    let straight = |bent: f64, white: f64| {
        let cube = bent.powi(3);
        white * if cube > 0.008_856 { cube } else { (bent - 16.0 / 116.0) / 7.787 }
    };
    let (x, y, z) = (straight(y + a / 500.0, WHITE[0]), straight(y, WHITE[1]), straight(y - b / 200.0, WHITE[2]));
    let linear = [
        3.240_6 * x - 1.537_2 * y - 0.498_6 * z,
        -0.968_9 * x + 1.875_8 * y + 0.041_5 * z,
        0.055_7 * x - 0.204 * y + 1.057 * z,
    ];
    linear.map(|part| {
        let part = if part > 0.003_130_8 { 1.055 * part.powf(1.0 / 2.4) - 0.055 } else { 12.92 * part };
        (part * 255.0).round().clamp(0.0, 255.0) as u8
    })
}
