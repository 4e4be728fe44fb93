//! The clipboard of the machine that the terminal runs on, over any number of SSH lines: OSC 52.

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

use super::passthrough;

/// The sequence that puts a text into the clipboard. With `set-clipboard external`, its default, tmux heeds no program's
/// wish, so that it is wrapped for the terminal outside.
pub fn copy_sequence(text: &str, through_tmux: bool) -> Vec<u8> {
    let mut sequence = String::new();
    // Writing to a string does not fail.
    let _ = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence);
    if through_tmux { passthrough(sequence.as_bytes()) } else { sequence.into_bytes() }
}
