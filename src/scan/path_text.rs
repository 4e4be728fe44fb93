//! Paths as text that says all of what they are, so that what stands in a scan's file leads back to the picture.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Length of `\xee`.
const ESCAPE: usize = 4;

/// A name or path as text. Bytes that are no UTF-8 are written as `\xee`; where it has these letters itself, its `\` is `\x5c`.
pub(super) fn text_of(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for (place, letter) in chunk.valid().char_indices() {
            if escaped(&chunk.valid()[place..]).is_some() {
                text.push_str("\\x5c");
            } else {
                text.push(letter);
            }
        }
        for byte in chunk.invalid() {
            // A string takes everything.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The name or path that a text was made of.
pub(crate) fn path_of(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(byte) = escaped(rest) {
            bytes.push(byte);
            rest = &rest[ESCAPE..];
        } else {
            let (same, behind) = rest.split_at(letter.len_utf8());
            bytes.extend_from_slice(same.as_bytes());
            rest = behind;
        }
    }
    OsString::from_vec(bytes).into()
}

/// The byte that a text begins with, where that is written as `\xee`.
fn escaped(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("\\x")?.get(..ESCAPE - 2)?;
    let are_ours = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    are_ours.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}
