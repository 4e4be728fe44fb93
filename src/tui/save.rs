//! Saving what is shown: as a picture at the resolution that it has, or as numbers; with a note of what it is beside it.

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde_json::{Value, json};

use super::drawing::{Side, Subject};
use super::panes::channels::content_name;
use super::panes::{channels, heatmap};
use super::state::{Focus, State};
use crate::methods::faithfulness::document;
use crate::model::LayerId;
use crate::picture::grid::{Grid, picture_grid};
use crate::picture::trust::beside;
use crate::picture::{atomic, npy, save_picture};
use crate::service::protocol::{Grain, Measured, ShownTarget};

/// What is to be saved, and under which name.
pub(super) struct Saving {
    stem: String,
    what: What,
    about: Value,
}

enum What {
    /// Pictures, in a grid of so many columns, with how far they are to be trusted beside them.
    Pictures { subjects: Vec<Subject>, columns: usize, measured: Vec<Measured> },
    /// Numbers of a shape.
    Numbers(Vec<usize>, Vec<f32>),
}

/// What the focused pane shows, as a picture; nothing where it shows none.
pub(super) fn pictures(state: &State) -> Option<Saving> {
    let columns = super::layout::page_tiles(state).columns;
    if state.focus == Focus::Heatmap {
        let mut about = about_map(state)?;
        let strength = f64::from(state.overlay_strength()) / 100.0;
        about["overlay"] = json!({ "mode": state.overlay.name(), "strength": strength });
        let sides = sides(state.map.as_ref().is_some_and(|map| map.other.is_some()), &mut about);
        let pictures: Option<Vec<Subject>> = sides.iter().map(|side| heatmap::subject(state, *side)).collect();
        let measured = if state.trust.shown { state.trust.found.clone() } else { Vec::new() };
        if !measured.is_empty() {
            about["trust"] = document(&measured);
        }
        let what = What::Pictures { subjects: pictures?, columns: sides.len(), measured };
        return Some(Saving { stem: map_name(state)?, what, about });
    }
    let page = state.page()?;
    let shown = places(state)?;
    let mut about = about_channels(state, shown.clone())?;
    about["scale"] = json!(state.scale.name());
    about["colormap"] = json!(state.colormap.name());
    let sides = sides(page.is_compared(), &mut about);
    let of = |index| sides.iter().map(move |side| channels::subject(state, page, index, *side));
    let subjects: Vec<Subject> = shown.clone().flat_map(of).collect();
    let columns = columns * sides.len();
    if subjects.is_empty() {
        None
    } else {
        let what = What::Pictures { subjects, columns, measured: Vec::new() };
        Some(Saving { stem: page_name(state, shown)?, what, about })
    }
}

/// What the focused pane shows, as numbers; nothing where there are none.
pub(super) fn numbers(state: &State) -> Option<Saving> {
    if state.focus == Focus::Heatmap {
        let (about, map) = (about_map(state)?, state.map.as_ref()?);
        let shape = match map.grain {
            Grain::Map => vec![map.height, map.width],
            Grain::Attribution { channels, .. } => vec![channels, map.height, map.width],
        };
        let what = What::Numbers(shape, map.values.clone());
        return Some(Saving { stem: map_name(state)?, what, about });
    }
    let page = state.page().filter(|page| page.has_values())?;
    let shown = places(state)?;
    let about = about_channels(state, shown.clone())?;
    let (rows, columns) = page.tile();
    let values = shown.clone().flat_map(|index| page.values(index).iter().copied()).collect();
    let what = What::Numbers(vec![shown.len(), rows, columns], values);
    Some(Saving { stem: page_name(state, shown)?, what, about })
}

/// What is drawn of each channel or map: of two models both and their difference, which is then noted.
fn sides(compared: bool, about: &mut Value) -> &'static [Side] {
    if compared {
        about["sides"] = json!(["first", "second", "difference"]);
        &Side::ALL
    } else {
        &[Side::First]
    }
}

/// Places on the page that are shown.
fn places(state: &State) -> Option<std::ops::Range<usize>> {
    let (first, count, _) = state.page()?.extent();
    let at = state.channel.checked_sub(first)?;
    Some(if state.zoomed { at..(at + 1).min(count) } else { 0..count })
}

fn page_name(state: &State, shown: std::ops::Range<usize>) -> Option<String> {
    let model = state.model.as_ref()?;
    let layer = model.layers.get(state.layer.0).map_or("layer", |layer| layer.path.as_str());
    let (page, content) = (state.page()?, content_name(state.content));
    let place = match (shown.len(), page.channel(shown.start)) {
        (1, Some(channel)) => channel.to_string(),
        _ => format!("from-{}", page.extent().0),
    };
    Some(file_name(&format!("{}-{layer}-{content}-{place}", model.name)))
}

fn map_name(state: &State) -> Option<String> {
    let model = state.model.as_ref()?;
    let Some(map) = &state.map else { return Some(file_name(&format!("{}-picture", model.name))) };
    let of = match &map.of {
        ShownTarget::Class { class, .. } => class.label.clone(),
        ShownTarget::Channel(unit) => format!("{}-{}", model.layers.get(unit.layer.0)?.path, unit.channel),
    };
    Some(file_name(&format!("{}-{of}-{}", model.name, map.method.method().name)))
}

