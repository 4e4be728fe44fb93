//! Moving in the channel pager, and what it shows.

use super::Effect;
use crate::picture::Scale;
use crate::service::protocol::{Content, Order, Pane};
use crate::tui::action::Action;
use crate::tui::layout;
use crate::tui::state::{Notice, State};

impl State {
    pub(super) fn show(&mut self, content: Content) -> Vec<Effect> {
        // Gradients have signs, activations mostly not: each looks best on its own scale.
        if content.needs_class() != self.content.needs_class() {
            self.set_scale(if content.needs_class() { Scale::Signed } else { Scale::default() });
        }
        self.content = content;
        self.failed.remove(&Pane::Channels);
        self.channel = self.channel.min(self.layer_state().map_or(0, |layer| layer.channels.saturating_sub(1)));
        self.ask_page()
    }

    pub(in crate::tui) fn set_scale(&mut self, scale: Scale) {
        self.scale = scale;
        self.colormap = scale.fitting_map();
    }

    pub(in crate::tui) fn sort_by(&mut self, order: Order) -> Vec<Effect> {
        self.order = order;
        self.channel = 0;
        self.notice = Some(Notice::Done(format!("channels sorted by {}", order.name())));
        self.ask_page()
    }

    /// Number of the channel under the cursor.
    pub fn channel_number(&self) -> Option<usize> {
        let page = self.page()?;
        let (first, count, _) = page.extent();
        page.channel(self.channel.saturating_sub(first).min(count.saturating_sub(1)))
    }

    pub(super) fn move_in_page(&mut self, action: Action, repeat: i64) -> Vec<Effect> {
        let tiles = layout::page_tiles(self);
        let (row, page) = (tiles.columns as i64, layout::page_capacity(self) as i64);
        let half = row * (tiles.rows as i64 / 2).max(1);
        let bars = layout::shows_bars(self)
            .then(|| layout::bars(layout::bars_inner(self), self.has_class_names()).rows as i64);
        let steps = match (action, bars) {
            // Bars stand one below the other.
            (Action::Up, Some(_)) => -repeat,
            (Action::Down, Some(_)) => repeat,
            (Action::Left, Some(column)) => -column * repeat,
            (Action::Right, Some(column)) => column * repeat,
            (Action::HalfPageUp, Some(column)) => -column * repeat / 2,
            (Action::HalfPageDown, Some(column)) => column * repeat / 2,
            (action, _) => self.tile_steps(action, repeat, row, half, page),
        };
        let last = self.channels().saturating_sub(1) as i64;
        let to = (self.channel as i64).saturating_add(steps);
        // A row beyond the last is no place to go; the ends are.
        let beyond = (to < 0 || to > last) && matches!(action, Action::Up | Action::Down) && !self.zoomed;
        if !beyond {
            self.channel = to.clamp(0, last.max(0)) as usize;
        }
        self.ask_page()
    }

    fn tile_steps(&self, action: Action, repeat: i64, row: i64, half: i64, page: i64) -> i64 {
        match action {
            Action::Left => -repeat,
            Action::Right => repeat,
            Action::Up if self.zoomed => -repeat,
            Action::Down if self.zoomed => repeat,
            Action::Up => -row * repeat,
            Action::Down => row * repeat,
            Action::HalfPageUp => -half * repeat,
            Action::HalfPageDown => half * repeat,
            Action::PageUp => -page * repeat,
            Action::PageDown => page * repeat,
            Action::First => i64::MIN / 2,
            Action::Last => i64::MAX / 2,
            _ => 0,
        }
    }

    /// Rows and columns of the zoomed channel's values; none where it is a picture.
    fn probed(&self) -> Option<(usize, usize)> {
        self.page().filter(|page| page.has_values()).map(crate::tui::page::Page::tile)
    }

    pub(super) fn toggle_probe(&mut self) {
        if self.probe.take().is_some() {
            return;
        }
        let Some((rows, columns)) = self.probed() else {
            self.notice = Some(Notice::Amiss("a picture has no values to point at".to_owned()));
            return;
        };
        self.zoomed = true;
        self.focus = crate::tui::state::Focus::Channels;
        // The strongest place is where one would look first.
        self.probe = Some(self.strongest().unwrap_or((rows / 2, columns / 2)));
    }

    /// Row and column of the largest value of the channel under the cursor.
    pub fn strongest(&self) -> Option<(usize, usize)> {
        let page = self.page()?;
        let (first, ..) = page.extent();
        page.strongest(self.channel.checked_sub(first)?)
    }

    pub(super) fn move_probe(&mut self, action: Action, times: i64) -> Vec<Effect> {
        let (Some((row, column)), Some((rows, columns))) = (self.probe, self.probed()) else { return Vec::new() };
        let moved = |at: usize, steps: i64, size: usize| {
            (at as i64).saturating_add(steps).clamp(0, (size as i64 - 1).max(0)) as usize
        };
        let (down, right) = match action {
            Action::Up => (-times, 0),
            Action::Down => (times, 0),
            Action::Left => (0, -times),
            Action::Right => (0, times),
            Action::First => (0, i64::MIN / 2),
            Action::Last => (0, i64::MAX / 2),
            // Pages and half pages go on to other channels.
            other => return self.move_in_page(other, times),
        };
        self.probe = Some((moved(row, down, rows), moved(column, right, columns)));
        Vec::new()
    }
}
