//! Grad-CAM: where in a picture the score of a class comes from.
//!
//! Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization* (2017), equations 1
//! and 2: the weight `w_k` of channel k is the spatial mean of `∂y/∂A_k`, the map is `Σ_k w_k A_k`; y is the score before softmax or
//! sigmoid, A the layer's output. ReLU is left to whoever draws the map.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{Forward, MethodError, Network, Place, channels, predictions};
use crate::engine::{Cancel, Taps, numbers};
use crate::model::graph::{Operator, ValueId};
use crate::model::{Layer, LayerId, LayerKind, Layout};

/// A class, or its absence: the other answer of a network with one sigmoid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClassId {
    /// Index of the network's output.
    pub index: usize,
    /// The absence of the class.
    pub negative: bool,
}

/// What gradients are taken of: the score of a class, or the score of one class minus that of another, which asks what speaks
/// for the one and against the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The class.
    pub class: ClassId,
    /// The class that it is held against.
    pub against: Option<ClassId>,
}

impl From<ClassId> for Target {
    fn from(class: ClassId) -> Self {
        Self { class, against: None }
    }
}

/// H×W numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Row by row.
    pub values: Vec<f32>,
}

/// A run that remembers how the scores came from a layer, so that every further class costs one backward pass.
#[derive(Debug)]
pub struct Recording {
    place: Place,
    activation: Tensor,
    scores: Tensor,
}

impl Recording {
    /// Runs from what `forward` kept beside the layer to the scores, recording only what leads away from the layer.
    ///
    /// # Errors
    /// When the scores do not depend on the layer.
    pub fn new(network: &Network, forward: &Forward, place: Place, cancel: &Cancel) -> Result<Self, MethodError> {
        let given = match forward.get(place.tap.value) {
            Ok(_) => forward.beside(network, place.tap.value)?,
            Err(_) => vec![(network.source()?, forward.input.shallow_clone())],
        };
        let run = network.engine.run_recorded(&given, &[network.head.scores.into()], &[place.tap], cancel)?;
        Self::from_run(network, place, &run)
    }

    fn from_run(network: &Network, place: Place, run: &Taps) -> Result<Self, MethodError> {
        let activation = run.get(place.tap.value)?.shallow_clone();
        let scores = run.get(network.head.scores)?.shallow_clone();
        if !scores.requires_grad() {
            return Err(MethodError::NoGradient(place.name));
        }
        Ok(Self { place, activation, scores })
    }

    /// The layer that the recording is of.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// About how many bytes the recording holds: what the run made from the layer on.
    pub fn bytes(&self, network: &Network, forward: &Forward) -> u64 {
        let elements = |value: &ValueId| forward.shapes().get(value).map_or(0, |shape| shape.iter().product::<i64>());
        4 * network.dependents(self.place.tap.value).iter().map(elements).sum::<i64>().max(0) as u64
    }

    /// Number of classes.
    ///
    /// # Errors
    /// When the output holds no scores.
    pub fn classes(&self) -> Result<usize, MethodError> {
        Ok(predictions::class_scores(&self.scores)?.size()[1] as usize)
    }

    /// The layer's output.
    pub fn activation(&self) -> &Tensor {
        &self.activation
    }

    /// Gradient of the target at the layer, of the layer's shape.
    ///
    /// # Errors
    /// When there is no such class.
    pub fn gradient(&self, network: &Network, target: impl Into<Target>) -> Result<Tensor, MethodError> {
        let Target { class, against } = target.into();
        let target = tch::with_grad(|| -> Result<Tensor, MethodError> {
            let score = self.score(class)?;
            match against {
                Some(against) => Ok(score.f_sub(&self.score(against)?)?),
                None => Ok(score),
            }
        })?;
        let mut gradients = network.engine.gradients(&target, &[&self.activation], true)?;
        gradients.pop().ok_or_else(|| MethodError::NoGradient(self.place.name.clone()))
    }

