//! What keys do in a prompt, and what its choices do.

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::EventHandler;

use super::Effect;
use crate::methods::registry::Kind;
use crate::tui::prompt::{Does, Prompt};
use crate::tui::state::{Notice, Popup, State};

impl State {
    pub(super) fn prompt_key(&mut self, key: KeyEvent, mut prompt: Prompt) -> Vec<Effect> {
        let choices = prompt.choices(self);
        let last = choices.len().saturating_sub(1);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Vec::new(),
            KeyCode::Backspace if prompt.input.value().is_empty() => return Vec::new(),
            KeyCode::Enter => return self.choose(prompt),
            KeyCode::Tab => prompt.complete(&choices),
            KeyCode::Down => prompt.chosen = (prompt.chosen + 1).min(last),
            KeyCode::Char('n') if control => prompt.chosen = (prompt.chosen + 1).min(last),
            KeyCode::Up => prompt.chosen = prompt.chosen.saturating_sub(1),
            KeyCode::Char('p') if control => prompt.chosen = prompt.chosen.saturating_sub(1),
            KeyCode::PageDown => prompt.chosen = (prompt.chosen + 10).min(last),
            KeyCode::PageUp => prompt.chosen = prompt.chosen.saturating_sub(10),
            _ => {
                if prompt.input.handle_event(&TerminalEvent::Key(key)).is_some_and(|change| change.value) {
                    prompt.chosen = 0;
                }
            }
        }
        self.popup = Some(Popup::Prompt(prompt));
        Vec::new()
    }

    /// Does what the chosen row says.
    pub(super) fn choose(&mut self, mut prompt: Prompt) -> Vec<Effect> {
        let choices = prompt.choices(self);
        match prompt.choice(&choices).map(|choice| choice.does.clone()) {
            Some(Does::Type) => {
                prompt.complete(&choices);
                self.popup = Some(Popup::Prompt(prompt));
                Vec::new()
            }
            Some(does) => self.perform(does),
            None => {
                self.notice = Some(Notice::Amiss(prompt.nothing(self)));
                Vec::new()
            }
        }
    }

    /// Text that was pasted: it is typed where something is typed, and does nothing elsewhere.
    pub fn paste(&mut self, text: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        let typing = self.search.as_ref().is_some_and(|search| search.typing);
        if typing || matches!(self.popup, Some(Popup::Prompt(_))) {
            for character in text.chars().filter(|character| !character.is_control()) {
                effects.extend(self.key(KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE)));
            }
        }
        effects
    }

    /// Does what a choice says.
    pub(super) fn perform(&mut self, does: Does) -> Vec<Effect> {
        match does {
            Does::Act(action) => return self.act(action, None),
            Does::Layer(layer) => return self.choose_layer(layer),
            Does::Class(class) => return self.choose_class(class),
            Does::Against(class) => return self.contrast_with(class),
            Does::Preprocess(spec) => return self.prepare_by(spec),
            Does::Picture(index) => return self.choose_picture(index),
            Does::Order(order) => return self.sort_by(order),
            Does::Excited(which) => self.filter_excitations(which),
            Does::Scan(path) => return self.open_scan(path),
            Does::GoTo(number) => return self.go_to(number),
            Does::Method(method) if method.run.kind() == Kind::Pattern => return self.choose_recipe(method),
            Does::Method(method) => return self.choose_method(method),
            Does::Set(setting) => return self.set(&setting),
            Does::SetDefaults => return self.set_defaults(),
            // The prompt that offers it stays open.
            Does::Type => {}
            Does::Theme(index) => self.theme = index,
            Does::ColorMap(map) => self.colormap = map,
            Does::Scale(scale) => self.set_scale(scale),
            Does::Overlay(mode) => self.overlay = mode,
        }
        Vec::new()
    }
}
