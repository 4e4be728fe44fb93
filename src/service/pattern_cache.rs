//! Patterns that were grown before, in the user's cache folder: looked at again at once, and continued where they were left.
//!
//! A pattern is one safetensors file with what it needs to go on and the step that it has reached. It is found by everything that
//! it depends on: the model's file with its size and the time of its last change (of a folder, an index or an ONNX file: of all files
//! in the folder, for the weights lie there), preprocessing, precision and architecture, the layer, objective, channel, recipe, size
//! and seed, and this program's version. Not by what the file holds: reading half a gigabyte would take longer than many a pattern. When
//! the folder holds more than its limit, the files that were not used for the longest are deleted.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::open::{ModelChoice, Opening};
use crate::folders;
use crate::methods::Network;
use crate::methods::patterns::{Lane, Objective, Recipe, Saved, Subject};
use crate::picture::atomic;

/// Bytes that are kept.
pub const LIMIT: u64 = 1 << 30;

/// Longest header that is read.
const LONGEST_HEADER: u64 = 1 << 20;

/// Patterns on disk, of one model.
#[derive(Debug, Clone)]
pub struct PatternCache {
    folder: PathBuf,
    model: Value,
    limit: u64,
}

/// What patterns on disk are of.
#[derive(Debug, Clone)]
pub struct Growing<'a> {
    /// What they are grown for.
    pub subject: &'a Subject,
    /// How.
    pub recipe: Recipe,
    /// Height and width.
    pub size: (usize, usize),
    /// Seed of everything random.
    pub seed: u64,
}

/// The user's folder of patterns; `variable` gives the environment.
pub fn usual_folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    Some(folders::own("XDG_CACHE_HOME", ".cache", variable)?.join("patterns"))
}

impl PatternCache {
    /// The patterns of a model in `folder`. None where the model's file cannot be looked at.
    pub fn new(folder: &Path, opening: &Opening, network: &Network) -> Option<Self> {
        let model = match &opening.model {
            ModelChoice::File(path) => files(path)?,
            ModelChoice::Demo(demo) => json!(format!("demo {demo:?}")),
        };
        let architecture = opening.architecture.as_deref().map(|name| files(Path::new(name)).unwrap_or(json!(name)));
        let model = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model,
            "architecture": architecture,
            "precision": opening.precision.name(),
            "preprocess": network.input.preprocessing.to_string(),
        });
        Some(Self { folder: folder.to_path_buf(), model, limit: LIMIT })
    }

    /// The same with another limit, in bytes.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// What is known of a pattern.
    pub fn load(&self, growing: &Growing<'_>, lane: Lane) -> Option<Saved> {
        let key = self.key(growing, lane);
        let path = self.path(&key);
        let saved = read(&path, &key)?;
        // Used now: the last to be deleted. A file that cannot be marked is as good.
        let _ = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(saved)
    }

    /// Keeps a pattern, unless the file has it further grown. A folder that cannot be written to keeps nothing.
    pub fn store(&self, growing: &Growing<'_>, lane: Lane, saved: &Saved) {
        let key = self.key(growing, lane);
        let path = self.path(&key);
        if read(&path, &key).is_some_and(|known| known.step >= saved.step) {
            return;
        }
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            atomic::write(&path, |out| {
                let (header, arrays) = header(&key, saved);
                out.write_all(&(header.len() as u64).to_le_bytes())?;
                out.write_all(header.as_bytes())?;
                arrays.iter().flat_map(|array| array.iter()).try_for_each(|number| out.write_all(&number.to_le_bytes()))
            })
        });
        if written.is_ok() {
            self.make_room();
        }
    }

    /// Deletes the files that were not used for the longest until the rest is within the limit.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((about.modified().ok()?, about.len(), entry.path()))
            })
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.0));
        let mut room = self.limit;
        for (_, size, path) in files {
            match room.checked_sub(size) {
                Some(left) => room = left,
                None => drop(fs::remove_file(path)),
            }
        }
    }

    fn key(&self, growing: &Growing<'_>, lane: Lane) -> String {
        let Growing { subject, recipe, size, seed } = growing;
        let direction = match &subject.objective {
            Objective::Direction(vector) => vector.iter().map(|number| number.to_bits()).collect(),
            _ => Vec::new(),
        };
        let diversity = subject.diversity.as_ref().map(|diversity| json!([diversity.pictures, diversity.at.name]));
        json!({
            "of": self.model,
            "layer": subject.place.name,
            "objective": [subject.objective.name(), direction],
            "diversity": diversity,
            "channel": [lane.channel, lane.copy],
            // A pattern goes on to any number of steps.
            "recipe": recipe.with_steps(0),
            "size": [size.0, size.1],
            "seed": seed,
        })
        .to_string()
    }

    fn path(&self, key: &str) -> PathBuf {
        // The key itself stands in the file: patterns whose keys collide take each other's place.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        self.folder.join(format!("{:016x}.safetensors", hasher.finish()))
    }
}

