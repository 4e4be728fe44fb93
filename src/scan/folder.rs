//! The pictures of a folder and of those inside it, one after the other in a fixed order.

use std::fs;
use std::path::{Path, PathBuf};

use super::exclude::Glob;
use super::path_text::{path_of, text_of};
use crate::picture::load::is_picture;

/// A picture that was found, or a folder that could not be listed.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its path from the folder that is scanned, with `/` between the parts, as [`text_of`] has it.
    pub(super) relative: String,
    /// Why a folder could not be listed.
    pub(super) trouble: Option<String>,
}

/// Goes through a folder depth first, names in the order of their texts. Holds the names of the folders that it is in, no
/// more. Links to folders are followed, unless they lead back to where the walk came from; hidden names are passed over.
#[derive(Debug)]
pub(super) struct Walk {
    levels: Vec<Level>,
    /// What is passed over, folders with all that is in them.
    exclude: Vec<Glob>,
}

#[derive(Debug)]
struct Level {
    folder: PathBuf,
    relative: String,
    /// Told apart from others by this, whatever links lead to it.
    real: Option<PathBuf>,
    /// As texts, last first.
    names: Vec<String>,
}

impl Walk {
    /// # Errors
    /// When the folder cannot be listed.
    pub(super) fn new(root: &Path, exclude: &[Glob]) -> std::io::Result<Self> {
        Ok(Self { levels: vec![Level::open(root.to_path_buf(), String::new())?], exclude: exclude.to_vec() })
    }
}

impl Level {
    fn open(folder: PathBuf, relative: String) -> std::io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !name.as_encoded_bytes().starts_with(b".") {
                names.push(text_of(&name));
            }
        }
        names.sort_unstable_by(|one, two| two.cmp(one));
        names.shrink_to_fit();
        let real = fs::canonicalize(&folder).ok();
        Ok(Self { folder, relative, real, names })
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.pop() else {
                self.levels.pop();
                continue;
            };
            let path = level.folder.join(path_of(&name));
            let relative = if level.relative.is_empty() { name } else { format!("{}/{name}", level.relative) };
            if self.exclude.iter().any(|glob| glob.matches(&relative)) {
                continue;
            }
            if is_picture(&path) {
                return Some(Found { path, relative, trouble: None });
            }
            if !path.is_dir() {
                continue;
            }
            match Level::open(path.clone(), relative.clone()) {
                Ok(inner) if self.levels.iter().any(|level| level.real.is_some() && level.real == inner.real) => {}
                Ok(inner) => self.levels.push(inner),
                Err(error) => return Some(Found { path, relative, trouble: Some(error.to_string()) }),
            }
        }
    }
}

/// The names of the folders in a folder, in order, less those that are left out.
pub(super) fn folders_in(root: &Path, exclude: &[Glob]) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.map(|entry| text_of(&entry.file_name())).collect();
    names.retain(|name| !name.starts_with('.') && !exclude.iter().any(|glob| glob.matches(name)));
    names.sort_unstable();
    names
}
