//! What is asked of the engine.

use super::Effect;
use crate::service::protocol::{Pane, Request};
use crate::tui::page::{Page, PageKey};
use crate::tui::state::State;

impl State {
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
        if self.pages.get(&key).is_some_and(Page::is_finished) {
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
        let PageKey { layer, content, order, class, first, count } = key;
        vec![Effect::Ask(Request::Channels { ticket, layer, content, order, class, first, count })]
    }

    /// Asks for the map of the chosen class at the chosen layers.
    pub(super) fn ask_map(&mut self) -> Vec<Effect> {
        if self.run.is_none() {
            return Vec::new();
        }
        self.map_ticket = self.next_ticket();
        self.failed.remove(&Pane::Heatmap);
        let (ticket, layers) = (self.map_ticket, self.map_layers.clone());
        vec![Effect::Ask(Request::Map { ticket, layers, class: self.class, against: self.against })]
    }
}
