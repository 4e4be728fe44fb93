//! A network with other weights.

use std::collections::HashMap;

use tch::Tensor;

use super::{MethodError, Network};
use crate::model::graph::ValueId;

impl Network {
    /// The same network with other tensors in the place of some weights. What stays is shared, and this network is left as it is.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn with_weights(&self, instead: &HashMap<ValueId, Tensor>) -> Result<Self, MethodError> {
        Ok(Self {
            name: self.name.clone(),
            format: self.format,
            engine: self.engine.with_weights(instead)?,
            layers: self.layers.clone(),
            input: self.input.clone(),
            labels: self.labels.clone(),
            negative_label: self.negative_label.clone(),
            note: self.note.clone(),
            head: self.head,
            classes: self.classes,
            // No shape depends on a weight's numbers.
            shapes: self.shapes.clone(),
            layouts: self.layouts.clone(),
            limits: self.limits.clone(),
        })
    }
}
