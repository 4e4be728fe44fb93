//! Themes on terminals with fewer colours: each colour becomes the nearest that there is.

use ratatui::style::Color;

use super::{Appearance, Theme};
use crate::terminal::{ColorDepth, depth};

/// The sixteen colours by their names, in their order.
const SIXTEEN: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// Contrast that a word keeps among sixteen colours; that of WCAG for text.
const LEAST_CONTRAST: f32 = 4.5;

impl Theme {
    /// The theme with colours that a terminal has. Among sixteen the page is black or white, and a word that could not be
    /// read on what is behind it any more is the other.
    #[must_use]
    pub fn for_depth(mut self, depth: ColorDepth) -> Self {
        self.background = match (self.background, depth) {
            (Color::Rgb(..), ColorDepth::Ansi16) if self.appearance == Some(Appearance::Light) => Color::White,
            (Color::Rgb(..), ColorDepth::Ansi16) => Color::Black,
            (background, _) => nearest(background, depth),
        };
        let background = self.background;
        for style in self.styles.each() {
            style.bg = style.bg.map(|color| nearest(color, depth));
            let behind = style.bg.unwrap_or(background);
            style.fg = style.fg.map(|color| match depth {
                ColorDepth::Ansi16 => readable(nearest(color, depth), behind),
                _ => nearest(color, depth),
            });
        }
        self
    }
}

/// The colour, or black or white where it could not be read. Nothing is known of the terminal's own background.
fn readable(front: Color, behind: Color) -> Color {
    let level = |color: Color| {
        SIXTEEN.iter().zip(depth::SIXTEEN).find(|(known, _)| **known == color).map(|(_, levels)| luminance(levels))
    };
    match (level(front), level(behind)) {
        (Some(front_level), Some(level)) if contrast(front_level, level) < LEAST_CONTRAST => {
            if contrast(0.0, level) > contrast(1.0, level) { Color::Black } else { Color::White }
        }
        _ => front,
    }
}

/// Of two relative luminances, by WCAG.
fn contrast(one: f32, other: f32) -> f32 {
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(color: [u8; 3]) -> f32 {
    let [red, green, blue] = color.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// A level of sRGB as an amount of light.
fn linear(level: u8) -> f32 {
    let level = f32::from(level) / 255.0;
    if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

/// The colour of a terminal that is nearest; colours that the terminal names itself stay.
fn nearest(color: Color, of: ColorDepth) -> Color {
    let Color::Rgb(red, green, blue) = color else { return color };
    let wanted = [red, green, blue];
    match of {
        ColorDepth::True => color,
        ColorDepth::Indexed256 => {
            let candidates = (16..=255_u8).map(|index| (Color::Indexed(index), depth::color_of(index)));
            least(wanted, candidates).unwrap_or(color)
        }
        ColorDepth::Ansi16 => least(wanted, SIXTEEN.into_iter().zip(depth::SIXTEEN)).unwrap_or(color),
    }
}

fn least(wanted: [u8; 3], candidates: impl Iterator<Item = (Color, [u8; 3])>) -> Option<Color> {
    let wanted = oklab(wanted);
    let distance = |color: [u8; 3]| -> f32 { wanted.iter().zip(oklab(color)).map(|(a, b)| (a - b).powi(2)).sum() };
    candidates.min_by(|left, right| distance(left.1).total_cmp(&distance(right.1))).map(|(color, _)| color)
}

/// Björn Ottosson's Oklab, in which distances are nearly those that people see.
fn oklab(color: [u8; 3]) -> [f32; 3] {
    let [red, green, blue] = color.map(linear);
    let long = (0.412_221_47 * red + 0.536_332_54 * green + 0.051_445_993 * blue).cbrt();
    let medium = (0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue).cbrt();
    let short = (0.088_302_46 * red + 0.281_718_84 * green + 0.629_978_7 * blue).cbrt();
    [
        0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short,
        1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short,
        0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short,
    ]
}
