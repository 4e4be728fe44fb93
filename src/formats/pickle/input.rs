//! The bytes of a pickle, read as far as needed and never past the file's length.

use std::io::{BufRead, Read};

use super::PickleError;

pub(super) const SHORT: PickleError = PickleError::Damaged("it is cut short");

/// Longest line of the text opcodes: a module's or a number's name.
const LONGEST_LINE: u64 = 4096;

pub(super) struct Input<R> {
    reader: R,
    at: u64,
    length: u64,
}

impl<R: BufRead> Input<R> {
    pub(super) fn new(reader: R, length: u64) -> Self {
        Self { reader, at: 0, length }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let mut taken = [0; N];
        self.advance(N as u64)?;
        self.reader.read_exact(&mut taken).map_err(|error| unreadable(&error))?;
        Ok(taken)
    }

    /// `length` bytes: memory is asked for only after the file is known to have them.
    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, PickleError> {
        self.advance(length)?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| SHORT)?);
        (&mut self.reader).take(length).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(SHORT) }
    }

    /// A line without its end.
    pub(super) fn line(&mut self) -> Result<String, PickleError> {
        let most = LONGEST_LINE.min(self.length.saturating_sub(self.at));
        let mut line = Vec::new();
        (&mut self.reader).take(most).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
        self.at += line.len() as u64;
        if line.pop() == Some(b'\n') { Ok(String::from_utf8_lossy(&line).into_owned()) } else { Err(SHORT) }
    }

    fn advance(&mut self, length: u64) -> Result<(), PickleError> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.length).ok_or(SHORT)?;
        self.at = end;
        Ok(())
    }
}

fn unreadable(error: &std::io::Error) -> PickleError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof { SHORT } else { PickleError::Unreadable(error.to_string()) }
}