fn about(state: &State) -> Option<Value> {
    let model = state.model.as_ref()?;
    Some(json!({
        "layerscope": env!("CARGO_PKG_VERSION"),
        "libtorch": model.libtorch,
        "model": { "name": model.name, "format": model.format, "device": model.device },
        "input": state.input_name(state.input),
        "preprocess": model.preprocess,
    }))
}

fn about_channels(state: &State, shown: std::ops::Range<usize>) -> Option<Value> {
    let (mut about, page, key) = (about(state)?, state.page()?, state.page_key());
    let model = state.model.as_ref()?;
    about["layer"] = json!(model.layers.get(key.layer.0)?.path);
    about["content"] = json!(content_name(key.content));
    about["order"] = json!(key.order.name());
    about["channels"] = json!(shown.filter_map(|index| page.channel(index)).collect::<Vec<_>>());
    match page {
        super::page::Page::Patterns(patterns) => {
            about["recipe"] = json!(patterns.recipe);
            about["step"] = json!(patterns.step);
        }
        super::page::Page::Numbers(numbers) => {
            if let Some(class) = &numbers.class {
                about["class"] = json!({ "index": class.id.index, "label": class.label });
            }
        }
    }
    Some(about)
}

fn about_map(state: &State) -> Option<Value> {
    let mut about = about(state)?;
    let Some(map) = &state.map else { return Some(about) };
    let model = state.model.as_ref()?;
    let path = |layer: &LayerId| Some(&model.layers.get(layer.0)?.path);
    about["method"] = json!(map.method.method().name);
    about["settings"] = map.method.settings().document();
    about["layers"] = json!(map.layers.iter().filter_map(path).collect::<Vec<_>>());
    match &map.of {
        ShownTarget::Class { class, against } => {
            about["class"] = json!({ "index": class.id.index, "label": class.label });
            if let Some(against) = against {
                about["against"] = json!({ "index": against.id.index, "label": against.label });
            }
        }
        ShownTarget::Channel(unit) => {
            let at = unit.at.map(|(row, column)| [row, column]);
            if let Some(((left, top, width, height), _)) = state.close_up() {
                about["close_up"] = json!([left, top, width, height]);
            }
            about["of"] = json!({ "layer": path(&unit.layer), "channel": unit.channel, "unit": at });
        }
    }
    if let Some((done, all)) = map.so_far {
        about["so_far"] = json!([done, all]);
    }
    Some(about)
}

fn file_name(text: &str) -> String {
    let kept = |character: char| {
        if character.is_alphanumeric() || matches!(character, '.' | '-' | '_') { character } else { '-' }
    };
    text.to_lowercase().replace(" × ", "-x-").chars().map(kept).collect()
}

impl Saving {
    /// Writes the file, and a JSON of the same name that says what it is, into `folder` under a name that is free.
    ///
    /// # Errors
    /// One line that says why it cannot be written.
    pub(super) fn write(self, folder: &Path) -> Result<PathBuf, String> {
        let extension = match self.what {
            What::Pictures { .. } => "png",
            What::Numbers(..) => "npy",
        };
        let stem = free_stem(folder, &self.stem, extension)?;
        let path = folder.join(format!("{stem}.{extension}"));
        match self.what {
            What::Pictures { subjects, columns, measured } => {
                let drawn = beside(composed(&subjects, columns), &measured);
                save_picture(&path, &drawn).map_err(|error| error.to_string())?;
            }
            What::Numbers(shape, values) => {
                npy::write_f32(&path, &shape, &values).map_err(|error| error.to_string())?;
            }
        }
        let beside = folder.join(format!("{stem}.{extension}.json"));
        let text = serde_json::to_string_pretty(&self.about).map_err(|error| error.to_string())?;
        let written = atomic::write(&beside, |out| writeln!(out, "{text}"));
        written.map_err(|error| format!("{}: {error}", beside.display()))?;
        Ok(path)
    }
}

/// The stem, with a number behind it where the name is taken.
fn free_stem(folder: &Path, stem: &str, extension: &str) -> Result<String, String> {
    let numbered = |number: usize| if number == 0 { stem.to_owned() } else { format!("{stem}-{number}") };
    let free = |stem: &String| !folder.join(format!("{stem}.{extension}")).exists();
    (0..10_000).map(numbered).find(free).ok_or_else(|| format!("{stem} is taken ten thousand times"))
}

fn composed(subjects: &[Subject], columns: usize) -> RgbImage {
    let pictures: Vec<RgbImage> = subjects.iter().map(Subject::native).map(enlarged).collect();
    match pictures.as_slice() {
        [only] => only.clone(),
        several => {
            let first = several.first().map_or((1, 1), |picture| (picture.width() as usize, picture.height() as usize));
            picture_grid(several, &Grid { columns, ..Grid::of_channels(first) }, [0; 3])
        }
    }
}

/// Small maps are enlarged by whole numbers, so that a channel is about 64 pixels wide.
fn enlarged(picture: RgbImage) -> RgbImage {
    let factor = 64 / picture.width().max(picture.height()).max(1);
    if factor <= 1 {
        return picture;
    }
    let (width, height) = (picture.width() * factor, picture.height() * factor);
    image::imageops::resize(&picture, width, height, image::imageops::FilterType::Nearest)
}
