//! Class activation maps and attributions: of a class, against another, of a channel, in both models. Between the steps of long ones
//! the other panes are answered.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::super::protocol::{self, Chosen, Event, Grain, Heatmap, OtherMap, Pane, ShownTarget, Ticket};
use super::Worker;
use super::error::WorkError;
use super::info;
use super::subject::Subject;
use crate::engine::Cancel;
use crate::methods::attribution::{Attribution, AttributionInput, AttributionMethod, Reading};
use crate::methods::cam::{Map, MapInput, MapMethod, default_layer};
use crate::methods::job::Job;
use crate::methods::registry::{Kind, Run};
use crate::methods::target::{Region, Target};
use crate::methods::{MethodError, Network};
use crate::model::LayerId;
use crate::picture::overlay::fuse;

/// Progress is said this often, and not at all of what takes less.
pub(super) const SAID_EVERY: Duration = Duration::from_millis(100);
/// What there is so far is shown this often.
const SHOWN_EVERY: Duration = Duration::from_millis(400);

impl Worker<'_> {
    /// Answers with a map or an attribution.
    pub(super) fn map(
        &mut self,
        ticket: Ticket,
        method: Chosen,
        layers: Vec<LayerId>,
        of: protocol::Target,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        let layers = match method.method().maps_at_layer() {
            false => Vec::new(),
            true if layers.is_empty() => self.usual_layer(&method, of)?.into_iter().collect(),
            true => layers,
        };
        let of = match of {
            protocol::Target::Class { class, against } => ShownTarget::Class {
                class: self.subject.class(class)?,
                against: against.map(|id| info::class(self.subject.network, id)),
            },
            protocol::Target::Channel(unit) => ShownTarget::Channel(unit),
        };
        let name = method.method().name;
        // An attribution is a whole pass or more.
        let usually = method.method().run.kind() == Kind::Attribution;
        if self.slow.get(name).copied().unwrap_or(usually) {
            self.say(Event::Progress { pane: Pane::Heatmap, what: name.to_owned(), done: None });
        }
        let start = Instant::now();
        let blank = Heatmap {
            method,
            layers,
            of,
            grain: Grain::Map,
            height: 0,
            width: 0,
            values: Vec::new(),
            other: None,
            so_far: None,
        };
        let parts = blank.layers.len().max(1) * (1 + usize::from(self.second.is_some()));
        let worker = RefCell::new(self);
        let making = Making {
            worker: &worker,
            ticket,
            blank: &blank,
            cancel,
            said: Cell::new(Instant::now()),
            shown: Cell::new(Instant::now()),
            done: Cell::new((0, 1)),
            part: Cell::new(0),
            parts,
        };
        let made = making.of_first()?;
        let other = making.of_second()?;
        let map = Heatmap { other, ..blank.with(made) };
        let mut worker = worker.borrow_mut();
        worker.say(Event::Map { ticket, map: Box::new(map) });
        worker.slow.insert(name, start.elapsed() > SAID_EVERY);
        Ok(())
    }

    /// The layer that a map is made at where nobody says another; none for guided Grad-CAM of a channel, which is made there.
    fn usual_layer(&self, method: &Chosen, of: protocol::Target) -> Result<Option<LayerId>, WorkError> {
        if let (protocol::Target::Channel(unit), Kind::Attribution) = (of, method.method().run.kind()) {
            return Ok(Some(unit.layer));
        }
        let forward = self.subject.forward()?;
        let shape = |value| forward.shapes().get(&value).cloned();
        Ok(Some(default_layer(self.subject.network, &shape).ok_or(MethodError::NoMapLayer)?))
    }
}

/// Numbers that were made.
struct Made {
    grain: Grain,
    height: usize,
    width: usize,
    values: Vec<f32>,
}

impl Heatmap {
    fn with(self, made: Made) -> Self {
        let Made { grain, height, width, values } = made;
        Self { grain, height, width, values, ..self }
    }
}

/// A map or an attribution that is being made.
struct Making<'b, 'w, 'a> {
    worker: &'b RefCell<&'w mut Worker<'a>>,
    ticket: Ticket,
    /// What is made, without its numbers.
    blank: &'b Heatmap,
    cancel: &'b Cancel,
    /// When progress was said last.
    said: Cell<Instant>,
    /// When what there is so far was shown last.
    shown: Cell<Instant>,
    /// Steps done and steps in all.
    done: Cell<(usize, usize)>,
    /// The part that is under way, and how many there are: one for each layer and model.
    part: Cell<usize>,
    parts: usize,
}

impl<'a> Making<'_, '_, 'a> {
    fn of_first(&self) -> Result<Made, WorkError> {
        let network = self.worker.borrow().subject.network;
        let target = target(self.blank, network, Some).ok_or(WorkError::NoPicture)??;
        self.make(false, &self.blank.layers, &target)
    }

    /// The same of the second model, where it has these layers and that class.
    fn of_second(&self) -> Result<Option<OtherMap>, WorkError> {
        let known =
            self.worker.borrow().second.as_ref().map(|second| (second.subject.network, second.counterparts.clone()));
        let Some((network, counterparts)) = known else { return Ok(None) };
        let counterpart = |layer: LayerId| counterparts.get(layer.0).copied().flatten();
        let layers = self.blank.layers.iter().map(|&layer| counterpart(layer)).collect::<Option<Vec<_>>>();
        let (Some(layers), Some(target)) = (layers, target(self.blank, network, counterpart)) else { return Ok(None) };
        match target.and_then(|target| self.make(true, &layers, &target)) {
            Ok(Made { height, width, values, .. }) => Ok(Some(OtherMap { height, width, values })),
            Err(WorkError::NoPicture) => Ok(None),
            Err(error) if error.is_not_applicable() => Ok(None),
            Err(error) => {
                let worker = self.worker.borrow();
                Err(worker.second.as_ref().map_or(WorkError::NoPicture, |second| second.error(error)))
            }
        }
    }

