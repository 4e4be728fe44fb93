//! Opening a model, and the engine's thread: requests in, events out, nothing shared.

mod excitations;
mod mailbox;
pub mod open;
pub mod pattern_cache;
pub mod protocol;
mod worker;

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::aten;
use mailbox::Mailbox;
use protocol::{Event, OpenRequest, Pane, Request};

/// The two ends that an interface holds.
#[derive(Debug)]
pub struct Service {
    /// Work for the engine. Dropping every sender ends the engine's thread.
    pub requests: Sender<Request>,
    /// What the engine says.
    pub events: Receiver<Event>,
    /// The engine's thread.
    pub thread: JoinHandle<()>,
}

impl Service {
    /// Waits a moment for the engine's thread to stop, which it does between two nodes, and then ends the process in any case.
    pub fn leave(self, code: u8) -> ! {
        let Self { requests, events, thread } = self;
        drop((requests, events));
        let start = Instant::now();
        while !thread.is_finished() && start.elapsed() < LONGEST_GOODBYE {
            thread::sleep(Duration::from_millis(5));
        }
        aten::exit_now(code)
    }
}

/// A user who leaves does not wait for a large operator.
const LONGEST_GOODBYE: Duration = Duration::from_millis(500);

/// Starts the engine's thread, which opens the model and then waits for requests.
pub fn spawn(open: OpenRequest) -> Service {
    let (requests, incoming) = unbounded::<Request>();
    let (outgoing, events) = unbounded();
    let mailbox = Mailbox::default();
    let sorted = mailbox.clone();
    let excitations = excitations::spawn(outgoing.clone());
    thread::spawn(move || {
        for request in incoming {
            if request.pane() == Pane::Excitations {
                // The thread lives as long as this end of the channel.
                let _ = excitations.send(request);
            } else {
                sorted.put(request);
            }
        }
        sorted.close();
    });
    let thread = thread::spawn(move || {
        if let Err(message) = worker::run(&open, &mailbox, &outgoing) {
            // Nobody is left to tell when the interface is gone.
            let _ = outgoing.send(Event::Failed { pane: Pane::Input, ticket: None, message });
        }
    });
    Service { requests, events, thread }
}
