//! The inspector with an engine that answers at once, as the real one would: no terminal, no libtorch.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each file that includes it uses a part of it; a test may panic"
)]

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use layerscope::model::{LayerId, LayerKind};
use layerscope::service::protocol::{
    ChannelPage, Class, ClassId, ClassMap, Content, Event, LayerInfo, LayerState, ModelInfo, PatternPage, Prediction,
    Request, Rgb, Statistics,
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
        parameters: 5_184,
    }))
}

pub fn statistics() -> Statistics {
    Statistics { min: -1.5, max: 2.25, mean: 0.125, std: 0.5, sparsity: 0.25, nan: 0, inf: 0 }
}

pub fn ran(ticket: layerscope::service::protocol::Ticket) -> Event {
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

/// The inspector with an engine that answers at once, as the real one would.
pub struct Inspector {
    pub state: State,
    pub asked: Vec<Request>,
    pub columns: u16,
    pub rows: u16,
}

impl Inspector {
    pub fn new(columns: u16, rows: u16) -> Self {
        Self::with_inputs(columns, rows, vec![None])
    }

    pub fn with_inputs(columns: u16, rows: u16, inputs: Vec<Option<PathBuf>>) -> Self {
        let state = State::new(Theme::built_in().unwrap(), inputs, (columns, rows), Some((10, 20)));
        Self { state, asked: Vec::new(), columns, rows }
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
                Request::Picture { ticket, .. } => self.tell(ran(ticket)),
                Request::Map { ticket, layers, class, against } => {
                    let class = class.unwrap_or(ClassId { index: 1, negative: false });
                    let labels = ["tench", "tabby", "tiger cat"];
                    let label = labels[class.index].to_owned();
                    let layers = if layers.is_empty() { vec![LayerId(3)] } else { layers };
                    let map = ClassMap {
                        layers,
                        against: against.map(|class| Class { id: class, label: labels[class.index].to_owned() }),
                        other: None,
                        class: Class { id: class, label },
                        height: 2,
                        width: 2,
                        values: vec![0.0, 1.0, 2.0, 3.0],
                    };
                    self.tell(Event::Map { ticket, map: Box::new(map) });
                }
                Request::Channels { ticket, layer, content: Content::Patterns, order, first, count, .. } => {
                    let total = self.state.run.as_ref().unwrap().layers[&layer].channels;
                    let count = count.min(total - first);
                    let page = PatternPage {
                        layer,
                        order,
                        class: None,
                        channels: (first..first + count).collect(),
                        first,
                        total,
                        step: 12,
                        steps: 40,
                        pictures: vec![Rgb { width: 2, height: 2, pixels: vec![128; 12] }; count],
                        activations: vec![1.5; count],
                    };
                    self.tell(Event::Patterns { ticket, page: Box::new(page) });
                }
                Request::Channels { ticket, layer, content, order, first, count, .. } => {
                    let known = &self.state.run.as_ref().unwrap().layers[&layer];
                    let total = known.channels;
                    let side = if known.shape.len() == 4 { known.shape[2] as usize } else { 1 };
                    let count = count.min(total - first);
                    let page = ChannelPage {
                        layer,
                        content,
                        order,
                        class: None,
                        channels: (first..first + count).collect(),
                        first,
                        total,
                        height: side,
                        width: side,
                        values: (0..count * side * side).map(|value| value as f32).collect(),
                        statistics: vec![statistics(); count],
                        layer_statistics: statistics(),
                        contributions: None,
                        colour: None,
                        other: None,
                    };
                    self.tell(Event::Channels { ticket, page: Box::new(page) });
                }
                Request::Stop(_) | Request::Pattern { .. } => {}
            }
        }
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
