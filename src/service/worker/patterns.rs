//! Filter patterns, which grow while nothing else is asked.

use super::super::pattern_cache::{self, PatternCache};
use super::super::protocol::{Class, ClassId, Event, Order, Pane, PatternPage, Recipe, Ticket};
use super::Worker;
use super::error::WorkError;
use super::pages::Wanted;
use super::picture::rgb;
use super::ranking::ranked;
use crate::engine::Cancel;
use crate::methods::Place;
use crate::methods::patterns::{self, Ascent, Subject};
use crate::model::LayerId;

/// Pages of patterns that are kept when they are left.
const LEFT: usize = 4;

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
    recipe: Recipe,
    ascent: Ascent<'a>,
    /// Height and width.
    size: (usize, usize),
    cancel: Cancel,
}

impl Growing<'_> {
    /// Whether a pane waits for it: one that was stopped may still stand here until its next step.
    pub(super) fn is_for(&self, pane: Pane) -> bool {
        self.pane == pane && !self.cancel.is_raised()
    }
}

impl<'a> Worker<'a> {
    /// Starts from noise and shows it.
    pub(super) fn start_patterns(
        &mut self,
        ticket: Ticket,
        wanted: &Wanted,
        recipe: Recipe,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        let network = self.subject.network;
        let place = network.layer(wanted.layer)?;
        let class = wanted.class(&self.subject)?;
        let contributions = match &class {
            Some(Class { id, .. }) => Some(self.contributions(wanted.layer, *id, cancel)?),
            None => None,
        };
        let known = self.subject.activations(wanted.layer)?.statistics;
        let order = ranked(wanted.order, &known.channels, contributions.as_deref());
        let channels = wanted.part(&order).to_vec();
        self.leave_patterns();
        let (ascent, size) = self.ascent(&place, &channels, recipe)?;
        self.growing = Some(Growing {
            pane: Pane::Channels,
            ticket,
            layer: wanted.layer,
            order: wanted.order,
            class,
            channels,
            first: wanted.first.min(order.len()),
            total: order.len(),
            recipe,
            ascent,
            size,
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
        recipe: Recipe,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        if self.growing.as_ref().is_some_and(|growing| growing.is_for(Pane::Channels)) {
            return Ok(());
        }
        let network = self.subject.network;
        let place = network.layer(layer)?;
        let total = self.subject.activations(layer)?.statistics.channels.len();
        self.leave_patterns();
        let (ascent, size) = self.ascent(&place, &[channel], recipe)?;
        let (order, class, cancel) = (Order::Index, None, cancel.clone());
        let (pane, channels, first) = (Pane::Detail, vec![channel], channel);
        self.growing =
            Some(Growing { pane, ticket, layer, order, class, channels, first, total, recipe, ascent, size, cancel });
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
            self.leave_patterns();
        }
    }

    /// From noise, or from where the patterns were left, here or in an earlier session.
    fn ascent(
        &mut self,
        place: &Place,
        channels: &[usize],
        recipe: Recipe,
    ) -> Result<(Ascent<'a>, (usize, usize)), WorkError> {
        let is_it =
            |left: &Growing<'_>| left.channels == channels && left.recipe == recipe && Some(left.layer) == place.layer;
        if let Some(at) = self.left.iter().position(is_it) {
            let left = self.left.remove(at);
            return Ok((left.ascent, left.size));
        }
        let network = self.subject.network;
        let seed = self.open.seed;
        let shape = self.subject.shape(place.tap.value)?;
        let size = patterns::size_for(network, &shape, network.layout(place.tap.value), &recipe);
        let subject = Subject::channels(place.clone());
        let what = pattern_cache::Growing { subject: &subject, recipe, size, seed };
        let saved = self.pattern_cache().map(|cache| {
            channels.iter().map(|&channel| cache.load(&what, patterns::Lane { channel, copy: 0 })).collect()
        });
        let saved = saved.unwrap_or_default();
        Ok((Ascent::new(network, subject.clone(), channels, size, recipe, seed, saved)?, size))
    }

    fn pattern_cache(&self) -> Option<PatternCache> {
        PatternCache::new(self.open.pattern_cache.as_deref()?, &self.open.opening, self.subject.network)
    }

    /// Stops what grows, and keeps it for another time: here, and on disk.
    pub(super) fn leave_patterns(&mut self) {
        let Some(growing) = self.growing.take() else { return };
        self.keep_on_disk(&growing);
        if !growing.ascent.is_done() {
            if self.left.len() >= LEFT {
                self.left.remove(0);
            }
            self.left.push(growing);
        }
    }

    fn keep_on_disk(&self, growing: &Growing<'_>) {
        let Some(cache) = self.pattern_cache() else { return };
        let (recipe, seed) = (growing.recipe, self.open.seed);
        let what = pattern_cache::Growing { subject: growing.ascent.subject(), recipe, size: growing.size, seed };
        for (place, &lane) in growing.ascent.lanes().iter().enumerate() {
            // What cannot be copied from the device is grown anew the next time.
            if let Ok(Some(saved)) = growing.ascent.saved(place) {
                cache.store(&what, lane, &saved);
            }
        }
    }

    fn say_patterns(&self) -> Result<(), WorkError> {
        let Some(growing) = &self.growing else { return Ok(()) };
        let pictures = growing.ascent.pictures()?;
        let page = PatternPage {
            layer: growing.layer,
            order: growing.order,
            class: growing.class.clone(),
            channels: growing.channels.clone(),
            first: growing.first,
            total: growing.total,
            recipe: growing.recipe,
            step: growing.ascent.step(),
            steps: growing.ascent.steps(),
            pictures: pictures.iter().map(rgb).collect(),
            activations: growing.ascent.activations()?,
        };
        self.say(Event::Patterns { ticket: growing.ticket, page: Box::new(page) });
        Ok(())
    }
}
