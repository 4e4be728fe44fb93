//! What the network says of a picture.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::target::ClassId;
use super::{MethodError, Network};
use crate::engine::numbers;
use crate::model::Labels;
use crate::model::head::FinalActivation;
use crate::model::labels::LabelError;

/// A class with what the network says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Index of the network's output.
    pub index: usize,
    /// Its label.
    pub label: String,
    /// The network's own output.
    pub score: f32,
    /// Its probability.
    pub probability: f32,
}

/// The `most` classes with the greatest output, best first, from the network's own output for one picture.
///
/// # Errors
/// When the output holds no scores.
pub fn top(network: &Network, output: &Tensor, most: usize) -> Result<Vec<Prediction>, MethodError> {
    let scores = class_scores(output)?.f_narrow(0, 0, 1)?;
    let probabilities = numbers(&network.probabilities(&scores))?;
    let scores = numbers(&scores)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    let prediction = |index: usize| Prediction {
        index,
        label: network.class_label(index),
        score: scores[index],
        probability: probabilities[index],
    };
    Ok(order.into_iter().take(most).map(prediction).collect())
}

/// One number for each class and picture, N×K: outputs with space, as of a network without its top, are averaged over it.
///
/// # Errors
/// When the output has no dimension of classes.
pub fn class_scores(output: &Tensor) -> Result<Tensor, MethodError> {
    let sizes = output.size();
    match *sizes.as_slice() {
        [classes] => Ok(output.f_reshape([1, classes])?),
        [_, _] => Ok(output.shallow_clone()),
        [pictures, classes, ..] => {
            Ok(output.f_reshape([pictures, classes, -1])?.f_mean_dim(2, false, tch::Kind::Float)?)
        }
        [] => Err(MethodError::NoScores(sizes)),
    }
}

/// The class that the network says: the greatest output, or the absence of the only class where that is likelier.
///
/// # Errors
/// When the output holds no scores.
pub fn top_class(network: &Network, output: &Tensor) -> Result<ClassId, MethodError> {
    let classes = class_scores(output)?.size()[1] as usize;
    let best = top(network, output, 1)?;
    let negative = network.is_binary(classes) && best.first().is_some_and(|best| best.probability < 0.5);
    Ok(ClassId { index: best.first().map_or(0, |best| best.index), negative })
}

impl Network {
    /// Number of classes, where the network has been measured.
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// The label of a class or of its absence.
    pub fn label(&self, class: ClassId) -> String {
        match (&self.negative_label, class.negative) {
            (_, false) => self.class_label(class.index),
            (Some(negative), true) => negative.clone(),
            (None, true) => format!("not {}", self.class_label(class.index)),
        }
    }

    /// The label of a class, with its index where several classes have that label.
    pub fn unique_label(&self, class: ClassId) -> String {
        let label = self.label(class);
        let mut known = self.labels.iter().flat_map(Labels::iter);
        let shared = !class.negative && known.any(|(index, other)| index != class.index && other == label);
        if shared { format!("{label} ({})", class.index) } else { label }
    }

    /// The class that a user names: an index, a label, or the label of the only class's absence.
    ///
    /// # Errors
    /// When there is none; the message names the nearest.
    pub fn find_class(&self, typed: &str) -> Result<ClassId, LabelError> {
        let classes = self.classes.unwrap_or(0);
        let absent = ClassId { index: 0, negative: true };
        if self.is_binary(classes) && self.label(absent).eq_ignore_ascii_case(typed.trim()) {
            return Ok(absent);
        }
        let labels = self.labels.clone().unwrap_or_default();
        Ok(ClassId { index: labels.find(typed, classes)?, negative: false })
    }

    /// The label of a class, or its index as text.
    pub fn class_label(&self, index: usize) -> String {
        self.labels.as_ref().and_then(|labels| labels.get(index)).map_or_else(|| index.to_string(), str::to_owned)
    }

    /// Whether the network ends in one sigmoid, so that its classes are two: yes and no.
    pub fn is_binary(&self, classes: usize) -> bool {
        classes == 1 && self.head.activation == FinalActivation::Sigmoid
    }
}
