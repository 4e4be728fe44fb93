//! Moving in the layer tree, folding and finding.

use std::collections::HashSet;

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use super::Effect;
use crate::model::{LayerId, LayerKind};
use crate::service::protocol::{Content, Pane};
use crate::tui::action::Action;
use crate::tui::prompt::Asks;
use crate::tui::search::Search;
use crate::tui::state::{Notice, State};

impl State {
    pub(super) fn move_in_tree(&mut self, action: Action, times: i64) -> Vec<Effect> {
        let page = i64::from(self.screen.1.saturating_sub(4).max(1));
        match action {
            Action::Up => self.step_layer(-times),
            Action::Down => self.step_layer(times),
            Action::HalfPageUp => self.step_layer(-times * page / 2),
            Action::HalfPageDown => self.step_layer(times * page / 2),
            Action::PageUp => self.step_layer(-times * page),
            Action::PageDown => self.step_layer(times * page),
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

    pub(super) fn toggle_fold(&mut self) {
        let foldable = self.model.as_ref().and_then(|model| model.layers.get(self.layer.0));
        if foldable.is_some_and(|layer| layer.has_children) && !self.folded.remove(&self.layer) {
            self.folded.insert(self.layer);
        }
    }

    /// Folds every layer, or unfolds them all where some are folded.
    pub(super) fn fold_all(&mut self) -> Vec<Effect> {
        let Some(model) = &self.model else { return Vec::new() };
        if !self.folded.is_empty() {
            self.folded.clear();
            return Vec::new();
        }
        let all = model.layers.iter().enumerate().filter(|(_, layer)| layer.has_children);
        let all: HashSet<LayerId> = all.map(|(index, _)| LayerId(index)).collect();
        self.folded = all;
        self.stay_visible()
    }

    pub(super) fn toggle_operators(&mut self) -> Vec<Effect> {
        self.operators = !self.operators;
        let words = if self.operators { "single operators are shown" } else { "single operators are hidden" };
        self.notice = Some(Notice::Done(words.to_owned()));
        self.stay_visible()
    }

    /// Lists the layers by how much two models differ at them, or shows the tree again.
    pub(super) fn sort_layers(&mut self) -> Vec<Effect> {
        if self.differences.is_empty() {
            self.notice = Some(Notice::Amiss("there is one model: --compare shows two".to_owned()));
            return Vec::new();
        }
        self.sorted_by_difference = !self.sorted_by_difference;
        if self.sorted_by_difference { self.step_layer(i64::MIN / 2) } else { self.stay_visible() }
    }

    /// Goes to the nearest layer around the chosen one that is drawn.
    pub(super) fn stay_visible(&mut self) -> Vec<Effect> {
        let visible = self.visible_layers();
        if visible.contains(&self.layer) {
            return Vec::new();
        }
        let above = visible.iter().rev().find(|layer| layer.0 <= self.layer.0).or(visible.first());
        above.copied().map_or_else(Vec::new, |layer| self.choose_layer(layer))
    }

    pub(super) fn step_layer(&mut self, steps: i64) -> Vec<Effect> {
        let visible = self.visible_layers();
        let at = visible.iter().position(|layer| *layer == self.layer).unwrap_or(0) as i64;
        let to = at.saturating_add(steps).clamp(0, (visible.len() as i64 - 1).max(0));
        visible.get(to as usize).copied().map_or_else(Vec::new, |layer| self.choose_layer(layer))
    }

    pub(in crate::tui) fn choose_layer(&mut self, layer: LayerId) -> Vec<Effect> {
        if layer == self.layer {
            return Vec::new();
        }
        self.reveal(layer);
        self.layer = layer;
        self.failed.remove(&Pane::Channels);
        self.channel = 0;
        self.zoomed = false;
        self.probe = None;
        // Patterns take a while: they are made when someone asks for them, not for every layer on the way.
        if matches!(self.content, Content::Patterns | Content::Weights) {
            self.content = Content::Activations;
        }
        self.ask_page()
    }

    /// Unfolds what a layer is hidden in.
    fn reveal(&mut self, layer: LayerId) {
        let Some(model) = &self.model else { return };
        let info = model.layers.get(layer.0);
        if info.is_some_and(|info| info.kind == LayerKind::Operator) {
            self.operators = true;
        }
        let mut around = info.and_then(|info| info.parent);
        while let Some(parent) = around {
            self.folded.remove(&parent);
            around = model.layers.get(parent.0).and_then(|info| info.parent);
        }
    }

    /// Lists what a check has found, or says that there is nothing.
    pub(super) fn list_findings(&mut self) {
        if self.findings.as_ref().is_some_and(|findings| !findings.all.is_empty()) {
            return self.ask(Asks::Finding);
        }
        self.say_findings();
        self.check_awaited = self.findings.is_none() && !self.failed.contains_key(&Pane::Health);
    }

    /// Says how far the check is.
    pub(super) fn say_findings(&mut self) {
        let failed = self.failed.get(&Pane::Health);
        self.notice = Some(match (&self.findings, failed) {
            (Some(findings), _) if findings.all.is_empty() => {
                Notice::Done("the check on this picture found nothing amiss".to_owned())
            }
            (Some(findings), _) => {
                let keys = self.keymap.keys_of(Action::Findings).first().cloned().unwrap_or_default();
                let count = findings.all.len();
                let things = if count == 1 { "one thing".to_owned() } else { format!("{count} things") };
                Notice::Done(format!("the check on this picture found {things}; {keys} lists them"))
            }
            (None, Some(reason)) => Notice::Amiss(reason.clone()),
            (None, None) => {
                Notice::Done("the check on this picture is not done yet; what it finds is said here".to_owned())
            }
        });
    }

    pub(super) fn start_search(&mut self) {
        self.search = Some(Search::new(self.layer));
    }

    pub(super) fn search_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(search) = &mut self.search else { return Vec::new() };
        match key.code {
            KeyCode::Enter => {
                search.typing = false;
                if search.count() == 0 {
                    self.search = None;
                }
                Vec::new()
            }
            KeyCode::Esc => {
                let back = search.came_from;
                self.search = None;
                self.choose_layer(back)
            }
            KeyCode::Down | KeyCode::Tab => self.step_match(1),
            KeyCode::Up | KeyCode::BackTab => self.step_match(-1),
            _ => self.type_search(key),
        }
    }

    fn type_search(&mut self, key: KeyEvent) -> Vec<Effect> {
        let (Some(search), Some(model)) = (&mut self.search, &self.model) else { return Vec::new() };
        if search.input.handle_event(&TerminalEvent::Key(key)).is_none_or(|change| !change.value) {
            return Vec::new();
        }
        search.look(&model.layers);
        let to = search.best.unwrap_or(search.came_from);
        self.choose_layer(to)
    }

    /// Goes from match to match.
    pub(super) fn step_match(&mut self, steps: i64) -> Vec<Effect> {
        let Some(search) = &self.search else {
            let find = self.keymap.keys_of(Action::Find).first().cloned().unwrap_or_default();
            self.notice = Some(Notice::Amiss(format!("nothing was looked for: {find} finds a layer")));
            return Vec::new();
        };
        search.step(self.layer, steps).map_or_else(Vec::new, |layer| self.choose_layer(layer))
    }
}
