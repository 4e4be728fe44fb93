//! From keys and the engine's events to the next state and what is to be done.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use image::RgbImage;

use super::action::{Action, action_of};
use super::layout;
use super::stamped::Stamped;
use super::state::{Focus, OverlayMode, Page, Popup, Run, State};
use crate::model::LayerId;
use crate::service::protocol::{ClassId, Content, Event, Order, Pane, Request, Rgb};

/// Something for the loop around the state to do.
#[derive(Debug)]
pub enum Effect {
    /// Ask the engine.
    Ask(Request),
    /// Save what is shown.
    Save,
    /// Write the whole screen anew, pictures included.
    Redraw,
    /// Write the screen anew where a popup covered pictures.
    Uncover,
    /// Back to the shell for a while.
    Suspend,
    /// Leave with this exit code.
    Quit(u8),
}

impl State {
    /// What a key does.
    pub fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.notice = None;
        let action = action_of(key);
        if action == Some(Action::Quit) && key.code != KeyCode::Char('q') {
            return vec![Effect::Quit(0)];
        }
        match self.popup.clone() {
            Some(Popup::Classes { typed, chosen }) => self.class_picker(key, typed, chosen),
            Some(Popup::Help(scroll)) => self.help(action, scroll),
            None => action.map_or_else(Vec::new, |action| self.act(action)),
        }
    }

    fn help(&mut self, action: Option<Action>, scroll: u16) -> Vec<Effect> {
        match action {
            Some(Action::Down) => self.popup = Some(Popup::Help(scroll.saturating_add(1))),
            Some(Action::Up) => self.popup = Some(Popup::Help(scroll.saturating_sub(1))),
            _ => {
                self.popup = None;
                return vec![Effect::Uncover];
            }
        }
        Vec::new()
    }

    fn class_picker(&mut self, key: KeyEvent, mut typed: String, mut chosen: usize) -> Vec<Effect> {
        let rows = self.matching_classes(&typed);
        match key.code {
            KeyCode::Esc => {
                self.popup = None;
                return vec![Effect::Uncover];
            }
            KeyCode::Enter => {
                self.popup = None;
                let row = rows.get(chosen.min(rows.len().saturating_sub(1))).copied();
                let class = row.and_then(|row| self.model.as_ref()?.classes.get(row)).map(|class| class.id);
                let mut effects = vec![Effect::Uncover];
                if class.is_some() {
                    self.class = class;
                    effects.extend(self.ask_map());
                }
                return effects;
            }
            KeyCode::Down => chosen = (chosen + 1).min(rows.len().saturating_sub(1)),
            KeyCode::Up => chosen = chosen.saturating_sub(1),
            KeyCode::Backspace => {
                typed.pop();
                chosen = 0;
            }
            KeyCode::Char(character) => {
                typed.push(character);
                chosen = 0;
            }
            _ => {}
        }
        self.popup = Some(Popup::Classes { typed, chosen });
        Vec::new()
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Quit => return vec![Effect::Quit(0)],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Save => return vec![Effect::Save],
            Action::Help => self.popup = Some(Popup::Help(0)),
            Action::Theme => self.theme = (self.theme + 1) % self.themes.len(),
            Action::ColorMap => self.colormap = self.colormap.next(),
            Action::Scale => {
                self.scale = self.scale.next();
                self.colormap = self.scale.fitting_map();
            }
            Action::Overlay => {
                self.overlay = match self.overlay {
                    OverlayMode::Overlay => OverlayMode::Picture,
                    OverlayMode::Picture => OverlayMode::Map,
                    OverlayMode::Map => OverlayMode::Overlay,
                }
            }
            Action::NextPane => return self.focus_on(self.pane_after(1)),
            Action::PreviousPane => return self.focus_on(self.pane_after(2)),
            Action::Channels => return self.focus_on(Focus::Channels),
            Action::Heatmap => return self.focus_on(Focus::Heatmap),
            Action::Activations => return self.show(Content::Activations),
            Action::Patterns => return self.show(Content::Patterns),
            Action::Weights => return self.show(Content::Weights),
            Action::NextLayer => return self.step_layer(1),
            Action::PreviousLayer => return self.step_layer(-1),
            Action::NextClass => return self.step_class(1),
            Action::PreviousClass => return self.step_class(-1),
            Action::PickClass => self.popup = Some(Popup::Classes { typed: String::new(), chosen: 0 }),
            Action::MapHere => return self.map_here(),
            Action::NextPicture => return self.step_picture(1),
            Action::PreviousPicture => return self.step_picture(-1),
            Action::Back if self.zoomed => self.zoomed = false,
            Action::Layers | Action::Back => return self.focus_on(Focus::Layers),
            Action::Open => return self.open(),
            moving => return self.move_cursor(moving),
        }
        Vec::new()
    }

    fn pane_after(&self, steps: usize) -> Focus {
        let at = Focus::ALL.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        Focus::ALL[(at + steps) % Focus::ALL.len()]
    }

    /// The pager may hold more or fewer channels in another layout, so that another page is wanted.
    fn focus_on(&mut self, focus: Focus) -> Vec<Effect> {
        self.focus = focus;
        self.ask_page()
    }

    fn show(&mut self, content: Content) -> Vec<Effect> {
        self.content = content;
        self.failed.remove(&Pane::Channels);
        self.channel = self.channel.min(self.layer_state().map_or(0, |layer| layer.channels.saturating_sub(1)));
        self.ask_page()
    }

    fn open(&mut self) -> Vec<Effect> {
        match self.focus {
            Focus::Layers => self.focus_on(Focus::Channels),
            Focus::Channels => {
                self.zoomed = true;
                Vec::new()
            }
            Focus::Heatmap => {
                self.popup = Some(Popup::Classes { typed: String::new(), chosen: 0 });
                Vec::new()
            }
        }
    }

    fn move_cursor(&mut self, action: Action) -> Vec<Effect> {
        match self.focus {
            Focus::Layers => self.move_in_tree(action),
            Focus::Channels => self.move_in_page(action),
            Focus::Heatmap => match action {
                Action::Down | Action::Right => self.step_class(1),
                Action::Up | Action::Left => self.step_class(-1),
                _ => Vec::new(),
            },
        }
    }

    fn move_in_tree(&mut self, action: Action) -> Vec<Effect> {
        let page = i64::from(self.screen.1.saturating_sub(4).max(1));
        match action {
            Action::Up => self.step_layer(-1),
            Action::Down => self.step_layer(1),
            Action::HalfPageUp => self.step_layer(-page / 2),
            Action::HalfPageDown => self.step_layer(page / 2),
            Action::PageUp => self.step_layer(-page),
            Action::PageDown => self.step_layer(page),
            Action::First => self.step_layer(i64::MIN / 2),
            Action::Last => self.step_layer(i64::MAX / 2),
            Action::Left => self.fold(),
            Action::Right => {
                self.folded.remove(&self.layer);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Folds the layer, or goes to the one around it where there is nothing to fold.
    fn fold(&mut self) -> Vec<Effect> {
        let layer = self.layer;
        let Some(info) = self.model.as_ref().and_then(|model| model.layers.get(layer.0)) else { return Vec::new() };
        if info.has_children && self.folded.insert(layer) {
            return Vec::new();
        }
        info.parent.map_or_else(Vec::new, |parent| self.choose_layer(parent))
    }

    fn step_layer(&mut self, steps: i64) -> Vec<Effect> {
        let visible = self.visible_layers();
        let at = visible.iter().position(|layer| *layer == self.layer).unwrap_or(0) as i64;
        let to = at.saturating_add(steps).clamp(0, (visible.len() as i64 - 1).max(0));
        visible.get(to as usize).copied().map_or_else(Vec::new, |layer| self.choose_layer(layer))
    }

    fn choose_layer(&mut self, layer: LayerId) -> Vec<Effect> {
        if layer == self.layer {
            return Vec::new();
        }
        self.layer = layer;
        self.failed.remove(&Pane::Channels);
        self.channel = 0;
        self.zoomed = false;
        // Patterns take a while: they are made when someone asks for them, not for every layer on the way.
        if self.content != Content::Activations {
            self.content = Content::Activations;
        }
        self.ask_page()
    }

    fn move_in_page(&mut self, action: Action) -> Vec<Effect> {
        let tiles = layout::page_tiles(self);
        let (row, page) = (tiles.columns as i64, layout::page_capacity(self) as i64);
        let steps = match action {
            Action::Left => -1,
            Action::Right => 1,
            Action::Up if self.zoomed => -1,
            Action::Down if self.zoomed => 1,
            Action::Up => -row,
            Action::Down => row,
            Action::HalfPageUp => -row * (tiles.rows as i64 / 2).max(1),
            Action::HalfPageDown => row * (tiles.rows as i64 / 2).max(1),
            Action::PageUp => -page,
            Action::PageDown => page,
            Action::First => i64::MIN / 2,
            Action::Last => i64::MAX / 2,
            _ => 0,
        };
        let last = self.channels().saturating_sub(1) as i64;
        let to = (self.channel as i64).saturating_add(steps);
        // A row beyond the last is no place to go; the ends are.
        let beyond = (to < 0 || to > last) && matches!(action, Action::Up | Action::Down) && !self.zoomed;
        if !beyond {
            self.channel = to.clamp(0, last) as usize;
        }
        self.ask_page()
    }

    fn step_class(&mut self, steps: i64) -> Vec<Effect> {
        let classes: Vec<ClassId> = self.top_classes().into_iter().map(|(class, ..)| class).collect();
        if classes.is_empty() {
            return Vec::new();
        }
        let current = self.map.as_ref().map(|map| map.class.id).or(self.class);
        let at = current.and_then(|class| classes.iter().position(|known| *known == class));
        let count = classes.len() as i64;
        let to = at.map_or(0, |at| (at as i64 + steps).rem_euclid(count)) as usize;
        self.class = classes.get(to).copied();
        self.ask_map()
    }

    fn map_here(&mut self) -> Vec<Effect> {
        self.map_layer = if self.map_layer == Some(self.layer) { None } else { Some(self.layer) };
        self.ask_map()
    }

    fn step_picture(&mut self, steps: i64) -> Vec<Effect> {
        if self.inputs.len() < 2 {
            self.notice = Some("there is one picture; give several, or a folder".to_owned());
            return Vec::new();
        }
        let count = self.inputs.len() as i64;
        self.input = (self.input as i64 + steps).rem_euclid(count) as usize;
        self.class = None;
        self.ask_picture()
    }

    /// Asks for the chosen picture.
    pub fn ask_picture(&mut self) -> Vec<Effect> {
        self.input_ticket = self.next_ticket();
        self.failed.remove(&Pane::Input);
        self.progress.insert(Pane::Input, "running".to_owned());
        let path = self.inputs.get(self.input).cloned().flatten();
        vec![Effect::Ask(Request::Picture { ticket: self.input_ticket, path })]
    }

    /// Asks for the page under the cursor, unless it is there or on its way.
    pub fn ask_page(&mut self) -> Vec<Effect> {
        let key = self.page_key();
        if self.run.is_none() {
            return Vec::new();
        }
        let finished = self.pages.get(&key).is_some_and(|page| match page {
            Page::Numbers(_) => true,
            Page::Patterns(page) => page.step == page.steps,
        });
        if finished {
            let outdated = self.asked.take().is_some_and(|(_, asked)| asked != key);
            self.progress.remove(&Pane::Channels);
            return if outdated { vec![Effect::Ask(Request::Stop(Pane::Channels))] } else { Vec::new() };
        }
        if self.asked.is_some_and(|(_, asked)| asked == key) {
            return Vec::new();
        }
        let ticket = self.next_ticket();
        self.asked = Some((ticket, key));
        self.failed.remove(&Pane::Channels);
        let (layer, content, first, count) = key;
        vec![Effect::Ask(Request::Channels { ticket, layer, content, order: Order::Index, class: None, first, count })]
    }

    fn ask_map(&mut self) -> Vec<Effect> {
        if self.run.is_none() {
            return Vec::new();
        }
        self.map_ticket = self.next_ticket();
        self.failed.remove(&Pane::Heatmap);
        vec![Effect::Ask(Request::Map {
            ticket: self.map_ticket,
            layers: self.map_layer.into_iter().collect(),
            class: self.class,
            against: None,
        })]
    }

    /// What the engine's event does. Answers to requests that a newer one has overtaken are dropped.
    pub fn event(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Progress { pane, what, .. } => {
                self.progress.insert(pane, what);
            }
            Event::Opened(model) => {
                self.progress.remove(&Pane::Input);
                self.model = Some(model);
                self.layer = self.first_layer();
                return self.ask_picture();
            }
            Event::Ran { ticket, picture, predictions, layers, .. } if ticket == self.input_ticket => {
                self.progress.remove(&Pane::Input);
                self.forget_picture();
                let layers = layers.into_iter().map(|layer| (layer.layer, layer)).collect();
                self.run = Some(Run { picture: Stamped::new(rgb(picture)), predictions, layers });
                self.asked = None;
                let mut effects = self.ask_map();
                effects.extend(self.ask_page());
                return effects;
            }
            Event::Channels { ticket, page } => self.arrived(ticket.0, Page::Numbers(Stamped::new(*page)), true),
            Event::Patterns { ticket, page } => {
                let done = page.step == page.steps;
                if self.asked.is_some_and(|(asked, _)| asked == ticket) {
                    self.progress.insert(Pane::Channels, format!("step {}/{}", page.step, page.steps));
                }
                self.arrived(ticket.0, Page::Patterns(Stamped::new(*page)), done);
            }
            Event::Map { ticket, map } if ticket == self.map_ticket => {
                self.class = Some(map.class.id);
                self.map = Some(Stamped::new(*map));
            }
            Event::Failed { pane, ticket, message } => self.fail(pane, ticket.map(|ticket| ticket.0), message),
            Event::Ran { .. } | Event::Map { .. } | Event::OpenedOther(_) | Event::Compared { .. } => {}
        }
        Vec::new()
    }

    fn arrived(&mut self, ticket: u64, page: Page, done: bool) {
        let Some((asked, key)) = self.asked else { return };
        if asked.0 != ticket {
            return;
        }
        self.keep_page(key, page);
        if done {
            self.asked = None;
            self.progress.remove(&Pane::Channels);
        }
    }

    fn fail(&mut self, pane: Pane, ticket: Option<u64>, message: String) {
        let current = match pane {
            Pane::Input => ticket.is_none_or(|ticket| ticket == self.input_ticket.0),
            Pane::Channels => self.asked.is_some_and(|(asked, _)| Some(asked.0) == ticket),
            Pane::Heatmap => ticket == Some(self.map_ticket.0),
        };
        if !current {
            return;
        }
        if pane == Pane::Channels {
            self.asked = None;
        }
        self.progress.remove(&pane);
        self.failed.insert(pane, message);
    }

    /// The screen has another size.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Vec<Effect> {
        self.screen = (columns, rows);
        self.ask_page()
    }
}

/// A picture of the protocol's as a picture of the image crate's.
pub fn rgb(picture: Rgb) -> RgbImage {
    RgbImage::from_raw(picture.width, picture.height, picture.pixels).unwrap_or_default()
}
