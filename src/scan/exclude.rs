//! Pictures and folders that a scan leaves out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pattern of paths, from the folder that is scanned. `*` stands for any characters of a name and `?` for one; `**` for any
/// folders. A pattern without `/` is one of names, wherever they are; a folder that is left out is with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

impl Glob {
    /// Whether a picture or folder is meant; `path` has `/` between its parts.
    pub fn matches(&self, path: &str) -> bool {
        let wanted: Vec<&str> = self.0.split('/').collect();
        let parts: Vec<&str> = path.split('/').collect();
        match wanted.as_slice() {
            [name] => parts.last().is_some_and(|last| is_name(name, last)),
            wanted => is_path(wanted, &parts),
        }
    }
}

fn is_path(wanted: &[&str], parts: &[&str]) -> bool {
    match (wanted, parts) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=parts.len()).any(|skipped| is_path(rest, &parts[skipped..])),
        ([name, rest @ ..], [part, others @ ..]) => is_name(name, part) && is_path(rest, others),
        _ => false,
    }
}

/// Whether a name is as a pattern says: after a mismatch the last `*` takes one character more.
fn is_name(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (at, place) = (after + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = text.trim_start_matches("./").trim_end_matches('/');
        if pattern.is_empty() || pattern.starts_with('/') || pattern.contains("//") {
            return Err(format!(
                "'{text}' is no pattern of paths from the folder on, such as thumbs, *.gif or val/**/old"
            ));
        }
        let many: Vec<&str> = pattern.split('/').filter(|part| *part == "**").collect();
        // Each tries all places of the path.
        if many.len() > 3 {
            return Err(format!("'{text}' has ** more than three times"));
        }
        Ok(Self(pattern.to_owned()))
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0
    }
}
