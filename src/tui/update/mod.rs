//! From keys, the mouse and the engine's events to the next state and what is to be done.

mod answers;
mod excitations;
mod heatmap;
mod left;
mod methods;
mod mouse;
mod pager;
mod prompts;
mod requests;
mod tree;
mod trust;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

pub use answers::rgb;
pub use excitations::Which;

use super::action::{Action, key_name};
use super::keymap::Lookup;
use super::prompt::{Asks, Prompt};
use super::state::{Focus, Notice, Popup, State};
use crate::service::protocol::{Content, Pane, Request};

/// Something for the loop around the state to do.
#[derive(Debug)]
pub enum Effect {
    /// Ask the engine.
    Ask(Request),
    /// Save what is shown as a picture.
    Save,
    /// Save what is shown as numbers.
    SaveNumbers,
    /// Put a text into the clipboard of the user's own machine.
    Copy(String),
    /// Write the whole screen anew, pictures included.
    Redraw,
    /// Back to the shell for a while.
    Suspend,
    /// Leave with this exit code.
    Quit(u8),
}

/// More than this many repetitions are a slip of the finger.
const MOST_REPETITIONS: usize = 99_999;

impl State {
    /// What a key does.
    pub fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let mut effects = self.pressed(key);
        effects.extend(self.ask_detail());
        effects.extend(self.ask_excitations());
        effects
    }

    fn pressed(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.notice = None;
        self.hover = None;
        let Some(name) = key_name(key) else { return Vec::new() };
        if name == "ctrl-c" {
            return vec![Effect::Quit(0)];
        }
        if self.search.as_ref().is_some_and(|search| search.typing) {
            return self.search_key(key);
        }
        match self.popup.take() {
            Some(Popup::Prompt(prompt)) => self.prompt_key(key, prompt),
            Some(Popup::Help(scroll)) => self.help_key(&name, scroll),
            None => self.bound_key(key, name),
        }
    }

    /// A key of the keymap, of a sequence or of a number before one.
    fn bound_key(&mut self, key: KeyEvent, name: String) -> Vec<Effect> {
        if key.code == KeyCode::Esc && (self.count.is_some() || !self.pending.is_empty()) {
            self.count = None;
            self.pending.clear();
            return Vec::new();
        }
        if self.pending.is_empty()
            && let Ok(digit) = name.parse::<usize>()
            && (digit > 0 || self.count.is_some())
        {
            self.count = Some((self.count.unwrap_or(0) * 10 + digit).min(MOST_REPETITIONS));
            return Vec::new();
        }
        self.pending.push(name);
        match self.keymap.lookup(&self.pending) {
            Lookup::Found(action) => {
                self.pending.clear();
                let count = self.count.take();
                self.act(action, count)
            }
            Lookup::Prefix(_) => Vec::new(),
            // Terminals send Alt as Esc before the key: over a slow line nobody can tell who pressed both after each other.
            Lookup::None if self.pending.len() == 1 && key.modifiers.contains(KeyModifiers::ALT) => {
                self.pending.clear();
                let mut effects = self.pressed(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
                effects.extend(self.pressed(KeyEvent::new(key.code, key.modifiers - KeyModifiers::ALT)));
                effects
            }
            Lookup::None => {
                let keys = std::mem::take(&mut self.pending).join(" ");
                self.count = None;
                let help = self.keymap.keys_of(Action::Help).first().cloned().unwrap_or_default();
                self.notice = Some(Notice::Amiss(format!("{keys} does nothing; {help} lists the keys")));
                Vec::new()
            }
        }
    }

    fn help_key(&mut self, name: &str, scroll: u16) -> Vec<Effect> {
        let page = self.screen.1 / 2;
        let to = match self.keymap.lookup(&[name.to_owned()]) {
            Lookup::Found(Action::Down) => scroll.saturating_add(1),
            Lookup::Found(Action::Up) => scroll.saturating_sub(1),
            Lookup::Found(Action::PageDown | Action::HalfPageDown) => scroll.saturating_add(page),
            Lookup::Found(Action::PageUp | Action::HalfPageUp) => scroll.saturating_sub(page),
            Lookup::Found(Action::First) => 0,
            Lookup::Found(Action::Last) => u16::MAX,
            Lookup::Found(Action::Redraw) => {
                self.popup = Some(Popup::Help(scroll));
                return vec![Effect::Redraw];
            }
            _ => return Vec::new(),
        };
        self.popup = Some(Popup::Help(to.min(super::panes::popup::last_help_line(self))));
        Vec::new()
    }

    /// Does an action, so many times where that makes sense.
    pub(super) fn act(&mut self, action: Action, count: Option<usize>) -> Vec<Effect> {
        let steps = count.unwrap_or(1) as i64;
        match action {
            Action::Quit => return vec![Effect::Quit(0)],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Save => return vec![Effect::Save],
            Action::SaveNumbers => return vec![Effect::SaveNumbers],
            Action::Copy => return self.copy(),
            Action::Help => self.popup = Some(Popup::Help(0)),
            Action::Command => self.ask(Asks::Command),
            Action::PickClass => self.ask(Asks::Class),
            Action::PickPicture => self.ask(Asks::Picture),
            Action::Preprocess => self.ask(Asks::Preprocess),
            Action::Contrast => return self.contrast(),
            Action::Method => self.ask(Asks::Method),
            Action::Set => self.ask(Asks::Setting),
            Action::Recipe => self.ask(Asks::Recipe),
            Action::Attribute => return self.attribute(),
            Action::Findings => self.list_findings(),
            Action::Debug => self.debug = !self.debug,
            Action::Theme => {
                self.theme = (self.theme + 1) % self.themes.len();
                self.notice = Some(Notice::Done(format!("theme {}", self.theme().name)));
            }
            Action::ColorMap => self.colormap = self.colormap.next(),
            Action::Scale => self.set_scale(self.scale.next()),
            Action::Crisp => self.crisp = !self.crisp,
            Action::Histogram => self.log_histogram = !self.log_histogram,
            Action::Probe => self.toggle_probe(),
            Action::Overlay => self.overlay = self.overlay.next(),
            Action::Stronger => self.change_strength(steps),
            Action::Weaker => self.change_strength(-steps),
            Action::Maximize => return self.maximize(),
            Action::NextPane => return self.focus_on(self.pane_after(1)),
            Action::PreviousPane => return self.focus_on(self.pane_after(2)),
            Action::Layers => return self.focus_on(Focus::Layers),
            Action::Channels => return self.focus_on(Focus::Channels),
            Action::Heatmap => return self.focus_on(Focus::Heatmap),
            Action::Activations => return self.show(Content::Activations),
            Action::Gradients => return self.show(Content::Gradients),
            Action::ActivationTimesGradient => return self.show(Content::ActivationTimesGradient),
            Action::Patterns => return self.patterns(),
            Action::Weights => return self.show(Content::Weights),
            Action::Order => return self.sort_by(self.order.next()),
            Action::Find if self.focus == Focus::Heatmap => self.ask(Asks::Class),
            Action::Find => self.start_search(),
            Action::NextMatch => return self.step_match(steps),
            Action::PreviousMatch => return self.step_match(-steps),
            Action::NextLayer => return self.step_layer(steps),
            Action::PreviousLayer => return self.step_layer(-steps),
            Action::Fold => self.toggle_fold(),
            Action::FoldAll => return self.fold_all(),
            Action::Operators => return self.toggle_operators(),
            Action::SortLayers => return self.sort_layers(),
            Action::NextExciting => self.step_excitation(steps),
            Action::PreviousExciting => self.step_excitation(-steps),
            Action::WholePicture => self.toggle_whole(),
            Action::ExcitedBy => self.ask(Asks::ExcitedBy),
            Action::Scan => self.ask(Asks::Scan),
            Action::NextClass => return self.step_class(steps),
            Action::PreviousClass => return self.step_class(-steps),
            Action::MapHere => return self.map_here(),
            Action::Blend => return self.blend(),
            Action::Trust => return self.toggle_trust(),
            Action::NextPicture => return self.step_picture(steps),
            Action::PreviousPicture => return self.step_picture(-steps),
            Action::Back => return self.back(),
            Action::Open => return self.open(),
            Action::First | Action::Last if count.is_some() => return self.go_to(count.unwrap_or(0)),
            moving => return self.move_cursor(moving, steps),
        }
        Vec::new()
    }

    fn ask(&mut self, asks: Asks) {
        self.popup = Some(Popup::Prompt(Prompt::new(asks).at_current(self)));
    }

    fn pane_after(&self, steps: usize) -> Focus {
        let at = Focus::ALL.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        Focus::ALL[(at + steps) % Focus::ALL.len()]
    }

    /// The pager may hold more or fewer channels in another layout, so that another page is wanted.
    pub(super) fn focus_on(&mut self, focus: Focus) -> Vec<Effect> {
        self.focus = focus;
        self.ask_page()
    }

    fn maximize(&mut self) -> Vec<Effect> {
        self.maximized = !self.maximized;
        self.ask_page()
    }

    /// One step back: from a point to its channel, from a channel to its page, from a pane to the layers.
    fn back(&mut self) -> Vec<Effect> {
        if self.probe.take().is_some() {
            return Vec::new();
        }
        if self.zoomed && self.focus == Focus::Channels {
            self.zoomed = false;
            // Of a vector more have room now.
            return self.ask_page();
        }
        if self.is_growing() && self.focus == Focus::Channels {
            return self.stop_patterns();
        }
        if self.mapping && self.progress.contains_key(&Pane::Heatmap) && self.focus != Focus::Channels {
            return self.stop_map();
        }
        if self.trust.left > 0 && self.focus != Focus::Channels {
            return self.stop_trust();
        }
        if self.maximized {
            return self.maximize();
        }
        if self.focus == Focus::Layers {
            self.search = None;
        }
        self.focus_on(Focus::Layers)
    }

    fn open(&mut self) -> Vec<Effect> {
        match self.focus {
            Focus::Layers => return self.focus_on(Focus::Channels),
            Focus::Channels => {
                self.zoomed = true;
                return self.ask_page();
            }
            Focus::Heatmap => self.ask(Asks::Class),
        }
        Vec::new()
    }

    fn move_cursor(&mut self, action: Action, times: i64) -> Vec<Effect> {
        match self.focus {
            Focus::Layers => self.move_in_tree(action, times),
            Focus::Channels if self.zoomed && self.probe.is_some() => self.move_probe(action, times),
            Focus::Channels => self.move_in_page(action, times),
            Focus::Heatmap => match action {
                Action::Down => self.step_class(times),
                Action::Up => self.step_class(-times),
                Action::Right => self.step_picture(times),
                Action::Left => self.step_picture(-times),
                _ => Vec::new(),
            },
        }
    }

    /// Goes to a row of the tree, counted from 1, or to a channel by its number.
    pub(super) fn go_to(&mut self, number: usize) -> Vec<Effect> {
        match self.focus {
            Focus::Layers => {
                let visible = self.visible_layers();
                let row = number.saturating_sub(1).min(visible.len().saturating_sub(1));
                visible.get(row).copied().map_or_else(Vec::new, |layer| self.choose_layer(layer))
            }
            Focus::Channels | Focus::Heatmap => {
                self.channel = number.min(self.channels().saturating_sub(1));
                self.ask_page()
            }
        }
    }

    fn copy(&mut self) -> Vec<Effect> {
        let path = self.model.as_ref().and_then(|model| model.layers.get(self.layer.0)).map(|layer| layer.path.clone());
        let Some(path) = path else { return Vec::new() };
        let text = match (self.focus, self.channel_number()) {
            (Focus::Channels, Some(channel)) => format!("{path} {channel}"),
            _ => path,
        };
        self.notice = Some(Notice::Done(format!("copied {text}")));
        vec![Effect::Copy(text)]
    }

    /// The screen has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Vec<Effect> {
        self.screen = (columns, rows);
        let mut effects = self.ask_page();
        effects.extend(self.ask_excitations());
        effects
    }
}