    /// The score of a class; of its absence, the negative.
    fn score(&self, class: ClassId) -> Result<Tensor, MethodError> {
        let scores = predictions::class_scores(&self.scores)?;
        let classes = scores.size()[1] as usize;
        if class.index >= classes {
            return Err(MethodError::NoSuchClass { last: classes.saturating_sub(1), asked: class.index });
        }
        let score = scores.f_select(1, class.index as i64)?.f_sum(Kind::Float)?;
        Ok(if class.negative { score.f_neg()? } else { score })
    }

    /// The class activation map at the layer's resolution, before ReLU and scaling.
    ///
    /// # Errors
    /// When the layer has no spatial map, and as [`Recording::gradient`].
    pub fn map(&self, network: &Network, target: impl Into<Target>) -> Result<Map, MethodError> {
        if self.activation.dim() != 4 {
            let (layer, given) = (self.place.name.clone(), self.activation.size());
            return Err(MethodError::NoSpatialMap { layer, given, hint: default_layer_hint(network) });
        }
        let gradient = self.gradient(network, target)?;
        let layout = network.layout(self.place.tap.value);
        tch::no_grad(|| {
            let gradient = channels::channels_first(&gradient, layout)?;
            let activation = channels::channels_first(&self.activation, layout)?;
            let weights = gradient.f_mean_dim([2, 3].as_slice(), true, Kind::Float)?;
            let map = activation.f_mul(&weights)?.f_sum_dim_intlist(1, false, Kind::Float)?.f_select(0, 0)?;
            let (height, width) = map.size2()?;
            Ok(Map { height: height as usize, width: width as usize, values: numbers(&map)? })
        })
    }
}

/// Operators whose results are no maps that convolutions made, although they may have four dimensions: pooling, and what
/// attention does with its heads.
const NO_MAPS: &[&str] =
    &["pool2d", "mean", "dropout", "attention", "matmul", "softmax", "permute", "transpose", "view", "reshape"];

/// The last layer that gives a map with space and is no pooling: where Grad-CAM is asked by default.
pub fn default_layer(network: &Network, shape_of: &dyn Fn(ValueId) -> Option<Vec<i64>>) -> Option<LayerId> {
    let nodes = &network.engine.graph().nodes;
    let suits = |layer: &Layer| {
        let Some(output) = layer.output else { return false };
        let channels_last = network.layout(output) == Layout::ChannelsLast;
        let spatial = shape_of(output).is_some_and(|shape| match *shape.as_slice() {
            [_, height, width, _] if channels_last => height * width > 1,
            [_, _, height, width] => height * width > 1,
            _ => false,
        });
        let maker = nodes.iter().find(|node| node.makes().any(|value| value == output));
        let no_map = maker.is_some_and(|node| {
            let Operator::Aten { name, .. } = &node.operator else { return true };
            NO_MAPS.iter().any(|pooling| name.contains(pooling))
        });
        // Where a network ends before its end, other branches than the one that gives the scores may run further.
        let leads_on = || network.ends_early().is_none() || network.dependents(output).contains(&network.head.scores);
        spatial && !no_map && leads_on()
    };
    let end = |layer: &Layer| layer.nodes.last().map_or(0, |node| node.0);
    let candidates = network.layers.iter().filter(|(_, layer)| suits(layer));
    let last = candidates.max_by_key(|(id, layer)| {
        // Of layers that end together the outermost is the one that people name.
        (end(layer), layer.kind == LayerKind::Module, std::cmp::Reverse(id.0))
    });
    last.map(|(id, _)| id)
}

fn default_layer_hint(network: &Network) -> String {
    let usual =
        network.forward_shapes().ok().and_then(|shapes| default_layer(network, &|value| shapes.get(&value).cloned()));
    let layer = usual.and_then(|id| network.layers.get(id));
    layer.map_or_else(String::new, |layer| format!(", such as {}", layer.path))
}
