//! Encodes pictures for the terminal off the interface's thread. For each place on the screen the newest picture wins.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::{DynamicImage, RgbImage};
use ratatui::layout::Size;
use ratatui_image::Resize;
use ratatui_image::picker::{Capability, Picker, ProtocolType};
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::kitty::Kitty;

/// A place on the screen that holds one picture at a time.
pub type Slot = u16;

/// A picture to encode.
pub struct Job {
    /// Where it goes.
    pub slot: Slot,
    /// Cells that it fills.
    pub size: Size,
    /// Whether it is to be sent even where the terminal should hold it: it may have lost it.
    pub anew: bool,
    /// Draws it at a width and height in pixels.
    pub draw: Box<dyn FnOnce(u32, u32) -> RgbImage + Send>,
}

/// A picture that is ready.
pub struct Encoded {
    /// Where it goes.
    pub slot: Slot,
    /// The terminal's form of it.
    pub picture: Outcome,
}

/// What became of a picture.
pub enum Outcome {
    /// It is ready.
    Ready(Box<Protocol>),
    /// Its pixels are those that the slot holds already: nothing needs to be sent.
    Unchanged,
    /// It could not be made.
    Failed,
}

/// Kitty's ids of our pictures begin here: stable, so that a new picture takes the place of an old one's memory, and with a
/// byte set in each colour channel, so that no id is taken for a colour of the palette.
const FIRST_ID: u32 = 0x004c_5301;

/// Kitty's two ids of a slot. A picture takes turns with the one before it, which stays on the screen until the new one is
/// whole: kitty shows nothing of a picture that is being sent again under its own id.
pub fn kitty_ids(slot: Slot) -> [u32; 2] {
    let first = FIRST_ID + 2 * u32::from(slot);
    [first, first + 1]
}

/// What was encoded last for a slot.
struct Last {
    pixels: u64,
    size: Size,
    turn: usize,
}

/// Starts the encoder's thread. It ends when the sender is dropped.
pub fn spawn(picker: Picker) -> (Sender<Job>, Receiver<Encoded>) {
    let (jobs, incoming) = unbounded::<Job>();
    let (outgoing, encoded) = unbounded();
    thread::spawn(move || {
        let mut waiting = BTreeMap::new();
        let mut last: HashMap<Slot, Last> = HashMap::new();
        loop {
            if waiting.is_empty() {
                let Ok(job) = incoming.recv() else { return };
                waiting.insert(job.slot, job);
            }
            for job in incoming.try_iter() {
                waiting.insert(job.slot, job);
            }
            let Some((slot, job)) = waiting.pop_first() else { continue };
            let picture = encode(&picker, &mut last, job);
            if outgoing.send(Encoded { slot, picture }).is_err() {
                return;
            }
        }
    });
    (jobs, encoded)
}

fn encode(picker: &Picker, last: &mut HashMap<Slot, Last>, job: Job) -> Outcome {
    let (font, size) = (picker.font_size(), job.size);
    let (width, height) =
        (u32::from(size.width) * u32::from(font.width), u32::from(size.height) * u32::from(font.height));
    if width == 0 || height == 0 {
        return Outcome::Failed;
    }
    let picture = (job.draw)(width, height);
    let mut hasher = DefaultHasher::new();
    picture.as_raw().hash(&mut hasher);
    let pixels = hasher.finish();
    let before = last.get(&job.slot);
    if !job.anew && before.is_some_and(|before| before.pixels == pixels && before.size == size) {
        return Outcome::Unchanged;
    }
    let turn = before.map_or(0, |before| 1 - before.turn);
    last.insert(job.slot, Last { pixels, size, turn });
    let picture = DynamicImage::ImageRgb8(picture);
    let protocol = if picker.protocol_type() == ProtocolType::Kitty {
        let compress = picker.capabilities().contains(&Capability::KittyCompression) && shrinks(&picture);
        Kitty::new(picture, size, kitty_ids(job.slot)[turn], picker.tmux_detected(), compress).map(Protocol::Kitty)
    } else {
        picker.new_protocol(picture, size, Resize::Fit(None))
    };
    protocol.map_or(Outcome::Failed, |protocol| Outcome::Ready(Box::new(protocol)))
}

/// Whether deflating a picture makes it smaller. Kitty refuses, in silence, a picture whose deflated form is more than a
/// kilobyte larger than the picture itself, as that of noise is.
fn shrinks(picture: &DynamicImage) -> bool {
    let pixels = picture.to_rgba8();
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
    let written = deflated.write_all(pixels.as_raw()).and_then(|()| deflated.finish());
    written.is_ok_and(|deflated| deflated.len() < pixels.as_raw().len())
}
