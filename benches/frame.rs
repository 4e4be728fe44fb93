//! What a key costs: from the key to the last byte of the complete frame, pictures included, where the page is computed already.
//!
//! `cargo bench --bench frame -- [MODEL.pt2 PICTURE LAYER]`; without arguments the demo's second convolution. Nothing is written to
//! a terminal: the bytes that one would get are counted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use layerscope::formats::Demo;
use layerscope::model::LayerId;
use layerscope::service::open::{ModelChoice, Opening};
use layerscope::service::protocol::{OpenRequest, Request};
use layerscope::service::{self, Service};
use layerscope::terminal::encoder::Slot;
use layerscope::terminal::frames::Frames;
use layerscope::terminal::graphics::Form;
use layerscope::terminal::{Canvas, CellSize, ColorDepth, Protocol};
use layerscope::tui::layout;
use layerscope::tui::panes;
use layerscope::tui::pictures::Pictures;
use layerscope::tui::state::State;
use layerscope::tui::theme::Theme;
use layerscope::tui::update::Effect;
use ratatui::Viewport;
use ratatui::layout::{Rect, Size};

const CELL: CellSize = CellSize { width: 10, height: 20 };
/// Longest wait for the engine or the encoder.
const PATIENCE: Duration = Duration::from_secs(30);
/// Walks, each under a colour map of its own, so that no picture is known already.
const WALKS: usize = 12;
/// Channels of a walk: fewer than the pictures that are kept, so that none is encoded twice.
const STEPS: usize = 20;

/// The inspector without its terminal.
struct Inspector {
    service: Service,
    state: State,
    canvas: Canvas,
    pictures: Pictures,
    frames: Frames,
    /// Pictures that the newest frame wants, and those that are there.
    wanted: Vec<(Slot, u64)>,
    there: HashSet<u64>,
    /// Bytes of each picture of a zoomed channel, and its area.
    zoom: (Vec<usize>, Rect),
}

impl Inspector {
    fn new(model: Option<PathBuf>, picture: Option<PathBuf>, protocol: Protocol, (columns, rows): (u16, u16)) -> Self {
        let model = model.map_or(ModelChoice::Demo(Demo::Book), ModelChoice::File);
        let opening = Opening { model, ..Opening::default() };
        let service = service::spawn(OpenRequest { opening, ..OpenRequest::default() });
        let cell = Some((CELL.width, CELL.height));
        let state = State::new(Theme::built_in().unwrap(), vec![picture], (columns, rows), cell);
        let canvas = Canvas { protocol, cell: CELL, through_tmux: false, colors: ColorDepth::True };
        let frames = Frames::new(Viewport::Fixed(Rect::new(0, 0, columns, rows))).unwrap();
        let pictures = Pictures::new(Some(canvas), None);
        let (wanted, there) = (Vec::new(), HashSet::new());
        let zoom = (Vec::new(), Rect::default());
        Self { service, state, canvas, pictures, frames, wanted, there, zoom }
    }

    /// A frame, as the session writes it; gives its bytes.
    fn draw(&mut self) -> usize {
        let Self { state, pictures, frames, wanted, zoom, .. } = self;
        let frame = frames.draw(|frame| {
            let mut after = Vec::new();
            let drawn = panes::draw(state, frame, |wanted, covered, buffer| {
                pictures.ask(wanted);
                after = pictures.place(wanted, covered, buffer);
            });
            *wanted = drawn.wanted.iter().map(|wanted| (wanted.slot, wanted.key())).collect();
            if let Some(large) = drawn.wanted.iter().find(|wanted| wanted.slot == Slot::Zoom) {
                zoom.1 = large.area;
            }
            after
        });
        frame.unwrap().len()
    }

    /// Draws until every picture that is wanted is there; gives the bytes.
    fn complete(&mut self) -> usize {
        let mut bytes = self.draw();
        while !self.wanted.iter().all(|(_, key)| self.there.contains(key)) {
            let done = self.pictures.encoded.recv_timeout(PATIENCE).expect("a picture");
            self.there.insert(done.key);
            if let (Slot::Zoom, Some(picture)) = (done.slot, &done.picture) {
                self.zoom.0.push(match &picture.form {
                    Form::Kitty(payload) => payload.size(),
                    Form::AtCursor(bytes) => bytes.len(),
                    Form::Cells(_) => 0,
                });
            }
            self.pictures.arrived(done);
            bytes += self.draw();
        }
        bytes
    }

    fn press(&mut self, key: KeyCode) {
        let effects = self.state.key(KeyEvent::new(key, KeyModifiers::NONE));
        self.perform(effects);
    }

