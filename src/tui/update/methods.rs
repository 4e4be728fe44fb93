//! Recipes of patterns, what is set of methods, and patterns that are stopped and go on.

use super::Effect;
use crate::methods::registry::{Chosen, Kind, Method};
use crate::service::protocol::{Content, Pane, Request};
use crate::tui::page::{Page, PageKey};
use crate::tui::state::{Notice, State};

impl State {
    /// Grows patterns in another way.
    pub(in crate::tui) fn choose_recipe(&mut self, method: &'static Method) -> Vec<Effect> {
        let other = self.methods.choose(method);
        if other {
            self.forget_patterns();
        }
        self.show(Content::Patterns)
    }

    /// Patterns that were grown in another way are not those that are wanted.
    fn forget_patterns(&mut self) {
        self.pages.retain(|key, _| key.content != Content::Patterns);
        self.page_order.retain(|key| key.content != Content::Patterns);
        self.stopped.clear();
        if self.asked.is_some_and(|(_, key)| key.content == Content::Patterns) {
            self.asked = None;
        }
        self.detail = None;
    }

    /// Sets `NAME=VALUE` of the method that one looks at.
    pub(super) fn set(&mut self, setting: &str) -> Vec<Effect> {
        let mut chosen = self.method_here().clone();
        if let Err(reason) = chosen.set(setting) {
            self.notice = Some(Notice::Amiss(reason.to_string()));
            return Vec::new();
        }
        self.use_settings(chosen)
    }

    pub(super) fn set_defaults(&mut self) -> Vec<Effect> {
        let usual = Chosen::from(self.method_here().method());
        self.use_settings(usual)
    }

    fn use_settings(&mut self, chosen: Chosen) -> Vec<Effect> {
        if chosen == *self.method_here() {
            return Vec::new();
        }
        let changed = chosen.changed();
        let words = if changed.is_empty() { "as it usually is".to_owned() } else { changed.join(" ") };
        self.notice = Some(Notice::Done(format!("{}: {words}", chosen.method().name)));
        if chosen.method().run.kind() == Kind::Pattern {
            self.methods.recipe = chosen;
            self.forget_patterns();
            return self.ask_page();
        }
        self.methods.heatmap = chosen;
        self.ask_map()
    }

    /// Whether the page that is shown is one of patterns that grow.
    pub fn is_growing(&self) -> bool {
        let key = self.page_key();
        key.content == Content::Patterns
            && self.asked.is_some_and(|(_, asked)| asked == key)
            && self.page().is_some_and(|page| !page.is_finished())
    }

    /// Whether the page that is shown is one of patterns that were stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.contains(&self.page_key()) && self.page().is_some_and(|page| !page.is_finished())
    }

    /// Shows patterns; those that grow stop, and those that were stopped go on.
    pub(super) fn patterns(&mut self) -> Vec<Effect> {
        if self.is_growing() {
            return self.stop_patterns();
        }
        self.stopped.remove(&self.page_key());
        self.show(Content::Patterns)
    }

    /// Stops patterns that grow and keeps them.
    pub(super) fn stop_patterns(&mut self) -> Vec<Effect> {
        self.stopped.insert(self.page_key());
        self.asked = None;
        self.progress.remove(&Pane::Channels);
        vec![Effect::Ask(Request::Stop(Pane::Channels))]
    }

    /// Whether a page need not be asked for: all of it is there, or the user has stopped it.
    pub(super) fn is_settled(&self, key: &PageKey) -> bool {
        self.pages.get(key).is_some_and(|page| Page::is_finished(page) || self.stopped.contains(key))
    }
}
