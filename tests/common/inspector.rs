//! The inspector with an engine that answers at once, as the real one would: no terminal, no libtorch.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each file that includes it uses a part of it; a test may panic"
)]

use std::ops::Range;
use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use layerscope::methods::faithfulness::{Curve, Number, Outcome, Point};
use layerscope::methods::registry::Run;
use layerscope::model::{LayerId, LayerKind};
use layerscope::service::protocol::{
    ChannelPage, Chosen, Class, ClassId, Content, Event, Grain, Heatmap, LayerDifference, LayerInfo, LayerState,
    Measured, ModelInfo, Order, OtherChannels, OtherMap, PatternPage, Prediction, Request, Rgb, ShownTarget,
    Statistics, Target, Ticket,
};
use layerscope::tui::drawing::Wanted;
use layerscope::tui::panes;
use layerscope::tui::state::State;
use layerscope::tui::targets::Targets;
use layerscope::tui::theme::Theme;
use layerscope::tui::update::Effect;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

pub fn layer(path: &str, kind: &str, depth: usize, parent: Option<usize>, has_children: bool) -> LayerInfo {
    LayerInfo {
        path: path.to_owned(),
        name: path.rsplit('.').next().unwrap().to_owned(),
        type_name: kind.to_owned(),
        kind: LayerKind::Module,
        parent: parent.map(LayerId),
        depth,
        parameters: 1_728,
        has_children,
        has_activations: true,
        has_weights: kind == "Conv2d",
    }
}

pub fn model() -> Event {
    let class = |index: usize, label: &str| Class { id: ClassId { index, negative: false }, label: label.to_owned() };
    Event::Opened(Box::new(ModelInfo {
        name: "tinynet".to_owned(),
        format: "exported program".to_owned(),
        device: "cpu".to_owned(),
        libtorch: "2.13.0".to_owned(),
        layers: vec![
            layer("stem", "Conv2d", 0, None, false),
            layer("block", "Residual", 0, None, true),
            layer("block.conv", "Conv2d", 1, Some(1), false),
            layer("block.relu", "ReLU", 1, Some(1), false),
            layer("fc", "Linear", 0, None, false),
        ],
        classes: vec![class(0, "tench"), class(1, "tabby"), class(2, "tiger cat")],
        preprocess: "imagenet".to_owned(),
        preprocess_note: None,
        note: None,
        parameters: 5_184,
        fingerprint: "1c3a".to_owned(),
    }))
}

pub fn statistics() -> Statistics {
    Statistics { min: -1.5, max: 2.25, mean: 0.125, std: 0.5, sparsity: 0.25, nan: 0, inf: 0 }
}

pub fn ran(ticket: Ticket) -> Event {
    let state = |index: usize, shape: Vec<i64>, sparsity: f32, nan: u64| LayerState {
        layer: LayerId(index),
        channels: shape[1] as usize,
        map: if shape.len() == 4 { (shape[2] as usize, shape[3] as usize) } else { (1, 1) },
        shape,
        statistics: Statistics { sparsity, nan, ..statistics() },
        macs: 1_000,
        dead: 0,
        saturated: 0,
        receptive_field: None,
    };
    let prediction = |index: usize, label: &str, probability: f32| Prediction {
        index,
        label: label.to_owned(),
        score: 3.0,
        probability,
    };
    Event::Ran {
        ticket,
        path: None,
        picture: Rgb { width: 2, height: 2, pixels: vec![90; 12] },
        preprocess: "imagenet".to_owned(),
        predictions: vec![prediction(1, "tabby", 0.75), prediction(2, "tiger cat", 0.2), prediction(0, "tench", 0.05)],
        layers: vec![
            state(0, vec![1, 40, 8, 8], 0.0, 0),
            state(1, vec![1, 24, 4, 4], 0.5, 0),
            state(2, vec![1, 24, 4, 4], 0.1, 7),
            state(3, vec![1, 24, 4, 4], 1.0, 0),
            state(4, vec![1, 3], 0.0, 0),
        ],
    }
}

/// What a metric finds: every second one has curves, and the last is at a loss.
pub fn measured(metric: Chosen, index: usize) -> Measured {
    let number = |name: &str, value: f64| Number { name: name.to_owned(), value: Some(value) };
    let curve = |name: &str, power: i32| {
        let at = |step: i32| f64::from(step) / 20.0;
        let point = |step: i32| Point { at: at(step), value: Some(1.0 - at(step).powi(power)), label: None };
        Curve { name: name.to_owned(), points: (0..=20).map(point).collect() }
    };
    let found = match (metric.method().name, index % 2) {
        ("road", _) => Ok(Outcome {
            numbers: vec![number("road", 0.125), number("morf", -0.375), number("lerf", 0.5)],
            curves: vec![curve("morf", 1), curve("lerf", 3)],
        }),
        ("randomization", _) => Err("no layer on the way to the target has weights to randomise".to_owned()),
        (_, 0) => Ok(Outcome {
            numbers: vec![number("auc", 0.125), number("random auc", 0.5)],
            curves: vec![curve("map", 1), curve("random", 3)],
        }),
        _ => Ok(Outcome { numbers: vec![number("drop", 0.25), number("whole", 0.75)], curves: Vec::new() }),
    };
    Measured { metric, found }
}

