//! What a pattern is grown for.

use tch::{Kind, Tensor};

use super::random::Lane;
use crate::engine::Taps;
use crate::methods::{MethodError, Network, Place, channels, predictions};
use crate::model::graph::Tap;

/// What of a layer is to become as great as possible.
#[derive(Debug, Clone, PartialEq)]
pub enum Objective {
    /// A channel's mean over space.
    Channel,
    /// A channel's value in the middle; of an even number of rows or columns, the second of the two.
    Neuron,
    /// The product of the channels with a vector, mean over space. Lucid's; Lucent takes the cosine between them.
    Direction(Vec<f32>),
    /// The mean square of the whole layer: `DeepDream` (Mordvintsev et al., 2015).
    DeepDream,
    /// A class's score before softmax or sigmoid.
    Class,
}

impl Objective {
    /// The name by which it is asked for.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Neuron => "neuron",
            Self::Direction(_) => "direction",
            Self::DeepDream => "deep-dream",
            Self::Class => "class",
        }
    }

    /// Whether each channel or class has a pattern of its own.
    pub fn is_of_channels(&self) -> bool {
        matches!(self, Self::Channel | Self::Neuron | Self::Class)
    }
}

/// Several pictures of one channel that shall not look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversity {
    /// Pictures of each channel, at least one.
    pub pictures: usize,
    /// The layer at which they are to differ.
    pub at: Place,
}

/// What patterns are grown for, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// What is to become great.
    pub objective: Objective,
    /// The layer; for a class, the scores.
    pub place: Place,
    /// Several pictures of each.
    pub diversity: Option<Diversity>,
}

/// Lucid's usual weight of the diversity.
pub const DIVERSITY_WEIGHT: f64 = 1e2;

impl Subject {
    /// The channels of a layer.
    pub fn channels(place: Place) -> Self {
        Self { objective: Objective::Channel, place, diversity: None }
    }

    /// The network's classes.
    pub fn classes(network: &Network) -> Self {
        let place = Place { name: "scores".to_owned(), tap: network.head.scores.into(), layer: None };
        Self { objective: Objective::Class, place, diversity: None }
    }

    /// Pictures of each channel.
    pub fn pictures(&self) -> usize {
        self.diversity.as_ref().map_or(1, |diversity| diversity.pictures.max(1))
    }

    /// What the network must see at once where each picture is seen so many times: all of a channel's pictures that are to differ.
    pub(super) fn together(&self, times: usize) -> usize {
        if self.pictures() > 1 { self.pictures() * times } else { 1 }
    }

    pub(super) fn taps(&self) -> Vec<Tap> {
        std::iter::once(self.place.tap).chain(self.diversity.iter().map(|diversity| diversity.at.tap)).collect()
    }

    /// What is to grow, one number, and the objective of every picture of the batch.
    ///
    /// For several pictures of a channel it is their mean, less 1e2 times Σ ⟨Gᵢ, Gⱼ⟩ over pairs i ≠ j, divided by their number; G is
    /// the matrix of the channels' products summed over space, scaled to length 1 (Lucid, `objectives.py`). A picture that is seen in
    /// several crops, `times` one after the other, has one G, over the space of all of them.
    pub(super) fn score(
        &self,
        network: &Network,
        runs: &[Taps],
        lanes: &[Lane],
        times: usize,
    ) -> Result<(Tensor, Tensor), MethodError> {
        let tapped = |place: &Place| -> Result<Tensor, MethodError> {
            let outputs = runs.iter().map(|run| run.get(place.tap.value)).collect::<Result<Vec<_>, _>>()?;
            Ok(if let [one] = outputs.as_slice() { one.shallow_clone() } else { Tensor::f_cat(&outputs, 0)? })
        };
        let values = self.values(network, &tapped(&self.place)?, lanes)?;
        let sum = values.f_sum(Kind::Float)?;
        let total = match &self.diversity {
            Some(diversity) if diversity.pictures > 1 => {
                let (pictures, times) = (diversity.pictures as i64, times as i64);
                let alike = alike(network, &diversity.at, &tapped(&diversity.at)?, pictures, times)?;
                let share = 1.0 / diversity.pictures as f64;
                sum.f_div_scalar(times)?.f_sub(&alike.f_mul_scalar(DIVERSITY_WEIGHT)?)?.f_mul_scalar(share)?
            }
            _ => sum,
        };
        Ok((total, values.detach()))
    }

