//! What a network gives for the pictures of a run, and what of that is taken down.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::probe::Shown;
use super::{Keep, Layer, Said, Seen};
use crate::methods::MethodError;
use crate::methods::target::ClassId;

/// Elements of the maps that positions are looked up in at once: 64 MiB.
const LOOKED_UP: usize = 1 << 24;

/// What a run gives.
pub(super) struct Answer {
    pub(super) layers: Vec<Maps>,
    /// Nothing where the network was not asked.
    pub(super) said: Vec<(ClassId, Said)>,
}

/// A layer's maps of a batch: a row for each picture and channel.
pub(super) struct Maps {
    pub(super) rows: Tensor,
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) maxima: Vec<f32>,
    pub(super) means: Vec<f32>,
    pub(super) positive: Vec<f32>,
}

impl Maps {
    /// The row of a picture's channel.
    pub(super) fn row(&self, picture: usize, channel: usize) -> usize {
        picture * self.channels + channel
    }

    /// Picture and channel wherever the layer has room for what the picture does to the channel.
    pub(super) fn candidates(&self, layer: &Layer, keep: Keep, seen: &[Arc<Seen>]) -> Vec<(usize, usize)> {
        let mut candidates = Vec::new();
        for (picture, seen) in seen.iter().enumerate() {
            for (channel, known) in layer.channels.iter().enumerate() {
                let row = self.row(picture, channel);
                let (maximum, mean) = (self.maxima[row], self.means[row]);
                if maximum.is_finite() && mean.is_finite() && known.admits(keep, maximum, seen) {
                    candidates.push((picture, channel));
                }
            }
        }
        candidates
    }

    /// Counts the first few pictures in the distributions of a layer.
    pub(super) fn count(&self, layer: &mut Layer, pictures: usize) {
        let positions = (self.height * self.width) as u64;
        for picture in 0..pictures {
            for (channel, known) in layer.channels.iter_mut().enumerate() {
                let row = self.row(picture, channel);
                known.distribution.add(self.maxima[row], self.means[row], self.positive[row] as u64, positions);
            }
        }
    }

    /// The first position of the maximum in each of some rows. `argmax` does not promise the first, and on a GPU gives any.
    pub(super) fn positions(&self, rows: &[i64]) -> Result<Vec<usize>, MethodError> {
        let positions = self.height * self.width;
        let numbered = Tensor::f_arange(positions as i64, (Kind::Int64, self.rows.device()))?;
        let mut found = Vec::with_capacity(rows.len());
        for part in rows.chunks((LOOKED_UP / positions).max(1)) {
            let chosen = self.rows.f_index_select(0, &Tensor::f_from_slice(part)?.f_to_device(self.rows.device())?)?;
            let maximum = chosen.f_amax([1_i64].as_slice(), true)?;
            let beyond = Tensor::f_full([1], positions as i64, (Kind::Int64, self.rows.device()))?;
            let first = numbered.f_where_self(&chosen.f_eq_tensor(&maximum)?, &beyond)?;
            let first = first.f_amin([1_i64].as_slice(), false)?.f_to_device(Device::Cpu)?;
            let mut numbers = vec![0_i64; part.len()];
            first.f_copy_data(&mut numbers, part.len())?;
            found.extend(numbers.into_iter().map(|position| (position.max(0) as usize).min(positions - 1)));
        }
        Ok(found)
    }
}

/// The pictures with what the network says of them, and whether that is right.
pub(super) fn judged(pictures: &[Shown], said: &[(ClassId, Said)]) -> Vec<Arc<Seen>> {
    let one = |(index, picture): (usize, &Shown)| {
        let said = said.get(index);
        let class = picture.truth.as_ref().and_then(|truth| truth.class);
        Arc::new(Seen {
            path: picture.path.clone(),
            said: said.map(|(_, said)| said.clone()),
            truth: picture.truth.as_ref().map(|truth| truth.label.clone()),
            right: said.zip(class).map(|((said, _), class)| *said == class),
        })
    };
    pictures.iter().enumerate().map(one).collect()
}
