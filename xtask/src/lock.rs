//! One install at a time.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::report::{self, Failure};

/// Waits until no other process installs into `folder`, which is made if need be. The lock lasts as long as the file is
/// open, here or in a child that was given it.
pub(crate) fn hold(folder: &Path) -> Result<File, Failure> {
    std::fs::create_dir_all(folder).map_err(Failure::file("make the folder", folder))?;
    let path = folder.join("lock");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path);
    let file = file.map_err(Failure::file("open", &path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            report::say(&format!("waiting for another install into {} to end", folder.display()));
        }
        Err(TryLockError::Error(error)) => return Err(Failure::file("lock", &path)(error)),
    }
    file.lock().map_err(Failure::file("lock", &path))?;
    Ok(file)
}
