//! What gradients are taken of, and what scores are read off: a class, or a channel.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{Forward, MethodError, Network, Place, channels, predictions};
use crate::engine::{Cancel, EngineError};
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
    /// The sum over the positions where the class is predicted; of a difference of two classes, the first one's.
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
                let here = match region {
                    Region::Predicted if scores.dim() > 2 => Some(predicted(tapped, *class)?),
                    _ => None,
                };
                let number = |class| number_of(&scores, class, *region, here.as_ref());
                Ok(match against {
                    Some(other) => number(*class)?.f_sub(&number(*other)?)?,
                    None => number(*class)?,
                })
            }
            Self::Channel { place, channel, unit } => value_of(network, place, *channel, *unit, tapped),
        }
    }
}

impl Target {
    /// Refuses the region where a class is predicted when that is nowhere in the picture. In a changed picture it is no mistake.
    ///
    /// # Errors
    /// That, or when the network cannot be run.
    pub fn must_be_predicted(&self, network: &Network, forward: &Forward, cancel: &Cancel) -> Result<(), MethodError> {
        let Self::Class { class, region: Region::Predicted, .. } = self else { return Ok(()) };
        let scores = forward.at(network, self.tap(network)?, cancel)?;
        let nowhere = scores.dim() > 2 && predicted(&scores, *class)?.f_any()?.int64_value(&[]) == 0;
        if nowhere { Err(MethodError::NowherePredicted(network.label(*class))) } else { Ok(()) }
    }

    /// As [`Target::of`], of a run on so many pictures.
    ///
    /// # Errors
    /// As there, and when the graph does not give a number for each: one that was exported for one picture may make one of many
    /// without a word, or give the scores of all as if they were classes of one.
    pub(super) fn of_each(&self, network: &Network, tapped: &Tensor, pictures: i64) -> Result<Tensor, MethodError> {
        let found = self.of(network, tapped)?;
        if found.size() == [pictures] {
            return Ok(found);
        }
        let wrong = format!("the network gave {} results for {pictures} pictures", found.numel());
        Err(EngineError::Torch(wrong).into())
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

/// Where the scores N×K×… say the class: it is the greatest, or of a single one positive.
fn predicted(scores: &Tensor, class: ClassId) -> Result<Tensor, MethodError> {
    Ok(match (scores.size().get(1), class.negative) {
        (Some(1), false) => scores.f_select(1, 0)?.f_gt(0.0)?,
        (Some(1), true) => scores.f_select(1, 0)?.f_le(0.0)?,
        _ => scores.f_argmax(1, false)?.f_eq(class.index as i64)?,
    })
}

/// The number of a class for each picture, `here` where it is predicted; of its absence, the negative.
fn number_of(scores: &Tensor, class: ClassId, region: Region, here: Option<&Tensor>) -> Result<Tensor, MethodError> {
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
        Region::Predicted if spatial => match here {
            Some(here) => summed(&number.f_mul(here)?)?,
            None => summed(&number)?,
        },
        Region::Rectangle { top, left, height, width } if number.dim() == 3 => {
            let (_, rows, columns) = number.size3()?;
            let beyond = |first: usize, count: usize, all: i64| {
                count == 0 || first.checked_add(count).is_none_or(|end| end > all as usize)
            };
            if beyond(top, height, rows) || beyond(left, width, columns) {
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
        [_, tokens] => Err(MethodError::NoSuchRegion { rows: 1, columns: tokens as usize }),
        _ => Err(MethodError::NoSuchRegion { rows: 1, columns: 1 }),
    }
}
