//! The engine's thread measures how far a heatmap is to be trusted, and answers other things meanwhile.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/asker.rs"]
mod asker;
mod common;

use std::process::Command;

use asker::{ALL, Asker, PATIENCE, chosen};
use layerscope::methods::registry::Kind;
use layerscope::service::protocol::{
    Chosen, Content, Event, Heatmap, Measured, Order, Recipe, Request, Target, Ticket, Unit,
};
use serde_json::Value;

/// Metrics that take no longer than a test may.
fn quick() -> Vec<Chosen> {
    let metric = |name: &str, set: &[&str]| chosen(Kind::Faithfulness, name, set);
    vec![
        metric("deletion", &["steps=5"]),
        metric("insertion", &["steps=5"]),
        metric("road", &[]),
        metric("average-drop", &[]),
        metric("average-increase", &[]),
        metric("sensitivity", &["samples=2"]),
        metric("infidelity", &["samples=4"]),
        metric("randomization", &["maps=3"]),
    ]
}

/// What a command prints of the same metrics.
fn commanded(arguments: &[&str]) -> Value {
    let metrics = quick();
    let names: Vec<&str> = metrics.iter().map(|metric| metric.method().name).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerscope"));
    command.args(arguments).args(["--format", "json", "--trust", &names.join(",")]);
    for metric in &metrics {
        for set in metric.changed() {
            command.args(["--trust-set", &format!("{}.{set}", metric.method().name)]);
        }
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["trust"].take()
}

fn assert_alike(found: &[Measured], golden: &Value) {
    assert_eq!(found.len(), golden.as_object().unwrap().len());
    for one in found {
        let (name, outcome) = (one.metric.method().name, one.found.as_ref().unwrap());
        for number in &outcome.numbers {
            let golden = golden[name][number.name.replace(' ', "_")].as_f64().unwrap();
            let ours = number.value.unwrap();
            assert!((ours - golden).abs() <= 1e-5 * golden.abs().max(1e-3), "{name} {}: {ours} {golden}", number.name);
        }
    }
}

#[test]
fn metrics_of_maps_blends_and_attributions_are_those_of_the_commands() {
    let (mut asker, fixture) = Asker::fixture("convnet");
    let (model, picture) = (fixture.model(), fixture.input_path());
    let (model, picture) = (model.to_str().unwrap(), picture.to_str().unwrap());
    let class = fixture.class().to_string();
    let cases: [(Chosen, &[&str], Vec<&str>); 3] = [
        (chosen(Kind::Map, "grad-cam", &[]), &["layer2"], vec!["cam", model, picture, "--layer", "layer2"]),
        (
            chosen(Kind::Map, "layer-cam", &[]),
            &["layer1", "layer2"],
            vec!["cam", model, picture, "--method", "layer-cam", "--layer", "layer1", "--layer", "layer2"],
        ),
        (
            chosen(Kind::Attribution, "gradient-x-input", &[]),
            &[],
            vec!["attribute", model, picture, "--method", "gradient-x-input"],
        ),
    ];
    for (method, layers, mut arguments) in cases {
        let map = asker.heatmap(method, layers, Target::default()).unwrap();
        let found = asker.trust(&map, quick()).unwrap();
        arguments.extend(["--class", &class]);
        assert_alike(&found, &commanded(&arguments));
    }
    asker.end();
}

#[test]
fn an_attribution_of_a_channel_is_measured_by_the_channel() {
    let (mut asker, fixture) = Asker::fixture("convnet");
    let unit = Unit { layer: asker.layer("layer1"), channel: 3, at: None };
    let map = asker.heatmap(chosen(Kind::Attribution, "gradient", &[]), &[], Target::Channel(unit)).unwrap();
    let found = asker.trust(&map, quick()).unwrap();
    let (model, picture) = (fixture.model(), fixture.input_path());
    let arguments = ["attribute", model.to_str().unwrap(), picture.to_str().unwrap(), "--method", "gradient"];
    let golden = commanded(&[&arguments[..], &["--layer", "layer1", "--channel", "3"]].concat());
    assert_alike(&found, &golden);
    asker.end();
}

/// A heatmap, and a measurement of it that would take long and has begun.
fn measuring(asker: &mut Asker) -> Heatmap {
    let map = asker.heatmap(chosen(Kind::Map, "grad-cam", &[]), &[], Target::default()).unwrap();
    let (ticket, metrics) = (asker.ticket(), vec![chosen(Kind::Faithfulness, "infidelity", &["samples=100000"])]);
    let request = Request::Trust { ticket, map: Box::new(map.clone()), metrics };
    asker.service.requests.send(request).unwrap();
    loop {
        if let Event::Progress { done: Some(_), .. } = asker.service.events.recv_timeout(PATIENCE).unwrap() {
            return map;
        }
    }
}

#[test]
fn while_it_is_measured_channels_are_shown_and_another_heatmap_stops_it() {
    let (mut asker, _) = Asker::fixture("convnet");
    let map = measuring(&mut asker);
    let page = asker.page("layer1", Content::Activations, Order::Index, ALL);
    assert_eq!(page.layer, asker.layer("layer1"));
    let again = asker.heatmap(map.method.clone(), &[], Target::default()).unwrap();
    assert_eq!(again.values, map.values);
    let page = asker.finished_patterns("layer1", Order::Index, (0, 1));
    assert_eq!(page.recipe, Recipe::BOOK);
    asker.end();
}

#[test]
fn what_is_asked_and_found_can_travel_as_data() {
    let (mut asker, _) = Asker::fixture("convnet");
    let map = asker.heatmap(chosen(Kind::Map, "grad-cam", &[]), &[], Target::default()).unwrap();
    let metrics = vec![chosen(Kind::Faithfulness, "deletion", &["steps=5"])];
    let found = asker.trust(&map, metrics.clone()).unwrap();
    asker.end();
    let request = Request::Trust { ticket: Ticket(1), map: Box::new(map), metrics };
    let written = serde_json::to_string(&request).unwrap();
    let Request::Trust { metrics, .. } = serde_json::from_str(&written).unwrap() else { panic!("{written}") };
    assert_eq!(metrics[0].changed(), ["steps=5"]);
    let written = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Measured>>(&written).unwrap(), found);
}

#[test]
fn a_pattern_s_recipe_is_no_heatmap_to_measure() {
    let (mut asker, _) = Asker::fixture("convnet");
    let map = asker.heatmap(chosen(Kind::Map, "grad-cam", &[]), &[], Target::default()).unwrap();
    let recipe = Heatmap { method: chosen(Kind::Pattern, "book", &[]), ..map.clone() };
    assert_eq!(asker.trust(&recipe, quick()).unwrap_err(), "book makes no map and no attribution");
    let found = asker.trust(&map, vec![chosen(Kind::Map, "grad-cam", &[])]).unwrap();
    assert_eq!(found[0].found, Err("grad-cam is no metric".to_owned()));
    asker.end();
}
