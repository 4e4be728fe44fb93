//! What the inspector's requests cost, from the request to the answer, through the engine's thread.
//!
//! `cargo bench --bench requests -- MODEL.pt2 PICTURE LAYER EARLY_LAYER [RUNS]`: `LAYER` is one with a spatial map near the end,
//! `EARLY_LAYER` one with large maps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use layerscope::methods::registry::Kind;
use layerscope::model::LayerId;
use layerscope::service::open::{ModelChoice, Opening};
use layerscope::service::protocol::{
    Chosen, ClassId, Content, Event, ModelInfo, OpenRequest, Order, Recipe, Request, Target, Ticket,
};
use layerscope::service::{self, Service};

struct Asker {
    service: Service,
    model: ModelInfo,
    ticket: u64,
}

impl Asker {
    fn open(model: PathBuf) -> Self {
        let opening = Opening { model: ModelChoice::File(model), ..Opening::default() };
        let service = service::spawn(OpenRequest { opening, ..OpenRequest::default() });
        let model = loop {
            match service.events.recv().expect("an event") {
                Event::Opened(model) => break *model,
                Event::Failed { message, .. } => panic!("{message}"),
                _ => {}
            }
        };
        Self { service, model, ticket: 0 }
    }

    fn layer(&self, path: &str) -> LayerId {
        LayerId(self.model.layers.iter().position(|layer| layer.path == path).expect("a layer of this path"))
    }

    fn answer(&self) -> Event {
        loop {
            match self.service.events.recv().expect("an event") {
                Event::Progress { .. } => {}
                Event::Failed { message, .. } => panic!("{message}"),
                event => return event,
            }
        }
    }

    fn ask(&mut self, request: impl FnOnce(Ticket) -> Request) -> Duration {
        self.ticket += 1;
        let start = Instant::now();
        self.service.requests.send(request(Ticket(self.ticket))).unwrap();
        self.answer();
        start.elapsed()
    }

    fn picture(&mut self, path: &Path) -> Duration {
        self.ask(|ticket| Request::Picture { ticket, path: Some(path.to_path_buf()), preprocess: None })
    }

    fn page(&mut self, layer: LayerId, content: Content, order: Order, class: usize, first: usize) -> Duration {
        let class = Some(ClassId { index: class, negative: false });
        self.ask(|ticket| Request::Channels {
            ticket,
            layer,
            content,
            order,
            class,
            first,
            count: 32,
            recipe: Recipe::BOOK,
        })
    }

    fn map(&mut self, layers: &[LayerId], class: usize, against: Option<usize>) -> Duration {
        let class_of = |index| ClassId { index, negative: false };
        let of = Target::Class { class: Some(class_of(class)), against: against.map(class_of) };
        let method = Chosen::usual(Kind::Map);
        self.ask(|ticket| Request::Map { ticket, method: method.clone(), layers: layers.to_vec(), of })
    }
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{what:<52} least {:8.2} ms  median {:8.2} ms", ms(times[0]), ms(times[times.len() / 2]));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [model, picture, layer, early, rest @ ..] = arguments.as_slice() else {
        println!("left out: cargo bench --bench requests -- MODEL.pt2 PICTURE LAYER EARLY_LAYER");
        return;
    };
    let runs: usize = rest.first().and_then(|runs| runs.parse().ok()).unwrap_or(10);
    let (mut asker, picture) = (Asker::open(PathBuf::from(model)), PathBuf::from(picture));
    let (late, early) = (asker.layer(layer), asker.layer(early));
    asker.picture(&picture);
    show("a picture", (0..runs).map(|_| asker.picture(&picture)).collect());
    for (name, layer) in [("late", late), ("early", early)] {
        let pages = |asker: &mut Asker, content, order| -> Vec<Duration> {
            (0..runs).map(|run| asker.page(layer, content, order, 0, run % 2 * 16)).collect()
        };
        // A new picture forgets recordings and gradients.
        let fresh = |asker: &mut Asker, content, order| -> Vec<Duration> {
            let one = |_| {
                asker.picture(&picture);
                asker.page(layer, content, order, 0, 0)
            };
            (0..runs).map(one).collect()
        };
        show(&format!("{name} layer: activations"), pages(&mut asker, Content::Activations, Order::Index));
        show(&format!("{name} layer: activations by maximum"), pages(&mut asker, Content::Activations, Order::Max));
        show(&format!("{name} layer: gradients, first"), fresh(&mut asker, Content::Gradients, Order::Index));
        show(&format!("{name} layer: gradients, another page"), pages(&mut asker, Content::Gradients, Order::Index));
        let others = (0..runs).map(|run| asker.page(layer, Content::Gradients, Order::Index, 1 + run, 0)).collect();
        show(&format!("{name} layer: gradients, another class"), others);
        show(
            &format!("{name} layer: activation × gradient, same class"),
            pages(&mut asker, Content::ActivationTimesGradient, Order::Index),
        );
        show(
            &format!("{name} layer: activations by contribution, first"),
            fresh(&mut asker, Content::Activations, Order::Contribution),
        );
        show(
            &format!("{name} layer: activations by contribution, again"),
            pages(&mut asker, Content::Activations, Order::Contribution),
        );
        let first = |_| {
            asker.picture(&picture);
            asker.map(&[layer], 0, None)
        };
        show(&format!("{name} layer: map, first"), (0..runs).map(first).collect());
        show(
            &format!("{name} layer: map, another class"),
            (0..runs).map(|run| asker.map(&[layer], run, None)).collect(),
        );
        show(
            &format!("{name} layer: map of a class against another"),
            (0..runs).map(|run| asker.map(&[layer], run, Some(run + 1))).collect(),
        );
    }
    let blends = |run| asker.map(&[late, early], run, None);
    show("blend of both layers, another class", (0..runs).map(blends).collect());
    let weights = |_| asker.page(late, Content::Activations, Order::Index, 0, 0);
    show("back to a page of activations", (0..runs).map(weights).collect());
}