/// The inspector with an engine that answers at once, as the real one would.
pub struct Inspector {
    pub state: State,
    pub asked: Vec<Request>,
    pub columns: u16,
    pub rows: u16,
    /// What the network makes of a picture.
    pub ran: fn(Ticket) -> Event,
    /// The numbers of a page, one after the other.
    pub value: fn(usize) -> f32,
    /// Whether a second model answers too.
    pub compared: bool,
    /// Whether maps take so long that none is answered.
    pub busy: bool,
}

impl Inspector {
    pub fn new(columns: u16, rows: u16) -> Self {
        Self::with_inputs(columns, rows, vec![None])
    }

    pub fn with_inputs(columns: u16, rows: u16, inputs: Vec<Option<PathBuf>>) -> Self {
        let state = State::new(Theme::built_in().unwrap(), inputs, (columns, rows), Some((10, 20)));
        Self { state, asked: Vec::new(), columns, rows, ran, value: |index| index as f32, compared: false, busy: false }
    }

    pub fn opened(columns: u16, rows: u16) -> Self {
        let mut inspector = Self::new(columns, rows);
        inspector.tell(model());
        inspector
    }

    pub fn tell(&mut self, event: Event) {
        let effects = self.state.event(event);
        self.perform(effects);
    }

    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let (code, modifiers) = match *key {
                "Enter" => (KeyCode::Enter, KeyModifiers::NONE),
                "Esc" => (KeyCode::Esc, KeyModifiers::NONE),
                "Tab" => (KeyCode::Tab, KeyModifiers::NONE),
                "PageDown" => (KeyCode::PageDown, KeyModifiers::NONE),
                "Down" => (KeyCode::Down, KeyModifiers::NONE),
                "alt-1" | "alt-2" | "alt-3" => (KeyCode::Char(key.chars().last().unwrap()), KeyModifiers::ALT),
                "ctrl-c" => (KeyCode::Char('c'), KeyModifiers::CONTROL),
                letter => (KeyCode::Char(letter.chars().next().unwrap()), KeyModifiers::NONE),
            };
            let effects = self.state.key(KeyEvent::new(code, modifiers));
            self.perform(effects);
        }
    }

    pub fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Ask(request) = effect else { continue };
            self.asked.push(request.clone());
            match request {
                Request::Picture { ticket, .. } => {
                    self.tell((self.ran)(ticket));
                    if self.compared {
                        self.tell(self.difference(ticket));
                    }
                }
                Request::Map { ticket, method, layers, of } if !self.busy => {
                    let map = self.heatmap(method, layers, of);
                    self.tell(Event::Map { ticket, map: Box::new(map) });
                }
                Request::Channels {
                    ticket, layer, content: Content::Patterns, order, first, count, recipe, ..
                } => {
                    let total = self.state.run.as_ref().unwrap().layers[&layer].channels;
                    let count = count.min(total - first);
                    let page = PatternPage {
                        layer,
                        order,
                        class: None,
                        channels: (first..first + count).collect(),
                        first,
                        total,
                        recipe,
                        step: 12,
                        steps: recipe.steps(),
                        pictures: vec![Rgb { width: 2, height: 2, pixels: vec![128; 12] }; count],
                        activations: vec![1.5; count],
                    };
                    self.tell(Event::Patterns { ticket, page: Box::new(page) });
                }
                Request::Channels { ticket, layer, content, order, class, first, count, .. } => {
                    let page = self.numbers(layer, content, order, class, first..first + count);
                    self.tell(Event::Channels { ticket, page: Box::new(page) });
                }
                Request::Trust { ticket, metrics, .. } if !self.busy => {
                    let count = metrics.len();
                    for (index, metric) in metrics.into_iter().enumerate() {
                        let measured = Box::new(measured(metric, index));
                        self.tell(Event::Measured { ticket, measured, left: count - index - 1 });
                    }
                }
                Request::Stop(_)
                | Request::Trust { .. }
                | Request::Check { .. }
                | Request::Pattern { .. }
                | Request::Map { .. }
                | Request::Scan { .. }
                | Request::Excitations { .. } => {}
            }
        }
    }

    /// A map of 2×2 numbers; an attribution has as many for each of three colours.
    pub fn heatmap(&self, method: Chosen, layers: Vec<LayerId>, of: Target) -> Heatmap {
        let layers = match method.method().maps_at_layer() {
            false => Vec::new(),
            true if layers.is_empty() => vec![self.last_with_a_map()],
            true => layers,
        };
        let grain = match method.method().run {
            Run::Attribution { reading, .. } => Grain::Attribution { channels: 3, reading },
            _ => Grain::Map,
        };
        let count = if grain == Grain::Map { 4 } else { 12 };
        let of = match of {
            Target::Class { class, against } => ShownTarget::Class {
                class: self.class(class.unwrap_or(ClassId { index: 1, negative: false })),
                against: against.map(|class| self.class(class)),
            },
            Target::Channel(unit) => ShownTarget::Channel(unit),
        };
        let values: Vec<f32> = (0..count).map(|index| index as f32).collect();
        let other = OtherMap { height: 2, width: 2, values: values.iter().rev().copied().collect() };
        let other = self.compared.then_some(other);
        Heatmap { method, layers, of, grain, height: 2, width: 2, values, other, so_far: None }
    }

    /// A page of numbers: in another order than the index the last channel comes first, and the kernels of the first layer are
    /// in colour.
    fn numbers(
        &self,
        layer: LayerId,
        content: Content,
        order: Order,
        class: Option<ClassId>,
        places: Range<usize>,
    ) -> ChannelPage {
        let known = &self.state.run.as_ref().unwrap().layers[&layer];
        let total = known.channels;
        let places = places.start..places.end.min(total);
        let count = places.len();
        let (height, width) = if content == Content::Weights { (3, 3) } else { known.map };
        let of_class = content.needs_class() || order == Order::Contribution;
        let values: Vec<f32> = (0..count * height * width).map(self.value).collect();
        let colour = (content == Content::Weights && layer == LayerId(0))
            .then(|| vec![Rgb { width: 3, height: 3, pixels: vec![200; 27] }; count]);
        let other = self.compared.then(|| OtherChannels {
            layer,
            values: values.iter().map(|value| value * 0.5).collect(),
            statistics: vec![statistics(); count],
            layer_statistics: statistics(),
            colour: colour.clone(),
        });
        ChannelPage {
            layer,
            content,
            order,
            class: of_class.then(|| self.class(class.unwrap_or(ClassId { index: 1, negative: false }))),
            channels: places
                .clone()
                .map(|place| if order == Order::Index { place } else { total - 1 - place })
                .collect(),
            first: places.start,
            total,
            height,
            width,
            values,
            statistics: vec![statistics(); count],
            layer_statistics: statistics(),
            contributions: of_class.then(|| places.map(|place| 1.5 - place as f32 / 16.0).collect()),
            colour,
            other,
        }
    }

    fn class(&self, id: ClassId) -> Class {
        let classes = &self.state.model.as_ref().unwrap().classes;
        classes.iter().find(|class| class.id == id).unwrap().clone()
    }

    fn last_with_a_map(&self) -> LayerId {
        let layers = self.state.run.as_ref().unwrap().layers.values();
        layers.filter(|layer| layer.map != (1, 1)).map(|layer| layer.layer).max().unwrap()
    }

    /// The second model differs more the deeper the layer; it has not the last one.
    fn difference(&self, ticket: Ticket) -> Event {
        let mut layers: Vec<LayerId> = self.state.run.as_ref().unwrap().layers.keys().copied().collect();
        layers.sort();
        let unmatched = layers.pop().into_iter().collect();
        let distance =
            |layer: &LayerId| LayerDifference { layer: *layer, other: *layer, distance: 0.01 * layer.0 as f32 };
        let predictions = self.state.run.as_ref().unwrap().predictions.iter().rev();
        let shares = [0.5, 0.25, 0.125];
        let predictions =
            predictions.zip(shares).map(|(known, probability)| Prediction { probability, ..known.clone() }).collect();
        Event::Compared { ticket, predictions, layers: layers.iter().rev().map(distance).collect(), unmatched }
    }

    pub fn draw(&self) -> (String, Vec<Wanted>) {
        let mut terminal = Terminal::new(TestBackend::new(self.columns, self.rows)).unwrap();
        let mut wanted = Vec::new();
        terminal.draw(|frame| wanted = panes::draw(&self.state, frame, |_, _, _| ()).wanted).unwrap();
        (terminal.backend().to_string(), wanted)
    }

    pub fn targets(&self) -> Targets {
        let mut terminal = Terminal::new(TestBackend::new(self.columns, self.rows)).unwrap();
        let mut targets = Targets::default();
        terminal.draw(|frame| targets = panes::draw(&self.state, frame, |_, _, _| ()).targets).unwrap();
        targets
    }

    /// The column and row at which the screen says something.
    pub fn find(&self, words: &str) -> (u16, u16) {
        let screen = self.screen();
        let (row, line) = screen
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(words))
            .unwrap_or_else(|| panic!("no {words} in\n{screen}"));
        // The backend writes a quotation mark before each line.
        let column = line[..line.find(words).unwrap()].chars().count() - 1;
        (column as u16, row as u16)
    }

    pub fn mouse(&mut self, kind: MouseEventKind, (column, row): (u16, u16)) {
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        let targets = self.targets();
        let effects = self.state.mouse(event, &targets);
        self.perform(effects);
    }

    pub fn click(&mut self, at: (u16, u16)) {
        self.mouse(MouseEventKind::Down(MouseButton::Left), at);
        self.mouse(MouseEventKind::Up(MouseButton::Left), at);
    }

    pub fn screen(&self) -> String {
        self.draw().0
    }
}
