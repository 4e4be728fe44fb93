//! The wire format of protobuf, read without copying: a message is a sequence of numbered fields.
//!
//! Every position is counted from the start of the file, so that a tensor's raw numbers can be found again in the file's own
//! buffer once all messages are read.

use std::ops::Range;

use super::error::{OnnxError, Result};

/// A message that is not yet taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    /// Position of the message's first byte in the file.
    start: usize,
    at: usize,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed64([u8; 8]),
    /// A text, bytes, packed numbers or a message.
    Bytes(Message<'a>),
    /// Four bytes.
    Fixed32([u8; 4]),
}

impl<'a> Message<'a> {
    /// The message that fills a whole file.
    pub(super) fn of_file(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0, at: 0 }
    }

    /// The bytes of the message.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where its bytes lie in the file.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes.len()
    }

    /// The next field and its number, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.array()?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| self.cut_off())?;
                let start = self.start + self.at;
                Field::Bytes(Message { bytes: self.take(length)?, start, at: 0 })
            }
            5 => Field::Fixed32(self.array()?),
            kind => return Err(OnnxError::damaged(format!("byte {} is no field (kind {kind})", self.start + self.at))),
        };
        Ok(Some((key >> 3, field)))
    }

    fn cut_off(&self) -> OnnxError {
        OnnxError::damaged(format!(
            "what begins before byte {} reaches past its end; is the file whole?",
            self.start + self.at
        ))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.cut_off())?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| self.cut_off())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.cut_off())?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(OnnxError::damaged(format!("byte {} ends no number", self.start + self.at)))
    }
}

impl<'a> Field<'a> {
    /// A message or bytes.
    pub(super) fn message(self) -> Result<Message<'a>> {
        match self {
            Self::Bytes(message) => Ok(message),
            _ => Err(OnnxError::damaged("a number where a message should be")),
        }
    }

    /// A text; what is no UTF-8 in it is replaced.
    pub(super) fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.message()?.bytes()).into_owned())
    }

    /// A whole number.
    pub(super) fn int(self) -> Result<i64> {
        match self {
            Self::Varint(number) => Ok(number as i64),
            _ => Err(OnnxError::damaged("a whole number is missing where one should be")),
        }
    }

    /// A real number of 32 bits.
    pub(super) fn float(self) -> Result<f32> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(OnnxError::damaged("a real number is missing where one should be")),
        }
    }

    /// Adds whole numbers, packed or one by one.
    pub(super) fn ints(self, to: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Bytes(mut packed) => {
                while packed.at < packed.bytes.len() {
                    to.push(packed.varint()? as i64);
                }
            }
            single => to.push(single.int()?),
        }
        Ok(())
    }

    /// Adds the little-endian bytes of numbers of `size` bytes, packed or one by one.
    pub(super) fn fixed(self, size: usize, to: &mut Vec<u8>) -> Result<()> {
        let bytes: &[u8] = match &self {
            Self::Bytes(packed) => packed.bytes,
            Self::Fixed32(bytes) => bytes,
            Self::Fixed64(bytes) => bytes,
            Self::Varint(_) => &[],
        };
        if bytes.is_empty() && !matches!(self, Self::Bytes(_)) || !bytes.len().is_multiple_of(size) {
            return Err(OnnxError::damaged("real numbers of another size than they should have"));
        }
        to.extend_from_slice(bytes);
        Ok(())
    }
}
