//! All themes that there are: the built-in ones and the user's, with what they inherit.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use ratatui::style::{Color, Modifier, Style};

use super::file::{PURPOSES, Placed, ThemeError, ThemeFile, Written, color};
use super::{Styles, Theme, emphasised};
use crate::config::document::Wrong;
use crate::model::printable::printable_path;
use crate::model::{printable, suggestion};

/// The themes that are built in, in the order in which a key goes through them.
const BUILT_IN: [(&str, &str); 14] = [
    ("ansi", include_str!("../../../themes/ansi.toml")),
    ("night", include_str!("../../../themes/night.toml")),
    ("paper", include_str!("../../../themes/paper.toml")),
    ("catppuccin-mocha", include_str!("../../../themes/catppuccin-mocha.toml")),
    ("catppuccin-latte", include_str!("../../../themes/catppuccin-latte.toml")),
    ("gruvbox", include_str!("../../../themes/gruvbox.toml")),
    ("gruvbox-light", include_str!("../../../themes/gruvbox-light.toml")),
    ("nord", include_str!("../../../themes/nord.toml")),
    ("solarized-dark", include_str!("../../../themes/solarized-dark.toml")),
    ("solarized-light", include_str!("../../../themes/solarized-light.toml")),
    ("tokyonight", include_str!("../../../themes/tokyonight.toml")),
    ("high-contrast", include_str!("../../../themes/high-contrast.toml")),
    ("colour-blind-safe", include_str!("../../../themes/colour-blind-safe.toml")),
    ("monochrome", include_str!("../../../themes/monochrome.toml")),
];

/// A theme file is never larger.
const LARGEST: u64 = 1 << 16;

/// All themes.
#[derive(Debug)]
pub struct Library {
    /// The themes, the built-in ones first.
    pub themes: Vec<Theme>,
    /// What is wrong with the user's, a line each.
    pub warnings: Vec<String>,
    built_in: Vec<ThemeFile>,
    own: Vec<ThemeFile>,
}

impl Library {
    /// The built-in themes.
    ///
    /// # Errors
    /// Only when a built-in file is damaged.
    pub fn built_in() -> Result<Self, ThemeError> {
        let files = BUILT_IN.iter().map(|(name, text)| ThemeFile::parse(name, text));
        let built_in = files.collect::<Result<_, _>>()?;
        let mut library = Self { themes: Vec::new(), warnings: Vec::new(), built_in, own: Vec::new() };
        library.themes = library.built_in.iter().map(|file| library.resolve(file, false)).collect::<Result<_, _>>()?;
        Ok(library)
    }

