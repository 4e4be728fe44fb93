//! What is asked of the engine.

use super::Effect;
use crate::methods::registry::Run;
use crate::service::protocol::{Content, Pane, Recipe, Request, Target};
use crate::tui::layout;
use crate::tui::page::PageKey;
use crate::tui::panes::excitations;
use crate::tui::state::{DetailKey, State};

impl State {
    /// Asks for the chosen picture.
    pub fn ask_picture(&mut self) -> Vec<Effect> {
        self.input_ticket = self.next_ticket();
        self.failed.remove(&Pane::Input);
        self.progress.insert(Pane::Input, "running".to_owned());
        // The engine drops all other work for it.
        self.mapping = false;
        self.progress.remove(&Pane::Heatmap);
        self.leave_trust();
        let path = self.inputs.get(self.input).cloned().flatten();
        vec![Effect::Ask(Request::Picture { ticket: self.input_ticket, path, preprocess: self.preprocess.clone() })]
    }

    /// Asks for the page under the cursor, unless it is there or on its way.
    pub fn ask_page(&mut self) -> Vec<Effect> {
        let key = self.page_key();
        if self.run.is_none() {
            return Vec::new();
        }
        if self.is_settled(&key) {
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
        vec![Effect::Ask(Request::Channels {
            ticket,
            layer,
            content,
            order,
            class,
            first,
            count,
            recipe: self.recipe(),
        })]
    }

    /// Asks for the pattern of the zoomed channel, where there is room to show it beside the channel.
    pub(super) fn ask_detail(&mut self) -> Vec<Effect> {
        let wanted = self.detail_wanted();
        if wanted == self.detail.as_ref().map(|(key, _)| *key) {
            return Vec::new();
        }
        let had = self.detail.take().is_some();
        let Some((layer, channel)) = wanted else {
            return if had { vec![Effect::Ask(Request::Stop(Pane::Detail))] } else { Vec::new() };
        };
        self.detail = Some(((layer, channel), None));
        self.detail_ticket = self.next_ticket();
        vec![Effect::Ask(Request::Pattern { ticket: self.detail_ticket, layer, channel, recipe: self.recipe() })]
    }

    fn detail_wanted(&self) -> Option<DetailKey> {
        let activations =
            matches!(self.content, Content::Activations | Content::Gradients | Content::ActivationTimesGradient);
        if !self.zoomed || !activations || layout::shows_bars(self) {
            return None;
        }
        let page = self.page().filter(|page| page.has_values())?;
        let cell = self.cell.unwrap_or((10, 20));
        excitations::split(self, layout::channels_inner(self), page.shape(), cell).0.pattern?;
        Some((self.layer, self.channel_number()?))
    }

    /// How patterns are made.
    fn recipe(&self) -> Recipe {
        let chosen = &self.methods.recipe;
        match chosen.method().run {
            Run::Pattern(recipe) => recipe(chosen.settings()),
            Run::Map(_) | Run::Attribution { .. } | Run::Faithfulness(_) => Recipe::default(),
        }
    }

    /// Asks for the heatmap of the chosen class or channel, made at the chosen layers.
    pub(super) fn ask_map(&mut self) -> Vec<Effect> {
        if self.run.is_none() {
            return Vec::new();
        }
        self.map_ticket = self.next_ticket();
        self.failed.remove(&Pane::Heatmap);
        self.progress.remove(&Pane::Heatmap);
        self.mapping = true;
        self.leave_trust();
        self.trust.forget();
        let class = Target::Class { class: self.class, against: self.against };
        let of = self.unit.map_or(class, Target::Channel);
        let (ticket, method, layers) = (self.map_ticket, self.methods.heatmap.clone(), self.map_layers.clone());
        vec![Effect::Ask(Request::Map { ticket, method, layers, of })]
    }

    /// Asks what is wrong on this picture.
    pub(super) fn ask_check(&mut self) -> Effect {
        self.check_ticket = self.next_ticket();
        self.check_awaited = false;
        Effect::Ask(Request::Check { ticket: self.check_ticket })
    }

    /// Stops the heatmap that is being made; what there is of it stays.
    pub(super) fn stop_map(&mut self) -> Vec<Effect> {
        // Answers that are on their way come too late.
        self.map_ticket = self.next_ticket();
        self.mapping = false;
        self.progress.remove(&Pane::Heatmap);
        vec![Effect::Ask(Request::Stop(Pane::Heatmap))]
    }
}
