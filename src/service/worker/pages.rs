//! Pages of channels as numbers: activations, gradients, their product, weights.

use tch::{Kind, Tensor};

use super::super::protocol::{
    ChannelPage, Class, ClassId, Content, Event, Order, OtherChannels, Rgb, Statistics, Ticket,
};
use super::Worker;
use super::error::WorkError;
use super::picture::rgb;
use super::ranking::ranked;
use super::subject::Subject;
use crate::engine::{Cancel, numbers};
use crate::methods::statistics::{self, LayerStatistics};
use crate::methods::weights;
use crate::model::LayerId;

/// What a page is asked to show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) layer: LayerId,
    pub(super) content: Content,
    pub(super) order: Order,
    pub(super) class: Option<ClassId>,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Wanted {
    /// The class, where the page depends on one.
    ///
    /// # Errors
    /// When there is no picture to take the top class from.
    pub(super) fn class(&self, subject: &Subject<'_>) -> Result<Option<Class>, WorkError> {
        let needed = self.content.needs_class() || self.order == Order::Contribution;
        needed.then(|| subject.class(self.class)).transpose()
    }

    /// The page's part of all channels in their order.
    pub(super) fn part<'a>(&self, order: &'a [usize]) -> &'a [usize] {
        let first = self.first.min(order.len());
        &order[first..order.len().min(first.saturating_add(self.count))]
    }
}

impl Worker<'_> {
    /// Answers with a page.
    pub(super) fn page(&mut self, ticket: Ticket, wanted: &Wanted, cancel: &Cancel) -> Result<(), WorkError> {
        let class = wanted.class(&self.subject)?;
        let id = class.as_ref().map(|class| class.id);
        let contributions = id.map(|class| self.subject.gradient(wanted.layer, class, cancel)).transpose()?;
        let contributions = contributions.map(|gradient| gradient.contributions.clone());
        let all = shown(&mut self.subject, wanted.layer, wanted.content, id, cancel)?;
        if let Some(known) = contributions.as_ref().filter(|known| known.len() != all.statistics.channels.len()) {
            let layer = self.subject.network.layer(wanted.layer)?.name;
            return Err(WorkError::NoOrder { layer, kernels: all.statistics.channels.len(), channels: known.len() });
        }
        let order = ranked(wanted.order, &all.statistics.channels, contributions.as_deref());
        let channels = wanted.part(&order).to_vec();
        let other = self.other_channels(wanted, id, &channels, &all, cancel)?;
        let page = all.page(self.subject.network, &channels)?;
        let (total, height, width) = all.maps.size3()?;
        let page = ChannelPage {
            layer: wanted.layer,
            content: wanted.content,
            order: wanted.order,
            class,
            first: wanted.first.min(total as usize),
            total: total as usize,
            height: height as usize,
            width: width as usize,
            values: page.values,
            statistics: page.statistics,
            layer_statistics: all.statistics.layer,
            contributions: contributions.map(|all| channels.iter().map(|&channel| all[channel]).collect()),
            colour: page.colour,
            other,
            channels,
        };
        self.say(Event::Channels { ticket, page: Box::new(page) });
        Ok(())
    }

    /// The same channels of the second model, where it has them.
    fn other_channels(
        &mut self,
        wanted: &Wanted,
        class: Option<ClassId>,
        channels: &[usize],
        all: &Shown,
        cancel: &Cancel,
    ) -> Result<Option<OtherChannels>, WorkError> {
        let Some(second) = &mut self.second else { return Ok(None) };
        let Some(layer) = second.counterpart(wanted.layer) else { return Ok(None) };
        let found = match shown(&mut second.subject, layer, wanted.content, class, cancel) {
            Err(WorkError::NoPicture) => return Ok(None),
            Err(error) if error.is_not_applicable() => return Ok(None),
            found => found.map_err(|error| second.error(error))?,
        };
        if found.maps.size() != all.maps.size() {
            return Ok(None);
        }
        let page = found.page(second.subject.network, channels)?;
        Ok(Some(OtherChannels {
            layer,
            values: page.values,
            statistics: page.statistics,
            layer_statistics: found.statistics.layer,
            colour: page.colour,
        }))
    }
}

/// All channels of a layer that a page is a part of.
struct Shown {
    /// K×H×W.
    maps: Tensor,
    statistics: LayerStatistics,
    /// K×3×H×W, where the channels are kernels that look at colours.
    colour: Option<Tensor>,
}

/// A part of the channels, on the host.
struct Part {
    values: Vec<f32>,
    statistics: Vec<Statistics>,
    colour: Option<Vec<Rgb>>,
}

fn shown(
    subject: &mut Subject<'_>,
    layer: LayerId,
    content: Content,
    class: Option<ClassId>,
    cancel: &Cancel,
) -> Result<Shown, WorkError> {
    let of_class = |subject: &Subject<'_>| Ok::<_, WorkError>(subject.class(class)?.id);
    let numbers = |maps: &Tensor, statistics: &LayerStatistics| Shown {
        maps: maps.shallow_clone(),
        statistics: statistics.clone(),
        colour: None,
    };
    Ok(match content {
        Content::Activations | Content::Patterns => {
            let found = subject.activations(layer)?;
            numbers(&found.maps, &found.statistics)
        }
        Content::Gradients => {
            let class = of_class(subject)?;
            let found = &subject.gradient(layer, class, cancel)?.alone;
            numbers(&found.maps, &found.statistics)
        }
        Content::ActivationTimesGradient => {
            let class = of_class(subject)?;
            let found = &subject.gradient(layer, class, cancel)?.times_activation;
            numbers(&found.maps, &found.statistics)
        }
        Content::Weights => {
            let kernels = weights::kernels(subject.network, layer)?;
            let statistics = statistics::of_channels(&kernels.values)?;
            let (maps, colour) = if kernels.colour {
                (kernels.values.f_mean_dim([1].as_slice(), false, Kind::Float)?, Some(kernels.values))
            } else {
                (kernels.values, None)
            };
            Shown { maps, statistics, colour }
        }
    })
}

impl Shown {
    fn page(&self, network: &crate::methods::Network, channels: &[usize]) -> Result<Part, WorkError> {
        let colour = self.colour.as_ref().map(|kernels| {
            let pictures = weights::colour_pictures(network, &part(kernels, channels)?)?;
            Ok::<_, WorkError>(pictures.iter().map(rgb).collect())
        });
        let statistics = channels.iter().filter_map(|&channel| self.statistics.channels.get(channel));
        Ok(Part {
            values: numbers(&part(&self.maps, channels)?)?,
            statistics: statistics.copied().collect(),
            colour: colour.transpose()?,
        })
    }
}

/// Rows of a tensor; neighbours without a copy.
fn part(all: &Tensor, rows: &[usize]) -> Result<Tensor, WorkError> {
    let first = rows.first().copied().unwrap_or(0);
    if rows.iter().enumerate().all(|(index, &row)| row == first + index) {
        return Ok(all.f_narrow(0, first as i64, rows.len() as i64)?);
    }
    let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    Ok(all.f_index_select(0, &Tensor::f_from_slice(&index)?.f_to_device(all.device())?)?)
}
