//! Small pictures for the film strip, read on a thread of their own.

use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, Sender, never, unbounded};
use image::RgbImage;

use crate::picture::load::{Input, Loaded};

/// Longest side of a thumbnail in pixels.
const SIDE: u32 = 128;

/// See the module.
pub(super) struct Thumbnails {
    wanted: Option<Sender<Vec<(usize, PathBuf)>>>,
    /// Thumbnails by the place of their picture; none where there is no picture to show.
    pub(super) ready: Receiver<(usize, Option<RgbImage>)>,
    asked: Vec<usize>,
}

impl Thumbnails {
    /// Nothing is read before something is wanted.
    pub(super) fn new() -> Self {
        Self { wanted: None, ready: never(), asked: Vec::new() }
    }

    /// Reads these pictures, and no longer those of before.
    pub(super) fn want(&mut self, pictures: Vec<(usize, PathBuf)>) {
        let places: Vec<usize> = pictures.iter().map(|(place, _)| *place).collect();
        if places.is_empty() || places == self.asked {
            return;
        }
        self.asked = places;
        let wanted = self.wanted.get_or_insert_with(|| {
            let (wanted, lists) = unbounded();
            let (done, ready) = unbounded();
            self.ready = ready;
            thread::spawn(move || read(&lists, &done));
            wanted
        });
        // The thread lives as long as this end of the channel.
        let _ = wanted.send(pictures);
    }
}

fn read(lists: &Receiver<Vec<(usize, PathBuf)>>, done: &Sender<(usize, Option<RgbImage>)>) {
    let mut waiting: Vec<(usize, PathBuf)> = Vec::new();
    loop {
        if waiting.is_empty() {
            let Ok(list) = lists.recv() else { return };
            waiting = list;
        }
        if let Some(newest) = lists.try_iter().last() {
            waiting = newest;
        }
        if waiting.is_empty() {
            continue;
        }
        let (place, path) = waiting.remove(0);
        if done.send((place, thumbnail(path))).is_err() {
            return;
        }
    }
}

/// The picture, small. What cannot be read says so when it is chosen.
fn thumbnail(path: PathBuf) -> Option<RgbImage> {
    let Loaded::Picture(picture) = Input::resolve([path]).ok()?.pop()?.load().ok()? else { return None };
    let (width, height) = picture.dimensions();
    let factor = f64::from(SIDE) / f64::from(width.max(height).max(1));
    let side = |side: u32| ((f64::from(side) * factor).round() as u32).clamp(1, SIDE);
    Some(image::imageops::thumbnail(&picture, side(width), side(height)))
}
