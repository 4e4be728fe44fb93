//! Pictures that are encoded, those on their way, and those that the terminal has.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never};
use crossterm::queue;
use crossterm::style::{Attribute, SetAttribute, SetBackgroundColor};
use ratatui::backend::IntoCrossterm;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use super::drawing::Wanted;
use crate::terminal::Canvas;
use crate::terminal::encoder::{self, Done, Job, Slot};
use crate::terminal::graphics::{Encoded, Form, KittyId, delete_kitty};

/// Encoded pictures that are kept to go back to.
const KEPT: usize = 64;
/// A kitty picture up to this size takes the place of the one before it under the same id: it arrives in one piece. A larger
/// one takes turns with another id, so that the one before stays until it is whole.
const ONE_PIECE: usize = 64 << 10;

/// What the terminal has been sent for a slot.
struct Sent {
    picture: Arc<Encoded>,
    at: Position,
    turn: bool,
}

/// See the module.
pub struct Pictures {
    canvas: Option<Canvas>,
    jobs: Option<Sender<Job>>,
    /// Pictures that have become ready.
    pub encoded: Receiver<Done>,
    /// The newest whole picture of each slot.
    shown: HashMap<Slot, (u64, Arc<Encoded>)>,
    asked: HashMap<Slot, u64>,
    kept: Vec<(u64, Arc<Encoded>)>,
    sent: HashMap<Slot, Sent>,
    /// How long the last one took to draw and encode.
    pub(super) took: Duration,
    /// Bytes a second that the line is trusted with; nothing where it is this machine's own.
    rate: Option<u32>,
    /// When the line will have carried what was sent.
    free_at: Instant,
    /// Whether something waits for that.
    waiting: bool,
}

impl Pictures {
    /// Starts the encoder, if pictures are drawn at all.
    pub fn new(canvas: Option<Canvas>, rate: Option<u32>) -> Self {
        let (jobs, encoded) =
            canvas.map(encoder::spawn).map_or_else(|| (None, never()), |(jobs, encoded)| (Some(jobs), encoded));
        Self {
            canvas,
            jobs,
            encoded,
            shown: HashMap::new(),
            asked: HashMap::new(),
            kept: Vec::new(),
            sent: HashMap::new(),
            took: Duration::ZERO,
            rate,
            free_at: Instant::now(),
            waiting: false,
        }
    }

