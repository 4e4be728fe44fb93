//! A part of a file that is read as if it were a file of its own.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

/// `length` bytes of `inner` from `start` on.
pub(super) struct FileWindow<R> {
    inner: R,
    start: u64,
    length: u64,
    at: u64,
}

impl<R> FileWindow<R> {
    /// Sees `length` bytes from `start` on.
    pub(super) fn new(inner: R, start: u64, length: u64) -> Self {
        Self { inner, start, length, at: 0 }
    }
}

impl<R: Read + Seek> Read for FileWindow<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX).min(into.len());
        let place = self.start.checked_add(self.at).ok_or(ErrorKind::UnexpectedEof)?;
        self.inner.seek(SeekFrom::Start(place))?;
        let read = self.inner.read(into.get_mut(..left).unwrap_or_default())?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for FileWindow<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
