//! What of a picture goes on where the next one cannot be read: the engine has dropped all work for it, and keeps the one before.

use super::Effect;
use crate::service::protocol::Pane;
use crate::tui::state::{Left, State};

impl State {
    /// Keeps what is chosen and under way, before another picture is asked for. Of several that follow each other it is what belongs
    /// to the one that is shown.
    pub(super) fn leave_picture(&mut self) {
        let (class, against) = (self.class.take(), self.against.take());
        let measuring = self.trust.left > 0;
        self.left.get_or_insert(Left { class, against, mapping: self.mapping, measuring });
    }

    /// Asks again for what the picture that stays was waiting for.
    pub(super) fn go_on(&mut self) -> Vec<Effect> {
        let Some(left) = self.left.take().filter(|_| self.run.is_some()) else { return Vec::new() };
        let mut effects = self.map_on(left);
        self.asked = None;
        self.progress.remove(&Pane::Channels);
        effects.extend(self.ask_page());
        // One that is not whole is asked for again beside the zoomed channel.
        self.detail.take_if(|(_, pattern)| pattern.as_ref().is_none_or(|pattern| pattern.step < pattern.steps));
        effects.extend(self.check_on());
        effects
    }

    /// The class is the one before, unless another was chosen while the picture was read.
    fn map_on(&mut self, left: Left) -> Vec<Effect> {
        if self.mapping {
            return Vec::new();
        }
        (self.class, self.against) = (left.class, left.against);
        if left.mapping {
            return self.ask_map();
        }
        if left.measuring { self.ask_trust() } else { Vec::new() }
    }

    fn check_on(&mut self) -> Option<Effect> {
        if self.findings.is_some() || self.failed.contains_key(&Pane::Health) {
            return None;
        }
        let awaited = self.check_awaited;
        let asked = self.ask_check();
        self.check_awaited = awaited;
        Some(asked)
    }
}
