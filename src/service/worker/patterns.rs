//! Filter patterns, which grow while nothing else is asked.

use super::super::protocol::{Class, ClassId, Event, Order, Pane, PatternPage, Ticket};
use super::Worker;
use super::error::WorkError;
use super::pages::Wanted;
use super::picture::rgb;
use super::ranking::ranked;
use crate::engine::Cancel;
use crate::methods::patterns::{self, Ascent, Recipe};
use crate::model::LayerId;

/// A page of patterns that grows.
pub(super) struct Growing<'a> {
    pane: Pane,
    ticket: Ticket,
    layer: LayerId,
    order: Order,
    class: Option<Class>,
    channels: Vec<usize>,
    first: usize,
    total: usize,
    ascent: Ascent<'a>,
    cancel: Cancel,
}

impl Growing<'_> {
    /// Whether a pane waits for it: one that was stopped may still stand here until its next step.
    pub(super) fn is_for(&self, pane: Pane) -> bool {
        self.pane == pane && !self.cancel.is_raised()
    }
}

impl Worker<'_> {
    /// Starts from noise and shows it.
    pub(super) fn start_patterns(&mut self, ticket: Ticket, wanted: &Wanted, cancel: &Cancel) -> Result<(), WorkError> {
        let network = self.subject.network;
        let place = network.layer(wanted.layer)?;
        let layout = network.layout(place.tap.value);
        let shape = self.subject.shape(place.tap.value)?;
        let class = wanted.class(&self.subject)?;
        let contributions = match &class {
            Some(Class { id, .. }) => Some(self.contributions(wanted.layer, *id, cancel)?),
            None => None,
        };
        let known = self.subject.activations(wanted.layer)?.statistics;
        let order = ranked(wanted.order, &known.channels, contributions.as_deref());
        let channels = wanted.part(&order).to_vec();
        let side = patterns::size_for(network, &shape, layout);
        let ascent = Ascent::from_noise(network, place, channels.clone(), side, Recipe::BOOK, self.seed)?;
        self.growing = Some(Growing {
            pane: Pane::Channels,
            ticket,
            layer: wanted.layer,
            order: wanted.order,
            class,
            channels,
            first: wanted.first.min(order.len()),
            total: order.len(),
            ascent,
            cancel: cancel.clone(),
        });
        self.say_patterns()
    }

    /// Starts the pattern of one channel from noise and shows it. Patterns that the pager waits for come first.
    pub(super) fn start_pattern(
        &mut self,
        ticket: Ticket,
        layer: LayerId,
        channel: usize,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        if self.growing.as_ref().is_some_and(|growing| growing.is_for(Pane::Channels)) {
            return Ok(());
        }
        let network = self.subject.network;
        let place = network.layer(layer)?;
        let layout = network.layout(place.tap.value);
        let shape = self.subject.shape(place.tap.value)?;
        let total = self.subject.activations(layer)?.statistics.channels.len();
        let side = patterns::size_for(network, &shape, layout);
        let ascent = Ascent::from_noise(network, place, vec![channel], side, Recipe::BOOK, self.seed)?;
        let (order, class, cancel) = (Order::Index, None, cancel.clone());
        let (pane, channels, first) = (Pane::Detail, vec![channel], channel);
        self.growing = Some(Growing { pane, ticket, layer, order, class, channels, first, total, ascent, cancel });
        self.say_patterns()
    }

    fn contributions(&mut self, layer: LayerId, class: ClassId, cancel: &Cancel) -> Result<Vec<f32>, WorkError> {
        Ok(self.subject.gradient(layer, class, cancel)?.contributions.clone())
    }

    /// One step of gradient ascent, with the picture so far.
    pub(super) fn grow(&mut self) {
        let Some(growing) = &mut self.growing else { return };
        let (pane, ticket, cancel) = (growing.pane, growing.ticket, growing.cancel.clone());
        let advanced = growing.ascent.advance(&cancel).map_err(WorkError::from);
        let done = advanced.and_then(|()| self.say_patterns());
        let finished = self.growing.as_ref().is_none_or(|growing| growing.ascent.is_done());
        if let Err(error) = &done {
            self.fail(pane, ticket, error);
        }
        if done.is_err() || finished {
            self.growing = None;
        }
    }

    fn say_patterns(&self) -> Result<(), WorkError> {
        let Some(growing) = &self.growing else { return Ok(()) };
        let pictures = patterns::pictures(self.subject.network, growing.ascent.images())?;
        let page = PatternPage {
            layer: growing.layer,
            order: growing.order,
            class: growing.class.clone(),
            channels: growing.channels.clone(),
            first: growing.first,
            total: growing.total,
            step: growing.ascent.step(),
            steps: growing.ascent.steps(),
            pictures: pictures.iter().map(rgb).collect(),
            activations: growing.ascent.activations().to_vec(),
        };
        self.say(Event::Patterns { ticket: growing.ticket, page: Box::new(page) });
        Ok(())
    }
}
