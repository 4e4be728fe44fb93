//! Reading zip archives that come from strangers: sizes are checked against the file before anything is allocated.

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use crate::model::printable;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The directory at the end of the file cannot be read.
    #[error("damaged or cut short: its zip directory cannot be read ({0})")]
    Directory(String),
    /// An entry is not there.
    #[error("its entry {0} is missing")]
    Missing(String),
    /// An entry cannot be read whole.
    #[error("its entry {name} cannot be read ({reason})")]
    Entry {
        /// Name of the entry.
        name: String,
        /// What the zip reader says.
        reason: String,
    },
    /// More than any model has.
    #[error("it claims {0} entries, more than the {MOST_ENTRIES} that are read")]
    TooMany(usize),
}

/// The largest torchvision model has about a thousand.
const MOST_ENTRIES: usize = 100_000;
/// A deflated entry may grow this much at most: models hardly compress, bombs do.
const MOST_GROWTH: u64 = 200;

/// A zip archive.
pub struct Archive<R> {
    zip: ZipArchive<R>,
    names: Vec<String>,
    length: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// When there is none, or it lists too many entries.
    pub fn open(mut reader: R) -> Result<Self, ArchiveError> {
        let length =
            reader.seek(std::io::SeekFrom::End(0)).map_err(|error| ArchiveError::Directory(error.to_string()))?;
        // Nothing stands before a model's archive, and the reader is not to guess. PyTorch writes a zip64 record of 76 bytes even
        // where none is needed; a reader that guesses takes the second entry for the first where an entry of the directory has
        // just as many bytes, as in every `resnet18.pt2`.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip =
            ZipArchive::with_config(config, reader).map_err(|error| ArchiveError::Directory(error.to_string()))?;
        if zip.len() > MOST_ENTRIES {
            return Err(ArchiveError::TooMany(zip.len()));
        }
        let names = zip.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned).collect();
        Ok(Self { zip, names, length })
    }

    /// Names of all entries.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }

    /// Where the bytes of an entry start in the archive, and how many they are; `None` for a compressed one.
    ///
    /// # Errors
    /// When the entry is missing or reaches past the archive's end.
    pub fn place(&mut self, name: &str) -> Result<Option<(u64, u64)>, ArchiveError> {
        let fail = |reason: String| ArchiveError::Entry { name: name.to_owned(), reason };
        let index = self.zip.index_for_name(name).ok_or_else(|| ArchiveError::Missing(name.to_owned()))?;
        let entry = self.zip.by_index(index).map_err(|error| fail(error.to_string()))?;
        if entry.compression() != zip::CompressionMethod::Stored || entry.encrypted() {
            return Ok(None);
        }
        let (start, size) = (entry.data_start().unwrap_or(u64::MAX), entry.size());
        match start.checked_add(size) {
            Some(end) if end <= self.length => Ok(Some((start, size))),
            _ => Err(fail(format!("it claims {size} bytes in an archive of {} bytes", self.length))),
        }
    }

    /// An entry's bytes.
    ///
    /// # Errors
    /// When the entry is missing, cut short, or claims to be larger than the archive allows.
    pub fn read(&mut self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let fail = |reason: String| ArchiveError::Entry { name: printable(name).into_owned(), reason };
        let index = self.zip.index_for_name(name).ok_or_else(|| ArchiveError::Missing(printable(name).into_owned()))?;
        let mut entry = self.zip.by_index(index).map_err(|error| fail(error.to_string()))?;
        let size = entry.size();
        if size > most(self.length, entry.compression()) {
            return Err(fail(format!("it claims {size} bytes in an archive of {} bytes", self.length)));
        }
        let mut bytes = Vec::with_capacity(size as usize);
        entry.by_ref().take(size).read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(fail("it is cut short".to_owned())) }
    }

    /// The size that an entry claims, if there is such an entry.
    pub fn size(&mut self, name: &str) -> Option<u64> {
        let index = self.zip.index_for_name(name)?;
        self.zip.by_index_raw(index).ok().map(|entry| entry.size())
    }

    /// Checks every entry's size as [`Archive::read`] does, for a reader that is not ours.
    ///
    /// # Errors
    /// The first entry that claims to be larger than the archive allows.
    pub fn check_sizes(&mut self) -> Result<(), ArchiveError> {
        for index in 0..self.zip.len() {
            let fail = |name: &str, reason: String| ArchiveError::Entry { name: name.to_owned(), reason };
            let entry = self.zip.by_index_raw(index).map_err(|error| fail("of number", error.to_string()))?;
            let size = entry.size();
            if size > most(self.length, entry.compression()) {
                let name = entry.name().map(std::borrow::Cow::into_owned).unwrap_or_default();
                return Err(fail(&name, format!("it claims {size} bytes in an archive of {} bytes", self.length)));
            }
        }
        Ok(())
    }
}

/// The most that an entry of an archive of `length` bytes may hold.
fn most(length: u64, compression: zip::CompressionMethod) -> u64 {
    if compression == zip::CompressionMethod::Stored { length } else { length.saturating_mul(MOST_GROWTH) }
}