    fn values(&self, network: &Network, output: &Tensor, lanes: &[Lane]) -> Result<Tensor, MethodError> {
        let sizes = output.size();
        let channel = channels::dimension(sizes.len(), network.layout(self.place.tap.value));
        let per_channel = |numbers: Tensor| -> Result<Tensor, MethodError> {
            let count = numbers.size().get(1).copied().unwrap_or(0);
            if let Some(lane) = lanes.iter().find(|lane| lane.channel as i64 >= count) {
                let (last, asked) = ((count - 1).max(0) as usize, lane.channel);
                return Err(match self.objective {
                    Objective::Class => MethodError::NoSuchClass { last, asked },
                    _ => MethodError::NoSuchChannel { layer: self.place.name.clone(), last, asked },
                });
            }
            let wanted: Vec<i64> = lanes.iter().map(|lane| lane.channel as i64).collect();
            let wanted = Tensor::f_from_slice(&wanted)?.f_unsqueeze(1)?.f_to_device(output.device())?;
            Ok(numbers.f_gather(1, &wanted, false)?.f_squeeze_dim(1)?)
        };
        match &self.objective {
            Objective::Channel => per_channel(means(output, channel)?),
            Objective::Neuron => per_channel(middle(network, output, channel)?),
            Objective::Class => per_channel(predictions::class_scores(output)?),
            Objective::Direction(vector) => {
                let means = means(output, channel)?;
                let count = means.size().get(1).copied().unwrap_or(0) as usize;
                if vector.len() != count {
                    let (layer, channels) = (self.place.name.clone(), count);
                    return Err(MethodError::Direction { layer, channels, given: vector.len() });
                }
                let vector = Tensor::f_from_slice(vector)?.f_to_device(output.device())?;
                Ok(means.f_mv(&vector)?)
            }
            Objective::DeepDream => Ok(output.f_square()?.f_flatten(1, -1)?.f_mean_dim(1, false, Kind::Float)?),
        }
    }
}

/// The mean over everything but pictures and channels, N×C.
fn means(output: &Tensor, channel: usize) -> Result<Tensor, MethodError> {
    let space: Vec<i64> = (1..output.dim()).filter(|&axis| axis != channel).map(|axis| axis as i64).collect();
    Ok(match space.as_slice() {
        [] if output.dim() < 2 => output.f_unsqueeze(-1)?.f_narrow(-1, 0, 0)?,
        [] => output.shallow_clone(),
        space => output.f_mean_dim(space, false, Kind::Float)?,
    })
}

/// The values in the middle, N×C.
fn middle(network: &Network, output: &Tensor, channel: usize) -> Result<Tensor, MethodError> {
    if let (&[_, tokens, _], 2) = (output.size().as_slice(), channel) {
        let shapes = network.forward_shapes()?;
        let grid = network.grids(&|value| shapes.get(&value).cloned()).find(tokens);
        let token = grid.map_or(tokens / 2, |grid| grid.extra + grid.height / 2 * grid.width + grid.width / 2);
        return Ok(output.f_select(1, token)?);
    }
    let mut middle = output.shallow_clone();
    for axis in (1..output.dim()).rev().filter(|&axis| axis != channel) {
        middle = middle.f_select(axis as i64, output.size()[axis] / 2)?;
    }
    Ok(if middle.dim() < 2 { middle.f_unsqueeze(-1)?.f_narrow(-1, 0, 0)? } else { middle })
}

/// Σ ⟨Gᵢ, Gⱼ⟩ over pairs i ≠ j of each channel's pictures, summed over channels; of each picture there are `times` outputs.
fn alike(network: &Network, at: &Place, output: &Tensor, pictures: i64, times: i64) -> Result<Tensor, MethodError> {
    let channel = channels::dimension(output.dim(), network.layout(at.tap.value)) as i64;
    let rows = output.f_movedim_int(channel, 1)?.f_flatten(1, 1)?;
    let rows = if rows.dim() > 2 { rows.f_flatten(2, -1)? } else { rows.f_unsqueeze(-1)? };
    let gram = rows.f_bmm(&rows.f_transpose(1, 2)?)?.f_flatten(1, -1)?;
    let gram = gram.f_reshape([-1, times, gram.size2()?.1])?.f_sum_dim_intlist(1, false, Kind::Float)?;
    // Lucid's floor under the length.
    let length = gram.f_square()?.f_sum_dim_intlist(1, true, Kind::Float)?.f_clamp_min(1e-10)?.f_sqrt()?;
    let gram = gram.f_div(&length)?;
    let own = gram.f_square()?.f_sum(Kind::Float)?;
    let together = gram.f_reshape([-1, pictures, gram.size2()?.1])?.f_sum_dim_intlist(1, false, Kind::Float)?;
    Ok(together.f_square()?.f_sum(Kind::Float)?.f_sub(&own)?)
}
