//! What the engine's thread does with requests.

use std::collections::HashMap;
use std::path::PathBuf;

use crossbeam_channel::Sender;
use image::RgbImage;
use tch::Tensor;

use super::mailbox::{Mailbox, Next};
use super::open;
use super::protocol::{
    ChannelPage, Class, ClassId, ClassMap, Content, Event, LayerInfo, LayerState, ModelInfo, OpenRequest, Order, Pane,
    PatternPage, Request, Rgb, Ticket,
};
use crate::engine::{Cancel, EngineError, numbers};
use crate::methods::grad_cam::{Recording, default_layer};
use crate::methods::patterns::{self, Ascent, Recipe};
use crate::methods::statistics::{self, LayerStatistics};
use crate::methods::{Forward, MethodError, Network, channels, predictions, weights};
use crate::model::{LayerId, Source, printable};
use crate::picture::load::{Input, Loaded, decode_picture};

/// Opens the model, then answers requests until nobody asks any more.
///
/// # Errors
/// Why the model could not be opened, in one line.
pub(super) fn run(open: &OpenRequest, mailbox: &Mailbox, events: &Sender<Event>) -> Result<(), String> {
    let name = open
        .opening
        .model
        .as_ref()
        .and_then(|path| path.file_name())
        .map_or("the demo".into(), |name| name.to_string_lossy().into_owned());
    let _ = events.send(Event::Progress { pane: Pane::Input, what: format!("opening {name}"), done: None });
    let network = open::network(&open.opening).map_err(|error| error.to_string())?;
    let mut worker = Worker { network: &network, events, seed: open.seed, run: None, growing: None };
    let _ = events.send(Event::Opened(Box::new(worker.info())));
    worker.serve(mailbox);
    Ok(())
}

/// The picture that is shown, and what was made of it.
struct Run {
    forward: Forward,
    statistics: HashMap<LayerId, LayerStatistics>,
    /// Grad-CAM's run from a layer to the scores: another class costs one backward pass.
    recording: Option<Recording>,
}

/// Patterns that grow while nothing else is asked.
struct Growing<'a> {
    ticket: Ticket,
    layer: LayerId,
    first: usize,
    total: usize,
    ascent: Ascent<'a>,
    cancel: Cancel,
}

struct Worker<'a> {
    network: &'a Network,
    events: &'a Sender<Event>,
    seed: u64,
    run: Option<Run>,
    growing: Option<Growing<'a>>,
}

