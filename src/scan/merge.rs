//! Makes one file of the files of shards.

use std::io;
use std::path::Path;

use super::file::Writer;
use super::header::{Header, LayerRows};
use super::shard::Shard;
use super::{ExcitationFile, ScanError, saved};
use crate::methods::excitation::{Channel, Excitation};
use crate::model::printable::printable_path;
use crate::picture::atomic;

/// Merges scans of different shards into one file: in whatever grouping and order that is done, the last is the file that one
/// scan of all the pictures makes. Reads one row group of each file at a time.
///
/// # Errors
/// Files that are no finished scans, are of different scans, or hold the same pictures.
pub fn merge(files: &[impl AsRef<Path>], out: &Path) -> Result<Header, ScanError> {
    let files: Vec<ExcitationFile> =
        files.iter().map(|file| ExcitationFile::open(file.as_ref())).collect::<Result<_, _>>()?;
    let header = merged_header(&files)?;
    let mut written_header = header.clone();
    let mut trouble = None;
    let written = atomic::write(out, |sink| {
        let mut writer = Writer::new(sink)?;
        let mut rows = Vec::new();
        for layer in &header.layers {
            rows.push(LayerRows { first_group: writer.next_group(), ..layer.clone() });
            for first in (0..layer.channels).step_by(Header::CHANNELS) {
                let numbers = first..layer.channels.min(first + Header::CHANNELS);
                let group = Group::read(&files, &layer.name, first).map_err(|error| keep(&mut trouble, error))?;
                let merged: Vec<Channel> = numbers.clone().map(|number| group.channel(&header, number)).collect();
                let channels = numbers.zip(&merged).map(|(number, channel)| {
                    let crops = channel.kept().into_iter().map(|kept| group.crop(number, kept)).collect();
                    Ok((number, channel, crops))
                });
                writer.write(&layer.name, channels)?;
            }
        }
        written_header.layers = rows;
        writer.finish(&written_header)
    });
    match (written, trouble) {
        (Ok(()), _) => Ok(written_header),
        (Err(_), Some(trouble)) => Err(trouble),
        (Err(error), None) => Err(saved::write_error(out, &error)),
    }
}

/// Puts aside what a reader of the inputs said, so that it is not taken for trouble with the output.
fn keep(trouble: &mut Option<ScanError>, error: ScanError) -> io::Error {
    let text = error.to_string();
    *trouble = Some(error);
    io::Error::other(text)
}

/// What the merged file says of itself, after making sure that the files are parts of one scan.
fn merged_header(files: &[ExcitationFile]) -> Result<Header, ScanError> {
    let name = |file: &ExcitationFile| printable_path(file.path());
    let missing = || ScanError::NotAScan { file: "nothing".to_owned(), reason: "no files to merge".to_owned() };
    let first = files.first().ok_or_else(missing)?;
    let mut header =
        Header { shards: Vec::new(), tally: crate::methods::excitation::Tally::default(), ..first.header().clone() };
    for (index, file) in files.iter().enumerate() {
        if file.header().unfinished.is_some() {
            return Err(ScanError::Unfinished(name(file)));
        }
        if let Some(what) = header.difference(file.header()) {
            return Err(ScanError::Different { one: name(first), other: name(file), what });
        }
        for earlier in &files[..index] {
            for (one, other) in earlier
                .header()
                .shards
                .iter()
                .flat_map(|one| file.header().shards.iter().map(move |other| (one, other)))
            {
                if one.overlaps(*other) {
                    let shards = if one == other { one.to_string() } else { format!("{one} and {other}") };
                    return Err(ScanError::Overlap { one: name(earlier), other: name(file), shards });
                }
            }
        }
        header.shards.extend(&file.header().shards);
        header.tally.merge(&file.header().tally);
        let folders = [&header.folder, &file.header().folder].into_iter().flatten();
        header.folder = folders.min().cloned();
        header.truth_list = header.truth_list.or_else(|| file.header().truth_list.clone());
        // Copies of one model may have several names.
        if file.header().model < header.model {
            header.model.clone_from(&file.header().model);
        }
        // A shard without pictures has not seen how many channels there are.
        for (layer, rows) in header.layers.iter_mut().zip(&file.header().layers) {
            if layer.channels == 0 {
                layer.channels = rows.channels;
            } else if rows.channels != 0 && rows.channels != layer.channels {
                return Err(file.damaged("its layers have other channels"));
            }
        }
    }
    header.shards = Shard::normalised(header.shards);
    Ok(header)
}

/// The same channels of every file.
struct Group(Vec<super::file::Channels>);

impl Group {
    fn read(files: &[ExcitationFile], layer: &str, first: usize) -> Result<Self, ScanError> {
        let mut parts = Vec::with_capacity(files.len());
        for file in files {
            if let Some(group) = file.header().group(file.layer(layer)?, first) {
                parts.push(file.group(group, true)?);
            }
        }
        Ok(Self(parts))
    }

    fn channel(&self, header: &Header, number: usize) -> Channel {
        let mut merged = Channel::default();
        for channel in self.0.iter().filter_map(|part| part.channels.get(&number)) {
            merged.merge(header.keep, channel);
        }
        merged
    }

    fn crop(&self, channel: usize, kept: &Excitation) -> Option<Vec<u8>> {
        let key = (channel, kept.picture.path.clone());
        self.0.iter().find_map(|part| part.crops.get(&key)).map(|crop| crop.data().to_vec())
    }
}
