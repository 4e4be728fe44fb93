//! The user's own folders, by the XDG base directory specification, on macOS too.

use std::ffi::OsString;
use std::path::PathBuf;

/// layerscope's folder below the one that the variable `name` names, or below `usual` in the home folder; `variable` gives the
/// environment. A relative path counts as none, as the specification says.
pub(crate) fn own(name: &str, usual: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(name).or_else(|| absolute("HOME").map(|home| home.join(usual)))?;
    Some(folder.join("layerscope"))
}
