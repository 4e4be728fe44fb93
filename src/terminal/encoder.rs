//! Encodes pictures for the terminal off the interface's thread. For each place on the screen the newest picture wins.

use std::collections::BTreeMap;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
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
    /// What it shows; comes back with the result.
    pub key: u64,
    /// Cells that it fills.
    pub size: Size,
    /// Draws it at a width and height in pixels.
    pub draw: Box<dyn FnOnce(u32, u32) -> RgbImage + Send>,
}

/// A picture that is ready.
pub struct Encoded {
    /// Where it goes.
    pub slot: Slot,
    /// What it shows.
    pub key: u64,
    /// The terminal's form of it; `None` where it could not be made.
    pub protocol: Option<Protocol>,
}

/// Kitty's ids of our pictures begin here: stable, so that a new picture takes the place of the old one's memory, and with a
/// byte set in each colour channel, so that no id is taken for a colour of the palette.
const FIRST_ID: u32 = 0x004c_5301;

/// Kitty's id of a slot.
pub fn kitty_id(slot: Slot) -> u32 {
    FIRST_ID + u32::from(slot)
}

/// Starts the encoder's thread. It ends when the sender is dropped.
pub fn spawn(picker: Picker) -> (Sender<Job>, Receiver<Encoded>) {
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
            let protocol = encode(&picker, job.slot, job.size, job.draw);
            if outgoing.send(Encoded { slot, key: job.key, protocol }).is_err() {
                return;
            }
        }
    });
    (jobs, encoded)
}

fn encode(
    picker: &Picker,
    slot: Slot,
    size: Size,
    draw: Box<dyn FnOnce(u32, u32) -> RgbImage + Send>,
) -> Option<Protocol> {
    let font = picker.font_size();
    let (width, height) =
        (u32::from(size.width) * u32::from(font.width), u32::from(size.height) * u32::from(font.height));
    if width == 0 || height == 0 {
        return None;
    }
    let picture = DynamicImage::ImageRgb8(draw(width, height));
    if picker.protocol_type() == ProtocolType::Kitty {
        let compress = picker.capabilities().contains(&Capability::KittyCompression);
        return Kitty::new(picture, size, kitty_id(slot), picker.tmux_detected(), compress).ok().map(Protocol::Kitty);
    }
    picker.new_protocol(picture, size, Resize::Fit(None)).ok()
}
