//! Whole screens in every mode, at three sizes: a change of what is drawn is seen in review. Pictures are marked by `▒`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;

use std::fmt::Write;
use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use inspector::{Inspector, statistics};
use layerscope::model::{LayerId, LayerKind};
use layerscope::service::protocol::{
    Class, ClassId, Event, LayerInfo, LayerState, ModelInfo, Pane, PatternPage, Prediction, ReceptiveField, Request,
    Rgb, Statistics, Ticket,
};
use layerscope::tui::panes;
use layerscope::tui::stamped::Stamped;
use layerscope::tui::update::Effect;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Path, type, parameters, output, multiply–adds, and the share of zeros.
type Layer = (&'static str, &'static str, u64, &'static [i64], u64, f32);

/// A residual network as torchvision has them, with its long names.
#[rustfmt::skip]
const LAYERS: [Layer; 28] = [
    ("conv1", "Conv2d", 9_408, &[64, 112, 112], 118_013_952, 0.0),
    ("bn1", "BatchNorm2d", 128, &[64, 112, 112], 0, 0.0),
    ("relu", "ReLU", 0, &[64, 112, 112], 0, 0.43),
    ("maxpool", "MaxPool2d", 0, &[64, 56, 56], 0, 0.31),
    ("layer1", "Sequential", 147_968, &[64, 56, 56], 462_422_016, 0.28),
    ("layer1.0", "BasicBlock", 73_984, &[64, 56, 56], 231_211_008, 0.26),
    ("layer1.0.conv1", "Conv2d", 36_864, &[64, 56, 56], 115_605_504, 0.0),
    ("layer1.0.bn1", "BatchNorm2d", 128, &[64, 56, 56], 0, 0.0),
    ("layer1.0.relu", "ReLU", 0, &[64, 56, 56], 0, 0.52),
    ("layer1.0.conv2", "Conv2d", 36_864, &[64, 56, 56], 115_605_504, 0.0),
    ("layer1.0.add", "aten::add_", 0, &[64, 56, 56], 0, 0.0),
    ("layer2", "Sequential", 525_568, &[128, 28, 28], 411_041_792, 0.51),
    ("layer2.0", "BasicBlock", 230_144, &[128, 28, 28], 179_830_784, 0.49),
    ("layer2.0.conv1", "Conv2d", 73_728, &[128, 28, 28], 57_802_752, 0.0),
    ("layer2.0.downsample", "Sequential", 8_448, &[128, 28, 28], 6_422_528, 0.0),
    ("layer2.0.downsample.0", "Conv2d", 8_192, &[128, 28, 28], 6_422_528, 0.0),
    ("layer2.0.downsample.1", "BatchNorm2d", 256, &[128, 28, 28], 0, 0.0),
    ("layer3", "Sequential", 2_099_712, &[256, 14, 14], 411_041_792, 0.62),
    ("layer3.0", "BasicBlock", 919_040, &[256, 14, 14], 179_830_784, 0.6),
    ("layer3.0.conv1", "Conv2d", 294_912, &[256, 14, 14], 57_802_752, 0.0),
    ("layer4", "Sequential", 8_393_728, &[512, 7, 7], 411_041_792, 0.81),
    ("layer4.0", "BasicBlock", 3_673_088, &[512, 7, 7], 179_830_784, 0.7),
    ("layer4.1", "BasicBlock", 4_720_640, &[512, 7, 7], 231_211_008, 0.81),
    ("layer4.1.conv2", "Conv2d", 2_359_296, &[512, 7, 7], 115_605_504, 0.0),
    ("layer4.1.relu", "ReLU", 0, &[512, 7, 7], 0, 1.0),
    ("avgpool", "AdaptiveAvgPool2d", 0, &[512, 1, 1], 0, 0.02),
    ("flatten", "aten::flatten", 0, &[512], 0, 0.02),
    ("fc", "Linear", 6_156, &[12], 6_144, 0.0),
];

const CLASSES: [&str; 12] = [
    "tench, Tinca tinca",
    "Egyptian cat",
    "tabby, tabby cat",
    "tiger cat",
    "lynx, catamount",
    "Staffordshire bullterrier, Staffordshire bull terrier",
    "golden retriever",
    "carton",
    "window screen",
    "radiator",
    "plastic bag",
    "quilt, comforter, comfort, puff",
];

fn class(index: usize) -> ClassId {
    ClassId { index, negative: false }
}

fn network(name: &str) -> Box<ModelInfo> {
    let place = |path: &str| LAYERS.iter().position(|(known, ..)| *known == path).map(LayerId);
    let layer = |&(path, kind, parameters, ..): &Layer| LayerInfo {
        path: path.to_owned(),
        name: path.rsplit('.').next().unwrap().to_owned(),
        type_name: kind.to_owned(),
        kind: if kind.starts_with("aten::") { LayerKind::Operator } else { LayerKind::Module },
        parent: path.rsplit_once('.').and_then(|(parent, _)| place(parent)),
        depth: path.matches('.').count(),
        parameters,
        has_children: LAYERS.iter().any(|(other, ..)| other.starts_with(&format!("{path}."))),
        has_activations: true,
        has_weights: kind == "Conv2d",
    };
    let labels = CLASSES.iter().enumerate();
    Box::new(ModelInfo {
        name: name.to_owned(),
        format: "exported program".to_owned(),
        device: "cpu".to_owned(),
        libtorch: "2.13.0".to_owned(),
        layers: LAYERS.iter().map(layer).collect(),
        classes: labels.map(|(index, label)| Class { id: class(index), label: (*label).to_owned() }).collect(),
        preprocess: "imagenet".to_owned(),
        preprocess_note: None,
        note: None,
        parameters: 11_182_668,
        fingerprint: "1c3a".to_owned(),
    })
}

fn ran(ticket: Ticket) -> Event {
    let layer = |(index, &(path, _, _, shape, macs, sparsity)): (usize, &Layer)| {
        let map = match shape {
            [_, rows, columns] => (*rows as usize, *columns as usize),
            _ => (1, 1),
        };
        let stride = 224 / map.0.max(1) as u64;
        let size = 4 * stride + 3;
        let field = ReceptiveField { size: (size, size), stride: (stride, stride), start: (-3, -3) };
        LayerState {
            layer: LayerId(index),
            shape: std::iter::once(1).chain(shape.iter().copied()).collect(),
            channels: shape[0] as usize,
            map,
            statistics: Statistics { sparsity, nan: u64::from(path == "layer2.0.conv1"), ..statistics() },
            macs,
            dead: if path == "layer3" { 100 } else { 0 },
            saturated: if path == "layer1.0.add" { 32 } else { 0 },
            receptive_field: (map != (1, 1)).then_some(field),
        }
    };
    let prediction = |(index, probability): (usize, f32)| Prediction {
        index,
        label: CLASSES[index].to_owned(),
        score: 10.0 * probability,
        probability,
    };
    Event::Ran {
        ticket,
        path: None,
        picture: Rgb { width: 224, height: 224, pixels: vec![90; 224 * 224 * 3] },
        preprocess: "imagenet".to_owned(),
        predictions: [(1, 0.612), (2, 0.231), (3, 0.104), (5, 0.021), (4, 0.009)].map(prediction).into(),
        layers: LAYERS.iter().enumerate().map(layer).collect(),
    }
}

/// As a rectified layer has them: half zeros, and few large ones.
fn value(index: usize) -> f32 {
    let noise = (index.wrapping_mul(0x9E37_79B9) >> 8) % 1000;
    (noise as f32 / 500.0 - 1.0).max(0.0).powi(3) * 2.25
}

fn starting(columns: u16, rows: u16, inputs: &[&str]) -> Inspector {
    let inputs = inputs.iter().map(|name| Some(PathBuf::from(name))).collect();
    let mut inspector = Inspector::with_inputs(columns, rows, inputs);
    inspector.ran = ran;
    inspector.value = value;
    inspector
}

fn opened(columns: u16, rows: u16) -> Inspector {
    let mut inspector = starting(columns, rows, &["cat.jpg"]);
    inspector.tell(Event::Opened(network("resnet18")));
    inspector
}

fn compared(columns: u16, rows: u16) -> Inspector {
    let mut inspector = starting(columns, rows, &["cat.jpg"]);
    inspector.compared = true;
    let effects = inspector.state.event(Event::OpenedOther(network("resnet18-finetuned")));
    inspector.perform(effects);
    inspector.tell(Event::Opened(network("resnet18")));
    inspector
}

/// The screen, line by line, with the pictures' cells marked.
fn screen(inspector: &Inspector) -> String {
    let mut terminal = Terminal::new(TestBackend::new(inspector.columns, inspector.rows)).unwrap();
    terminal
        .draw(|frame| {
            panes::draw(&inspector.state, frame, |wanted, covered, buffer| {
                for (picture, part) in
                    wanted.iter().flat_map(|picture| picture.parts.iter().map(move |part| (picture, part)))
                {
                    for at in part.positions() {
                        let at = (picture.area.x + at.x, picture.area.y + at.y).into();
                        if !covered.iter().any(|area| area.contains(at)) {
                            buffer[at].set_char('▒');
                        }
                    }
                }
            });
        })
        .unwrap();
    let buffer = terminal.backend().buffer();
    let mut lines = String::new();
    for line in buffer.content().chunks(usize::from(inspector.columns)) {
        let line: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
        writeln!(lines, "{}", line.trim_end()).unwrap();
    }
    lines
}

/// The screens of a mode at every size.
fn screens(mode: &str, inspector: impl Fn(u16, u16) -> Inspector) {
    let mut shown = String::new();
    for (columns, rows) in SIZES {
        writeln!(shown, "{columns}×{rows}\n{}", screen(&inspector(columns, rows))).unwrap();
    }
    insta::assert_snapshot!(mode, shown);
}

/// The screens after some keys.
fn screens_after(mode: &str, keys: &[&str]) {
    screens(mode, |columns, rows| {
        let mut inspector = opened(columns, rows);
        inspector.press(keys);
        inspector
    });
}

/// Goes to a layer by its path.
fn go_to(inspector: &mut Inspector, path: &str) {
    let letters: Vec<String> = path.chars().map(String::from).collect();
    inspector.press(&["g", "l", "/"]);
    inspector.press(&letters.iter().map(String::as_str).collect::<Vec<_>>());
    inspector.press(&["Enter"]);
    assert_eq!(inspector.state.layer, LayerId(LAYERS.iter().position(|(known, ..)| *known == path).unwrap()));
}

#[test]
fn while_the_model_is_read() {
    screens("starting", |columns, rows| {
        let mut inspector = starting(columns, rows, &["cat.jpg"]);
        inspector.tell(Event::Progress { pane: Pane::Input, what: "reading resnet18.pt2".to_owned(), done: None });
        inspector
    });
}

#[test]
fn a_page_of_activations() {
    screens_after("page", &["Enter", "l", "l"]);
}

#[test]
fn the_layer_tree() {
    screens_after("layers", &["j", "j", "j", "j", "j"]);
}

#[test]
fn a_channel_large() {
    screens("zoom", |columns, rows| {
        let mut inspector = opened(columns, rows);
        go_to(&mut inspector, "layer1.0.conv2");
        inspector.press(&["Enter", "l", "l", "Enter"]);
        answer_pattern(&mut inspector);
        inspector
    });
}

/// Its pattern, where the inspector has asked for it.
fn answer_pattern(inspector: &mut Inspector) {
    let asked = inspector.asked.iter().rev().find_map(|asked| match asked {
        Request::Pattern { ticket, layer, channel, .. } => Some((*ticket, *layer, *channel)),
        _ => None,
    });
    let Some((ticket, layer, channel)) = asked else { return };
    let page = PatternPage {
        layer,
        order: layerscope::service::protocol::Order::Index,
        class: None,
        channels: vec![channel],
        first: channel,
        total: 64,
        recipe: layerscope::service::protocol::Recipe::BOOK,
        step: 40,
        steps: 40,
        pictures: vec![Rgb { width: 64, height: 64, pixels: vec![128; 64 * 64 * 3] }],
        activations: vec![23.4],
    };
    inspector.tell(Event::Patterns { ticket, page: Box::new(page) });
}

#[test]
fn a_point_on_a_channel() {
    screens("probe", |columns, rows| {
        let mut inspector = opened(columns, rows);
        go_to(&mut inspector, "layer1.0.conv2");
        inspector.press(&["Enter", "Enter", "v", "k", "h"]);
        inspector
    });
}

#[test]
fn a_vector_as_bars() {
    screens_after("bars", &["G", "Enter", "j"]);
}

#[test]
fn a_long_vector_as_bars() {
    screens("long_bars", |columns, rows| {
        let mut inspector = opened(columns, rows);
        go_to(&mut inspector, "flatten");
        inspector.press(&["Enter", "j"]);
        inspector
    });
}

#[test]
fn patterns_that_grow() {
    screens_after("patterns", &["Enter", "p"]);
}

#[test]
fn gradients_of_a_class() {
    screens_after("gradients", &["Enter", "d"]);
}

#[test]
fn channels_by_contribution() {
    screens_after("sorted", &["Enter", "r", "r", "r", "r", "r"]);
}

#[test]
fn kernels_in_colour() {
    screens_after("weights", &["Enter", "w"]);
}

#[test]
fn a_search_while_it_is_typed() {
    screens_after("search", &["/", "c", "o", "n", "2"]);
}

#[test]
fn a_command_while_it_is_typed() {
    screens_after("palette", &[":", "m", "a", "p"]);
}

#[test]
fn the_class_picker() {
    screens_after("class_picker", &["f", "c", "a", "t"]);
}

#[test]
fn one_class_rather_than_another() {
    screens_after("contrast", &["V", "t", "e", "n", "Enter", "g", "h"]);
}

#[test]
fn the_help() {
    screens_after("help", &["?"]);
}

#[test]
fn keys_that_can_follow() {
    screens_after("which_key", &["g"]);
}

#[test]
fn one_pane_alone() {
    screens_after("maximised_channels", &["Enter", "z"]);
    screens_after("maximised_heatmap", &["g", "h", "z"]);
    screens_after("maximised_layers", &["z"]);
}

#[test]
fn two_models() {
    screens("compare", |columns, rows| {
        let mut inspector = compared(columns, rows);
        inspector.press(&["j", "j", "Enter"]);
        inspector
    });
    screens("compare_zoom", |columns, rows| {
        let mut inspector = compared(columns, rows);
        inspector.press(&["j", "j", "Enter", "Enter"]);
        inspector
    });
    screens("compare_heatmap", |columns, rows| {
        let mut inspector = compared(columns, rows);
        inspector.press(&["g", "h"]);
        inspector
    });
}

#[test]
fn two_models_by_difference() {
    screens("by_difference", |columns, rows| {
        let mut inspector = compared(columns, rows);
        inspector.press(&["#"]);
        inspector
    });
}

#[test]
fn several_pictures() {
    screens("film_strip", |columns, rows| {
        let names = ["cat.jpg", "dog.jpg", "two-dogs-in-the-garden.jpg", "elephant.png", "x.npy", "bus.jpg", "owl.jpg"];
        let mut inspector = starting(columns, rows, &names);
        inspector.tell(Event::Opened(network("resnet18")));
        // They are read one after the other; one is no picture.
        for (place, (width, height)) in [(96, 128), (128, 85), (128, 128)].into_iter().enumerate() {
            let picture = Stamped::new(image::RgbImage::new(width, height));
            inspector.state.thumbnails.insert(place, Some(picture));
        }
        inspector.state.thumbnails.insert(4, None);
        inspector.press(&["g", "h", ".", "."]);
        inspector
    });
}

#[test]
fn a_failure_in_each_pane() {
    screens("failed_model", |columns, rows| {
        let mut inspector = starting(columns, rows, &["cat.jpg"]);
        let message = "models/resnet18.pt2: the archive is cut short: weight_12 wants 2359296 bytes at 18874368, and the file ends at 19398656".to_owned();
        inspector.tell(Event::Failed { pane: Pane::Input, ticket: None, message });
        inspector
    });
    screens("failed_picture", |columns, rows| {
        let mut inspector = opened(columns, rows);
        let effects = inspector.state.event(Event::Progress { pane: Pane::Input, what: String::new(), done: None });
        inspector.perform(effects);
        let ticket = Some(inspector.state.input_ticket);
        let message = "holiday/cat.jpg: not a picture that can be read: unexpected end of file".to_owned();
        inspector.tell(Event::Failed { pane: Pane::Input, ticket, message });
        inspector
    });
    screens("failed_channels", |columns, rows| {
        let mut inspector = opened(columns, rows);
        let effects = inspector.state.key(KeyEvent::new(KeyCode::Char('d'), KeyModifiers::NONE));
        let Some(Effect::Ask(Request::Channels { ticket, .. })) = effects.first() else { panic!("{effects:?}") };
        let message =
            "out of memory: gradients at conv1 want 3.2 GB, and 2.1 GB are allowed by --memory-limit".to_owned();
        inspector.tell(Event::Failed { pane: Pane::Channels, ticket: Some(*ticket), message });
        inspector
    });
    screens("failed_heatmap", |columns, rows| {
        let mut inspector = opened(columns, rows);
        inspector.press(&["g", "h"]);
        let ticket = Some(inspector.state.map_ticket);
        let message = "Grad-CAM needs a layer with a map: fc gives a vector of 12".to_owned();
        inspector.tell(Event::Failed { pane: Pane::Heatmap, ticket, message });
        inspector
    });
}

#[test]
fn too_small_a_screen() {
    let (columns, rows) = (30, 8);
    insta::assert_snapshot!("too_small", screen(&opened(columns, rows)));
}
