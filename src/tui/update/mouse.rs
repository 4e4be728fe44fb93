//! What the mouse does: nothing that keys cannot do.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::Effect;
use crate::tui::action::Action;
use crate::tui::state::{Focus, Hover, Popup, State};
use crate::tui::targets::{Hit, Target, Targets};

/// Rows of the tree that a turn of the wheel moves by.
const WHEEL: i64 = 3;

impl State {
    /// What a click, a turn of the wheel or a movement does; `targets` are those of the frame that the user sees.
    pub fn mouse(&mut self, event: MouseEvent, targets: &Targets) -> Vec<Effect> {
        let mut effects = self.pointed(event, targets);
        effects.extend(self.ask_detail());
        effects.extend(self.ask_excitations());
        effects
    }

    fn pointed(&mut self, event: MouseEvent, targets: &Targets) -> Vec<Effect> {
        let hit = targets.at(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                self.notice = None;
                self.dragged = hit
                    .map(|hit| hit.target)
                    .filter(|target| matches!(target, Target::LayersBorder | Target::HeatmapBorder));
                hit.map_or_else(Vec::new, |hit| self.click(hit))
            }
            MouseEventKind::Drag(MouseButton::Left) => self.drag(event.column, event.row),
            MouseEventKind::Up(MouseButton::Left) => {
                self.dragged = None;
                Vec::new()
            }
            MouseEventKind::ScrollDown => hit.map_or_else(Vec::new, |hit| self.wheel(hit, 1)),
            MouseEventKind::ScrollUp => hit.map_or_else(Vec::new, |hit| self.wheel(hit, -1)),
            MouseEventKind::Moved => {
                self.hover = hit.and_then(|hit| Self::hovered(&hit));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn hovered(hit: &Hit) -> Option<Hover> {
        match hit.target {
            Target::Tile { place, values: Some(size) } | Target::Zoomed { place, values: Some(size) } => {
                let (row, column) = hit.value(size);
                Some(Hover { place, row, column })
            }
            _ => None,
        }
    }

    fn click(&mut self, hit: Hit) -> Vec<Effect> {
        match hit.target {
            Target::Choice(row) => {
                let Some(Popup::Prompt(mut prompt)) = self.popup.take() else { return Vec::new() };
                prompt.chosen = row;
                self.choose(prompt)
            }
            Target::Popup => Vec::new(),
            // A click beside a popup closes it.
            _ if self.popup.take().is_some() => Vec::new(),
            Target::Pane(pane) => self.focus_on(pane),
            Target::Arrow(layer) => {
                if !self.folded.remove(&layer) {
                    self.folded.insert(layer);
                }
                self.stay_visible()
            }
            Target::Layer(layer) => {
                let mut effects = self.focus_on(Focus::Layers);
                effects.extend(self.choose_layer(layer));
                effects
            }
            Target::Tile { place, .. } => {
                // The second click on a tile goes into it.
                if self.focus == Focus::Channels && self.channel == place {
                    self.zoomed = true;
                }
                self.channel = place;
                self.focus_on(Focus::Channels)
            }
            Target::Zoomed { values, .. } => {
                self.probe = values.map(|size| hit.value(size));
                self.focus_on(Focus::Channels)
            }
            Target::Class(class) => {
                let mut effects = self.focus_on(Focus::Heatmap);
                effects.extend(self.choose_class(class));
                effects
            }
            Target::Picture(index) => self.choose_picture(index),
            Target::Exciting(index) => {
                // The second click shows all of the picture.
                if self.excitations.cursor == index {
                    self.toggle_whole();
                }
                self.excitations.cursor = index;
                self.focus_on(Focus::Channels)
            }
            Target::LayersBorder | Target::HeatmapBorder => Vec::new(),
        }
    }

    fn wheel(&mut self, hit: Hit, turns: i64) -> Vec<Effect> {
        match (hit.target, self.popup.take()) {
            (_, Some(Popup::Prompt(mut prompt))) => {
                let last = prompt.choices(self).len().saturating_sub(1);
                prompt.chosen = (prompt.chosen as i64 + turns).clamp(0, last as i64) as usize;
                self.popup = Some(Popup::Prompt(prompt));
                Vec::new()
            }
            (_, Some(Popup::Help(scroll))) => {
                let to =
                    (i64::from(scroll) + turns).clamp(0, i64::from(crate::tui::panes::popup::last_help_line(self)));
                self.popup = Some(Popup::Help(to as u16));
                Vec::new()
            }
            (Target::Layer(_) | Target::Arrow(_) | Target::Pane(Focus::Layers), None) => self.step_layer(turns * WHEEL),
            (Target::Zoomed { .. }, None) => self.move_in_page(Action::Right, turns),
            (Target::Tile { .. } | Target::Pane(Focus::Channels), None) => self.move_in_page(Action::PageDown, turns),
            (Target::Class(_) | Target::Pane(Focus::Heatmap), None) => self.step_class(turns),
            (Target::Picture(_), None) => self.step_picture(turns),
            (Target::Exciting(_), None) => {
                self.step_excitation(turns);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Moves the border that was taken hold of.
    fn drag(&mut self, column: u16, row: u16) -> Vec<Effect> {
        let (columns, rows) = self.screen;
        let wide = crate::tui::layout::is_wide(columns);
        match self.dragged {
            Some(Target::LayersBorder) => self.splits.layers = Some(if wide { column + 1 } else { row }),
            Some(Target::HeatmapBorder) => {
                self.splits.heatmap =
                    Some(if wide { columns.saturating_sub(column) } else { rows.saturating_sub(row + 1) });
            }
            _ => return Vec::new(),
        }
        self.ask_page()
    }
}
