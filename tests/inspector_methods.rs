//! Choosing how heatmaps and patterns are made, without a terminal and without an engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;

use image::RgbImage;
use inspector::Inspector;
use layerscope::methods::registry::{self, Kind};
use layerscope::model::LayerId;
use layerscope::service::protocol::{
    Chosen, Content, Event, Heatmap, Pane, ReceptiveField, Recipe, Request, Target, Unit,
};
use layerscope::terminal::encoder::Resolution;
use layerscope::tui::drawing::{Side, Subject};
use layerscope::tui::stamped::Stamped;
use layerscope::tui::state::{Focus, OverlayMode};
use ratatui::layout::Size;

fn type_in(inspector: &mut Inspector, text: &str) {
    for character in text.chars() {
        inspector.press(&[&character.to_string()]);
    }
}

/// Method, layers and target of the newest request for a heatmap.
fn asked(inspector: &Inspector) -> (Chosen, Vec<LayerId>, Target) {
    let maps = inspector.asked.iter().rev().find_map(|asked| match asked {
        Request::Map { method, layers, of, .. } => Some((method.clone(), layers.clone(), *of)),
        _ => None,
    });
    maps.unwrap()
}

fn name(inspector: &Inspector) -> &'static str {
    asked(inspector).0.method().name
}

/// A heatmap that is on its way.
fn so_far(inspector: &mut Inspector, done: usize) -> Event {
    let (method, layers, of) = asked(inspector);
    let map = Heatmap { so_far: Some((done, 50)), ..inspector.heatmap(method, layers, of) };
    Event::Map { ticket: inspector.state.map_ticket, map: Box::new(map) }
}

#[test]
fn the_list_of_methods_is_the_registry_s_with_what_each_says_of_itself() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["g", "h", "e"]);
    let all = registry::all(Kind::Map).count() + registry::all(Kind::Attribution).count();
    let screen = inspector.screen();
    assert!(screen.contains(&format!("1 of {all}")), "{screen}");
    let first = registry::find(Kind::Map, "grad-cam").unwrap();
    for words in [first.summary, first.formula, first.source] {
        assert!(screen.contains(words), "no {words} in\n{screen}");
    }
    insta::assert_snapshot!("methods_120x40", screen);
    for method in registry::all(Kind::Map).chain(registry::all(Kind::Attribution)) {
        let mut inspector = Inspector::opened(120, 40);
        inspector.press(&["e"]);
        type_in(&mut inspector, method.name);
        inspector.press(&["Enter"]);
        assert_eq!(name(&inspector), method.name, "its whole name finds it first");
        assert!(inspector.screen().contains(&format!("{} of tabby", method.name)), "{}", inspector.screen());
    }
}

#[test]
fn a_method_is_found_by_a_word_of_what_it_does_and_the_list_begins_at_the_one_in_use() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["e"]);
    type_in(&mut inspector, "principal");
    assert!(inspector.screen().contains("eigen-cam"), "{}", inspector.screen());
    inspector.press(&["Enter", "e", "Enter"]);
    assert!(name(&inspector).starts_with("eigen"), "the list begins where one is");
}

#[test]
fn the_command_line_knows_methods_and_completes_their_names() {
    let mut inspector = Inspector::opened(120, 40);
    type_in(&mut inspector, ":method scor");
    assert!(inspector.screen().contains("score-cam"));
    inspector.press(&["Tab", "Enter"]);
    assert_eq!(name(&inspector), "score-cam");
    type_in(&mut inspector, ":method xyzzy");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("nothing is called"), "{}", inspector.screen());
    assert_eq!(name(&inspector), "score-cam");
}

#[test]
fn parameters_are_set_within_their_ranges_and_stand_in_the_label() {
    let mut inspector = Inspector::opened(120, 40);
    type_in(&mut inspector, ":method smooth-grad");
    inspector.press(&["Enter"]);
    let before = inspector.asked.len();
    type_in(&mut inspector, ":set samples=0");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("samples is a whole number from"), "{}", inspector.screen());
    type_in(&mut inspector, ":set xyzzy=1");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("has no parameter 'xyzzy'"), "{}", inspector.screen());
    assert_eq!(inspector.asked.len(), before, "what is refused asks for nothing");
    type_in(&mut inspector, ":set samples=7");
    inspector.press(&["Enter"]);
    assert_eq!(asked(&inspector).0.changed(), ["samples=7"]);
    let screen = inspector.screen();
    assert!(screen.contains("smooth-grad of tabby") && screen.contains("│samples=7"), "{screen}");
    // By the list: the name first, then the number behind it.
    inspector.press(&["E"]);
    assert!(inspector.screen().contains("now samples=7"), "{}", inspector.screen());
    type_in(&mut inspector, "samp");
    inspector.press(&["Enter"]);
    type_in(&mut inspector, "9");
    inspector.press(&["Enter"]);
    assert_eq!(asked(&inspector).0.changed(), ["samples=9"]);
    // Another method and back: what was set of it is kept.
    type_in(&mut inspector, ":method grad-cam");
    inspector.press(&["Enter"]);
    assert!(asked(&inspector).0.changed().is_empty());
    type_in(&mut inspector, ":method smooth-grad");
    inspector.press(&["Enter"]);
    assert_eq!(asked(&inspector).0.changed(), ["samples=9"]);
    type_in(&mut inspector, ":set defau");
    inspector.press(&["Enter"]);
    assert!(asked(&inspector).0.changed().is_empty());
}

