//! The same graph with other weights.

use std::collections::HashMap;
use std::sync::Arc;

use tch::Tensor;

use super::{Engine, EngineError, plan, program};
use crate::model::graph::ValueId;

impl Engine {
    /// The same graph on the same device with other tensors in the place of some weights. The graph and the weights that stay are
    /// shared with this engine, and none of them is written to.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn with_weights(&self, instead: &HashMap<ValueId, Tensor>) -> Result<Self, EngineError> {
        let mut weights = HashMap::with_capacity(self.weights.len());
        for (value, own) in &self.weights {
            let weight = match instead.get(value) {
                Some(other) => other.f_to_kind(own.kind())?.f_to_device(self.device)?,
                None => own.shallow_clone(),
            };
            weights.insert(*value, weight);
        }
        let program = program::resolve(&self.graph)?;
        let flow = plan::Flow::of(&self.graph, &program);
        let (graph, device_name) = (Arc::clone(&self.graph), self.device_name.clone());
        Ok(Self {
            graph,
            program,
            flow,
            weights,
            device: self.device,
            device_name,
            memory: self.memory,
            input_kind: self.input_kind,
        })
    }
}
