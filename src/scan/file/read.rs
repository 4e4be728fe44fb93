//! Opens the file of a scan: a channel's pictures are read without the rest.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::RgbImage;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::parser::parse_message_type;

use super::SCHEMA;
use super::rows::{Channels, read};
use crate::methods::excitation::{Channel, Distribution, Excitation, Excitations, Keep, Layer};
use crate::model::printable::printable_path;
use crate::picture::load::decode_picture;
use crate::scan::ScanError;
use crate::scan::header::Header;

/// A finished scan, or what is saved of one that is not finished.
pub struct ExcitationFile {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    header: Header,
}

impl std::fmt::Debug for ExcitationFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExcitationFile").field("path", &self.path).field("header", &self.header).finish_non_exhaustive()
    }
}

/// A channel of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRows {
    /// How it answers to all pictures.
    pub distribution: Distribution,
    /// The pictures that excite it, the most exciting first.
    pub kept: Vec<Kept>,
}

/// A picture that excites a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What it does.
    pub excitation: Excitation,
    /// The bytes of the crop, PNG or JPEG; none where the picture was gone when it should have been cut.
    pub crop: Option<Vec<u8>>,
}

impl Kept {
    /// The crop as a picture; none where there is none or it is damaged.
    pub fn picture(&self) -> Option<RgbImage> {
        decode_picture(self.crop.as_ref()?, &self.excitation.picture.path).ok()
    }
}

/// Which pictures count.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Filter {
    /// Those that the network takes for this class.
    pub class: Option<String>,
    /// Those that show this class.
    pub truth: Option<String>,
    /// Those that it is right about, or those that it is wrong about.
    pub right: Option<bool>,
}

impl Filter {
    /// Whether a picture counts.
    pub fn admits(&self, excitation: &Excitation) -> bool {
        let seen = &excitation.picture;
        let same = |wanted: &Option<String>, label: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| label.is_some_and(|label| label.eq_ignore_ascii_case(wanted)))
        };
        same(&self.class, seen.said.as_ref().map(|said| &*said.class))
            && same(&self.truth, seen.truth.as_deref())
            && self.right.is_none_or(|right| seen.right == Some(right))
    }

    /// How many pictures of a channel a scan vouches for: so many are the most exciting of all that count, while further ones are
    /// kept by chance. None where it vouches for none. Of few `pictures` all are kept. `has_truth`: whether it is known what the
    /// pictures show; they are then kept by that, and else by what the network takes them for.
    pub fn complete(&self, keep: Keep, pictures: u64, has_truth: bool) -> Option<usize> {
        if pictures <= keep.top as u64 {
            return Some(keep.top);
        }
        let complete = match (&self.class, &self.truth, self.right) {
            (None, None, _) => keep.top,
            (None, Some(_), None) => keep.per_class,
            (Some(_), None, None) if !has_truth => keep.per_class,
            _ => 0,
        };
        Some(complete).filter(|&complete| complete > 0)
    }
}

impl ExcitationFile {
    /// Opens a file: reads what it says of itself, no rows.
    ///
    /// # Errors
    /// A file that is not there, is no scan, or is damaged.
    pub fn open(path: &Path) -> Result<Self, ScanError> {
        let file = printable_path(path);
        let opened =
            File::open(path).map_err(|error| ScanError::Read { file: file.clone(), reason: error.to_string() })?;
        let wrong = |reason: &str| ScanError::NotAScan { file: file.clone(), reason: reason.to_owned() };
        let reader = guarded(|| SerializedFileReader::new(opened))
            .ok_or_else(|| wrong("not a Parquet file, or a damaged one"))?;
        let metadata = reader.metadata().file_metadata();
        let text = metadata.key_value_metadata().and_then(|pairs| pairs.iter().find(|pair| pair.key == Header::KEY));
        let text = text.and_then(|pair| pair.value.as_deref()).ok_or_else(|| wrong("made by something else"))?;
        let header: Header = serde_json::from_str(text).map_err(|_| wrong("what it says of itself is damaged"))?;
        if !header.is_known() {
            return Err(wrong("made by another version"));
        }
        let schema = parse_message_type(SCHEMA).map_err(|error| wrong(&error.to_string()))?;
        if *metadata.schema() != schema {
            return Err(wrong("its columns are others"));
        }
        Ok(Self { path: path.to_path_buf(), reader, header })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The index of a layer of the file.
    ///
    /// # Errors
    /// A layer that was not scanned; the message names those that were.
    pub fn layer(&self, name: &str) -> Result<usize, ScanError> {
        self.header.layers.iter().position(|layer| layer.name == name).ok_or_else(|| ScanError::NoLayer {
            file: printable_path(&self.path),
            layer: name.to_owned(),
            layers: self.header.layers.iter().map(|layer| layer.name.clone()).collect::<Vec<_>>().join(", "),
        })
    }

    /// What excites a channel: the pictures that the filter admits, `most` of them. Reads one row group.
    ///
    /// # Errors
    /// A channel that the layer does not have, or a damaged file.
    pub fn channel(
        &self,
        layer: usize,
        channel: usize,
        filter: &Filter,
        most: usize,
    ) -> Result<ChannelRows, ScanError> {
        let group =
            self.header.group(layer, channel).ok_or_else(|| self.damaged(&format!("there is no channel {channel}")))?;
        let mut read = self.group(group, true)?;
        let found = read.channels.remove(&channel).ok_or_else(|| self.damaged("a channel is missing"))?;
        let admitted = found.kept().into_iter().filter(|excitation| filter.admits(excitation)).take(most);
        let kept = admitted.map(|excitation| {
            let crop = read.crops.get(&(channel, excitation.picture.path.clone()));
            Kept { excitation: excitation.clone(), crop: crop.map(|crop| crop.data().to_vec()) }
        });
        Ok(ChannelRows { kept: kept.collect(), distribution: found.distribution })
    }

    /// All channels of a row group.
    pub(in crate::scan) fn group(&self, group: usize, with_crops: bool) -> Result<Channels, ScanError> {
        let wrong = || self.damaged("a row group cannot be read");
        if group >= self.reader.num_row_groups() {
            return Err(self.damaged("a row group is missing"));
        }
        let read = guarded(|| read(&*self.reader.get_row_group(group)?, self.header.keep, with_crops));
        read.flatten().ok_or_else(wrong)
    }

    /// Everything but the crops.
    pub(in crate::scan) fn excitations(&self) -> Result<Excitations, ScanError> {
        let mut excitations =
            Excitations { keep: self.header.keep, tally: self.header.tally.clone(), layers: Vec::new() };
        for rows in &self.header.layers {
            let mut channels: Vec<Channel> = Vec::new();
            for group in 0..rows.channels.div_ceil(Header::CHANNELS) {
                let mut read = self.group(rows.first_group.saturating_add(group), false)?;
                let first = channels.len();
                for number in first..rows.channels.min(first + Header::CHANNELS) {
                    let found = read.channels.remove(&number);
                    channels.push(found.ok_or_else(|| self.damaged("a channel is missing"))?);
                }
            }
            excitations.layers.push(Layer { name: rows.name.clone(), channels });
        }
        Ok(excitations)
    }

    pub(in crate::scan) fn damaged(&self, reason: &str) -> ScanError {
        ScanError::NotAScan { file: printable_path(&self.path), reason: reason.to_owned() }
    }
}

/// The reader of Parquet files may panic at a damaged one: that is an error as any other.
fn guarded<T>(read: impl FnOnce() -> parquet::errors::Result<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()?.ok()
}
