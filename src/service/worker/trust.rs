//! How far a heatmap is to be trusted, metric by metric. Between the steps the other panes are answered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use tch::Tensor;

use super::super::protocol::{Chosen, Event, Heatmap, Pane, Ticket};
use super::Worker;
use super::error::WorkError;
use super::maps::{SAID_EVERY, target};
use crate::engine::Cancel;
use crate::methods::attribution::{Attribution, AttributionInput};
use crate::methods::cam::fusion::{Fusion, coarsest};
use crate::methods::cam::{Map, MapRequest};
use crate::methods::faithfulness::{Explanation, FaithfulnessInput, measured};
use crate::methods::job::Job;
use crate::methods::registry::Run;
use crate::methods::target::Target;
use crate::methods::{Forward, MethodError, Network, Place};

/// A heatmap, and how it is made again.
struct Shown<'a> {
    map: &'a Heatmap,
    target: Target,
    /// Where it was made.
    places: Vec<Place>,
}

impl Shown<'_> {
    /// How a class activation map is asked for; none of an attribution.
    fn request(&self) -> Option<MapRequest<'_>> {
        let Run::Map(make) = self.map.method.method().run else { return None };
        let (settings, target, places) = (self.map.method.settings(), &self.target, self.places.as_slice());
        Some(MapRequest { make, settings, places, target, fusion: Fusion::Mean })
    }

    /// The same of another picture, or by a network with other weights.
    fn again(&self, network: &Network, picture: &Tensor, job: Job<'_>) -> Result<Explanation, MethodError> {
        if let Some(request) = self.request() {
            return Explanation::of_request(&request, false, network, &network.forward(picture, job.cancel)?, job);
        }
        let Run::Attribution { make, reading } = self.map.method.method().run else {
            unreachable!("such a heatmap was never made")
        };
        let mut wanted = AttributionInput::new(network, picture, &self.target, job);
        wanted.place = self.places.first();
        Ok(Explanation::of_attribution(&make(&wanted, self.map.method.settings())?, reading))
    }

    /// What is shown of a picture that has run, and the rows and columns that it tells apart.
    fn explanation(
        &self,
        network: &Network,
        forward: &Forward,
        job: Job<'_>,
    ) -> Result<(Explanation, (usize, usize)), MethodError> {
        let Heatmap { height, width, ref values, .. } = *self.map;
        if let Run::Attribution { reading, .. } = self.map.method.method().run {
            let channels = values.len() / (height * width).max(1);
            let values = values.clone();
            let shown = Attribution { channels, height, width, values, convergence_delta: None };
            return Ok((Explanation::of_attribution(&shown, reading), (height, width)));
        }
        let maps = match self.request() {
            // What is shown of several layers is blended on the finest grid: it is fused at the picture's size, as it is when it is
            // made again.
            Some(request) if self.places.len() > 1 => request.maps(network, forward, &mut [], job)?,
            _ => vec![Map { height, width, values: values.clone() }],
        };
        let (_, _, rows, columns) = forward.input.size4()?;
        let explanation = Explanation::of_maps(&maps, Fusion::Mean, (rows as usize, columns as usize))?;
        Ok((explanation, coarsest(&maps)))
    }
}

impl Worker<'_> {
    /// Answers once for each metric.
    pub(super) fn trust(
        &mut self,
        ticket: Ticket,
        map: &Heatmap,
        metrics: &[Chosen],
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        let network = self.subject.network;
        let method = map.method.method();
        if !matches!(method.run, Run::Map(_) | Run::Attribution { .. }) {
            return Err(WorkError::NoMap(method.name));
        }
        let forward = Rc::clone(self.subject.forward()?);
        let picture = forward.input.f_narrow(0, 0, 1)?;
        let target = target(map, network, Some).ok_or(WorkError::NoPicture)??;
        let places = map.layers.iter().map(|layer| network.layer(*layer)).collect::<Result<_, _>>()?;
        let shown = Shown { map, target, places };
        let seed = self.open.seed;
        let worker = RefCell::new(self);
        let (name, said) = (Cell::new(method.name), Cell::new(Instant::now()));
        let serve = || {
            if !cancel.is_raised() {
                worker.borrow_mut().serve_beside();
            }
        };
        let progress = |done: usize, all: usize| {
            if said.get().elapsed() >= SAID_EVERY && !cancel.is_raised() {
                said.set(Instant::now());
                let what = name.get().to_owned();
                worker.borrow().say(Event::Progress { pane: Pane::Trust, what, done: Some((done, all)) });
            }
            serve();
        };
        let job = Job { cancel, progress: &progress, seed };
        let explain = |network: &Network, picture: &Tensor, job: Job<'_>| {
            shown.again(network, picture, Job { progress: &|_, _| serve(), ..job })
        };
        let (explanation, grid) = shown.explanation(network, &forward, job)?;
        let input = FaithfulnessInput::new(network, &picture, &shown.target, (&explanation, &explain, grid), job)?;
        for (index, metric) in metrics.iter().enumerate() {
            name.set(metric.method().name);
            said.set(Instant::now());
            worker.borrow().say(Event::Progress { pane: Pane::Trust, what: name.get().to_owned(), done: None });
            let measured = Box::new(measured(metric, &input)?);
            worker.borrow().say(Event::Measured { ticket, measured, left: metrics.len() - index - 1 });
        }
        Ok(())
    }
}
