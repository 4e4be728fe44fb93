//! Everything that a user can do, in one table: name, keys and description. Keys, help and hints come from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::keymap::Modified;

/// Something that a user can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below describes each")]
pub enum Action {
    Up,
    Down,
    Left,
    Right,
    First,
    Last,
    HalfPageUp,
    HalfPageDown,
    PageUp,
    PageDown,
    NextPane,
    PreviousPane,
    Layers,
    Channels,
    Heatmap,
    Open,
    Back,
    NextLayer,
    PreviousLayer,
    Activations,
    Patterns,
    Weights,
    NextClass,
    PreviousClass,
    PickClass,
    MapHere,
    Overlay,
    NextPicture,
    PreviousPicture,
    ColorMap,
    Scale,
    Theme,
    Save,
    Help,
    Redraw,
    Suspend,
    Quit,
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// Its name.
    pub name: &'static str,
    /// Keys, as `help` shows them.
    pub keys: &'static [&'static str],
    /// What it does, for help.
    pub description: &'static str,
}

const fn row(action: Action, name: &'static str, keys: &'static [&'static str], description: &'static str) -> Binding {
    Binding { action, name, keys, description }
}

/// The table.
pub const BINDINGS: &[Binding] = &[
    row(Action::Up, "up", &["k", "Up"], "move up"),
    row(Action::Down, "down", &["j", "Down"], "move down"),
    row(Action::Left, "left", &["h", "Left"], "move left, fold a layer, previous channel"),
    row(Action::Right, "right", &["l", "Right"], "move right, unfold a layer, next channel"),
    row(Action::First, "first", &["g", "Home"], "go to the first"),
    row(Action::Last, "last", &["G", "End"], "go to the last"),
    row(Action::HalfPageUp, "half-page-up", &["ctrl-u"], "half a page up"),
    row(Action::HalfPageDown, "half-page-down", &["ctrl-d"], "half a page down"),
    row(Action::PageUp, "page-up", &["PageUp", "ctrl-b"], "previous page"),
    row(Action::PageDown, "page-down", &["PageDown", "ctrl-f"], "next page"),
    row(Action::NextPane, "next-pane", &["Tab"], "next pane"),
    row(Action::PreviousPane, "previous-pane", &["BackTab"], "previous pane"),
    row(Action::Layers, "layers", &["1"], "go to the layers"),
    row(Action::Channels, "channels", &["2"], "go to the channels"),
    row(Action::Heatmap, "heatmap", &["3"], "go to the heatmap"),
    row(Action::Open, "open", &["Enter"], "zoom into a channel, go into a layer"),
    row(Action::Back, "back", &["Esc"], "go back"),
    row(Action::NextLayer, "next-layer", &["]"], "next layer"),
    row(Action::PreviousLayer, "previous-layer", &["["], "previous layer"),
    row(Action::Activations, "activations", &["a"], "show what the layer makes of the picture"),
    row(Action::Patterns, "patterns", &["p"], "show the pattern that each channel looks for"),
    row(Action::Weights, "weights", &["w"], "show the layer's kernels"),
    row(Action::NextClass, "next-class", &["c"], "map of the next of the top classes"),
    row(Action::PreviousClass, "previous-class", &["C"], "map of the previous of the top classes"),
    row(Action::PickClass, "pick-class", &["/"], "choose any class by name"),
    row(Action::MapHere, "map-here", &["M"], "map at the chosen layer, or at the last one again"),
    row(Action::Overlay, "overlay", &["o"], "overlay, picture or map alone"),
    row(Action::NextPicture, "next-picture", &["."], "next picture"),
    row(Action::PreviousPicture, "previous-picture", &[","], "previous picture"),
    row(Action::ColorMap, "colour-map", &["m"], "next colour map"),
    row(Action::Scale, "scale", &["x"], "next scale"),
    row(Action::Theme, "theme", &["t"], "next theme"),
    row(Action::Save, "save", &["s"], "save what is shown as a picture"),
    row(Action::Help, "help", &["?", "F1"], "this help"),
    row(Action::Redraw, "redraw", &["ctrl-l"], "draw everything anew"),
    row(Action::Suspend, "suspend", &["ctrl-z"], "back to the shell for a while"),
    row(Action::Quit, "quit", &["q", "ctrl-c"], "leave"),
];

/// Name of a key as the table writes it.
pub fn key_name(key: KeyEvent) -> Option<String> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let name = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        // Terminals send the same byte for both cases.
        KeyCode::Char(character) if ctrl => character.to_ascii_lowercase().to_string(),
        KeyCode::Char(character) => character.to_string(),
        KeyCode::F(number) => format!("F{number}"),
        KeyCode::Up => "Up".to_owned(),
        KeyCode::Down => "Down".to_owned(),
        KeyCode::Left => "Left".to_owned(),
        KeyCode::Right => "Right".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::PageUp => "PageUp".to_owned(),
        KeyCode::PageDown => "PageDown".to_owned(),
        KeyCode::Tab => "Tab".to_owned(),
        KeyCode::BackTab => "BackTab".to_owned(),
        KeyCode::Enter => "Enter".to_owned(),
        KeyCode::Esc => "Esc".to_owned(),
        KeyCode::Backspace => "Backspace".to_owned(),
        KeyCode::Delete => "Delete".to_owned(),
        KeyCode::Insert => "Insert".to_owned(),
        _ => return None,
    };
    Some(Modified { ctrl, alt, name: &name }.to_string())
}

/// The action that a key is bound to.
pub fn action_of(key: KeyEvent) -> Option<Action> {
    let name = key_name(key)?;
    BINDINGS.iter().find(|binding| binding.keys.contains(&name.as_str())).map(|binding| binding.action)
}

/// First key of an action, for hints.
pub fn key_of(action: Action) -> &'static str {
    BINDINGS
        .iter()
        .find(|binding| binding.action == action)
        .and_then(|binding| binding.keys.first())
        .copied()
        .unwrap_or("")
}