    fn perform(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // The pattern beside a channel grows for seconds: it is no part of the frame that a key asks for.
                Effect::Ask(Request::Pattern { .. }) => {}
                Effect::Ask(request) => self.service.requests.send(request).unwrap(),
                _ => {}
            }
        }
    }

    /// Waits until the engine has given what is asked for.
    fn settle(&mut self) {
        while self.state.page().is_none() || self.state.map.is_none() {
            let event = self.service.events.recv_timeout(PATIENCE).expect("an event");
            let effects = self.state.event(event);
            self.perform(effects);
        }
        self.complete();
    }

    /// With the pager at a layer.
    fn at(mut self, path: &str) -> Self {
        self.settle();
        let layers = &self.state.model.as_ref().expect("a model").layers;
        let layer = LayerId(layers.iter().position(|layer| layer.path == path).expect("a layer of this path"));
        while self.state.layer != layer {
            self.press(KeyCode::Char(']'));
        }
        self.press(KeyCode::Enter);
        self.settle();
        self
    }

    /// Another colour map, and no picture known.
    fn anew(&mut self) {
        self.press(KeyCode::Char('m'));
        self.pictures = Pictures::new(Some(self.canvas), None);
        self.there.clear();
        self.press(KeyCode::Char('g'));
        self.press(KeyCode::Char('g'));
        self.settle();
    }

    /// Walks with a key, `steps` at a time, and gives the time and the bytes of each.
    fn walk(&mut self, key: KeyCode, steps: usize) -> Vec<(Duration, usize)> {
        // The pages are computed first.
        for _ in 0..steps {
            self.press(key);
            self.settle();
        }
        let mut walked = Vec::new();
        for _ in 0..WALKS {
            self.anew();
            for _ in 0..steps {
                let start = Instant::now();
                self.press(key);
                let bytes = self.complete();
                walked.push((start.elapsed(), bytes));
            }
        }
        assert_eq!(self.draw(), 0, "nothing is written while nothing changes");
        walked
    }
}

/// Rows of a screen of 200 columns on which a channel has 800×800 pixels, where its pane has the whole screen.
fn rows_of_800_pixels(inspector: &mut Inspector) -> u16 {
    let tile = inspector.state.page().unwrap().tile();
    let fits = |rows: &u16| {
        inspector.state.screen = (200, *rows);
        let inner = layout::channels_inner(&inspector.state);
        layout::zoom(inner, tile, (CELL.width, CELL.height)).picture.as_size() == Size::new(80, 40)
    };
    (40..100).find(fits).unwrap_or(60)
}

fn report(
    what: &str,
    protocol: Protocol,
    size: (u16, u16),
    mut walked: Vec<(Duration, usize)>,
    zoom: Option<(Vec<usize>, Rect)>,
) {
    walked.sort();
    let at = |share: f64| walked[((walked.len() - 1) as f64 * share).round() as usize].0.as_secs_f64() * 1e3;
    let mut bytes: Vec<usize> = walked.iter().map(|(_, bytes)| *bytes).collect();
    bytes.sort_unstable();
    let zoom = zoom.map_or_else(String::new, |(mut bytes, area)| {
        bytes.sort_unstable();
        let bytes = format!("{} to {}", bytes[bytes.len() / 2], bytes[bytes.len() - 1]);
        format!("channel {}×{} px: {bytes} bytes", area.width * CELL.width, area.height * CELL.height)
    });
    println!(
        "{:<7} {:>3}×{:<3} {what:<16} {:>7.2} {:>7.2} {:>9} {:>9}  {} keys  {zoom}",
        format!("{protocol:?}").to_lowercase(),
        size.0,
        size.1,
        at(0.5),
        at(0.99),
        bytes[bytes.len() / 2],
        bytes[bytes.len() - 1],
        walked.len(),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (model, picture, layer) = match arguments.as_slice() {
        [model, picture, layer] => (Some(PathBuf::from(model)), Some(PathBuf::from(picture)), layer.clone()),
        _ => (None, None, "conv2d_21".to_owned()),
    };
    crossterm::style::force_color_output(true);
    println!("protocol screen  walk              median    99 %   bytes:med       max  (ms; goals 8 and 16 ms)");
    for protocol in [Protocol::Kitty, Protocol::Sixel, Protocol::Cells] {
        let open = |size| Inspector::new(model.clone(), picture.clone(), protocol, size).at(&layer);
        let mut large = open((200, 60));
        large.press(KeyCode::Char('z'));
        large.press(KeyCode::Enter);
        large.settle();
        let alone = (200, rows_of_800_pixels(&mut large));
        for (size, whole) in [((80, 24), false), ((200, 60), false), (alone, true)] {
            let mut inspector = open(size);
            if whole {
                inspector.press(KeyCode::Char('z'));
                inspector.settle();
            }
            let (_, count, total) = inspector.state.page().unwrap().extent();
            let turns = total.div_ceil(count.max(1)) - 1;
            if turns > 0 {
                let walked = inspector.walk(KeyCode::PageDown, turns);
                report("pages", protocol, size, walked, None);
            }
            inspector.anew();
            inspector.press(KeyCode::Enter);
            inspector.settle();
            // As the program does while channels are walked: the heatmap's frame follows when the key is let go.
            inspector.state.resting = false;
            let walked = inspector.walk(KeyCode::Char('l'), STEPS);
            report("zoomed channels", protocol, size, walked, Some(inspector.zoom));
        }
    }
}