impl Worker<'_> {
    fn serve(&mut self, mailbox: &Mailbox) {
        loop {
            match mailbox.take(self.growing.is_none()) {
                Next::Closed => return,
                Next::Nothing => self.grow(),
                Next::Request(request, cancel) => self.answer(request, &cancel),
            }
        }
    }

    fn answer(&mut self, request: Request, cancel: &Cancel) {
        let pane = request.pane();
        let (ticket, done) = match request {
            Request::Picture { ticket, path } => (ticket, self.picture(ticket, path, cancel)),
            Request::Channels { ticket, layer, content: Content::Patterns, first, count, .. } => {
                (ticket, self.start_patterns(ticket, layer, first, count, cancel))
            }
            Request::Channels { ticket, layer, content, first, count, .. } => {
                self.growing = None;
                (ticket, self.channels(ticket, layer, content, first, count))
            }
            Request::Map { ticket, layers, class, .. } => {
                (ticket, self.map(ticket, layers.first().copied(), class, cancel))
            }
            Request::Stop(_) => return,
        };
        if let Err(error) = done {
            self.fail(pane, ticket, &error);
        }
    }

    fn fail(&self, pane: Pane, ticket: Ticket, error: &WorkError) {
        // Whoever stopped the work does not wait for it.
        if !error.is_cancelled() {
            self.say(Event::Failed { pane, ticket: Some(ticket), message: error.to_string() });
        }
    }

    fn say(&self, event: Event) {
        // The interface may be gone; then the requests end too.
        let _ = self.events.send(event);
    }

    fn progress(&self, pane: Pane, what: String) {
        self.say(Event::Progress { pane, what, done: None });
    }

    fn picture(&mut self, ticket: Ticket, path: Option<PathBuf>, cancel: &Cancel) -> Result<(), WorkError> {
        self.growing = None;
        self.progress(Pane::Input, "running the network".to_owned());
        let (input, picture) = self.input(path.as_ref())?;
        let forward = self.network.forward(&input, cancel)?;
        let mut run = Run { forward, statistics: HashMap::new(), recording: None };
        let mut layers = Vec::with_capacity(self.network.layers.layers.len());
        for (id, layer) in self.network.layers.iter() {
            if cancel.is_raised() {
                return Err(MethodError::Engine(EngineError::Cancelled).into());
            }
            let Ok(output) = run.forward.get(layer.output) else { continue };
            let maps = channels::maps(output)?;
            let (total, height, width) = maps.size3()?;
            let found = statistics::of_channels(&maps)?;
            let shape = output.size();
            layers.push(LayerState {
                layer: id,
                shape,
                channels: total as usize,
                map: (height as usize, width as usize),
                statistics: found.layer,
                macs: 0,
                dead: 0,
                saturated: 0,
                receptive_field: None,
            });
            run.statistics.insert(id, found);
        }
        let output = run.forward.get(self.network.head.output)?;
        let predictions = predictions::top(self.network, output, TOP_CLASSES)?;
        self.run = Some(run);
        self.say(Event::Ran { ticket, path, picture: rgb(&picture), predictions, layers });
        Ok(())
    }

    /// The input tensor of a file, and what the network sees of it.
    fn input(&self, path: Option<&PathBuf>) -> Result<(Tensor, RgbImage), WorkError> {
        let loaded = match path {
            None => Loaded::Picture(decode_picture(open::DEMO_PICTURE, "the demo's picture")?),
            Some(path) => {
                let mut inputs = Input::resolve([path])?;
                if inputs.is_empty() {
                    return Err(WorkError::NoInput);
                }
                inputs.swap_remove(0).load()?
            }
        };
        Ok(open::fed(self.network, &loaded)?)
    }

    fn channels(
        &mut self,
        ticket: Ticket,
        layer: LayerId,
        content: Content,
        first: usize,
        count: usize,
    ) -> Result<(), WorkError> {
        let place = self.network.layer(layer)?;
        let page = if content == Content::Weights {
            let kernels = weights::kernels(self.network, &place)?;
            let all = statistics::of_channels(&kernels.values)?;
            let colour = if kernels.colour { Some(self.colour_kernels(&kernels.values, first, count)?) } else { None };
            let maps = if kernels.colour {
                kernels.values.f_mean_dim([1].as_slice(), false, tch::Kind::Float)?
            } else {
                kernels.values
            };
            page(layer, content, &maps, &all, first, count, colour)?
        } else {
            let run = self.run.as_ref().ok_or(WorkError::NoPicture)?;
            let maps = channels::maps(run.forward.get(place.tap.value)?)?;
            let all = run.statistics.get(&layer).ok_or(WorkError::NoPicture)?;
            page(layer, content, &maps, all, first, count, None)?
        };
        self.say(Event::Channels { ticket, page: Box::new(page) });
        Ok(())
    }

    fn colour_kernels(&self, kernels: &Tensor, first: usize, count: usize) -> Result<Vec<Rgb>, WorkError> {
        let total = kernels.size()[0] as usize;
        let count = count.min(total.saturating_sub(first));
        let page = kernels.f_narrow(0, first.min(total) as i64, count as i64)?;
        Ok(weights::colour_pictures(self.network, &page)?.iter().map(rgb).collect())
    }

    fn start_patterns(
        &mut self,
        ticket: Ticket,
        layer: LayerId,
        first: usize,
        count: usize,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        self.growing = None;
        let run = self.run.as_ref().ok_or(WorkError::NoPicture)?;
        let place = self.network.layer(layer)?;
        let shape = run.forward.get(place.tap.value)?.size();
        let total = channels::count(&shape);
        let page: Vec<usize> = (first..total.min(first.saturating_add(count))).collect();
        let side = patterns::size_for(self.network, &shape);
        let ascent = Ascent::from_noise(self.network, place, page, side, Recipe::BOOK, self.seed)?;
        self.growing = Some(Growing { ticket, layer, first, total, ascent, cancel: cancel.clone() });
        self.say_patterns()
    }

    /// One step of gradient ascent, with the picture so far.
    fn grow(&mut self) {
        let Some(growing) = &mut self.growing else { return };
        let (ticket, cancel) = (growing.ticket, growing.cancel.clone());
        let advanced = growing.ascent.advance(&cancel).map_err(WorkError::from);
        let done = advanced.and_then(|()| self.say_patterns());
        let finished = self.growing.as_ref().is_none_or(|growing| growing.ascent.is_done());
        if let Err(error) = &done {
            self.fail(Pane::Channels, ticket, error);
        }
        if done.is_err() || finished {
            self.growing = None;
        }
    }

    fn say_patterns(&self) -> Result<(), WorkError> {
        let Some(growing) = &self.growing else { return Ok(()) };
        let pictures = patterns::pictures(self.network, growing.ascent.images())?;
        let page = PatternPage {
            layer: growing.layer,
            order: Order::Index,
            class: None,
            channels: (growing.first..growing.first + pictures.len()).collect(),
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

    fn map(
        &mut self,
        ticket: Ticket,
        layer: Option<LayerId>,
        class: Option<ClassId>,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        let network = self.network;
        let run = self.run.as_mut().ok_or(WorkError::NoPicture)?;
        let usual = || default_layer(network, &|value| run.forward.get(value).ok().map(Tensor::size));
        let layer = layer.or_else(usual).ok_or(MethodError::NoMapLayer)?;
        let recorded = run.recording.take().filter(|recording| recording.place().layer == Some(layer));
        let recording = match recorded {
            Some(recording) => recording,
            None => Recording::new(network, &run.forward, network.layer(layer)?, cancel)?,
        };
        let class = match class {
            Some(class) => class,
            None => predictions::top_class(network, run.forward.get(network.head.output)?)?,
        };
        let map = recording.map(network, class)?;
        run.recording = Some(recording);
        let label = network.label(class);
        let map = ClassMap {
            layers: vec![layer],
            against: None,
            other: None,
            class: Class { id: class, label },
            height: map.height,
            width: map.width,
            values: map.values,
        };
        self.say(Event::Map { ticket, map: Box::new(map) });
        Ok(())
    }

    fn info(&self) -> ModelInfo {
        let network = self.network;
        let count = network.classes().unwrap_or(0);
        let mut ids: Vec<ClassId> = (0..count).map(|index| ClassId { index, negative: false }).collect();
        if network.is_binary(count) {
            ids.push(ClassId { index: 0, negative: true });
        }
        let classes = ids.into_iter().map(|id| Class { id, label: network.label(id) }).collect();
        let layers = network.layers.iter().map(|(id, layer)| LayerInfo {
            path: printable(&layer.path).into_owned(),
            name: printable(&layer.name).into_owned(),
            type_name: printable(&layer.type_name).into_owned(),
            kind: layer.kind,
            parent: layer.parent,
            depth: layer.depth,
            parameters: network.parameters_within(id.0),
            has_children: layer.has_children,
            has_weights: weights::has_kernels(network, id),
        });
        ModelInfo {
            name: network.name.clone(),
            format: network.format.to_owned(),
            device: network.engine.device_name().to_owned(),
            libtorch: crate::aten::libtorch_version().to_owned(),
            layers: layers.collect(),
            classes,
            preprocess: network.input.preprocessing.to_string(),
            preprocess_note: match &network.input.source {
                Source::Guessed(reason) => Some(reason.clone()),
                _ => None,
            },
            parameters: network.layers.layers.iter().map(crate::model::Layer::parameters).sum(),
        }
    }
}

/// Classes that the inspector lists below the heatmap.
const TOP_CLASSES: usize = 10;

fn page(
    layer: LayerId,
    content: Content,
    maps: &Tensor,
    all: &LayerStatistics,
    first: usize,
    count: usize,
    colour: Option<Vec<Rgb>>,
) -> Result<ChannelPage, WorkError> {
    let (total, height, width) = maps.size3()?;
    let first = first.min(total as usize);
    let count = count.min(total as usize - first);
    let shown = maps.f_narrow(0, first as i64, count as i64)?;
    Ok(ChannelPage {
        layer,
        content,
        order: Order::Index,
        class: None,
        channels: (first..first + count).collect(),
        first,
        total: total as usize,
        height: height as usize,
        width: width as usize,
        values: numbers(&shown)?,
        statistics: all.channels.get(first..first + count).unwrap_or_default().to_vec(),
        layer_statistics: all.layer,
        contributions: None,
        colour,
        other: None,
    })
}

fn rgb(picture: &RgbImage) -> Rgb {
    Rgb { width: picture.width(), height: picture.height(), pixels: picture.as_raw().clone() }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Method(#[from] MethodError),
    #[error(transparent)]
    Fed(#[from] open::FedError),
    #[error(transparent)]
    Load(#[from] crate::picture::load::LoadError),
    #[error("no picture has been run yet")]
    NoPicture,
    #[error("there is no picture")]
    NoInput,
}

impl From<tch::TchError> for WorkError {
    fn from(error: tch::TchError) -> Self {
        MethodError::from(error).into()
    }
}

impl From<EngineError> for WorkError {
    fn from(error: EngineError) -> Self {
        MethodError::from(error).into()
    }
}

impl WorkError {
    fn is_cancelled(&self) -> bool {
        matches!(self, Self::Method(MethodError::Engine(EngineError::Cancelled)))
    }
}
