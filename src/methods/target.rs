//! What gradients are taken of, and what scores are read off: a class, or a channel.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{MethodError, Network, Place, channels, predictions};
use crate::model::graph::Tap;
use crate::model::head::{FinalActivation, Head};

/// A class, or its absence: the other answer of a network with one sigmoid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClassId {
    /// Index of the network's output.
    pub index: usize,
    /// The absence of the class.
    pub negative: bool,
}

/// Which of a class's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Measure {
    /// The score before softmax or sigmoid.
    #[default]
    Score,
    /// The probability, after softmax or sigmoid.
    Probability,
}

/// What part of an output with space, as of a segmentation, counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Region {
    /// The mean over all positions.
    #[default]
    Everywhere,
    /// The sum over the positions where the class is the greatest.
    Predicted,
    /// The sum over the positions of a rectangle, in the output's rows and columns.
    Rectangle {
        /// First row.
        top: usize,
        /// First column.
        left: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

/// A number for each picture of a batch that a network makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// What the network says of a class.
    Class {
        /// The class.
        class: ClassId,
        /// The class whose number is taken away: what speaks for the one and against the other.
        against: Option<ClassId>,
        /// Which number.
        measure: Measure,
        /// Where, if the output has space.
        region: Region,
        /// Index of the output among the network's.
        output: usize,
    },
    /// What a layer's channel gives: the mean over space, or one value.
    Channel {
        /// The layer.
        place: Place,
        /// Its channel.
        channel: usize,
        /// Row and column of a single value.
        unit: Option<(usize, usize)>,
    },
}

impl From<ClassId> for Target {
    fn from(class: ClassId) -> Self {
        Self::class(class, None)
    }
}

impl Target {
    /// The score of a class, less that of another.
    pub fn class(class: ClassId, against: Option<ClassId>) -> Self {
        Self::Class { class, against, measure: Measure::Score, region: Region::Everywhere, output: 0 }
    }

    /// The value of the graph that the target is made of.
    ///
    /// # Errors
    /// When the network has no such output.
    pub fn tap(&self, network: &Network) -> Result<Tap, MethodError> {
        match self {
            Self::Class { output, .. } => Ok(head(network, *output)?.scores.into()),
            Self::Channel { place, .. } => Ok(place.tap),
        }
    }

    /// The target for each picture, N numbers, from the N×… tensor that was tapped.
    ///
    /// # Errors
    /// When there is no such class, channel or position, or the output holds no scores.
    pub fn of(&self, network: &Network, tapped: &Tensor) -> Result<Tensor, MethodError> {
        match self {
            Self::Class { class, against, measure, region, output } => {
                let activation = head(network, *output)?.activation;
                let scores = match measure {
                    Measure::Score => tapped.shallow_clone(),
                    Measure::Probability => probabilities(activation, tapped)?,
                };
                let number = number_of(&scores, *class, *region)?;
                Ok(match against {
                    Some(other) => number.f_sub(&number_of(&scores, *other, *region)?)?,
                    None => number,
                })
            }
            Self::Channel { place, channel, unit } => value_of(network, place, *channel, *unit, tapped),
        }
    }
}

fn head(network: &Network, output: usize) -> Result<Head, MethodError> {
    let graph = network.engine.graph();
    match graph.outputs.get(output) {
        Some(_) if output == 0 => Ok(network.head),
        Some(&value) => Ok(Head::of_output(graph, value)),
        None => Err(MethodError::NoSuchOutput { last: graph.outputs.len().saturating_sub(1), asked: output }),
    }
}

/// Probabilities over the dimension of classes.
fn probabilities(activation: FinalActivation, scores: &Tensor) -> Result<Tensor, MethodError> {
    let classes = i64::from(scores.dim() > 1);
    let single = scores.size().get(classes as usize) == Some(&1);
    Ok(match activation {
        FinalActivation::Sigmoid => scores.f_sigmoid()?,
        FinalActivation::None if single => scores.f_sigmoid()?,
        FinalActivation::Softmax | FinalActivation::None => scores.f_softmax(classes, Kind::Float)?,
    })
}

/// The number of a class for each picture; of its absence, the negative.
fn number_of(scores: &Tensor, class: ClassId, region: Region) -> Result<Tensor, MethodError> {
    let sizes = scores.size();
    let spatial = sizes.len() > 2;
    let positions = if spatial && region != Region::Everywhere {
        scores.shallow_clone()
    } else {
        predictions::class_scores(scores)?
    };
    let classes = positions.size().get(1).copied().unwrap_or(0) as usize;
    if class.index >= classes {
        return Err(MethodError::NoSuchClass { last: classes.saturating_sub(1), asked: class.index });
    }
    let number = positions.f_select(1, class.index as i64)?;
    let number = match region {
        Region::Predicted if spatial => {
            let here = scores.f_argmax(1, false)?.f_eq(class.index as i64)?;
            summed(&number.f_mul(&here)?)?
        }
        Region::Rectangle { top, left, height, width } if number.dim() == 3 => {
            let (_, rows, columns) = number.size3()?;
            if top + height > rows as usize || left + width > columns as usize || height * width == 0 {
                return Err(MethodError::NoSuchRegion { rows: rows as usize, columns: columns as usize });
            }
            let rows = number.f_narrow(1, top as i64, height as i64)?;
            summed(&rows.f_narrow(2, left as i64, width as i64)?)?
        }
        Region::Rectangle { .. } => return Err(MethodError::NoSuchRegion { rows: 1, columns: 1 }),
        Region::Everywhere | Region::Predicted => number,
    };
    Ok(if class.negative { number.f_neg()? } else { number })
}

/// The sum over everything but the pictures of a batch.
fn summed(positions: &Tensor) -> Result<Tensor, MethodError> {
    Ok(positions.f_flatten(1, -1)?.f_sum_dim_intlist(1, false, Kind::Float)?)
}

fn value_of(
    network: &Network,
    place: &Place,
    channel: usize,
    unit: Option<(usize, usize)>,
    output: &Tensor,
) -> Result<Tensor, MethodError> {
    let sizes = output.size();
    let dimension = channels::dimension(sizes.len(), network.layout(place.tap.value));
    let count = sizes.get(dimension).copied().unwrap_or(0);
    if channel as i64 >= count {
        let (layer, last) = (place.name.clone(), (count - 1).max(0) as usize);
        return Err(MethodError::NoSuchChannel { layer, last, asked: channel });
    }
    let map = output.f_select(dimension as i64, channel as i64)?;
    let Some((row, column)) = unit else {
        return Ok(if map.dim() > 1 { map.f_flatten(1, -1)?.f_mean_dim(1, false, Kind::Float)? } else { map });
    };
    match *map.size().as_slice() {
        [_, rows, columns] if (row as i64) < rows && (column as i64) < columns => {
            Ok(map.f_select(1, row as i64)?.f_select(1, column as i64)?)
        }
        [_, tokens] if row == 0 && (column as i64) < tokens => Ok(map.f_select(1, column as i64)?),
        [_] if (row, column) == (0, 0) => Ok(map),
        [_, rows, columns] => Err(MethodError::NoSuchRegion { rows: rows as usize, columns: columns as usize }),
        _ => Err(MethodError::NoSuchRegion { rows: 1, columns: sizes.get(1).copied().unwrap_or(1) as usize }),
    }
}