#[test]
fn an_attribution_is_of_the_input_and_layers_do_not_matter_to_it() {
    let mut inspector = Inspector::opened(120, 40);
    type_in(&mut inspector, ":method gradient-x-input");
    inspector.press(&["Enter"]);
    let screen = inspector.screen();
    assert!(screen.contains("red for it, blue against") && screen.contains("overlay 90 %"), "{screen}");
    let before = inspector.asked.len();
    inspector.press(&["M"]);
    assert!(inspector.screen().contains("gradient-x-input is of the input, not at a layer"));
    inspector.press(&["b"]);
    assert_eq!(inspector.asked.len(), before);
    inspector.press(&["+"]);
    assert!(inspector.screen().contains("overlay 100 %"));
    type_in(&mut inspector, ":method grad-cam");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("overlay 40 %"), "maps have a strength of their own");
}

#[test]
fn what_drives_a_channel_or_a_point_is_shown_by_a_key_and_the_class_comes_back_by_it() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "l", "l", "A"]);
    let unit = Unit { layer: LayerId(0), channel: 2, at: None };
    let (method, _, of) = asked(&inspector);
    assert_eq!((method.method().run.kind(), of), (Kind::Attribution, Target::Channel(unit)));
    assert!(inspector.screen().contains("channel 2 of stem"), "{}", inspector.screen());
    inspector.press(&["Enter", "v", "A"]);
    let Target::Channel(point) = asked(&inspector).2 else { panic!("a channel") };
    assert!(point.at.is_some() && point.channel == 2, "{point:?}");
    assert!(inspector.screen().contains("at row"), "{}", inspector.screen());
    assert!(inspector.screen().contains("A class again"), "{}", inspector.screen());
    inspector.press(&["A"]);
    assert_eq!(name(&inspector), "grad-cam");
    assert!(inspector.screen().contains("grad-cam of tabby"));
    assert!(inspector.screen().contains("A attribute"), "{}", inspector.screen());
    // A class or a map that is chosen is one of the class.
    inspector.press(&["A", "c"]);
    assert!(matches!(asked(&inspector).2, Target::Class { .. }));
    assert_eq!(asked(&inspector).0.method().run.kind(), Kind::Attribution, "the method stays");
}

#[test]
fn long_work_says_how_far_it_is_shows_what_there_is_and_is_stopped_by_esc() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.busy = true;
    type_in(&mut inspector, ":method smooth-grad");
    inspector.press(&["Enter"]);
    assert!(inspector.screen().contains("grad-cam of tabby"), "what was there stays until there is something else");
    let progress =
        |done| Event::Progress { pane: Pane::Heatmap, what: "smooth-grad".to_owned(), done: Some((done, 50)) };
    inspector.tell(progress(10));
    assert!(inspector.screen().contains("smooth-grad 20 % · Esc stops"), "{}", inspector.screen());
    let shown = so_far(&mut inspector, 20);
    inspector.tell(shown);
    assert!(inspector.screen().contains("20 of 50 so far"), "{}", inspector.screen());
    let late = so_far(&mut inspector, 30);
    inspector.press(&["Esc"]);
    assert!(matches!(inspector.asked.last(), Some(Request::Stop(Pane::Heatmap))));
    inspector.tell(progress(30));
    inspector.tell(late);
    let screen = inspector.screen();
    assert!(!screen.contains("stops") && screen.contains("20 of 50 so far"), "{screen}");
    inspector.busy = false;
    inspector.press(&["c"]);
    assert!(inspector.screen().contains("smooth-grad of tiger cat"), "the next request is answered");
}

#[test]
fn esc_goes_back_from_a_zoomed_channel_before_it_stops_what_runs_elsewhere() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.busy = true;
    inspector.press(&["Enter", "Enter", "c"]);
    inspector.tell(Event::Progress { pane: Pane::Heatmap, what: "score-cam".to_owned(), done: Some((1, 4)) });
    let screen = inspector.screen();
    assert!(screen.contains("score-cam 25 %") && !screen.contains("Esc stops"), "{screen}");
    inspector.press(&["Esc"]);
    assert!(!inspector.state.zoomed);
    inspector.press(&["Esc"]);
    assert_eq!(inspector.state.focus, Focus::Layers);
    assert!(inspector.screen().contains("Esc stops"));
    inspector.press(&["Esc"]);
    assert!(matches!(inspector.asked.last(), Some(Request::Stop(Pane::Heatmap))));
}

