//! How far the heatmap is to be trusted, where the user wants to know.

use crate::service::protocol::{Measured, Ticket};

/// How far the heatmap is to be trusted.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Whether it is shown below the heatmap.
    pub shown: bool,
    /// Number of the newest request.
    pub ticket: Ticket,
    /// What was found so far of the heatmap that is there.
    pub found: Vec<Measured>,
    /// Metrics that are still to come.
    pub left: usize,
}

impl Trust {
    /// What was found was of another heatmap.
    pub fn forget(&mut self) {
        self.found.clear();
    }
}
