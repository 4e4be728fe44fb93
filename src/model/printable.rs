//! Text from a stranger's file, made safe to print.

use std::borrow::Cow;

/// `text` without what could steer a terminal or reorder a line: control characters (C0, C1) and bidirectional controls.
///
/// Line breaks and tabs become spaces, so that the result is always one line.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let safe = text.chars().filter_map(|character| match character {
        '\n' | '\r' | '\t' => Some(' '),
        other if steers(other) => None,
        other => Some(other),
    });
    Cow::Owned(safe.collect())
}

/// A path for a message: printable, whatever its bytes are.
pub fn printable_path(path: &std::path::Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
