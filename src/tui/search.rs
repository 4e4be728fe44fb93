//! Looking for layers by parts of their path or type.

use std::collections::HashMap;

use tui_input::Input;

use super::fuzzy;
use crate::model::LayerId;
use crate::service::protocol::LayerInfo;

/// What was looked for, and what was found.
#[derive(Debug, Clone)]
pub struct Search {
    /// What was typed.
    pub input: Input,
    /// Whether it is still being typed.
    pub typing: bool,
    /// The layer that was chosen before.
    pub came_from: LayerId,
    /// The best match.
    pub best: Option<LayerId>,
    /// Layers that match, with the characters of the path that were typed.
    found: HashMap<LayerId, Vec<u32>>,
}

impl Search {
    /// Nothing typed yet.
    pub fn new(came_from: LayerId) -> Self {
        Self { input: Input::default(), typing: true, came_from, best: None, found: HashMap::new() }
    }

    /// Looks again, for what is typed now. Types are looked through where no path matches.
    pub fn look(&mut self, layers: &[LayerInfo]) {
        let typed = self.input.value().trim();
        self.found.clear();
        self.best = None;
        if typed.is_empty() {
            return;
        }
        let mut found = fuzzy::matches(typed, layers.iter().map(|layer| layer.path.as_str()));
        if found.is_empty() {
            found = fuzzy::matches(typed, layers.iter().map(|layer| layer.type_name.as_str()));
            for found in &mut found {
                found.positions.clear();
            }
        }
        self.best = found.first().map(|found| LayerId(found.index));
        self.found = found.into_iter().map(|found| (LayerId(found.index), found.positions)).collect();
    }

    /// Number of layers that were found.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Characters of a layer's path that were typed; none where it does not match.
    pub fn positions(&self, layer: LayerId) -> Option<&[u32]> {
        self.found.get(&layer).map(Vec::as_slice)
    }

    /// The match that is `steps` matches after the layer, round and round.
    pub fn step(&self, layer: LayerId, steps: i64) -> Option<LayerId> {
        let mut all: Vec<usize> = self.found.keys().map(|found| found.0).collect();
        all.sort_unstable();
        let count = all.len() as i64;
        if count == 0 {
            return None;
        }
        let after = all.partition_point(|&found| found <= layer.0) as i64;
        let before = all.partition_point(|&found| found < layer.0) as i64;
        let to = if steps > 0 { after + steps - 1 } else { before + steps };
        all.get(to.rem_euclid(count) as usize).map(|&found| LayerId(found))
    }
}
