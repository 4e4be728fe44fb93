//! Colours on terminals that have only some.

use ratatui::style::Color;

use super::ColorDepth;

/// Levels of a channel in the 6×6×6 cube of the 256 colours.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The sixteen colours as xterm draws them. The terminal's own may be others.
pub const SIXTEEN: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// The colour of a terminal of this depth that comes nearest.
pub fn nearest(color: [u8; 3], depth: ColorDepth) -> Color {
    match depth {
        ColorDepth::True => Color::Rgb(color[0], color[1], color[2]),
        ColorDepth::Indexed256 => Color::Indexed(indexed(color)),
        ColorDepth::Ansi16 => {
            let best = SIXTEEN.iter().enumerate().min_by_key(|(_, known)| distance(color, **known));
            Color::Indexed(best.map_or(0, |(index, _)| index as u8))
        }
    }
}

/// Colours 16 to 231 are the cube, 232 to 255 greys; the first sixteen are the user's own and not to be relied on.
fn indexed(color: [u8; 3]) -> u8 {
    let step = |channel: u8| {
        let best = CUBE.iter().enumerate().min_by_key(|(_, level)| level.abs_diff(channel));
        best.map_or(0, |(index, _)| index)
    };
    let [red, green, blue] = color.map(step);
    let cube = [CUBE[red], CUBE[green], CUBE[blue]];
    let light = color.iter().map(|channel| u32::from(*channel)).sum::<u32>() / 3;
    let grey_step = (light.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + 10 * grey_step; 3];
    if distance(color, grey) < distance(color, cube) {
        232 + grey_step
    } else {
        16 + (36 * red + 6 * green + blue) as u8
    }
}

/// A colour of the cube or of the grey ramp, 16 to 255.
pub fn color_of(index: u8) -> [u8; 3] {
    if index >= 232 {
        return [8 + 10 * (index - 232); 3];
    }
    let cell = index.saturating_sub(16);
    [cell / 36, cell / 6 % 6, cell % 6].map(|level| CUBE.get(usize::from(level)).copied().unwrap_or(255))
}

/// Sum of the squared differences of the channels.
pub(super) fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}