    /// The built-in themes and those of a folder, which win where the names are the same. A folder that does not exist is
    /// an empty one; what cannot be used is a warning.
    ///
    /// # Errors
    /// Only when a built-in file is damaged.
    pub fn with_folder(folder: &Path) -> Result<Self, ThemeError> {
        let mut library = Self::built_in()?;
        match texts(folder) {
            Ok(files) => {
                for (path, text) in files {
                    library.read(&path, text);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => library.warnings.push(format!("{}: {error}", printable_path(folder))),
        }
        for file in library.own.clone() {
            match library.resolve(&file, true) {
                Ok(theme) => match library.themes.iter_mut().find(|known| known.name == theme.name) {
                    Some(known) => *known = theme,
                    None => library.themes.push(theme),
                },
                Err(error) => library.warnings.push(error.to_string()),
            }
        }
        // Each theme of a circle says the same.
        let mut said = HashSet::new();
        library.warnings.retain(|warning| said.insert(warning.clone()));
        Ok(library)
    }

    fn read(&mut self, path: &Path, text: io::Result<String>) {
        let name = path.file_stem().map_or_else(String::new, |stem| printable(&stem.to_string_lossy()).into_owned());
        match text.map(|text| ThemeFile::parse(&name, &text)) {
            Ok(Ok(file)) => self.own.push(file),
            Ok(Err(error)) => self.warnings.push(error.to_string()),
            Err(error) => self.warnings.push(format!("{}: {error}", printable_path(path))),
        }
    }

    /// A theme that may inherit from these.
    pub(super) fn with_theme(&self, name: &str, text: &str) -> Result<Theme, ThemeError> {
        self.resolve(&ThemeFile::parse(name, text)?, true)
    }

    /// Place of a theme among [`Library::themes`].
    ///
    /// # Errors
    /// There is none; the names that are like it.
    pub fn position(&self, name: &str) -> Result<usize, String> {
        self.themes.iter().position(|theme| theme.name == name).ok_or_else(|| {
            let hint = suggestion(name, self.themes.iter().map(|theme| theme.name.as_str()));
            format!("there is no theme '{}'{hint}", printable(name))
        })
    }

    /// The file that another inherits from. The user's own `nord` may build on the built-in one of the same name.
    fn parent(&self, of: &ThemeFile, own: bool, name: &str) -> Option<(&ThemeFile, bool)> {
        let theirs = self.own.iter().find(|file| own && file.name == name && of.name != name).map(|file| (file, true));
        theirs.or_else(|| self.built_in.iter().find(|file| file.name == name).map(|file| (file, false)))
    }

    fn resolve(&self, file: &ThemeFile, own: bool) -> Result<Theme, ThemeError> {
        let chain = self.chain(file, own)?;
        let mut palette: BTreeMap<String, Color> = BTreeMap::new();
        for ancestor in chain.iter().rev() {
            palette.extend(ancestor.palette.iter().map(|(name, color)| (name.clone(), *color)));
        }
        let in_file = |ancestor: &ThemeFile, wrong: Wrong| ThemeError { theme: ancestor.name.clone(), wrong };
        let mut styles: BTreeMap<&str, Style> = BTreeMap::new();
        for purpose in PURPOSES {
            let written = |ancestor: &&ThemeFile| -> Option<(String, Written)> {
                Some((ancestor.name.clone(), ancestor.styles.get(purpose)?.clone()))
            };
            if let Some((theme, written)) = chain.iter().find_map(written) {
                styles.insert(purpose, written.resolve(&palette).map_err(|wrong| ThemeError { theme, wrong })?);
            }
        }
        let background = chain.iter().find_map(|ancestor| Some((*ancestor, ancestor.background.as_ref()?)));
        let background = background.map_or(Ok(Color::Reset), |(ancestor, placed): (&ThemeFile, &Placed)| {
            color(placed, &palette).map_err(|wrong| in_file(ancestor, wrong))
        })?;
        Ok(Theme {
            name: file.name.clone(),
            appearance: chain.iter().find_map(|ancestor| ancestor.appearance),
            background,
            styles: complete(&styles),
        })
    }

    /// The file and what it inherits from, the nearest first.
    fn chain<'a>(&'a self, file: &'a ThemeFile, own: bool) -> Result<Vec<&'a ThemeFile>, ThemeError> {
        let mut chain = vec![file];
        let (mut last, mut last_own) = (file, own);
        while let Some((name, line)) = &last.inherits {
            let failed =
                |message: String| ThemeError { theme: last.name.clone(), wrong: Wrong { line: *line, message } };
            let Some((parent, parent_own)) = self.parent(last, last_own, name) else {
                let hint = suggestion(name, self.built_in.iter().chain(&self.own).map(|file| file.name.as_str()));
                return Err(failed(format!("there is no theme '{}' to inherit from{hint}", printable(name))));
            };
            if let Some(at) = chain.iter().position(|known| known.name == parent.name && parent_own == own) {
                return Err(inherits_itself(&chain[at..]));
            }
            chain.push(parent);
            (last, last_own) = (parent, parent_own);
        }
        Ok(chain)
    }
}

/// The same error from wherever in the circle one begins.
fn inherits_itself(circle: &[&ThemeFile]) -> ThemeError {
    let first = (0..circle.len()).min_by_key(|at| &circle[*at].name).unwrap_or(0);
    let turned: Vec<&ThemeFile> = circle.iter().cycle().skip(first).take(circle.len() + 1).copied().collect();
    let names: Vec<&str> = turned.iter().map(|file| file.name.as_str()).collect();
    let (theme, line) = turned
        .first()
        .map_or((String::new(), 1), |file| (file.name.clone(), file.inherits.as_ref().map_or(1, |(_, line)| *line)));
    ThemeError { theme, wrong: Wrong { line, message: format!("it inherits from itself: {}", names.join(" → ")) } }
}

/// A style for every purpose: what is not said follows from what is.
fn complete(said: &BTreeMap<&str, Style>) -> Styles {
    let or = |purpose: &str, other: Style| said.get(purpose).copied().unwrap_or(other);
    let text = or("text", Style::new().fg(Color::Reset));
    let dim = or("dim", text);
    let accent = or("accent", text);
    let focus = or("focus", accent);
    Styles {
        text,
        dim,
        accent,
        selection: or("selection", text.add_modifier(Modifier::REVERSED)),
        border: or("border", dim),
        focus,
        title: on_a_frame(or("title", text)),
        focused_title: on_a_frame(or("title-focused", emphasised(focus))),
        good: or("good", accent),
        warning: or("warning", accent),
        error: or("error", accent),
        bar: or("bar", accent),
    }
}

/// A title stands on its frame, but is not as dim.
fn on_a_frame(title: Style) -> Style {
    if title.add_modifier.contains(Modifier::DIM) { title } else { title.remove_modifier(Modifier::DIM) }
}

/// Theme files of a folder in the order of their names, each with its text.
fn texts(folder: &Path) -> io::Result<Vec<(std::path::PathBuf, io::Result<String>)>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let text = |path: &Path| {
        let known = fs::metadata(path)?;
        if !known.is_file() || known.len() > LARGEST {
            return Err(io::Error::other("no theme: too large, or no file"));
        }
        fs::read_to_string(path)
    };
    Ok(paths.into_iter().map(|path| (path.clone(), text(&path))).collect())
}
