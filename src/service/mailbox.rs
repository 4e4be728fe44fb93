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
            Self::Pattern { .. } => Pane::Detail,
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

#[derive(Debug, Default)]
struct Slots {
    waiting: [Option<Request>; 5],
    running: [Cancel; 5],
    closed: bool,
}

/// The waiting requests. Cloned handles share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailbox(Arc<(Mutex<Slots>, Condvar)>);

fn slot(pane: Pane) -> usize {
    match pane {
        Pane::Input => 0,
        Pane::Channels => 1,
        Pane::Heatmap => 2,
        Pane::Detail => 3,
        Pane::Excitations => 4,
    }
}

impl Mailbox {
    /// Puts a request in place of an older one for the same pane, and stops what runs for that pane. A new picture makes all
    /// other work pointless.
    pub(super) fn put(&self, request: Request) {
        let mut slots = self.lock();
        let pane = request.pane();
        let outdated = if pane == Pane::Input { vec![0, 1, 2, 3] } else { vec![slot(pane)] };
        for index in outdated {
            slots.waiting[index] = None;
            slots.running[index].raise();
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

    /// The next request; waits for one if `wait` is true. The heatmap comes before the channels, because it is quick.
    pub(super) fn take(&self, wait: bool) -> Next {
        let mut slots = self.lock();
        loop {
            if slots.closed {
                return Next::Closed;
            }
            for pane in [Pane::Input, Pane::Heatmap, Pane::Channels, Pane::Detail] {
                if let Some(request) = slots.waiting[slot(pane)].take() {
                    let cancel = Cancel::new();
                    slots.running[slot(pane)] = cancel.clone();
                    return Next::Request(request, cancel);
                }
            }
            if !wait {
                return Next::Nothing;
            }
            slots = self.0.1.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
