//! A line to type in, over a list of what matches: commands with their arguments, classes, pictures.

mod lookups;
mod methods;

use std::path::PathBuf;

use tui_input::Input;

use super::action::{Action, BINDINGS, Binding, binding};
use super::fuzzy;
use super::state::{OverlayMode, State};
use super::update::Which;
use crate::methods::registry::Method;
use crate::model::spec::{PRESET_MEANINGS, PRESETS};
use crate::model::{LayerId, Preprocessing, printable};
use crate::picture::{ColorMap, Scale};
use crate::service::protocol::{ClassId, Order};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Any action by name.
    Command,
    /// The class whose map is shown.
    Class,
    /// The class that the map is contrasted with.
    Contrast,
    /// A picture.
    Picture,
    /// How pictures are prepared for the network.
    Preprocess,
    /// How the heatmap is made.
    Method,
    /// What a method takes.
    Setting,
    /// How patterns are made.
    Recipe,
    /// Something that a check has found.
    Finding,
    /// Which of the pictures that excite a channel are shown.
    ExcitedBy,
    /// The file of a scan.
    Scan,
}

impl Asks {
    /// Heading of the list.
    pub fn heading(self, state: &State) -> String {
        let words = match self {
            Self::Command => "Commands",
            Self::Class => "Map of the class",
            Self::Contrast => "This class rather than",
            Self::Picture => "Pictures",
            Self::Preprocess => "A preset, or keys such as resize=256",
            Self::Method => "Maps at a layer, and attributions to pixels",
            Self::Setting => return format!("What {} takes, as NAME=VALUE", state.method_here().method().name),
            Self::Recipe => "How patterns are grown",
            Self::ExcitedBy => "Pictures that excite the channel",
            Self::Scan => "File that layerscope scan has made",
            Self::Finding => "Found by the check on this picture",
        };
        words.to_owned()
    }

    /// Whether each choice is explained, which takes room.
    pub fn is_explained(self) -> bool {
        matches!(self, Self::Method | Self::Setting | Self::Recipe | Self::Finding)
    }

    /// What stands before the typed text.
    pub fn title(self) -> &'static str {
        match self {
            Self::Command => ":",
            Self::Class => "class: ",
            Self::Contrast => "rather than: ",
            Self::Picture => "picture: ",
            Self::Preprocess => "preprocess: ",
            Self::Method => "method: ",
            Self::Setting => "set: ",
            Self::Recipe => "recipe: ",
            Self::Finding => "finding: ",
            Self::ExcitedBy => "only: ",
            Self::Scan => "scan: ",
        }
    }
}

/// An open prompt.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What is asked for.
    pub asks: Asks,
    /// What was typed.
    pub input: Input,
    /// Row among the choices.
    pub chosen: usize,
}

impl Prompt {
    /// Nothing typed yet.
    pub fn new(asks: Asks) -> Self {
        Self { asks, input: Input::default(), chosen: 0 }
    }

    /// On the row of what is chosen now.
    #[must_use]
    pub fn at_current(mut self, state: &State) -> Self {
        let current = match self.asks {
            Asks::Method => &state.methods.heatmap,
            Asks::Recipe => &state.methods.recipe,
            _ => return self,
        };
        let is_current =
            |choice: &Choice| matches!(choice.does, Does::Method(method) if method.name == current.method().name);
        self.chosen = self.choices(state).iter().position(is_current).unwrap_or(0);
        self
    }

    /// The choices that match what was typed, best first.
    pub fn choices(&self, state: &State) -> Vec<Choice> {
        let typed = self.input.value();
        match self.asks {
            Asks::Command => commands(state, typed),
            Asks::Class => classes(state, typed, Does::Class),
            Asks::Contrast => classes(state, typed, Does::Against),
            Asks::Picture => pictures(state, typed),
            Asks::Preprocess => preprocessings(state, typed),
            Asks::Method => methods::heatmaps(state, typed),
            Asks::Setting => methods::settings(state.method_here(), typed),
            Asks::Recipe => methods::recipes(state, typed),
            Asks::Finding => lookups::findings(state, typed),
            Asks::ExcitedBy => lookups::excited_by(state, typed),
            Asks::Scan => lookups::scan(state, typed),
        }
    }

    /// What is said when nothing can be chosen.
    pub fn nothing(&self, state: &State) -> String {
        let typed = self.input.value();
        let argument_of = |action: Action| {
            let named = |name: &str| binding(action).is_some_and(|binding| binding.name == name);
            typed.split_once(' ').filter(|(name, _)| named(name)).map(|(_, argument)| argument)
        };
        let (spec, setting) = match self.asks {
            Asks::Preprocess => (Some(typed), None),
            Asks::Setting => (None, Some(typed)),
            Asks::Command => (argument_of(Action::Preprocess), argument_of(Action::Set)),
            _ => (None, None),
        };
        if let Some(setting) = setting {
            return methods::why_not(state.method_here(), setting);
        }
        match spec.map(str::parse::<Preprocessing>) {
            Some(Err(error)) => error.to_string(),
            _ if self.asks == Asks::Scan => "type the path of the file".to_owned(),
            _ => format!("nothing is called {typed}"),
        }
    }

