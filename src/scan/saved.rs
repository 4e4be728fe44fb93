//! What is written: the state of a scan that goes on, and the file when it is done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::Writer;
use super::header::{Header, LayerRows, Unfinished};
use super::path_text::text_of;
use super::{ExcitationFile, ScanError};
use crate::methods::excitation::{Channel, Excitation, Excitations};
use crate::model::printable::printable_path;
use crate::picture::atomic;

/// Where a scan that is to make `out` saves what it has found so far.
pub fn unfinished(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(".unfinished");
    out.with_file_name(name)
}

/// Writes a whole file: everything that was found, with the crops that `crop` gives.
pub(super) fn write(
    path: &Path,
    header: &Header,
    excitations: &Excitations,
    mut crop: impl FnMut(&Excitation) -> io::Result<Option<Vec<u8>>>,
) -> Result<Header, ScanError> {
    let mut header = header.clone();
    header.tally = excitations.tally.clone();
    header.layers.clear();
    let written = atomic::write(path, |out| {
        let mut writer = Writer::new(out)?;
        for layer in &excitations.layers {
            let (name, channels) = (layer.name.clone(), layer.channels.len());
            header.layers.push(LayerRows { name, channels, first_group: writer.next_group() });
            for (group, channels) in layer.channels.chunks(Header::CHANNELS).enumerate() {
                let numbered = (group * Header::CHANNELS..).zip(channels);
                let with_crops = numbered.map(|(number, channel): (usize, &Channel)| {
                    let crops = channel.kept().into_iter().map(&mut crop).collect::<io::Result<_>>()?;
                    Ok((number, channel, crops))
                });
                writer.write(&layer.name, with_crops)?;
            }
        }
        writer.finish(&header)
    });
    written.map_err(|error| write_error(path, &error))?;
    Ok(header)
}

/// Saves what was found so far.
pub(super) fn save(
    out: &Path,
    header: &Header,
    excitations: &Excitations,
    folder: &Path,
    last: Option<&str>,
) -> Result<(), ScanError> {
    let state = Unfinished { folder: text_of(folder.as_os_str()), last: last.map(str::to_owned) };
    let header = Header { unfinished: Some(state), ..header.clone() };
    write(&unfinished(out), &header, excitations, |_| Ok(None)).map(|_| ())
}

/// What an earlier run has left.
pub(super) enum Earlier {
    /// Nothing.
    Nothing,
    /// The file itself.
    Done(Box<Header>),
    /// What it had found, and the last picture that it counted.
    Begun(Box<Excitations>, Option<String>),
}

/// Finds what an earlier run of the same scan has left.
///
/// # Errors
/// Another scan's file, or one that is no scan at all.
pub(super) fn earlier(out: &Path, header: &Header, folder: &Path) -> Result<Earlier, ScanError> {
    let occupied = |file: &Path, what: String| ScanError::Occupied { file: printable_path(file), what };
    let same = |file: &ExcitationFile| {
        let different = header.difference_from_file(file.header());
        different.map_or(Ok(()), |what| Err(occupied(file.path(), what)))
    };
    if out.is_file() {
        let file = ExcitationFile::open(out)?;
        same(&file)?;
        return Ok(Earlier::Done(Box::new(file.header().clone())));
    }
    let state = unfinished(out);
    if !state.is_file() {
        return Ok(Earlier::Nothing);
    }
    let file = ExcitationFile::open(&state)?;
    same(&file)?;
    let begun = file.header().unfinished.clone().ok_or_else(|| file.damaged("it does not say where it stopped"))?;
    let here = text_of(folder.as_os_str());
    if begun.folder != here {
        return Err(occupied(&state, format!("the folder: {here} and {}", begun.folder)));
    }
    Ok(Earlier::Begun(Box::new(file.excitations()?), begun.last))
}

/// Removes what was saved on the way.
pub(super) fn forget(out: &Path) {
    // Without it nothing is lost: the file is there.
    let _ = fs::remove_file(unfinished(out));
}

/// Refuses a file in a folder that is not there, before any picture is shown for it.
///
/// # Errors
/// That.
pub fn must_be_writable(out: &Path) -> Result<(), ScanError> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.map(fs::metadata) {
        Some(Err(error)) => Err(write_error(out, &error)),
        _ => Ok(()),
    }
}

pub(super) fn write_error(path: &Path, error: &io::Error) -> ScanError {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let reason = match folder {
        Some(folder) => format!("there is no folder {}", printable_path(folder)),
        None => error.to_string(),
    };
    ScanError::Write { file: printable_path(path), reason }
}
