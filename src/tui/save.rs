//! Saving what is shown as a picture, at the resolution that it has.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::drawing::Subject;
use super::panes::{channels, heatmap};
use super::state::{Focus, State};
use crate::picture::grid::{Grid, picture_grid};
use crate::picture::save_picture;

/// What is to be saved, and under which name.
pub(super) struct Saving {
    stem: String,
    subjects: Vec<Subject>,
    columns: usize,
}

/// What the focused pane shows; nothing where it shows no pictures.
pub(super) fn shown(state: &State) -> Option<Saving> {
    let model = state.model.as_ref()?;
    let columns = super::layout::page_tiles(state).columns;
    if state.focus == Focus::Heatmap {
        let class = state.map.as_ref().map_or("picture", |map| map.class.label.as_str());
        let subjects = vec![heatmap::subject(state)?];
        return Some(Saving { stem: file_name(&format!("{}-{class}-map", model.name)), subjects, columns });
    }
    let layer = model.layers.get(state.layer.0).map_or("layer", |layer| layer.path.as_str());
    let page = state.page()?;
    let (first, count, _) = page.extent();
    let zoomed = state.zoomed && state.focus == Focus::Channels;
    let (place, shown) = if zoomed {
        (state.channel.to_string(), state.channel.saturating_sub(first)..state.channel.saturating_sub(first) + 1)
    } else {
        (format!("from-{first}"), 0..count)
    };
    let subjects: Vec<Subject> = shown.map(|index| channels::subject(state, page, index)).collect();
    let stem = file_name(&format!("{}-{layer}-{:?}-{place}", model.name, state.content));
    if subjects.is_empty() { None } else { Some(Saving { stem, subjects, columns }) }
}

fn file_name(text: &str) -> String {
    let kept = |character: char| {
        if character.is_alphanumeric() || matches!(character, '.' | '-' | '_') { character } else { '-' }
    };
    text.to_lowercase().chars().map(kept).collect()
}

impl Saving {
    /// Writes the picture into `folder` under a name that is free.
    ///
    /// # Errors
    /// One line that says why it cannot be written.
    pub(super) fn write(self, folder: &Path) -> Result<PathBuf, String> {
        let pictures: Vec<RgbImage> = self.subjects.iter().map(Subject::native).map(enlarged).collect();
        let picture = match pictures.as_slice() {
            [only] => only.clone(),
            several => {
                let first =
                    several.first().map_or((1, 1), |picture| (picture.width() as usize, picture.height() as usize));
                picture_grid(several, &Grid { columns: self.columns, ..Grid::of_channels(first) }, [0; 3])
            }
        };
        let name = |number: usize| {
            if number == 0 { format!("{}.png", self.stem) } else { format!("{}-{number}.png", self.stem) }
        };
        let path = (0..10_000).map(|number| folder.join(name(number))).find(|path| !path.exists());
        let path = path.ok_or_else(|| format!("{} is taken ten thousand times", self.stem))?;
        save_picture(&path, &picture).map_err(|error| error.to_string())?;
        Ok(path)
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
