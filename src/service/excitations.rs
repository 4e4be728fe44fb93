//! Reads the file of a scan on a thread of its own: it waits neither for the network nor makes it wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path};
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use image::RgbImage;

use super::protocol::{Event, ExcitationPage, Exciting, Filter, Pane, Part, Request, Rgb, ScanInfo, Ticket};
use crate::methods::excitation::Patch;
use crate::model::printable;
use crate::model::printable::printable_path;
use crate::picture::load::load_picture;
use crate::scan::{ExcitationFile, Kept, ScanError, path_of};

/// Longest side of a whole picture: what a tile of a terminal can show.
const SIDE: u32 = 384;

/// Starts the thread, which ends with the last sender.
pub(super) fn spawn(events: Sender<Event>) -> Sender<Request> {
    let (requests, incoming) = unbounded();
    thread::spawn(move || Reader { events, file: None }.serve(&incoming));
    requests
}

struct Reader {
    events: Sender<Event>,
    file: Option<ExcitationFile>,
}

impl Reader {
    fn serve(mut self, incoming: &Receiver<Request>) {
        while let Ok(first) = incoming.recv() {
            let waiting: Vec<Request> = std::iter::once(first).chain(incoming.try_iter()).collect();
            let last = waiting.len() - 1;
            for (place, request) in waiting.into_iter().enumerate() {
                match request {
                    Request::Scan { ticket, path } => self.open(ticket, &path),
                    // A newer one has overtaken the others.
                    Request::Excitations { ticket, layer, channel, filter, most, whole } if place == last => {
                        let page = self.page((layer, channel), &filter, most, whole);
                        self.answer(ticket, page, |ticket, page| Event::Excitations { ticket, page: Box::new(page) });
                    }
                    _ => {}
                }
            }
        }
    }

    fn answer<T>(&self, ticket: Ticket, done: Result<T, String>, event: impl FnOnce(Ticket, T) -> Event) {
        let failed = |message| Event::Failed { pane: Pane::Excitations, ticket: Some(ticket), message };
        // The interface may be gone; then the requests end too.
        let _ = self.events.send(done.map_or_else(failed, |answer| event(ticket, answer)));
    }

    fn open(&mut self, ticket: Ticket, path: &Path) {
        self.file = None;
        let opened = ExcitationFile::open(path).and_then(|file| match file.header().unfinished {
            Some(_) => Err(ScanError::Unfinished(printable_path(path))),
            None => Ok(file),
        });
        let described = opened.map(|file| {
            let info = info(&file);
            self.file = Some(file);
            info
        });
        let described = described.map_err(|error| error.to_string());
        self.answer(ticket, described, |ticket, scan| Event::ScanOpened { ticket, scan: Box::new(scan) });
    }

    fn page(
        &self,
        (layer, channel): (usize, usize),
        filter: &Filter,
        most: usize,
        whole: bool,
    ) -> Result<ExcitationPage, String> {
        let file = self.file.as_ref().ok_or_else(|| "no scan is open".to_owned())?;
        let rows = file.channel(layer, channel, filter, most).map_err(|error| error.to_string())?;
        let mut note = None;
        let pictures = rows.kept.iter().map(|kept| {
            let of_whole = whole.then(|| whole_picture(file.header().folder.as_deref(), kept));
            let (shown, marked) = match of_whole {
                Some(Ok((picture, marked))) => (Some(picture), Some(marked)),
                Some(Err(reason)) => {
                    note.get_or_insert(reason);
                    (crop(kept), None)
                }
                None => (crop(kept), None),
            };
            exciting(kept, shown.as_ref(), marked)
        });
        let pictures = pictures.collect();
        Ok(ExcitationPage { layer, channel, pictures, distribution: rows.distribution, note })
    }
}

fn info(file: &ExcitationFile) -> ScanInfo {
    let header = file.header();
    let layer = |layer: &crate::scan::LayerRows| (printable(&layer.name).into_owned(), layer.channels);
    ScanInfo {
        path: file.path().to_path_buf(),
        model: printable(&header.model).into_owned(),
        fingerprint: header.fingerprint.clone(),
        preprocess: header.preprocessing.clone(),
        layers: header.layers.iter().map(layer).collect(),
        pictures: header.tally.pictures,
        top: header.keep.top,
        per_class: header.keep.per_class,
        has_truth: header.has_truth(),
    }
}

fn exciting(kept: &Kept, shown: Option<&RgbImage>, marked: Option<Part>) -> Exciting {
    let (excitation, seen) = (&kept.excitation, &kept.excitation.picture);
    let plain = |text: &str| printable(text).into_owned();
    let rgb =
        |picture: &RgbImage| Rgb { width: picture.width(), height: picture.height(), pixels: picture.as_raw().clone() };
    Exciting {
        value: excitation.value,
        picture: plain(&seen.path),
        said: seen.said.as_ref().map(|said| (plain(&said.class), said.probability)),
        truth: seen.truth.as_deref().map(plain),
        right: seen.right,
        shown: shown.map(rgb),
        marked,
    }
}

/// The crop that is kept in the scan; none where it is damaged.
fn crop(kept: &Kept) -> Option<RgbImage> {
    // The file may come from a stranger: what a decoder panics at must not end the thread.
    catch_unwind(AssertUnwindSafe(|| kept.picture())).ok().flatten()
}

/// The whole picture, made smaller, and where in it the patch is.
fn whole_picture(folder: Option<&str>, kept: &Kept) -> Result<(RgbImage, Part), String> {
    let folder = folder.ok_or("the scan does not say where its pictures are; these are the crops")?;
    let path = path_of(&kept.excitation.picture.path);
    // The file may come from a stranger: nothing outside of the folder is read.
    if path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(format!("{} lies outside of the folder", printable_path(&path)));
    }
    let path = path_of(folder).join(path);
    let read = catch_unwind(AssertUnwindSafe(|| load_picture(&path)));
    let picture = read.map_err(|_| format!("{}: a damaged picture", printable_path(&path)))?;
    let picture = picture.map_err(|error| format!("{error}; this is the crop"))?;
    let (width, height) = picture.dimensions();
    let factor = (f64::from(SIDE) / f64::from(width.max(height).max(1))).min(1.0);
    let scaled = |length: u32| ((f64::from(length) * factor).round() as u32).max(1);
    let small =
        if factor < 1.0 { image::imageops::thumbnail(&picture, scaled(width), scaled(height)) } else { picture };
    let Patch { x, y, width, height } = kept.excitation.patch;
    let along = |start: u32, length: u32, all: u32| {
        let from = ((f64::from(start) * factor) as u32).min(all.saturating_sub(1));
        let to = (f64::from(start.saturating_add(length)) * factor).ceil() as u32;
        (from, to.clamp(from + 1, all.max(from + 1)) - from)
    };
    let ((left, across), (top, down)) = (along(x, width, small.width()), along(y, height, small.height()));
    Ok((small, (left, top, across, down)))
}