    /// The chosen one of `choices`.
    pub fn choice<'a>(&self, choices: &'a [Choice]) -> Option<&'a Choice> {
        choices.get(self.chosen.min(choices.len().saturating_sub(1)))
    }

    /// Types the rest of the chosen name, and a space where an argument follows.
    pub fn complete(&mut self, choices: &[Choice]) {
        let Some(choice) = self.choice(choices) else { return };
        let typed = match (self.asks, self.input.value().split_once(' ')) {
            (Asks::Command, Some((name, _))) => format!("{name} {}", choice.text),
            (Asks::Command, None) if choice.takes_argument => format!("{} ", choice.text),
            _ => choice.text.clone(),
        };
        self.input = Input::new(typed);
        self.chosen = 0;
    }
}

/// A row of the list.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its name.
    pub text: String,
    /// What is said beside it.
    pub note: String,
    /// Characters of the name that were typed.
    pub positions: Vec<u32>,
    /// Whether more can follow the name.
    pub takes_argument: bool,
    /// What is said of it below the list while it is the chosen one, a line each.
    pub details: Vec<String>,
    /// What choosing it does.
    pub does: Does,
}

/// What choosing a row does.
#[derive(Debug, Clone)]
pub enum Does {
    /// Does an action.
    Act(Action),
    /// Goes to a layer.
    Layer(LayerId),
    /// Shows the map of a class.
    Class(ClassId),
    /// Contrasts the map with a class.
    Against(ClassId),
    /// Shows a picture.
    Picture(usize),
    /// Prepares pictures by a SPEC, or as the model was opened.
    Preprocess(Option<String>),
    /// Makes heatmaps or patterns by a method.
    Method(&'static Method),
    /// Sets a parameter, as NAME=VALUE.
    Set(String),
    /// Sets all parameters to their defaults.
    SetDefaults,
    /// Types the name; its value follows.
    Type,
    /// Takes a theme.
    Theme(usize),
    /// Takes a colour map.
    ColorMap(ColorMap),
    /// Takes a scale.
    Scale(Scale),
    /// Sorts channels.
    Order(Order),
    /// Takes what the heatmap draws.
    Overlay(OverlayMode),
    /// Shows these of the pictures that excite a channel.
    Excited(Which),
    /// Opens the file of a scan.
    Scan(PathBuf),
    /// Goes to a row of the tree, or to a channel.
    GoTo(usize),
}

fn commands(state: &State, typed: &str) -> Vec<Choice> {
    if let Ok(number) = typed.trim().parse() {
        let text = typed.trim().to_owned();
        let note = "go to this layer or channel".to_owned();
        return vec![Choice {
            text,
            note,
            positions: Vec::new(),
            takes_argument: false,
            details: Vec::new(),
            does: Does::GoTo(number),
        }];
    }
    if let Some((name, argument)) = typed.split_once(' ')
        && let Some(binding) = BINDINGS.iter().find(|binding| binding.name == name)
        && let Some(arguments) = arguments(state, binding.action, argument)
    {
        return arguments;
    }
    let choice = |binding: &Binding, positions: Vec<u32>| Choice {
        text: binding.name.to_owned(),
        note: note(state, binding),
        positions,
        takes_argument: arguments(state, binding.action, "").is_some(),
        details: Vec::new(),
        does: Does::Act(binding.action),
    };
    let by_name = fuzzy::matches(typed, BINDINGS.iter().map(|binding| binding.name));
    let mut found: Vec<Choice> =
        by_name.iter().filter_map(|found| Some(choice(BINDINGS.get(found.index)?, found.positions.clone()))).collect();
    // Who does not know a name knows a word of what it does.
    let by_description = fuzzy::matches(typed, BINDINGS.iter().map(|binding| binding.description));
    for described in by_description {
        if !by_name.iter().any(|named| named.index == described.index) {
            found.extend(BINDINGS.get(described.index).map(|binding| choice(binding, Vec::new())));
        }
    }
    found
}

fn note(state: &State, binding: &Binding) -> String {
    let keys = state.keymap.keys_of(binding.action).join(" or ");
    if keys.is_empty() { binding.description.to_owned() } else { format!("{} · {keys}", binding.description) }
}

/// The arguments of an action that match what was typed; none where it takes none.
fn arguments(state: &State, action: Action, typed: &str) -> Option<Vec<Choice>> {
    Some(match action {
        Action::Theme => named(
            typed,
            state.themes.iter().enumerate(),
            |(_, theme)| theme.name.clone(),
            |(index, _)| Does::Theme(index),
        ),
        Action::ColorMap => named(typed, ColorMap::ALL, |map| map.name().to_owned(), Does::ColorMap),
        Action::Scale => named(typed, Scale::ALL, |scale| scale.name().to_owned(), Does::Scale),
        Action::Order => named(typed, Order::ALL, |order| order.name().to_owned(), Does::Order),
        Action::Overlay => named(typed, OverlayMode::ALL, |mode| mode.name().to_owned(), Does::Overlay),
        Action::Find => {
            let layers = state.model.iter().flat_map(|model| model.layers.iter().enumerate());
            named(typed, layers, |(_, layer)| layer.path.clone(), |(index, _)| Does::Layer(LayerId(index)))
        }
        Action::PickClass => classes(state, typed, Does::Class),
        Action::Contrast => classes(state, typed, Does::Against),
        Action::PickPicture => pictures(state, typed),
        Action::Preprocess => preprocessings(state, typed),
        Action::Method => methods::heatmaps(state, typed),
        Action::Set => methods::settings(state.method_here(), typed),
        Action::Recipe => methods::recipes(state, typed),
        Action::Findings => lookups::findings(state, typed),
        Action::ExcitedBy => lookups::excited_by(state, typed),
        Action::Scan => lookups::scan(state, typed),
        _ => return None,
    })
}

fn named<T: Copy>(
    typed: &str,
    all: impl IntoIterator<Item = T>,
    name: impl Fn(T) -> String,
    does: impl Fn(T) -> Does,
) -> Vec<Choice> {
    let all: Vec<(T, String)> = all.into_iter().map(|one| (one, name(one))).collect();
    fuzzy::matches(typed, all.iter().map(|(_, name)| name.as_str()))
        .into_iter()
        .filter_map(|found| {
            let (one, text) = all.get(found.index)?;
            let (text, positions) = (text.clone(), found.positions);
            Some(Choice {
                text,
                note: String::new(),
                positions,
                takes_argument: false,
                details: Vec::new(),
                does: does(*one),
            })
        })
        .collect()
}

fn classes(state: &State, typed: &str, does: impl Fn(ClassId) -> Does) -> Vec<Choice> {
    let Some(model) = &state.model else { return Vec::new() };
    let top = state.top_classes();
    let choice = |row: usize, positions: Vec<u32>| {
        let class = model.classes.get(row)?;
        let probability = top.iter().find(|(id, ..)| *id == class.id);
        let probability = probability.map_or_else(String::new, |(.., share)| format!("{:>5.1}% · ", share * 100.0));
        let note = format!("{probability}{}", class.id.index);
        let text = printable(&class.label).into_owned();
        Some(Choice { text, note, positions, takes_argument: false, details: Vec::new(), does: does(class.id) })
    };
    let typed = typed.trim();
    if typed.is_empty() {
        // What the network thinks is what one asks about first.
        let first = top.iter().filter_map(|(id, ..)| model.classes.iter().position(|class| class.id == *id));
        let first: Vec<usize> = first.collect();
        let others = (0..model.classes.len()).filter(|row| !first.contains(row));
        return first.iter().copied().chain(others).filter_map(|row| choice(row, Vec::new())).collect();
    }
    if typed.chars().all(|character| character.is_ascii_digit()) {
        let numbered = model.classes.iter().enumerate();
        return numbered
            .filter(|(_, class)| class.id.index.to_string().starts_with(typed))
            .filter_map(|(row, _)| choice(row, Vec::new()))
            .collect();
    }
    let found = fuzzy::matches(typed, model.classes.iter().map(|class| class.label.as_str()));
    found.into_iter().filter_map(|found| choice(found.index, found.positions)).collect()
}

/// The presets that match, and before them what was typed where it is a SPEC of its own.
fn preprocessings(state: &State, typed: &str) -> Vec<Choice> {
    let row = |text: &str, note: String, positions: Vec<u32>, spec: Option<String>| Choice {
        text: text.to_owned(),
        note,
        positions,
        takes_argument: false,
        details: Vec::new(),
        does: Does::Preprocess(spec),
    };
    let typed = typed.trim();
    let now = state.model.as_ref().map_or_else(String::new, |model| format!("now {}", model.preprocess));
    let own = if typed.is_empty() { Some(row(AS_OPENED, now, Vec::new(), None)) } else { None };
    let spec = typed.parse::<Preprocessing>().ok().filter(|_| !PRESETS.contains(&typed));
    let spec = spec.map(|read| row(typed, read.to_string(), Vec::new(), Some(typed.to_owned())));
    let presets = fuzzy::matches(typed, PRESETS).into_iter().filter_map(|found| {
        let (name, means) = (PRESETS.get(found.index)?, PRESET_MEANINGS.get(found.index)?);
        Some(row(name, (*means).to_owned(), found.positions, Some((*name).to_owned())))
    });
    own.into_iter().chain(spec).chain(presets).collect()
}

const AS_OPENED: &str = "as the model was opened";

fn pictures(state: &State, typed: &str) -> Vec<Choice> {
    named(typed, 0..state.inputs.len(), |index| state.input_name(index), Does::Picture)
}
