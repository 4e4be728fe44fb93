//! Classes, layers and strength of the heatmap, and the pictures.

use super::Effect;
use crate::methods::registry::{Kind, Method};
use crate::service::protocol::{ClassId, Grain};
use crate::tui::action::Action;
use crate::tui::prompt::Asks;
use crate::tui::state::{Notice, State};

/// Percent that a key changes the overlay's strength by.
const STRENGTH_STEP: i64 = 10;

impl State {
    pub(super) fn step_class(&mut self, steps: i64) -> Vec<Effect> {
        let classes: Vec<ClassId> = self.top_classes().into_iter().map(|(class, ..)| class).collect();
        if classes.is_empty() {
            return Vec::new();
        }
        let current = self.map.as_ref().and_then(|map| map.class()).map(|class| class.id).or(self.class);
        let at = current.and_then(|class| classes.iter().position(|known| *known == class));
        let count = classes.len() as i64;
        let to = at.map_or(0, |at| (at as i64).saturating_add(steps).rem_euclid(count)) as usize;
        classes.get(to).copied().map_or_else(Vec::new, |class| self.choose_class(class))
    }

    /// Shows the map of a class; what the pager shows may be of that class too.
    pub(in crate::tui) fn choose_class(&mut self, class: ClassId) -> Vec<Effect> {
        self.class = Some(class);
        self.unit = None;
        let mut effects = self.ask_map();
        effects.extend(self.ask_page());
        effects
    }

    pub(super) fn contrast(&mut self) -> Vec<Effect> {
        if self.against.take().is_some() {
            return self.ask_map();
        }
        self.ask(Asks::Contrast);
        Vec::new()
    }

    pub(super) fn contrast_with(&mut self, class: ClassId) -> Vec<Effect> {
        if self.map.as_ref().and_then(|map| map.class()).is_some_and(|shown| shown.id == class) {
            self.notice = Some(Notice::Amiss("that is the class itself".to_owned()));
            return Vec::new();
        }
        self.against = Some(class);
        self.unit = None;
        self.ask_map()
    }

    pub(super) fn map_here(&mut self) -> Vec<Effect> {
        if self.is_made_at_input() {
            return Vec::new();
        }
        self.map_layers = if self.map_layers == [self.layer] { Vec::new() } else { vec![self.layer] };
        self.ask_map()
    }

    /// Adds the chosen layer to those whose maps are blended, or takes it out.
    pub(super) fn blend(&mut self) -> Vec<Effect> {
        if self.is_made_at_input() {
            return Vec::new();
        }
        if self.map_layers.is_empty() {
            self.map_layers = self.map.iter().flat_map(|map| map.layers.iter().copied()).collect();
        }
        match self.map_layers.iter().position(|layer| *layer == self.layer) {
            Some(at) => drop(self.map_layers.remove(at)),
            None => self.map_layers.push(self.layer),
        }
        self.ask_map()
    }

    /// Whether the heatmap's method knows no layers, which is said.
    fn is_made_at_input(&mut self) -> bool {
        let method = self.methods.heatmap.method();
        if method.maps_at_layer() {
            return false;
        }
        let keys = self.keymap.keys_of(Action::Method).first().cloned().unwrap_or_default();
        self.notice =
            Some(Notice::Amiss(format!("{} is of the input, not at a layer; {keys} chooses a map", method.name)));
        true
    }

    /// Makes the heatmap in another way.
    pub(in crate::tui) fn choose_method(&mut self, method: &'static Method) -> Vec<Effect> {
        self.methods.choose(method);
        // Maps are of classes.
        if method.run.kind() == Kind::Map {
            self.unit = None;
        }
        self.ask_map()
    }

    /// Shows what drives the channel under the cursor, or the point on it; the second time, the class again.
    pub(super) fn attribute(&mut self) -> Vec<Effect> {
        let Some(unit) = self.unit_here() else { return Vec::new() };
        if self.unit == Some(unit) {
            self.unit = None;
            self.methods.choose(self.methods.last(Kind::Map));
            return self.ask_map();
        }
        self.unit = Some(unit);
        self.methods.choose(self.methods.last(Kind::Attribution));
        self.ask_map()
    }

    pub(super) fn change_strength(&mut self, steps: i64) {
        let attribution = self.map.as_ref().is_some_and(|map| matches!(map.grain, Grain::Attribution { .. }));
        let strength = if attribution { &mut self.attribution_strength } else { &mut self.strength };
        *strength = (i64::from(*strength) + steps * STRENGTH_STEP).clamp(0, 100) as u8;
    }

    pub(super) fn step_picture(&mut self, steps: i64) -> Vec<Effect> {
        if self.inputs.len() < 2 {
            self.notice = Some(Notice::Amiss("there is one picture; give several, or a folder".to_owned()));
            return Vec::new();
        }
        let count = self.inputs.len() as i64;
        self.choose_picture((self.input as i64).saturating_add(steps).rem_euclid(count) as usize)
    }

    pub(in crate::tui) fn choose_picture(&mut self, index: usize) -> Vec<Effect> {
        self.input = index;
        self.leave_picture();
        self.ask_picture()
    }

    /// Prepares pictures in another way: as a SPEC, or as the model was opened. Whatever was shown was of another input.
    pub(super) fn prepare_by(&mut self, spec: Option<String>) -> Vec<Effect> {
        self.preprocess = spec;
        self.pages.clear();
        self.page_order.clear();
        self.asked = None;
        self.detail = None;
        self.forget_picture();
        self.run = None;
        self.ask_picture()
    }
}
