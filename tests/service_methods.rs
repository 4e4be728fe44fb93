//! The engine's thread makes heatmaps by every method and patterns by every recipe, and answers other things meanwhile.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/asker.rs"]
mod asker;
mod common;

use std::time::Duration;

use asker::{ALL, Asker, PATIENCE, chosen, open_file, opening};
use common::{Fixture, difference, fixtures};
use layerscope::methods::registry::{self, Kind, Range, Run};
use layerscope::service::protocol::{
    Chosen, Content, Event, Grain, OpenRequest, Order, Pane, PatternPage, Recipe, Request, ShownTarget, Target, Ticket,
    Unit,
};

#[test]
fn the_gradient_is_the_reference_s_and_a_unit_s_stays_in_what_it_sees() {
    let (mut asker, fixture) = Asker::fixture("convnet");
    let golden = fixture.list("gradients").iter().find(|golden| golden["layer"] == "input").unwrap().clone();
    let golden = fixture.array(golden["key"].as_str().unwrap());
    let map = asker.heatmap(chosen(Kind::Attribution, "gradient", &[]), &[], Target::default()).unwrap();
    let Grain::Attribution { channels, .. } = map.grain else { panic!("{:?}", map.grain) };
    assert_eq!(golden.shape, [1, channels, map.height, map.width].map(|size| size as i64));
    assert!(difference(&map.values, &golden.data) <= 1e-5);
    assert_eq!(map.class().unwrap().id.index, fixture.class());
    let (layer, field) = (asker.layer("layer1"), asker.state("layer1").receptive_field.unwrap());
    let inside = |at: usize, start: i64, size: u64| (start..start + size as i64).contains(&(at as i64));
    let (top, left) = (field.start.0 + 4 * field.stride.0 as i64, field.start.1 + 5 * field.stride.1 as i64);
    let mut counted = 0;
    for channel in 0..8 {
        let unit = Unit { layer, channel, at: Some((4, 5)) };
        let of_unit = asker.heatmap(chosen(Kind::Attribution, "gradient", &[]), &[], Target::Channel(unit)).unwrap();
        assert_eq!(of_unit.of, ShownTarget::Channel(unit));
        for (place, value) in of_unit.values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            let (row, column) = (place / map.width % map.height, place % map.width);
            assert!(inside(row, top, field.size.0) && inside(column, left, field.size.1), "{row} {column} {value}");
            counted += 1;
        }
    }
    assert!(counted > 0, "units that see something");
    asker.end();
}

#[test]
fn every_method_answers_or_says_in_one_line_why_not() {
    let (mut asker, _) = Asker::fixture("convnet");
    let mut answered = Vec::new();
    for method in registry::all(Kind::Map).chain(registry::all(Kind::Attribution)) {
        let mut chosen = Chosen::from(method);
        for parameter in method.parameters {
            // Fewer runs than are usual.
            if matches!(parameter.range, Range::Whole { default: 20.., .. }) {
                chosen.set(&format!("{}=4", parameter.name)).unwrap();
            }
        }
        match asker.heatmap(chosen, &[], Target::default()) {
            Ok(map) => {
                let channels = match (map.grain, method.run) {
                    (Grain::Map, Run::Map(_)) => 1,
                    (Grain::Attribution { channels, reading: shown }, Run::Attribution { reading, .. }) => {
                        assert_eq!(shown, reading);
                        channels
                    }
                    other => panic!("{other:?}"),
                };
                assert_eq!(map.values.len(), channels * map.height * map.width, "{}", method.name);
                assert!(map.so_far.is_none() && map.method.method().name == method.name);
                answered.push(method.name);
            }
            Err(reason) => assert_eq!(reason.lines().count(), 1, "{reason}"),
        }
    }
    for name in
        ["score-cam", "ablation-cam", "layer-cam", "integrated-gradients", "guided-grad-cam", "occlusion", "rise"]
    {
        assert!(answered.contains(&name), "{name}: {answered:?}");
    }
    asker.end();
}