/// Name, size and last change of a file, or of those in its folder where the weights may lie beside it.
fn files(path: &Path) -> Option<Value> {
    let path = fs::canonicalize(path).ok()?;
    let about = |path: &Path| {
        let about = fs::metadata(path).ok()?;
        let changed = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(json!([path.to_string_lossy(), about.len(), changed.as_nanos().to_string()]))
    };
    let beside = path.extension().is_some_and(|extension| extension == "onnx" || extension == "json");
    let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent().filter(|_| beside) };
    let Some(folder) = folder else { return about(&path) };
    let mut all: Vec<PathBuf> = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.sort();
    // There may be ten thousand: more than a header has room for.
    let mut hasher = DefaultHasher::new();
    all.iter().filter_map(|path| about(path)).for_each(|about| about.to_string().hash(&mut hasher));
    Some(json!([path.to_string_lossy(), hasher.finish()]))
}

const NAMES: [&str; 3] = ["parameters", "first_moment", "second_moment"];

/// A safetensors header, and the arrays after it.
fn header<'a>(key: &str, saved: &'a Saved) -> (String, Vec<&'a [f32]>) {
    let arrays: Vec<&[f32]> = std::iter::once(&saved.parameters).chain(&saved.moments).map(Vec::as_slice).collect();
    let about = json!({ "key": key, "step": saved.step.to_string(), "value": saved.value.to_bits().to_string() });
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), about);
    let mut end = 0;
    for (name, array) in NAMES.iter().zip(&arrays) {
        let start = end;
        end += array.len() * 4;
        header.insert(
            (*name).to_owned(),
            json!({ "dtype": "F32", "shape": [array.len()], "data_offsets": [start, end] }),
        );
    }
    let mut text = Value::Object(header).to_string();
    text.push_str(&" ".repeat((8 - text.len() % 8) % 8));
    (text, arrays)
}

/// The pattern in a file, if it is that of the key.
fn read(path: &Path, key: &str) -> Option<Saved> {
    let bytes = fs::read(path).ok()?;
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return None;
    }
    let (header, data) = rest.split_at_checked(length as usize)?;
    let header: Value = serde_json::from_slice(header).ok()?;
    let about = header.get("__metadata__")?;
    if about.get("key")?.as_str()? != key {
        return None;
    }
    let array = |name: &&str| -> Option<Vec<f32>> {
        let offsets = header.get(*name)?.get("data_offsets")?;
        let offset = |index: usize| usize::try_from(offsets.get(index)?.as_u64()?).ok();
        let part = data.get(offset(0)?..offset(1)?)?;
        Some(part.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
    };
    let mut arrays = NAMES.iter().filter_map(array);
    Some(Saved {
        step: about.get("step")?.as_str()?.parse().ok()?,
        value: f32::from_bits(about.get("value")?.as_str()?.parse().ok()?),
        parameters: arrays.next()?,
        moments: arrays.collect(),
    })
}
