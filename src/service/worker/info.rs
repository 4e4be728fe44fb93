//! What the interface is told of a model.

use super::super::protocol::{Class, ClassId, LayerInfo, ModelInfo};
use crate::aten::libtorch_version;
use crate::methods::{Network, excitation, weights};
use crate::model::{Layer, Source, printable};
use crate::scan::Header;

/// A model that is open.
pub(super) fn of(network: &Network) -> ModelInfo {
    let count = network.classes().unwrap_or(0);
    let mut ids: Vec<ClassId> = (0..count).map(|index| ClassId { index, negative: false }).collect();
    if network.is_binary(count) {
        ids.push(ClassId { index: 0, negative: true });
    }
    let layers = network.layers.iter().map(|(id, layer)| LayerInfo {
        path: printable(&layer.path).into_owned(),
        name: printable(&layer.name).into_owned(),
        type_name: printable(&layer.type_name).into_owned(),
        kind: layer.kind,
        parent: layer.parent,
        depth: layer.depth,
        parameters: network.parameters_within(id.0),
        has_children: layer.has_children,
        has_activations: layer.output.is_some(),
        has_weights: weights::has_kernels(network, id),
    });
    ModelInfo {
        name: network.name.clone(),
        format: network.format.to_owned(),
        device: network.engine.device_name().to_owned(),
        libtorch: libtorch_version().to_owned(),
        layers: layers.collect(),
        classes: ids.into_iter().map(|id| class(network, id)).collect(),
        preprocess: network.input.preprocessing.to_string(),
        preprocess_note: match &network.input.source {
            Source::Guessed(reason) => Some(reason.clone()),
            _ => None,
        },
        note: network.note.clone(),
        parameters: network.layers.layers.iter().map(Layer::parameters).sum(),
        fingerprint: excitation::fingerprint(network).map_or_else(|_| String::new(), Header::fingerprint_text),
    }
}

/// A class with its label.
pub(super) fn class(network: &Network, id: ClassId) -> Class {
    Class { id, label: network.label(id) }
}
