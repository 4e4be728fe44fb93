//! What the pictures show, by somebody else's word: the folders that they lie in, or a list.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::folder::folders_in;
use super::shard::{Shard, hash};
use super::{Scan, ScanError};
use crate::methods::Network;
use crate::methods::excitation::Truth;
use crate::methods::target::ClassId;
use crate::model::printable::printable_path;

/// What is known of the pictures.
#[derive(Debug, Default)]
pub(super) enum Truths {
    /// Nothing.
    #[default]
    None,
    /// By the first folder of the path.
    Folders(HashMap<String, Truth>),
    /// By the path.
    List {
        /// Of the pictures of the shard.
        truths: HashMap<String, Truth>,
        /// Tells the whole list from others.
        fingerprint: u64,
    },
}

impl Truths {
    /// By a list, where there is one, else by the folders in the folder, as `torchvision`'s `ImageFolder` has them. A folder that
    /// is named like a class, or by its index, is that class. Where none is, and there are as many folders as classes, they are
    /// the classes in order: so ImageNet's `n01440764` and the ones after it. Otherwise the names are kept, and nobody says what
    /// is right.
    ///
    /// # Errors
    /// A list that cannot be read, or a class in it that the network does not have.
    pub(super) fn find(network: &Network, scan: &Scan) -> Result<Self, ScanError> {
        if let Some(list) = &scan.truth {
            return from_list(network, list, scan.shard);
        }
        let folders = folders_in(&scan.folder, &scan.exclude);
        if folders.is_empty() {
            return Ok(Self::None);
        }
        let named: Vec<Option<ClassId>> = folders
            .iter()
            .map(|name| {
                let plain = || network.find_class(name).ok();
                plain().or_else(|| network.find_class(&name.replace('_', " ")).ok())
            })
            .collect();
        let count = network.classes().unwrap_or(0);
        let ordered: Vec<ClassId> = if network.is_binary(count) {
            [true, false].map(|negative| ClassId { index: 0, negative }).into()
        } else {
            (0..count).map(|index| ClassId { index, negative: false }).collect()
        };
        let in_order = named.iter().all(Option::is_none) && ordered.len() == folders.len();
        let classes = if in_order { ordered.into_iter().map(Some).collect() } else { named };
        let truth = |(name, class): (String, Option<ClassId>)| {
            let label = class.map_or_else(|| name.clone(), |class| network.unique_label(class));
            (name, Truth { label: label.into(), class })
        };
        Ok(Self::Folders(folders.into_iter().zip(classes).map(truth).collect()))
    }

    /// What a picture shows.
    pub(super) fn of(&self, path: &str) -> Option<&Truth> {
        match self {
            Self::None => None,
            Self::Folders(folders) => folders.get(path.split_once('/')?.0),
            Self::List { truths, .. } => truths.get(path),
        }
    }

    /// For the file: how it is known.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Folders(_) => "folders",
            Self::List { .. } => "list",
        }
    }

    /// For the file: what tells the list from others.
    pub(super) fn fingerprint(&self) -> Option<u64> {
        match self {
            Self::List { fingerprint, .. } => Some(*fingerprint),
            _ => None,
        }
    }
}

/// Reads `path,class` lines, a head line or none, with `"` around a field that holds a comma.
fn from_list(network: &Network, list: &Path, shard: Shard) -> Result<Truths, ScanError> {
    let failed = |line: usize, reason: String| {
        let place = if line == 0 { String::new() } else { format!(" line {line}") };
        ScanError::Truth(format!("{}{place}: {reason}", printable_path(list)))
    };
    let file = std::fs::File::open(list).map_err(|error| failed(0, error.to_string()))?;
    let (mut truths, mut fingerprint) = (HashMap::new(), 0);
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line.map_err(|error| failed(number, error.to_string()))?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            continue;
        }
        let (path, class) = fields(line).ok_or_else(|| failed(number, "not `path,class`".to_owned()))?;
        let path = path.trim_start_matches("./");
        match network.find_class(&class) {
            Ok(class) => {
                // Of all lines, so that the shards of a scan have the same.
                let negative = u8::from(class.negative);
                fingerprint = hash(&format!("{fingerprint:016x},{path},{},{negative}", class.index));
                if shard.holds(path) {
                    let label = network.unique_label(class).into();
                    truths.insert(path.to_owned(), Truth { label, class: Some(class) });
                }
            }
            // Names of the columns.
            Err(_) if number == 1 && !crate::picture::load::is_picture(Path::new(path)) => {}
            Err(error) => return Err(failed(number, error.to_string())),
        }
    }
    Ok(Truths::List { truths, fingerprint })
}

/// The first field, and the rest of the line.
fn fields(line: &str) -> Option<(String, String)> {
    let bare = |field: &str| {
        let field = field.trim();
        let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
        inner.map_or_else(|| field.to_owned(), |inner| inner.replace("\"\"", "\""))
    };
    let comma = match line.strip_prefix('"') {
        Some(quoted) => quoted.find("\",")? + 2,
        None => line.find(',')?,
    };
    Some((bare(&line[..comma]), bare(line.get(comma + 1..)?)))
}