#[test]
fn a_pixel_that_counts_is_seen_where_there_are_few_pixels_to_show_it() {
    let mut inspector = Inspector::opened(120, 40);
    type_in(&mut inspector, ":method gradient-x-input");
    inspector.press(&["Enter"]);
    let (method, layers, of) = asked(&inspector);
    let mut values = vec![0.0; 3 * 64 * 64];
    values[20 * 64 + 30] = 1.0;
    let map = Heatmap { height: 64, width: 64, values, ..inspector.heatmap(method, layers, of) };
    let picture = Stamped::new(RgbImage::from_pixel(64, 64, image::Rgb([128; 3])));
    let subject = Subject::Heatmap {
        picture,
        map: Some(Stamped::new(map)),
        mode: OverlayMode::Overlay,
        strength: 90,
        side: Side::First,
        seen: None,
        close_up: None,
    };
    let drawn = subject.draw(Resolution { width: 8, height: 8, scaled: false }, Size::new(4, 2)).to_rgb();
    let [red, _, blue] = drawn.get_pixel(30 / 8, 20 / 8).0;
    assert!(red > blue + 100, "red on grey, not a trace of it: {red} {blue}");
    assert_eq!(drawn.get_pixel(0, 0).0, [128; 3]);
}

#[test]
fn what_drives_a_point_that_sees_little_is_shown_close_up() {
    let mut inspector = Inspector::opened(120, 40);
    let run = inspector.state.run.as_mut().unwrap();
    run.picture = Stamped::new(RgbImage::new(224, 224));
    let field = ReceptiveField { size: (7, 7), stride: (28, 28), start: (-3, -3) };
    run.layers.get_mut(&LayerId(0)).unwrap().receptive_field = Some(field);
    inspector.press(&["Enter", "A"]);
    assert_eq!(inspector.state.close_up(), None, "a whole channel sees everything");
    inspector.press(&["Enter", "v", "g", "g", "l", "l", "A"]);
    let unit = inspector.state.unit.unwrap();
    let ((left, top, width, height), seen) = inspector.state.close_up().unwrap();
    let (row, column) = unit.at.unwrap();
    assert_eq!((seen.2, seen.3), (7, 7), "row {row} column {column}");
    assert_eq!((width, height), (24, 24), "of the picture's own shape");
    assert!(left <= seen.0 && seen.0 + 7 <= left + width && top <= seen.1 && seen.1 + 7 <= top + height);
    let screen = inspector.screen();
    assert!(screen.contains("close-up of 7×7"), "{screen}");
    // A point that sees most of the picture is shown in all of it.
    let field = ReceptiveField { size: (150, 150), ..field };
    inspector.state.run.as_mut().unwrap().layers.get_mut(&LayerId(0)).unwrap().receptive_field = Some(field);
    assert_eq!(inspector.state.close_up(), None);
}

/// Recipe of the newest request for patterns.
fn recipe(inspector: &Inspector) -> Option<Recipe> {
    inspector.asked.iter().rev().find_map(|asked| match asked {
        Request::Channels { content: Content::Patterns, recipe, .. } => Some(*recipe),
        _ => None,
    })
}

#[test]
fn patterns_are_grown_by_the_recipe_that_is_chosen() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "p"]);
    assert_eq!(recipe(&inspector), Some(Recipe::BOOK));
    assert!(inspector.screen().contains("recipe book · 40 steps"), "{}", inspector.screen());
    inspector.press(&["R"]);
    insta::assert_snapshot!("recipes_120x40", inspector.screen());
    type_in(&mut inspector, "luc");
    inspector.press(&["Enter"]);
    assert_eq!(recipe(&inspector), Some(Recipe::LUCID));
    assert!(inspector.screen().contains("recipe lucid · 512 steps"), "{}", inspector.screen());
    type_in(&mut inspector, ":set steps=64");
    inspector.press(&["Enter"]);
    assert_eq!(recipe(&inspector), Some(Recipe::LUCID.with_steps(64)));
    assert!(inspector.screen().contains("64 steps · steps=64"), "{}", inspector.screen());
    type_in(&mut inspector, ":recipe maco");
    inspector.press(&["Enter"]);
    assert_eq!(recipe(&inspector), Some(Recipe::MACO));
    assert_eq!(name(&inspector), "grad-cam", "the map's method is another matter");
}

#[test]
fn patterns_that_grow_are_stopped_kept_and_go_on() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["Enter", "p"]);
    assert!(inspector.screen().contains("step 12/40"));
    inspector.press(&["Esc"]);
    assert!(matches!(inspector.asked.last(), Some(Request::Stop(Pane::Channels))));
    let screen = inspector.screen();
    assert!(screen.contains("stem · patterns") && screen.contains("stopped at 12/40 · p goes on"), "{screen}");
    let asked = inspector.asked.len();
    inspector.press(&["l", "Enter", "Esc", "h"]);
    assert_eq!(inspector.asked.len(), asked, "what was stopped stays stopped");
    inspector.press(&["p"]);
    assert_eq!(inspector.asked.len(), asked + 1);
    assert!(inspector.screen().contains("step 12/40"));
    inspector.press(&["p"]);
    assert!(inspector.screen().contains("stopped at 12/40"), "the same key stops them too");
    inspector.press(&["Esc"]);
    assert_eq!(inspector.state.focus, Focus::Layers, "then Esc goes back as ever");
}