    /// When a picture that waits for the line can be sent; nothing where none waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.then_some(self.free_at)
    }

    /// Pictures are drawn on something else from now on: the size of a cell has changed.
    pub(super) fn change(&mut self, canvas: Canvas) {
        *self = Self::new(Some(canvas), self.rate);
    }

    /// Whether sequences for the outer terminal go through tmux.
    pub(super) fn through_tmux(&self) -> bool {
        self.canvas.is_some_and(|canvas| canvas.through_tmux)
    }

    /// Takes a picture in. One that a newer has overtaken is kept all the same: someone may come back to it.
    pub fn arrived(&mut self, done: Done) {
        self.took = done.took;
        match done.picture {
            Some(picture) => {
                // The same pixels need not be sent again.
                let same = self.shown.get(&done.slot).filter(|(_, shown)| **shown == *picture);
                let same = same.map(|(_, shown)| Arc::clone(shown));
                let picture = same.unwrap_or(picture);
                self.keep(done.key, Arc::clone(&picture));
                // What is wanted may be there already, from those that are kept: an older one must not take its place.
                let wanted = self.asked.get(&done.slot);
                let is_there = self.shown.get(&done.slot).is_some_and(|(shown, _)| Some(shown) == wanted);
                if wanted == Some(&done.key) || !is_there {
                    self.shown.insert(done.slot, (done.key, picture));
                }
            }
            None => drop(self.shown.remove(&done.slot)),
        }
    }

    fn keep(&mut self, key: u64, picture: Arc<Encoded>) {
        self.kept.retain(|(known, _)| *known != key);
        self.kept.push((key, picture));
        if self.kept.len() > KEPT {
            self.kept.remove(0);
        }
    }

    /// Asks for what a frame wants and is not there or on its way.
    pub fn ask(&mut self, wanted: &[Wanted]) {
        let Some(jobs) = &self.jobs else { return };
        for picture in wanted {
            let key = picture.key();
            if self.asked.get(&picture.slot) == Some(&key) {
                continue;
            }
            self.asked.insert(picture.slot, key);
            if let Some(place) = self.kept.iter().position(|(known, _)| *known == key) {
                let known = self.kept.remove(place);
                self.shown.insert(picture.slot, (key, Arc::clone(&known.1)));
                self.kept.push(known);
                continue;
            }
            let subject = picture.subject.clone();
            let (parts, cells) = (picture.parts.clone(), picture.area.as_size());
            let draw = Box::new(move |resolution| subject.draw(resolution, cells));
            // The encoder lives as long as this end of the channel.
            let _ = jobs.send(Job { slot: picture.slot, key, size: picture.area.as_size(), parts, draw });
        }
    }

    /// Puts the pictures of a frame on the screen, but for what is covered, and gives what has to be written after the
    /// frame's characters. The newest picture that has its area's size is shown until the wanted one is there.
    pub fn place(&mut self, wanted: &[Wanted], covered: &[Rect], buffer: &mut Buffer) -> Vec<u8> {
        let Some(canvas) = self.canvas else { return Vec::new() };
        let mut written = Vec::new();
        let mut placed = HashSet::new();
        // Over a slow line a picture waits until the one before has arrived, so that none is late by more than one.
        let line_is_free = Instant::now() >= self.free_at;
        self.waiting = false;
        for wanted in wanted {
            let Some(mut picture) = self.shown.get(&wanted.slot).map(|(_, shown)| Arc::clone(shown)) else { continue };
            if let Some(sent) = self.sent.get(&wanted.slot).filter(|sent| !Arc::ptr_eq(&sent.picture, &picture))
                && !line_is_free
            {
                self.waiting = true;
                picture = Arc::clone(&sent.picture);
            }
            if picture.size.width > wanted.area.width || picture.size.height > wanted.area.height {
                continue;
            }
            let at = wanted.area.as_position();
            let at_cursor = matches!(picture.form, Form::AtCursor(_));
            // What is written at the cursor cannot be written around something.
            if at_cursor && covered.iter().any(|area| area.intersects(wanted.area)) {
                continue;
            }
            placed.insert(wanted.slot);
            let ground = buffer.cell(at).map_or(Color::Reset, |cell| cell.bg);
            let id = self.send(wanted.slot, &picture, (at, ground), canvas, &mut written);
            picture.place(id, at, covered, buffer);
        }
        let gone: Vec<Slot> = self.sent.keys().filter(|slot| !placed.contains(slot)).copied().collect();
        for slot in gone {
            if let Some(sent) = self.sent.remove(&slot)
                && matches!(sent.picture.form, Form::Kitty(_))
            {
                written.extend(delete_kitty(id_of(slot, sent.turn), canvas.through_tmux));
            }
        }
        if let Some(rate) = self.rate.filter(|_| !written.is_empty()) {
            let takes = Duration::from_secs_f64(written.len() as f64 / f64::from(rate.max(1)));
            self.free_at = self.free_at.max(Instant::now()) + takes;
        }
        written
    }

    /// Sends a picture if the terminal does not have it, and gives the id that it has there; `ground` is the colour around it.
    fn send(
        &mut self,
        slot: Slot,
        picture: &Arc<Encoded>,
        (at, ground): (Position, Color),
        canvas: Canvas,
        written: &mut Vec<u8>,
    ) -> KittyId {
        let before = self.sent.get(&slot);
        let has = before.is_some_and(|sent| Arc::ptr_eq(&sent.picture, picture));
        let turn = before.is_some_and(|sent| sent.turn);
        match &picture.form {
            Form::Kitty(_) if has => id_of(slot, turn),
            Form::Kitty(payload) => {
                let takes_turns = before.is_some() && payload.size() > ONE_PIECE;
                let id = id_of(slot, turn != takes_turns);
                written.extend(picture.transmission(id, canvas.through_tmux));
                if takes_turns {
                    written.extend(delete_kitty(id_of(slot, turn), canvas.through_tmux));
                }
                self.sent.insert(slot, Sent { picture: Arc::clone(picture), at, turn: turn != takes_turns });
                id
            }
            Form::AtCursor(bytes) => {
                let moved = before.is_none_or(|sent| sent.at != at || sent.picture.parts != picture.parts);
                if moved {
                    erase(&picture.parts, at, ground, written);
                }
                if !has || moved {
                    // Writing to memory does not fail.
                    let _ = write!(written, "\x1b[{};{}H", at.y + 1, at.x + 1);
                    written.extend(bytes);
                    self.sent.insert(slot, Sent { picture: Arc::clone(picture), at, turn });
                }
                id_of(slot, turn)
            }
            Form::Cells(_) => id_of(slot, turn),
        }
    }

    /// The terminal may have lost everything: it is sent again, without being encoded again.
    pub(super) fn forget(&mut self) {
        self.sent.clear();
    }

    /// What takes our pictures out of the terminal's memory.
    pub(super) fn deletion(&self) -> Vec<u8> {
        let kitty = self.sent.iter().filter(|(_, sent)| matches!(sent.picture.form, Form::Kitty(_)));
        kitty.flat_map(|(slot, sent)| delete_kitty(id_of(*slot, sent.turn), self.through_tmux())).collect()
    }
}

/// Takes away what stands in the cells of a picture that is written at the cursor: it would show where the picture ends within
/// a cell. The frame itself leaves these cells alone.
fn erase(parts: &[Rect], at: Position, ground: Color, written: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = queue!(written, SetAttribute(Attribute::Reset), SetBackgroundColor(ground.into_crossterm()));
    for part in parts {
        for row in part.rows() {
            let _ = write!(written, "\x1b[{};{}H\x1b[{}X", at.y + row.y + 1, at.x + row.x + 1, row.width);
        }
    }
    written.extend(b"\x1b[0m");
}

/// The id of a slot's picture: each has two, which take turns.
fn id_of(slot: Slot, turn: bool) -> KittyId {
    KittyId::new(std::process::id(), 2 * slot as u8 + 1 + u8::from(turn))
}
