//! What comes from the terminal: keys and signals, each read on a thread of its own.

use std::io;
use std::thread;

use crossbeam_channel::{Receiver, unbounded};
use crossterm::event::Event as TerminalEvent;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::terminal::probe::Keyboard;
use crate::terminal::probe::late::typed_keys;

/// Reads the keyboard on a thread of its own, after what was typed while the terminal was asked.
pub(super) fn keys(Keyboard { typed, mut late }: Keyboard) -> Receiver<TerminalEvent> {
    let (sender, keys) = unbounded();
    thread::spawn(move || {
        let mut events = typed_keys(&typed);
        loop {
            for event in events {
                if sender.send(event).is_err() {
                    return;
                }
            }
            let Ok(event) = crossterm::event::read() else { return };
            events = late.pass(event);
        }
    });
    keys
}

/// Signals that end the program, stop it for a while, or say that the terminal has another size.
///
/// # Errors
/// When they cannot be caught.
pub(super) fn signals() -> Result<Receiver<i32>, io::Error> {
    let (sender, received) = unbounded();
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGWINCH])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    });
    Ok(received)
}
