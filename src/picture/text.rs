//! Words on pictures, in the 8×8 letters of the old PCs.

use font8x8::{BASIC_FONTS, UnicodeFonts};
use image::{Rgb, RgbImage};

/// Pixels of a letter's side before enlarging.
pub(super) const LETTER: u32 = 8;

/// Writes a line with its upper left corner at `(x, y)`, each dot of a letter `scale` pixels wide. What falls outside the picture is left
/// out; letters that there are none of are blanks.
pub(super) fn write(picture: &mut RgbImage, (x, y): (u32, u32), scale: u32, color: Rgb<u8>, text: &str) {
    for (index, letter) in (0..).zip(text.chars()) {
        let rows = BASIC_FONTS.get(letter).unwrap_or_default();
        for (row, dots) in (0..).zip(rows) {
            for column in (0..LETTER).filter(|column| dots & (1 << column) != 0) {
                let (left, top) = (x + (index * LETTER + column) * scale, y + row * scale);
                for (across, down) in (0..scale * scale).map(|dot| (dot % scale, dot / scale)) {
                    if let Some(pixel) = picture.get_pixel_mut_checked(left + across, top + down) {
                        *pixel = color;
                    }
                }
            }
        }
    }
}
