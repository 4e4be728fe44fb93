//! The clipboard of the machine that the terminal runs on, over any number of SSH lines: OSC 52.

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// The sequence that puts a text into the clipboard. A multiplexer keeps it for itself unless it is wrapped.
pub fn copy_sequence(text: &str, through_tmux: bool) -> String {
    let mut sequence = String::new();
    // Writing to a string does not fail.
    let _ = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence);
    if through_tmux { format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")) } else { sequence }
}