    fn make(&self, second: bool, layers: &[LayerId], target: &Target) -> Result<Made, WorkError> {
        match self.blank.method.method().run {
            Run::Map(make) => self.map(second, layers, target, make),
            Run::Attribution { make, reading } => {
                let made = self.attribution(second, layers.first().copied(), target, make, reading)?;
                self.part.set(self.part.get() + 1);
                Ok(made_of(made, reading))
            }
            Run::Pattern(_) | Run::Faithfulness(_) => Err(WorkError::NoMap(self.blank.method.method().name)),
        }
    }

    /// The map of one layer as it is; of several the mean of their positive parts, each divided by its maximum, on the finest grid.
    fn map(&self, second: bool, layers: &[LayerId], target: &Target, make: MapMethod) -> Result<Made, WorkError> {
        let mut maps = Vec::with_capacity(layers.len());
        for &layer in layers {
            let (network, forward, known) = self.subject(second, |subject| subject.run_for(layer, target))?;
            let place = network.layer(layer)?;
            let progress = |done, all| self.progress(done, all);
            let input = MapInput::new(network, &forward, &place, target, known, self.job(&progress));
            maps.push(make(&input, self.blank.method.settings())?);
            if let Some(recording) = input.into_recording() {
                self.subject(second, |subject| subject.keep(recording))?;
            }
            self.part.set(self.part.get() + 1);
        }
        let map = if maps.len() == 1 { maps.swap_remove(0) } else { blended(&maps) };
        Ok(Made { grain: Grain::Map, height: map.height, width: map.width, values: map.values })
    }

    fn attribution(
        &self,
        second: bool,
        layer: Option<LayerId>,
        target: &Target,
        make: AttributionMethod,
        reading: Reading,
    ) -> Result<Attribution, WorkError> {
        let (network, input) =
            self.subject(second, |subject| Ok((subject.network, subject.forward()?.input.f_narrow(0, 0, 1)?)))?;
        let place = layer.map(|layer| network.layer(layer)).transpose()?;
        let progress = |done, all| self.progress(done, all);
        let partial = |so_far: &Attribution| self.show(so_far, reading);
        let mut wanted = AttributionInput::new(network, &input, target, self.job(&progress));
        wanted.place = place.as_ref();
        if !second {
            wanted.partial = Some(&partial);
        }
        Ok(make(&wanted, self.blank.method.settings())?)
    }

    fn job<'j>(&'j self, progress: &'j dyn Fn(usize, usize)) -> Job<'j> {
        Job { cancel: self.cancel, progress, seed: self.worker.borrow().open.seed }
    }

    fn subject<T>(
        &self,
        second: bool,
        of: impl FnOnce(&mut Subject<'a>) -> Result<T, WorkError>,
    ) -> Result<T, WorkError> {
        let worker = &mut **self.worker.borrow_mut();
        match &mut worker.second {
            Some(other) if second => of(&mut other.subject),
            _ => of(&mut worker.subject),
        }
    }

    /// Says how far it is, and lets the other panes have their turn.
    fn progress(&self, done: usize, all: usize) {
        let all = all.max(1);
        self.done.set((self.part.get() * all + done, self.parts * all));
        let worker = &mut **self.worker.borrow_mut();
        if self.cancel.is_raised() {
            return;
        }
        if self.said.get().elapsed() >= SAID_EVERY {
            self.said.set(Instant::now());
            let (pane, what) = (Pane::Heatmap, self.blank.method.method().name.to_owned());
            worker.say(Event::Progress { pane, what, done: Some(self.done.get()) });
        }
        worker.serve_beside();
    }

    fn show(&self, so_far: &Attribution, reading: Reading) {
        if self.shown.get().elapsed() < SHOWN_EVERY || self.cancel.is_raised() {
            return;
        }
        self.shown.set(Instant::now());
        let map =
            Heatmap { so_far: Some(self.done.get()), ..self.blank.clone().with(made_of(so_far.clone(), reading)) };
        self.worker.borrow().say(Event::Map { ticket: self.ticket, map: Box::new(map) });
    }
}

/// What a heatmap's numbers are made of; none where the network has no such layer.
pub(super) fn target(
    map: &Heatmap,
    network: &Network,
    layer_of: impl Fn(LayerId) -> Option<LayerId>,
) -> Option<Result<Target, WorkError>> {
    Some(Ok(match &map.of {
        ShownTarget::Class { class, against } => Target::Class {
            class: class.id,
            against: against.as_ref().map(|class| class.id),
            measure: map.method.method().usual_measure(),
            region: Region::Everywhere,
            output: 0,
        },
        ShownTarget::Channel(unit) => match network.layer(layer_of(unit.layer)?) {
            Ok(place) => Target::Channel { place, channel: unit.channel, unit: unit.at },
            Err(error) => return Some(Err(error.into())),
        },
    }))
}

fn made_of(attribution: Attribution, reading: Reading) -> Made {
    let Attribution { channels, height, width, values, .. } = attribution;
    Made { grain: Grain::Attribution { channels, reading }, height, width, values }
}

fn blended(maps: &[Map]) -> Map {
    let grids: Vec<(&[f32], usize)> = maps.iter().map(|map| (map.values.as_slice(), map.width)).collect();
    let (values, width) = fuse(&grids);
    Map { height: values.len().checked_div(width).unwrap_or(0), width, values }
}
