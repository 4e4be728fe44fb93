//! Colour maps: 256 colours each.

use std::str::FromStr;
use std::sync::OnceLock;

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
            Self::Viridis => smooth(VIRIDIS),
            Self::Magma => smooth(MAGMA),
            Self::Inferno => smooth(INFERNO),
            Self::Plasma => smooth(PLASMA),
            Self::Cividis => smooth(CIVIDIS),
            Self::Turbo => smooth(TURBO),
            Self::Coolwarm => smooth(COOLWARM),
            Self::RdBu => straight(RD_BU),
            Self::Jet => std::array::from_fn(|level| jet(level as i32)),
            Self::Grey => std::array::from_fn(|level| [level as u8; 3]),
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

// Colours at even steps, as 0xRRGGBB, of the published maps: matplotlib's own four (public domain), cividis (Nuñez,
// Anderton, Renslow 2018), turbo (Mikhailov 2019), coolwarm (Moreland 2009), RdBu (ColorBrewer).
const VIRIDIS: &[u32] = &[
    0x44_0154, 0x48_1769, 0x47_2a7a, 0x43_3d84, 0x3d_4e8a, 0x35_5e8d, 0x2e_6d8e, 0x29_7b8e, 0x23_898e, 0x1f_978b,
    0x21_a585, 0x2e_b37c, 0x46_c06f, 0x65_cb5e, 0x89_d548, 0xb0_dd2f, 0xd8_e219, 0xfd_e725,
];
const MAGMA: &[u32] = &[
    0x00_0004, 0x09_0720, 0x1a_1042, 0x31_1165, 0x4a_1079, 0x62_1980, 0x79_2282, 0x91_2b81, 0xaa_337d, 0xc2_3b75,
    0xd9_466b, 0xec_5860, 0xf7_725c, 0xfc_8e64, 0xfe_aa74, 0xfe_c68a, 0xfd_e2a3, 0xfc_fdbf,
];
const INFERNO: &[u32] = &[
    0x00_0004, 0x0a_0722, 0x1e_0c45, 0x38_0962, 0x51_0e6c, 0x69_166e, 0x80_1f6c, 0x98_2766, 0xb0_315b, 0xc6_3d4d,
    0xd9_4d3d, 0xe9_612b, 0xf4_7918, 0xfa_9407, 0xfc_b014, 0xf8_cd37, 0xf2_ea69, 0xfc_ffa4,
];
const PLASMA: &[u32] = &[
    0x0d_0887, 0x2f_0596, 0x49_03a0, 0x61_00a7, 0x78_01a8, 0x8e_0ca4, 0xa2_1d9a, 0xb4_2e8d, 0xc4_3e7f, 0xd2_4f71,
    0xde_6164, 0xe9_7257, 0xf3_854b, 0xf9_9a3e, 0xfd_af31, 0xfd_c627, 0xf8_df25, 0xf0_f921,
];
// Its blue bends sharply, so its steps are finer.
const CIVIDIS: &[u32] = &[
    0x00_224e, 0x00_2656, 0x00_2a5f, 0x00_2d68, 0x00_3070, 0x08_3370, 0x16_3770, 0x20_3a6f, 0x27_3e6e, 0x2e_416d,
    0x34_456c, 0x3a_486c, 0x3f_4c6c, 0x44_4f6c, 0x49_536c, 0x4e_566c, 0x53_5a6d, 0x57_5d6d, 0x5c_616e, 0x60_646f,
    0x65_6870, 0x69_6b71, 0x6d_6f72, 0x72_7274, 0x76_7676, 0x7a_7a78, 0x7e_7d78, 0x83_8179, 0x88_8578, 0x8d_8878,
    0x92_8c78, 0x96_9077, 0x9b_9476, 0xa0_9875, 0xa5_9c74, 0xaa_a073, 0xaf_a471, 0xb5_a86f, 0xba_ac6d, 0xbf_b06b,
    0xc4_b468, 0xc9_b965, 0xcf_bd62, 0xd4_c15f, 0xda_c65b, 0xdf_ca57, 0xe5_cf52, 0xea_d34c, 0xf0_d846, 0xf6_dd3f,
    0xfc_e236, 0xfe_e838,
];
const TURBO: &[u32] = &[
    0x30_123b, 0x3f_3e9c, 0x46_66dd, 0x45_8cfd, 0x2f_b2f4, 0x1a_d4d0, 0x22_ebaa, 0x52_fa7a, 0x8b_ff4b, 0xb7_f735,
    0xdb_e236, 0xf5_c53a, 0xfe_a130, 0xf9_751d, 0xe8_4b0c, 0xce_2d04, 0xa9_1601, 0x7a_0403,
];
const COOLWARM: &[u32] = &[
    0x3b_4cc0, 0x4c_66d6, 0x5f_7fe8, 0x73_96f5, 0x88_abfd, 0x9d_bdff, 0xb1_cbfc, 0xc4_d5f3, 0xd5_dbe5, 0xe4_d9d2,
    0xf0_cdbb, 0xf6_bea4, 0xf7_aa8c, 0xf3_9475, 0xe9_7a5f, 0xdc_5d4a, 0xca_3b37, 0xb4_0426,
];
const RD_BU: &[u32] = &[
    0x67_001f, 0xb2_182b, 0xd6_604d, 0xf4_a582, 0xfd_dbc7, 0xf7_f7f7, 0xd1_e5f0, 0x92_c5de, 0x43_93c3, 0x21_66ac,
    0x05_3061,
];

/// One of the red, green and blue parts of the colour at a step; beyond the ends the line goes on.
fn part(knots: &[u32], step: isize, shift: u32) -> f32 {
    let at = |step: usize| knots.get(step).map_or(0.0, |color| f32::from((color >> shift) as u8));
    let last = knots.len().saturating_sub(1);
    match usize::try_from(step) {
        Err(_) => 2.0 * at(0) - at(1),
        Ok(step) if step > last => 2.0 * at(last) - at(last.saturating_sub(1)),
        Ok(step) => at(step),
    }
}

/// 256 colours, each made of the four steps around it and how far it is from the second to the third.
fn between(knots: &[u32], mix: impl Fn([f32; 4], f32) -> f32) -> Lut {
    let spans = knots.len().saturating_sub(1);
    std::array::from_fn(|level| {
        let place = level as f32 / 255.0 * spans as f32;
        let step = (place as usize).min(spans.saturating_sub(1));
        let first = step as isize - 1;
        [16, 8, 0].map(|shift| {
            let around = std::array::from_fn(|offset| part(knots, first + offset as isize, shift));
            mix(around, place - step as f32).round().clamp(0.0, 255.0) as u8
        })
    })
}

/// Through the colours by a Catmull–Rom spline.
fn smooth(knots: &[u32]) -> Lut {
    between(knots, |[before, from, to, after], along| {
        let cubic = 3.0 * (from - to) + after - before;
        let square = 2.0 * before - 5.0 * from + 4.0 * to - after;
        from + 0.5 * along * (to - before + along * (square + along * cubic))
    })
}

/// Through the colours by straight lines.
fn straight(knots: &[u32]) -> Lut {
    between(knots, |[_, from, to, _], along| from + (to - from) * along)
}

/// OpenCV's `COLORMAP_JET`: ramps of four levels a step.
fn jet(level: i32) -> [u8; 3] {
    let ramp = |up: i32, down: i32| (4 * level + up).min(down - 4 * level).clamp(0, 255) as u8;
    [ramp(-382, 1148), ramp(-128, 892), ramp(128, 638)]
}
