//! Requests that wait for the engine's thread: one for each pane, the newest.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::protocol::{Pane, Request};
use crate::engine::Cancel;

impl Request {
    /// Whose work the request is.
    pub fn pane(&self) -> Pane {
        match self {
            Self::Picture { .. } => Pane::Input,
            Self::Channels { .. } => Pane::Channels,
            Self::Map { .. } => Pane::Heatmap,
            Self::Trust { .. } => Pane::Trust,
            Self::Pattern { .. } => Pane::Detail,
            Self::Check { .. } => Pane::Health,
            Self::Scan { .. } | Self::Excitations { .. } => Pane::Excitations,
            Self::Stop(pane) => *pane,
        }
    }
}

/// What the engine's thread finds when it looks for work.
#[derive(Debug)]
pub(super) enum Next {
    /// A request, with the flag that a newer one raises.
    Request(Request, Cancel),
    /// Nothing waits.
    Nothing,
    /// Nobody will ask again.
    Closed,
}

/// All of them, in the order in which they are answered: the heatmap comes before the channels, because it is mostly quick.
const PANES: [Pane; 7] = [
    Pane::Input,
    Pane::Heatmap,
    Pane::Channels,
    Pane::Detail,
    Pane::Trust,
    Pane::Health,
    // On a thread of its own.
    Pane::Excitations,
];

#[derive(Debug, Default)]
struct Slots {
    waiting: [Option<Request>; PANES.len()],
    running: [Cancel; PANES.len()],
    /// Whether the check that runs was stopped for something more urgent only.
    interrupted: bool,
    closed: bool,
}

impl Slots {
    /// A pane's request, which runs from now on.
    fn take(&mut self, pane: Pane) -> Option<(Request, Cancel)> {
        let request = self.waiting[slot(pane)].take()?;
        let cancel = Cancel::new();
        self.running[slot(pane)] = cancel.clone();
        Some((request, cancel))
    }
}

/// The waiting requests. Cloned handles share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailbox(Arc<(Mutex<Slots>, Condvar)>);

fn slot(pane: Pane) -> usize {
    pane as usize
}

/// Whether a request for one pane makes the work for another pointless.
fn outdates(newer: Pane, older: Pane) -> bool {
    match newer {
        Pane::Input => true,
        Pane::Heatmap => matches!(older, Pane::Heatmap | Pane::Trust),
        _ => newer == older,
    }
}

impl Mailbox {
    /// Puts a request in place of an older one for the same pane, and stops what runs for that pane. A new picture makes all
    /// other work pointless, and a new heatmap how far the one before was to be trusted.
    pub(super) fn put(&self, request: Request) {
        let mut slots = self.lock();
        let pane = request.pane();
        slots.interrupted = !outdates(pane, Pane::Health);
        slots.running[slot(Pane::Health)].raise();
        for older in PANES.into_iter().filter(|older| outdates(pane, *older)) {
            slots.waiting[slot(older)] = None;
            slots.running[slot(older)].raise();
        }
        if !matches!(request, Request::Stop(_)) {
            slots.waiting[slot(pane)] = Some(request);
        }
        self.0.1.notify_one();
    }

    /// Nobody will ask again: what runs is stopped.
    pub(super) fn close(&self) {
        let mut slots = self.lock();
        slots.closed = true;
        slots.running.iter().for_each(Cancel::raise);
        self.0.1.notify_one();
    }

    /// The next request; waits for one if `wait` is true, and otherwise leaves a check alone, for there is something better to do.
    pub(super) fn take(&self, wait: bool) -> Next {
        let mut slots = self.lock();
        loop {
            if slots.closed {
                return Next::Closed;
            }
            for pane in PANES.into_iter().filter(|pane| wait || *pane != Pane::Health) {
                if let Some((request, cancel)) = slots.take(pane) {
                    return Next::Request(request, cancel);
                }
            }
            if !wait {
                return Next::Nothing;
            }
            slots = self.0.1.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets a check that something more urgent has interrupted wait for another time.
    pub(super) fn put_back(&self, check: Request) {
        let mut slots = self.lock();
        if slots.interrupted && slots.waiting[slot(Pane::Input)].is_none() {
            slots.waiting[slot(Pane::Health)].get_or_insert(check);
        }
    }

    /// The next request for the channels or one of them, if one waits: what is answered while a heatmap is being made or measured.
    pub(super) fn take_beside(&self) -> Option<(Request, Cancel)> {
        let mut slots = self.lock();
        [Pane::Channels, Pane::Detail].into_iter().find_map(|pane| slots.take(pane))
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
