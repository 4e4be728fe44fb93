//! A value of the graph together with the shape that Keras gives it.

use crate::model::graph::ValueId;

/// What a layer takes and gives.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// The value in the graph: N×C×H×W where there are three `sizes`, otherwise in Keras's own order.
    pub(super) value: ValueId,
    /// Sizes without the batch, in Keras's order (height, width, channels); `None` where the network leaves one open.
    pub(super) sizes: Vec<Option<i64>>,
}

impl Tensor {
    /// Height, width and channels of feature maps.
    pub(super) fn maps(&self) -> Option<[Option<i64>; 3]> {
        <[Option<i64>; 3]>::try_from(self.sizes.as_slice()).ok()
    }

    /// Number of dimensions, the batch included.
    pub(super) fn rank(&self) -> usize {
        self.sizes.len() + 1
    }

    /// Where dimension `axis` of Keras's shape (0 is the batch) stands in the graph.
    pub(super) fn graph_axis(&self, axis: usize) -> i64 {
        match (self.sizes.len(), axis) {
            (3, 1) => 2,
            (3, 2) => 3,
            (3, 3) => 1,
            _ => axis as i64,
        }
    }
}
