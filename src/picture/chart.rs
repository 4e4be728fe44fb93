//! A picture with small charts beside it.

use image::{Rgb, RgbImage, imageops};

use super::text::{self, LETTER};

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([32, 32, 32]);
const FRAME: Rgb<u8> = Rgb([200, 200, 200]);
/// For the first curve, the second, and so on: told apart by people who see few colours, too.
const COLORS: [Rgb<u8>; 4] = [Rgb([0, 114, 178]), Rgb([213, 94, 0]), Rgb([0, 158, 115]), Rgb([120, 120, 120])];

/// Width and height of a chart before enlarging.
const SIZE: (u32, u32) = (224, 112);
const MARGIN: u32 = 6;
/// Letters that fit a line.
const LETTERS: usize = ((SIZE.0 - 2 * MARGIN) / LETTER) as usize;
/// Pictures from this height on have charts of double size.
const TALL: u32 = 500;

/// A chart: curves over 0 to 1, with lines of text above them.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The first line.
    pub title: String,
    /// A line for each curve in its colour, and further lines without one.
    pub lines: Vec<String>,
    /// Points of each curve, from left to right; a gap where there is no value.
    pub curves: Vec<Vec<(f64, Option<f64>)>>,
}

/// The picture with charts to its right, from top to bottom and then in further columns.
pub fn beside(picture: &RgbImage, charts: &[Chart]) -> RgbImage {
    let scale = if picture.height() >= TALL { 2 } else { 1 };
    let (width, height) = (SIZE.0 * scale, SIZE.1 * scale);
    // As high as the picture, but never so low that the columns run off to the right.
    let least = (charts.len() as u32).min(3);
    let rows = (picture.height() / height).max(least).max(1);
    let columns = (charts.len() as u32).div_ceil(rows);
    let size = (picture.width() + columns * width, picture.height().max(rows.min(charts.len() as u32) * height));
    let mut drawn = RgbImage::from_pixel(size.0, size.1, PAPER);
    imageops::replace(&mut drawn, picture, 0, 0);
    for (index, chart) in (0..).zip(charts) {
        let corner = (picture.width() + index / rows * width, index % rows * height);
        chart.draw(&mut drawn, corner, scale);
    }
    drawn
}

impl Chart {
    fn draw(&self, picture: &mut RgbImage, (left, top): (u32, u32), scale: u32) {
        let (margin, line) = (MARGIN * scale, (LETTER + 2) * scale);
        let mut y = top + margin;
        let mut write = |text: &str, color: Rgb<u8>| {
            let text: String = text.chars().take(LETTERS).collect();
            text::write(picture, (left + margin, y), scale, color, &text);
            y += line;
        };
        write(&self.title, INK);
        for (index, text) in self.lines.iter().enumerate() {
            write(text, if index < self.curves.len() { color(index) } else { INK });
        }
        let values = self.curves.iter().flatten().filter_map(|(_, value)| *value);
        let (low, high) =
            values.fold((0.0_f64, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
        let bottom = top + SIZE.1 * scale - margin;
        if self.curves.is_empty() || y + line > bottom {
            return;
        }
        let across = f64::from(SIZE.0 * scale - 2 * margin);
        let down = f64::from(bottom - y);
        let place = |(at, value): (f64, f64)| {
            let height = (value - low) / (high - low);
            (f64::from(left + margin) + at * across, f64::from(bottom) - height * down)
        };
        segment(picture, place((0.0, 0.0)), place((1.0, 0.0)), scale, FRAME);
        segment(picture, place((0.0, low)), place((0.0, high)), scale, FRAME);
        for (index, curve) in self.curves.iter().enumerate().rev() {
            for pair in curve.windows(2) {
                if let [(from, Some(first)), (to, Some(second))] = *pair {
                    segment(picture, place((from, first)), place((to, second)), scale, color(index));
                }
            }
        }
    }
}

fn color(index: usize) -> Rgb<u8> {
    COLORS[index % COLORS.len()]
}

/// A straight line, `width` pixels thick.
fn segment(picture: &mut RgbImage, from: (f64, f64), to: (f64, f64), width: u32, color: Rgb<u8>) {
    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
    for step in 0..=steps as u32 {
        let along = f64::from(step) / steps;
        let (x, y) = ((to.0 - from.0).mul_add(along, from.0), (to.1 - from.1).mul_add(along, from.1));
        for (across, down) in (0..width * width).map(|dot| (dot % width, dot / width)) {
            if let Some(pixel) = picture.get_pixel_mut_checked(x.round() as u32 + across, y.round() as u32 + down) {
                *pixel = color;
            }
        }
    }
}
