//! An interface to the engine's thread that asks one thing at a time and waits for the answer.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each file that includes it uses a part of it; a test may panic"
)]

use std::path::PathBuf;
use std::time::Duration;

use layerscope::formats::Demo;
use layerscope::methods::registry::{self, Kind};
use layerscope::model::LayerId;
use layerscope::service::open::{ModelChoice, Opening};
use layerscope::service::protocol::{
    ChannelPage, Chosen, ClassId, Content, Event, Heatmap, LayerState, Measured, ModelInfo, OpenRequest, Order,
    PatternPage, Prediction, Recipe, Request, Target, Ticket,
};
use layerscope::service::{self, Service};

use crate::common::Fixture;

pub const PATIENCE: Duration = Duration::from_mins(1);
pub const ALL: (usize, usize) = (0, usize::MAX);

/// An interface that asks one thing at a time and waits for the answer.
pub struct Asker {
    pub service: Service,
    pub model: ModelInfo,
    pub layers: Vec<LayerState>,
    pub predictions: Vec<Prediction>,
    pub ticket: u64,
}

pub fn opening(model: PathBuf) -> Opening {
    Opening { model: ModelChoice::File(model), ..Opening::default() }
}

pub fn open_file(model: PathBuf) -> OpenRequest {
    OpenRequest { opening: opening(model), ..OpenRequest::default() }
}

/// The book's network, with its picture.
pub fn book() -> OpenRequest {
    let opening = Opening { model: ModelChoice::Demo(Demo::Book), ..Opening::default() };
    OpenRequest { opening, ..OpenRequest::default() }
}

/// A method with what is set of it.
pub fn chosen(kind: Kind, name: &str, set: &[&str]) -> Chosen {
    let mut chosen = Chosen::from(registry::find(kind, name).unwrap());
    for text in set {
        chosen.set(text).unwrap();
    }
    chosen
}

impl Asker {
    /// libtorch must not compute any more when the process takes itself apart.
    pub fn end(self) {
        let Service { requests, thread, .. } = self.service;
        drop(requests);
        thread.join().unwrap();
    }

    pub fn open(open: OpenRequest, input: Option<PathBuf>) -> Self {
        let service = service::spawn(open);
        let model = loop {
            match service.events.recv_timeout(PATIENCE).unwrap() {
                Event::Opened(model) => break *model,
                Event::Failed { message, .. } => panic!("{message}"),
                _ => {}
            }
        };
        let mut asker = Self { service, model, layers: Vec::new(), predictions: Vec::new(), ticket: 0 };
        asker.run(input).unwrap();
        asker
    }

    pub fn fixture(name: &str) -> (Self, Fixture) {
        let fixture = Fixture::open(name);
        (Self::open(open_file(fixture.model()), Some(fixture.input_path())), fixture)
    }

    pub fn run(&mut self, path: Option<PathBuf>) -> Result<(), String> {
        let ticket = self.ticket();
        match self.ask(Request::Picture { ticket, path, preprocess: None }) {
            Event::Ran { layers, predictions, .. } => {
                (self.layers, self.predictions) = (layers, predictions);
                Ok(())
            }
            Event::Failed { message, .. } => Err(message),
            other => panic!("{other:?}"),
        }
    }

    pub fn ticket(&mut self) -> Ticket {
        self.ticket += 1;
        Ticket(self.ticket)
    }

    pub fn ask(&mut self, request: Request) -> Event {
        self.service.requests.send(request).unwrap();
        self.wait()
    }

    /// The next event that is no progress; it bears the number of the newest request.
    pub fn wait(&self) -> Event {
        loop {
            let event = self.service.events.recv_timeout(PATIENCE).unwrap();
            let ticket = match &event {
                Event::Progress { .. } | Event::Opened(_) | Event::OpenedOther(_) => continue,
                Event::Ran { ticket, .. }
                | Event::Compared { ticket, .. }
                | Event::Channels { ticket, .. }
                | Event::Patterns { ticket, .. }
                | Event::Checked { ticket, .. }
                | Event::Measured { ticket, .. }
                | Event::ScanOpened { ticket, .. }
                | Event::Excitations { ticket, .. }
                | Event::Map { ticket, .. } => Some(*ticket),
                Event::Failed { ticket, .. } => *ticket,
            };
            assert_eq!(ticket, Some(Ticket(self.ticket)), "{event:?}");
            return event;
        }
    }

    pub fn layer(&self, path: &str) -> LayerId {
        LayerId(self.model.layers.iter().position(|layer| layer.path == path).unwrap_or_else(|| panic!("{path}")))
    }

    pub fn state(&self, path: &str) -> &LayerState {
        let id = self.layer(path);
        self.layers.iter().find(|state| state.layer == id).unwrap()
    }

    pub fn channels(&mut self, path: &str, content: Content, order: Order, (first, count): (usize, usize)) -> Event {
        let (ticket, layer) = (self.ticket(), self.layer(path));
        self.ask(Request::Channels { ticket, layer, content, order, class: None, first, count, recipe: Recipe::BOOK })
    }

    pub fn page_of(
        &mut self,
        path: &str,
        content: Content,
        order: Order,
        (first, count): (usize, usize),
        class: usize,
    ) -> ChannelPage {
        let (ticket, layer) = (self.ticket(), self.layer(path));
        let class = Some(ClassId { index: class, negative: false });
        match self.ask(Request::Channels { ticket, layer, content, order, class, first, count, recipe: Recipe::BOOK }) {
            Event::Channels { page, .. } => *page,
            other => panic!("{other:?}"),
        }
    }

    pub fn finished_patterns(&mut self, path: &str, order: Order, part: (usize, usize)) -> PatternPage {
        let mut event = self.channels(path, Content::Patterns, order, part);
        loop {
            match event {
                Event::Patterns { page, .. } if page.step == page.steps => return *page,
                Event::Patterns { .. } => event = self.wait(),
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn page(&mut self, path: &str, content: Content, order: Order, part: (usize, usize)) -> ChannelPage {
        match self.channels(path, content, order, part) {
            Event::Channels { page, .. } => *page,
            other => panic!("{other:?}"),
        }
    }

    pub fn map(&mut self, paths: &[&str], class: Option<usize>, against: Option<usize>) -> Result<Heatmap, String> {
        let class_of = |index| ClassId { index, negative: false };
        let of = Target::Class { class: class.map(class_of), against: against.map(class_of) };
        self.heatmap(Chosen::usual(Kind::Map), paths, of)
    }

    pub fn trust(&mut self, map: &Heatmap, metrics: Vec<Chosen>) -> Result<Vec<Measured>, String> {
        let (ticket, map, mut found) = (self.ticket(), Box::new(map.clone()), Vec::new());
        let mut event = self.ask(Request::Trust { ticket, map, metrics });
        loop {
            match event {
                Event::Measured { measured, left, .. } => {
                    found.push(*measured);
                    if left == 0 {
                        return Ok(found);
                    }
                    event = self.wait();
                }
                Event::Failed { message, .. } => return Err(message),
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn heatmap(&mut self, method: Chosen, paths: &[&str], of: Target) -> Result<Heatmap, String> {
        let (ticket, layers) = (self.ticket(), paths.iter().map(|path| self.layer(path)).collect());
        let mut event = self.ask(Request::Map { ticket, method, layers, of });
        loop {
            match event {
                // More of it is to come.
                Event::Map { map, .. } if map.so_far.is_some() => event = self.wait(),
                Event::Map { map, .. } => return Ok(*map),
                Event::Failed { message, .. } => return Err(message),
                other => panic!("{other:?}"),
            }
        }
    }
}
