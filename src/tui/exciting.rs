//! Draws a picture that excites a channel: a crop as it is, and of a whole picture what the position sees bright in a frame.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::drawing::draw_frame;
use crate::service::protocol::ExcitationPage;

/// With fewer pixels on a side than this a frame would hide what is in it.
const FRAMED: u32 = 24;
/// Brightness of what the position does not see, in percent.
const AROUND: u16 = 45;

/// A picture of a page in its own size.
pub(super) fn native(page: &ExcitationPage, index: usize) -> RgbImage {
    let picture = page.shown(index).cloned().map(super::update::rgb).unwrap_or_default();
    let (width, height) = picture.dimensions();
    marked(page, index, width, height).unwrap_or(picture)
}

/// A whole picture in a size, with what the position sees marked; nothing where it is a crop. The mark is drawn last, so that it
/// is seen at any size.
pub(super) fn marked(page: &ExcitationPage, index: usize, width: u32, height: u32) -> Option<RgbImage> {
    let (left, top, across, down) = page.pictures.get(index)?.marked?;
    let picture = page.shown(index).cloned().map(super::update::rgb).filter(|picture| !picture.is_empty())?;
    let along = |start: u32, length: u32, own: u32, drawn: u32| {
        let place = |at: u32| u64::from(at) * u64::from(drawn) / u64::from(own.max(1));
        let from = place(start).min(u64::from(drawn.saturating_sub(1))) as u32;
        let to = place(start.saturating_add(length)).min(u64::from(drawn)) as u32;
        (from, to.saturating_sub(from).max(1))
    };
    let (left, across) = along(left, across, picture.width(), width);
    let (top, down) = along(top, down, picture.height(), height);
    let mut drawn = imageops::resize(&picture, width, height, FilterType::Triangle);
    for (x, y, Rgb(color)) in drawn.enumerate_pixels_mut() {
        if !(left..left + across).contains(&x) || !(top..top + down).contains(&y) {
            *color = color.map(|level| (u16::from(level) * AROUND / 100) as u8);
        }
    }
    if across.min(down) >= FRAMED {
        draw_frame(&mut drawn, (left, top, across, down));
    }
    Some(drawn)
}
