//! How heatmaps and patterns are made.

use crate::methods::registry::{self, Chosen, Kind, Method};

/// The methods in use, and what was set of those that were in use before.
#[derive(Debug, Clone)]
pub struct Methods {
    /// How the heatmap is made.
    pub heatmap: Chosen,
    /// How patterns are.
    pub recipe: Chosen,
    /// Methods that something was set of and that are not in use.
    aside: Vec<Chosen>,
    /// The map and the attribution that were in use last.
    last: [&'static Method; 2],
}

impl Default for Methods {
    fn default() -> Self {
        let heatmap = Chosen::usual(Kind::Map);
        // The gradient alone is the same everywhere where a channel is linear in the input, as those of a first layer are.
        let attribution = registry::find(Kind::Attribution, "gradient-x-input");
        let attribution = attribution.unwrap_or_else(|_| Chosen::usual(Kind::Attribution).method());
        let last = [heatmap.method(), attribution];
        Self { heatmap, recipe: Chosen::usual(Kind::Pattern), aside: Vec::new(), last }
    }
}

impl Methods {
    /// Takes a method into use, with what was set of it before. Says whether it is another one.
    pub fn choose(&mut self, method: &'static Method) -> bool {
        let kind = method.run.kind();
        let place = if kind == Kind::Pattern { &mut self.recipe } else { &mut self.heatmap };
        if place.method().name == method.name {
            return false;
        }
        let known = self.aside.iter().position(|known| known.method().name == method.name);
        let chosen = known.map_or_else(|| Chosen::from(method), |known| self.aside.remove(known));
        let before = std::mem::replace(place, chosen);
        if !before.changed().is_empty() {
            self.aside.push(before);
        }
        match kind {
            Kind::Map => self.last[0] = method,
            Kind::Attribution => self.last[1] = method,
            Kind::Pattern | Kind::Faithfulness => {}
        }
        true
    }

    /// The method of a kind of heatmap that was in use last.
    pub fn last(&self, kind: Kind) -> &'static Method {
        self.last[usize::from(kind == Kind::Attribution)]
    }
}
