//! Files that are either whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes `path` by way of a temporary file beside it, which takes its place when everything is written: a failure leaves
/// the old file as it was. A device or a pipe is written directly, a link is followed.
pub(crate) fn write(path: &Path, fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if fs::metadata(&target).is_ok_and(|existing| !existing.is_file() && !existing.is_dir()) {
        return filled(OpenOptions::new().write(true).open(&target)?, fill);
    }
    if target.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let temporary = beside(&target)?;
    let result =
        File::create_new(&temporary).and_then(|file| filled(file, fill)).and_then(|()| fs::rename(&temporary, &target));
    if result.is_err() {
        // What stopped the writing is what the user needs to read, not that cleaning up failed too.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// A file beside `target` that is gone when it is closed.
pub(crate) fn nameless(target: &Path) -> io::Result<File> {
    let path = beside(target)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(path)?;
    Ok(file)
}

fn filled(target: File, fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::new(target);
    fill(&mut writer)?;
    writer.flush()
}

/// A name that no other file of the folder has: hidden, with this process's number and a counter.
fn beside(target: &Path) -> io::Result<PathBuf> {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let name = target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let count = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{count}.part", std::process::id()));
    Ok(target.with_file_name(hidden))
}
