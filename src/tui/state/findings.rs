//! What a check of the network on the picture has found.

use std::collections::HashMap;

use crate::model::LayerId;
use crate::service::protocol::{LayerFinding, LayerInfo, Severity};

/// What was found, and where.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Trouble first, each in the order of the graph.
    pub all: Vec<LayerFinding>,
    /// The worst of each layer, and of what is in it.
    worst: HashMap<LayerId, (Option<Severity>, Severity)>,
}

impl Findings {
    /// Finds them again by their layers.
    pub fn of(all: Vec<LayerFinding>, layers: &[LayerInfo]) -> Self {
        let mut worst: HashMap<LayerId, (Option<Severity>, Severity)> = HashMap::new();
        for finding in &all {
            let Some(layer) = finding.layer else { continue };
            let severity = finding.severity;
            let own = worst.entry(layer).or_insert((None, severity));
            // Trouble is the least.
            own.0 = Some(own.0.map_or(severity, |known| known.min(severity)));
            own.1 = own.1.min(severity);
            let mut around = layers.get(layer.0).and_then(|info| info.parent);
            while let Some(parent) = around {
                let inside = worst.entry(parent).or_insert((None, severity));
                inside.1 = inside.1.min(severity);
                around = layers.get(parent.0).and_then(|info| info.parent);
            }
        }
        Self { all, worst }
    }

    /// How bad the worst of a layer's own findings is, or with those of the layers in it.
    pub fn worst(&self, layer: LayerId, with_inner: bool) -> Option<Severity> {
        let (own, inner) = self.worst.get(&layer)?;
        if with_inner { Some(*inner) } else { *own }
    }

    /// A layer's own, the worst first.
    pub fn at(&self, layer: LayerId) -> impl Iterator<Item = &LayerFinding> {
        self.all.iter().filter(move |finding| finding.layer == Some(layer))
    }
}

/// What a severity is marked with.
pub fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Trouble => "!",
        Severity::Notice => "~",
    }
}
