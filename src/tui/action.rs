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
    Maximize,
    Open,
    Back,
    Find,
    NextMatch,
    PreviousMatch,
    NextLayer,
    PreviousLayer,
    Fold,
    FoldAll,
    Operators,
    Findings,
    SortLayers,
    Activations,
    Gradients,
    ActivationTimesGradient,
    Patterns,
    Recipe,
    Weights,
    Order,
    ColorMap,
    Scale,
    Histogram,
    Probe,
    Crisp,
    NextExciting,
    PreviousExciting,
    WholePicture,
    ExcitedBy,
    Scan,
    NextClass,
    PreviousClass,
    PickClass,
    Contrast,
    Method,
    Set,
    Attribute,
    MapHere,
    Blend,
    Trust,
    Overlay,
    Stronger,
    Weaker,
    NextPicture,
    PreviousPicture,
    PickPicture,
    Preprocess,
    Theme,
    Save,
    SaveNumbers,
    Copy,
    Command,
    Help,
    Debug,
    Redraw,
    Suspend,
    Quit,
}

/// What an action belongs to: the sections of help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Moving the cursor.
    Move,
    /// Going from pane to pane.
    Panes,
    /// The layer tree.
    Layers,
    /// The channel pager.
    Channels,
    /// The heatmap and the pictures.
    Heatmap,
    /// Everything else.
    Program,
}

impl Group {
    /// All of them in the order of help.
    pub const ALL: [Self; 6] = [Self::Move, Self::Panes, Self::Layers, Self::Channels, Self::Heatmap, Self::Program];

    /// Its heading in help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Moving (a number before a key repeats it: 10j)",
            Self::Panes => "Panes",
            Self::Layers => "Layers",
            Self::Channels => "Channels",
            Self::Heatmap => "Heatmap and pictures",
            Self::Program => "Program",
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// Where help lists it.
    pub group: Group,
    /// Its name: in the command line and in the configuration.
    pub name: &'static str,
    /// Keys that it has unless the configuration says otherwise; keys that follow each other have a space between them.
    pub keys: &'static [&'static str],
    /// What it does, for help.
    pub description: &'static str,
}

const fn row(
    action: Action,
    group: Group,
    name: &'static str,
    keys: &'static [&'static str],
    description: &'static str,
) -> Binding {
    Binding { action, group, name, keys, description }
}