#[test]
fn while_a_heatmap_is_being_made_channels_are_shown_and_it_can_be_stopped() {
    let (mut asker, _) = Asker::fixture("convnet");
    let ticket = asker.ticket();
    let method = chosen(Kind::Attribution, "smooth-grad", &["samples=10000"]);
    let map = Request::Map { ticket, method, layers: Vec::new(), of: Target::default() };
    asker.service.requests.send(map).unwrap();
    let (mut partial, mut progress) = (0, 0);
    while partial < 2 {
        match asker.service.events.recv_timeout(PATIENCE).unwrap() {
            Event::Map { map, .. } => {
                let Some((done, all)) = map.so_far else { panic!("it cannot be done yet") };
                assert!(done < all && map.values.iter().any(|value| *value != 0.0));
                partial += 1;
            }
            Event::Progress { pane: Pane::Heatmap, done: Some((done, all)), .. } => {
                assert!(done >= progress && all == 10_000, "{done} of {all}");
                progress = done;
            }
            Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(progress > 0);
    let (layer, channels) = (asker.layer("layer2"), asker.ticket());
    let (content, order, recipe) = (Content::Activations, Order::Index, Recipe::BOOK);
    let page = Request::Channels { ticket: channels, layer, content, order, class: None, first: 0, count: 4, recipe };
    asker.service.requests.send(page).unwrap();
    loop {
        match asker.service.events.recv_timeout(PATIENCE).unwrap() {
            Event::Channels { ticket, .. } => break assert_eq!(ticket, channels),
            Event::Map { map, .. } => assert!(map.so_far.is_some(), "the page must not wait for the map"),
            Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    asker.service.requests.send(Request::Stop(Pane::Heatmap)).unwrap();
    while let Ok(event) = asker.service.events.recv_timeout(Duration::from_millis(400)) {
        assert!(!matches!(&event, Event::Map { map, .. } if map.so_far.is_none()), "it was stopped: {event:?}");
        assert!(!matches!(event, Event::Failed { .. }), "whoever stops it knows: {event:?}");
    }
    let after = asker.page("layer2", Content::Activations, Order::Index, ALL);
    assert_eq!(after.total, 16, "everything goes on as before");
    asker.end();
}

/// Asks for patterns and waits until they have come to a step.
fn grown(asker: &mut Asker, layer: &str, recipe: Recipe, until: usize) -> (PatternPage, PatternPage) {
    let (ticket, layer) = (asker.ticket(), asker.layer(layer));
    let (content, order) = (Content::Patterns, Order::Index);
    let page = Request::Channels { ticket, layer, content, order, class: None, first: 0, count: 3, recipe };
    asker.service.requests.send(page).unwrap();
    let mut first = None;
    loop {
        match asker.service.events.recv_timeout(PATIENCE).unwrap() {
            Event::Patterns { ticket: of, page } if of == ticket => {
                first.get_or_insert_with(|| (*page).clone());
                if page.step >= until {
                    return (first.unwrap(), *page);
                }
            }
            Event::Patterns { .. } | Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

fn stop(asker: &mut Asker) {
    asker.service.requests.send(Request::Stop(Pane::Channels)).unwrap();
    // What is asked next is answered when it has stopped.
    asker.page("layer2", Content::Activations, Order::Index, (0, 1));
}

#[test]
fn patterns_that_were_stopped_go_on_where_they_were() {
    let (mut asker, _) = Asker::fixture("convnet");
    let recipe = Recipe::LUCID.with_steps(16);
    let (first, _) = grown(&mut asker, "layer2", recipe, 5);
    assert_eq!((first.step, first.steps, first.recipe), (0, 16, recipe));
    stop(&mut asker);
    let (again, done) = grown(&mut asker, "layer2", recipe, 16);
    assert!(again.step >= 5, "from step {} on", again.step);
    // A run that nobody stopped comes to the same.
    let (mut other, _) = Asker::fixture("convnet");
    assert_eq!(grown(&mut other, "layer2", recipe, 16).1.pictures, done.pictures);
    // Another recipe is another pattern.
    stop(&mut asker);
    assert_eq!(grown(&mut asker, "layer2", Recipe::BOOK, 1).0.step, 0);
    asker.end();
    other.end();
}

#[test]
fn patterns_are_kept_on_disk_from_one_session_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Fixture::open("convnet");
    let open = || OpenRequest { pattern_cache: Some(folder.path().to_path_buf()), ..open_file(fixture.model()) };
    let mut asker = Asker::open(open(), Some(fixture.input_path()));
    grown(&mut asker, "layer2", Recipe::LUCID.with_steps(12), 6);
    // Leaving while they grow.
    asker.end();
    let mut asker = Asker::open(open(), Some(fixture.input_path()));
    let (first, _) = grown(&mut asker, "layer2", Recipe::LUCID.with_steps(12), 12);
    assert!(first.step >= 6, "from step {} on", first.step);
    // A picture that comes between does not lose them.
    stop(&mut asker);
    grown(&mut asker, "layer2", Recipe::BOOK, 3);
    let ticket = asker.ticket();
    asker
        .service
        .requests
        .send(Request::Picture { ticket, path: Some(fixture.input_path()), preprocess: None })
        .unwrap();
    while !matches!(asker.service.events.recv_timeout(PATIENCE).unwrap(), Event::Ran { ticket: Ticket(_), .. }) {}
    assert!(grown(&mut asker, "layer2", Recipe::BOOK, 40).0.step >= 3);
    asker.end();
}

#[test]
fn a_check_finds_what_the_command_finds_although_it_is_interrupted() {
    let model = fixtures().join("health/filters.pt2");
    let picture = fixtures().join("health/pictures.npy");
    let mut asker = Asker::open(open_file(model.clone()), Some(picture.clone()));
    let check = asker.ticket();
    asker.service.requests.send(Request::Check { ticket: check }).unwrap();
    let layer = asker.layer(&asker.model.layers[0].path.clone());
    let (content, order, recipe) = (Content::Activations, Order::Index, Recipe::BOOK);
    for ticket in 1000..1020 {
        let ticket = Ticket(ticket);
        let page = Request::Channels { ticket, layer, content, order, class: None, first: 0, count: 1, recipe };
        asker.service.requests.send(page).unwrap();
    }
    let findings = loop {
        match asker.service.events.recv_timeout(PATIENCE).unwrap() {
            Event::Checked { ticket, findings } => {
                assert_eq!(ticket, check);
                break findings;
            }
            Event::Channels { .. } | Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .args(["check", model.to_str().unwrap(), picture.to_str().unwrap(), "--format", "json"])
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&command.stdout).unwrap();
    let told = told["findings"].as_array().unwrap();
    assert!(!told.is_empty() && told.len() == findings.len(), "{told:?} {findings:?}");
    for (told, found) in told.iter().zip(&findings) {
        let path = found.layer.map(|layer| asker.model.layers[layer.0].path.as_str());
        // A node at the top of the network is a row of the tree as well.
        assert_eq!(told["layer"].as_str().or(path), path, "{told}");
        assert_eq!(told["severity"], serde_json::to_value(found.severity).unwrap());
    }
    assert!(findings.iter().any(|finding| finding.name == "duplicated filters"), "{findings:?}");
    asker.end();
}

#[test]
fn two_models_are_attributed_side_by_side() {
    let fixture = Fixture::open("convnet");
    let open = OpenRequest { other: Some(opening(fixture.model())), ..open_file(fixture.model()) };
    let mut asker = Asker::open(open, Some(fixture.input_path()));
    asker.wait();
    for (kind, name) in [(Kind::Attribution, "gradient"), (Kind::Map, "layer-cam")] {
        let map = asker.heatmap(chosen(kind, name, &[]), &[], Target::default()).unwrap();
        let other = map.other.unwrap();
        assert_eq!((other.height, other.width), (map.height, map.width));
        assert!(difference(&other.values, &map.values) <= 1e-6, "{name}: the same model says the same");
    }
    asker.end();
}
