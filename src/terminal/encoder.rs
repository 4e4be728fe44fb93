//! Encodes pictures for the terminal off the interface's thread. For each place on the screen the newest picture wins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ratatui::layout::{Rect, Size};

use super::Canvas;
use super::graphics::{self, Encoded};
use crate::picture::Raster;

/// A place on the screen that holds one picture at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The channel pager's tiles.
    Page,
    /// The zoomed channel.
    Zoom,
    /// The pattern beside the zoomed channel.
    Pattern,
    /// The place in the picture beside the zoomed channel.
    Place,
    /// The heatmap.
    Heatmap,
    /// The pictures to choose from.
    Strip,
    /// The pictures that excite the zoomed channel.
    Excitations,
}

/// What a picture is drawn at: pixels of its cells, and whether the terminal would scale a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Whether a picture of another size is brought to this one by the terminal, smoothly.
    pub scaled: bool,
}

/// A picture to encode.
pub struct Job {
    /// Where it goes.
    pub slot: Slot,
    /// What it is: tells it from every other.
    pub key: u64,
    /// Cells that it fills.
    pub size: Size,
    /// The areas that belong to it, from its own corner.
    pub parts: Vec<Rect>,
    /// Draws it.
    pub draw: Box<dyn FnOnce(Resolution) -> Raster + Send>,
}

/// A picture that is ready.
pub struct Done {
    /// Where it goes.
    pub slot: Slot,
    /// What it is.
    pub key: u64,
    /// The terminal's form of it; none where it could not be made.
    pub picture: Option<Arc<Encoded>>,
    /// How long drawing and encoding took.
    pub took: Duration,
}

/// Starts the encoder's thread. It ends when the sender is dropped.
pub fn spawn(canvas: Canvas) -> (Sender<Job>, Receiver<Done>) {
    let (jobs, incoming) = unbounded::<Job>();
    let (outgoing, encoded) = unbounded();
    thread::spawn(move || {
        let mut waiting = BTreeMap::new();
        loop {
            if waiting.is_empty() {
                let Ok(job) = incoming.recv() else { return };
                waiting.insert(job.slot, job);
            }
            for job in incoming.try_iter() {
                waiting.insert(job.slot, job);
            }
            let Some((slot, job)) = waiting.pop_first() else { continue };
            let (key, start) = (job.key, Instant::now());
            let picture = encode(canvas, job).map(Arc::new);
            if outgoing.send(Done { slot, key, picture, took: start.elapsed() }).is_err() {
                return;
            }
        }
    });
    (jobs, encoded)
}

fn encode(canvas: Canvas, job: Job) -> Option<Encoded> {
    let (width, height) = graphics::pixels(job.size, &canvas);
    if width == 0 || height == 0 {
        return None;
    }
    let raster = (job.draw)(Resolution { width, height, scaled: graphics::scales(canvas.protocol) });
    graphics::encode(&raster, job.size, &job.parts, &canvas).ok()
}