/// The table.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    row(Action::Up, Group::Move, "up", &["k", "Up"], "move up"),
    row(Action::Down, Group::Move, "down", &["j", "Down"], "move down"),
    row(Action::Left, Group::Move, "left", &["h", "Left"], "move left, fold a layer, previous channel"),
    row(Action::Right, Group::Move, "right", &["l", "Right"], "move right, unfold a layer, next channel"),
    row(Action::First, Group::Move, "first", &["g g", "Home"], "go to the first, or to the number before the key"),
    row(Action::Last, Group::Move, "last", &["G", "End"], "go to the last, or to the number before the key"),
    row(Action::HalfPageUp, Group::Move, "half-page-up", &["ctrl-u"], "half a page up"),
    row(Action::HalfPageDown, Group::Move, "half-page-down", &["ctrl-d"], "half a page down"),
    row(Action::PageUp, Group::Move, "page-up", &["PageUp", "ctrl-b"], "previous page"),
    row(Action::PageDown, Group::Move, "page-down", &["PageDown", "ctrl-f"], "next page"),
    row(Action::NextPane, Group::Panes, "next-pane", &["Tab"], "next pane"),
    row(Action::PreviousPane, Group::Panes, "previous-pane", &["BackTab"], "previous pane"),
    row(Action::Layers, Group::Panes, "layers", &["g l", "alt-1"], "go to the layers"),
    row(Action::Channels, Group::Panes, "channels", &["g c", "alt-2"], "go to the channels"),
    row(Action::Heatmap, Group::Panes, "heatmap", &["g h", "alt-3"], "go to the heatmap"),
    row(Action::Maximize, Group::Panes, "maximize", &["z"], "give the whole screen to the pane, or take it back"),
    row(Action::Open, Group::Panes, "open", &["Enter"], "zoom into a channel, go into a layer, pick a class"),
    row(Action::Back, Group::Panes, "back", &["Esc"], "go back"),
    row(Action::Find, Group::Layers, "find", &["/"], "find a layer; in the heatmap, a class"),
    row(Action::NextMatch, Group::Layers, "next-match", &["n"], "next layer that was found"),
    row(Action::PreviousMatch, Group::Layers, "previous-match", &["N"], "previous layer that was found"),
    row(Action::NextLayer, Group::Layers, "next-layer", &["]"], "next layer"),
    row(Action::PreviousLayer, Group::Layers, "previous-layer", &["["], "previous layer"),
    row(Action::Fold, Group::Layers, "fold", &["Space"], "fold or unfold the layer"),
    row(Action::FoldAll, Group::Layers, "fold-all", &["Z"], "fold everything, or unfold it"),
    row(Action::Operators, Group::Layers, "operators", &["O"], "show or hide single operators"),
    row(Action::Findings, Group::Layers, "findings", &["T"], "what a check on this picture finds, and where"),
    row(Action::SortLayers, Group::Layers, "sort-layers", &["#"], "of two models: those that differ most first"),
    row(Action::Activations, Group::Channels, "activations", &["a"], "what the layer makes of the picture"),
    row(Action::Gradients, Group::Channels, "gradients", &["d"], "gradients of the class's score at the layer"),
    row(Action::ActivationTimesGradient, Group::Channels, "activation-x-gradient", &["D"], "activation times gradient"),
    row(Action::Patterns, Group::Channels, "patterns", &["p"], "what each channel looks for; again: stop, go on"),
    row(Action::Recipe, Group::Channels, "recipe", &["R"], "choose how patterns are grown"),
    row(Action::Weights, Group::Channels, "weights", &["w"], "the layer's kernels"),
    row(Action::Order, Group::Channels, "sort", &["r"], "sort channels by index, mean, max, variance …"),
    row(Action::Scale, Group::Channels, "scale", &["x"], "next scale"),
    row(Action::ColorMap, Group::Channels, "colour-map", &["m"], "next colour map"),
    row(Action::Histogram, Group::Channels, "histogram", &["H"], "histogram on a linear or a log axis"),
    row(Action::Probe, Group::Channels, "probe", &["v"], "point at values of the zoomed channel"),
    row(Action::Crisp, Group::Channels, "crisp", &["i"], "hard edges or smooth"),
    row(Action::NextExciting, Group::Channels, "next-exciting", &[">"], "next of the pictures that excite the channel"),
    row(Action::PreviousExciting, Group::Channels, "previous-exciting", &["<"], "previous of them"),
    row(Action::WholePicture, Group::Channels, "whole-picture", &["u"], "whole pictures, with the crops marked"),
    row(Action::ExcitedBy, Group::Channels, "excited-by", &["F"], "only pictures of a class, or right or wrong ones"),
    row(Action::Scan, Group::Channels, "scan", &["g s"], "open the file of a scan: what excites each channel"),
    row(Action::NextClass, Group::Heatmap, "next-class", &["c"], "map of the next of the top classes"),
    row(Action::PreviousClass, Group::Heatmap, "previous-class", &["C"], "map of the previous of the top classes"),
    row(Action::PickClass, Group::Heatmap, "class", &["f"], "choose any class by name"),
    row(Action::Contrast, Group::Heatmap, "contrast", &["V"], "why this class rather than another"),
    row(Action::Method, Group::Heatmap, "method", &["e"], "choose another map, or an attribution to pixels"),
    row(Action::Set, Group::Heatmap, "set", &["E"], "set what the method takes, as in :set samples=50"),
    row(Action::Attribute, Group::Heatmap, "attribute", &["A"], "what in the picture drives this channel or point"),
    row(Action::MapHere, Group::Heatmap, "map-here", &["M"], "map at the chosen layer, or at the usual one again"),
    row(Action::Blend, Group::Heatmap, "blend", &["b"], "add the chosen layer to the map, or take it out"),
    row(Action::Trust, Group::Heatmap, "trust", &["g t"], "measure how far the map is to be trusted, or leave it"),
    row(Action::Overlay, Group::Heatmap, "overlay", &["o"], "overlay, picture or map alone"),
    row(Action::Stronger, Group::Heatmap, "stronger", &["+", "="], "more of the map in the overlay"),
    row(Action::Weaker, Group::Heatmap, "weaker", &["-"], "less of the map in the overlay"),
    row(Action::NextPicture, Group::Heatmap, "next-picture", &["."], "next picture"),
    row(Action::PickPicture, Group::Heatmap, "picture", &["P"], "choose a picture by name"),
    row(Action::Preprocess, Group::Heatmap, "preprocess", &["I"], "change how pictures are prepared for the network"),
    row(Action::PreviousPicture, Group::Heatmap, "previous-picture", &[","], "previous picture"),
    row(Action::Command, Group::Program, "command", &[":"], "any of these by name; also a number, to go there"),
    row(Action::Save, Group::Program, "save", &["s"], "save what is shown as a picture"),
    row(Action::SaveNumbers, Group::Program, "save-numbers", &["S"], "save what is shown as numbers, .npy"),
    row(Action::Copy, Group::Program, "copy", &["y"], "copy the layer's path"),
    row(Action::Theme, Group::Program, "theme", &["t"], "next theme"),
    row(Action::Help, Group::Program, "help", &["?", "F1"], "this help"),
    row(Action::Debug, Group::Program, "debug", &["F12"], "bytes and time of the last frame"),
    row(Action::Redraw, Group::Program, "redraw", &["ctrl-l"], "draw everything anew"),
    row(Action::Suspend, Group::Program, "suspend", &["ctrl-z"], "back to the shell for a while"),
    row(Action::Quit, Group::Program, "quit", &["q", "ctrl-c"], "leave"),
];

/// The row of an action.
pub fn binding(action: Action) -> Option<&'static Binding> {
    BINDINGS.iter().find(|binding| binding.action == action)
}

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
