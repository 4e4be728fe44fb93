//! Asking how far the heatmap is to be trusted.

use super::Effect;
use crate::methods::registry::{self, Chosen, Kind};
use crate::service::protocol::{Measured, Pane, Request, Ticket};
use crate::tui::state::State;

impl State {
    /// Shows how far the heatmap is to be trusted, or the classes again.
    pub(super) fn toggle_trust(&mut self) -> Vec<Effect> {
        self.trust.shown = !self.trust.shown;
        if self.trust.shown { self.ask_trust() } else { self.stop_trust() }
    }

    /// Asks for what is not known yet of the heatmap that is there, if the user wants to know it.
    pub(super) fn ask_trust(&mut self) -> Vec<Effect> {
        let settled = self.trust.shown && !self.mapping && !self.progress.contains_key(&Pane::Input);
        // A map that was stopped half made would be held against whole ones.
        let Some(map) = self.map.as_ref().filter(|map| settled && map.so_far.is_none()) else { return Vec::new() };
        let known = |name: &str| self.trust.found.iter().any(|one| one.metric.method().name == name);
        let metrics: Vec<Chosen> =
            registry::all(Kind::Faithfulness).filter(|metric| !known(metric.name)).map(Chosen::from).collect();
        if metrics.is_empty() {
            return Vec::new();
        }
        let map = Box::new((**map).clone());
        self.trust.left = metrics.len();
        self.trust.ticket = self.next_ticket();
        self.failed.remove(&Pane::Trust);
        vec![Effect::Ask(Request::Trust { ticket: self.trust.ticket, map, metrics })]
    }

    /// Stops measuring; what was found stays.
    pub(super) fn stop_trust(&mut self) -> Vec<Effect> {
        let measuring = self.trust.left > 0;
        self.leave_trust();
        if measuring { vec![Effect::Ask(Request::Stop(Pane::Trust))] } else { Vec::new() }
    }

    /// Waits for no answer any more; one that is on its way is of what was measured before.
    pub(super) fn leave_trust(&mut self) {
        self.trust.ticket = self.next_ticket();
        self.trust.left = 0;
        self.progress.remove(&Pane::Trust);
        self.failed.remove(&Pane::Trust);
    }

    pub(super) fn measured(&mut self, ticket: Ticket, measured: Measured, left: usize) {
        if ticket != self.trust.ticket {
            return;
        }
        self.trust.found.push(measured);
        self.trust.left = left;
        if left == 0 {
            self.progress.remove(&Pane::Trust);
        }
    }
}
