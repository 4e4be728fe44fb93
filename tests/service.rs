//! The engine's thread answers what the inspector asks: drives `service::spawn` with real requests, on the built-in demo and on
//! small networks whose numbers PyTorch made.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/asker.rs"]
mod asker;
mod common;

use std::time::Duration;

use asker::{ALL, Asker, PATIENCE, book, open_file, opening};
use common::{Fixture, difference, fixtures};
use layerscope::methods::registry::Kind;
use layerscope::service::protocol::{
    Chosen, ClassId, Content, Event, LayerDifference, OpenRequest, Order, Pane, Recipe, Request, Statistics, Target,
    Ticket,
};
use layerscope::service::{self, Service};

/// The golden values of the folder `inspector`.
fn golden(key: &str) -> (Vec<serde_json::Value>, Fixture) {
    let fixture = Fixture::open("inspector");
    (fixture.list(key).to_vec(), fixture)
}

fn text<'a>(value: &'a serde_json::Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn index(value: &serde_json::Value, key: &str) -> usize {
    value[key].as_u64().unwrap() as usize
}

#[test]
fn gradients_are_those_of_the_reference_and_multiply_activations() {
    let mut compared = 0;
    for name in ["convnet", "vit", "keras_functional", "swin"] {
        let (mut asker, fixture) = Asker::fixture(name);
        for golden in fixture.list("gradients").to_vec() {
            let layer = text(&golden, "layer");
            let golden = fixture.array(text(&golden, "key"));
            if layer == "input" || golden.shape.len() != 4 {
                continue;
            }
            let page = asker.page(layer, Content::Gradients, Order::Index, ALL);
            assert_eq!(page.class.unwrap().id.index, fixture.class());
            assert!(difference(&page.values, &golden.data) <= 1e-5, "{name} {layer}");
            let activations = asker.page(layer, Content::Activations, Order::Index, ALL);
            let product = asker.page(layer, Content::ActivationTimesGradient, Order::Index, ALL);
            let expected: Vec<f32> = activations.values.iter().zip(&page.values).map(|(a, g)| a * g).collect();
            assert_eq!(product.values, expected, "{name} {layer}");
            compared += 1;
        }
    }
    assert!(compared > 15, "{compared}");
}

#[test]
fn contributions_order_the_channels_of_maps_tokens_and_vectors() {
    let (all, goldens) = golden("contributions");
    for network in ["convnet", "vit"] {
        let (mut asker, _) = Asker::fixture(network);
        for golden in all.iter().filter(|golden| golden["network"] == network) {
            let (layer, class) = (text(golden, "layer"), index(golden, "class"));
            let expected = &goldens.array(text(golden, "key")).data;
            for content in [Content::Activations, Content::ActivationTimesGradient] {
                let page = asker.page_of(layer, content, Order::Contribution, ALL, class);
                let found = page.contributions.unwrap();
                assert!(found.is_sorted_by(|a, b| a >= b), "{network} {layer}: the greatest comes first");
                let expected: Vec<f32> = page.channels.iter().map(|&channel| expected[channel]).collect();
                assert!(difference(&found, &expected) <= 1e-5, "{network} {layer} {class}");
                assert_eq!(page.class.unwrap().id, ClassId { index: class, negative: false });
                assert_eq!(page.channels.len(), page.total);
            }
        }
    }
}

/// What an order sorts by.
type Key = fn(&Statistics) -> f32;

#[test]
fn a_page_is_a_part_of_its_order_and_says_which_channels_it_has() {
    let (mut asker, _) = Asker::fixture("convnet");
    let all = asker.page("layer2", Content::Activations, Order::Index, ALL);
    assert_eq!(all.channels, (0..16).collect::<Vec<_>>());
    let plane = all.height * all.width;
    let keys: [(Order, Key); 4] = [
        (Order::Mean, |channel| channel.mean),
        (Order::Max, |channel| channel.max),
        (Order::Variance, |channel| channel.std * channel.std),
        (Order::Sparsity, |channel| channel.sparsity),
    ];
    for (order, key) in keys {
        let ranked = asker.page("layer2", Content::Activations, order, ALL);
        assert!(ranked.statistics.iter().map(key).is_sorted_by(|a, b| a >= b), "{order:?}");
        assert_ne!(ranked.channels, all.channels, "{order:?}");
        let page = asker.page("layer2", Content::Activations, order, (5, 4));
        assert_eq!((page.first, page.total, page.order), (5, 16, order));
        assert_eq!(page.channels, ranked.channels[5..9]);
        for (row, &channel) in page.channels.iter().enumerate() {
            let values = &page.values[row * plane..(row + 1) * plane];
            assert_eq!(values, &all.values[channel * plane..(channel + 1) * plane], "{order:?}");
            assert_eq!(page.statistics[row], all.statistics[channel]);
        }
    }
    let beyond = asker.page("layer2", Content::Activations, Order::Max, (100, 4));
    assert_eq!((beyond.channels.len(), beyond.first), (0, 16), "beyond the last there is nothing");
}

#[test]
fn weights_can_be_looked_through_in_the_order_of_what_their_channels_contribute() {
    let (mut asker, _) = Asker::fixture("convnet");
    let activations = asker.page("conv1", Content::Activations, Order::Contribution, ALL);
    let weights = asker.page("conv1", Content::Weights, Order::Contribution, ALL);
    assert_eq!(weights.channels, activations.channels);
    let plain = asker.page("conv1", Content::Weights, Order::Index, ALL);
    let colour = plain.colour.unwrap();
    let expected: Vec<_> = weights.channels.iter().map(|&channel| colour[channel].clone()).collect();
    assert_eq!(weights.colour.unwrap(), expected);
}

#[test]
fn patterns_grow_in_the_order_that_is_asked_for() {
    let (mut asker, _) = Asker::fixture("convnet");
    let ranked = asker.page("mixed", Content::Activations, Order::Max, ALL);
    let plain = asker.finished_patterns("mixed", Order::Index, ALL);
    let page = asker.finished_patterns("mixed", Order::Max, (1, 3));
    assert_eq!(page.channels, ranked.channels[1..4]);
    for (row, &channel) in page.channels.iter().enumerate() {
        assert_eq!(page.pictures[row], plain.pictures[channel], "a channel's pattern is the same on every page");
    }
}

#[test]
fn a_map_may_hold_a_class_against_another() {
    let (all, goldens) = golden("contrasts");
    let (mut asker, _) = Asker::fixture("convnet");
    for golden in all {
        let (class, against) = (index(&golden, "class"), index(&golden, "against"));
        let map = asker.map(&[text(&golden, "layer")], Some(class), Some(against)).unwrap();
        let expected = goldens.array(text(&golden, "key"));
        assert_eq!([map.height as i64, map.width as i64], *expected.shape);
        assert!(difference(&map.values, &expected.data) <= 1e-5, "{golden}");
        assert_eq!(map.against().unwrap().id.index, against);
    }
    assert_eq!(asker.map(&["layer2"], Some(1), Some(9)).unwrap_err(), "the network has classes 0 to 4, not 9");
}

#[test]
fn maps_of_several_layers_are_blended_on_the_finest_grid() {
    let (all, goldens) = golden("blends");
    let (mut asker, _) = Asker::fixture("convnet");
    for golden in all {
        let layers: Vec<&str> =
            golden["layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect();
        let map = asker.map(&layers, Some(index(&golden, "class")), None).unwrap();
        let expected = goldens.array(text(&golden, "key"));
        assert_eq!([map.height as i64, map.width as i64], *expected.shape);
        assert!(difference(&map.values, &expected.data) <= 1e-5, "{golden}");
        assert_eq!(map.layers.len(), layers.len());
    }
    assert!(asker.map(&["layer2", "fc"], None, None).unwrap_err().contains("layer fc gives 1×5"));
}

#[test]
fn a_network_with_channels_last_is_shown_as_maps() {
    let (mut asker, fixture) = Asker::fixture("swin");
    for golden in fixture.list("layers").to_vec() {
        let layer = text(&golden, "path");
        let golden = fixture.array(text(&golden, "key"));
        let page = asker.page(layer, Content::Activations, Order::Index, ALL);
        assert_eq!([1, page.total as i64, page.height as i64, page.width as i64], *golden.shape, "{layer}");
        assert!(difference(&page.values, &golden.data) <= 1e-5, "{layer}");
        let state = asker.state(layer);
        assert_eq!((state.channels, state.map), (page.total, (page.height, page.width)), "{layer}");
    }
    for golden in fixture.list("cams").to_vec() {
        let layer = text(&golden, "layer");
        let map = asker.map(&[layer], Some(fixture.class()), None).unwrap();
        let golden = fixture.array(text(&golden, "key"));
        assert_eq!([map.height as i64, map.width as i64], *golden.shape, "{layer}");
        assert!(difference(&map.values, &golden.data) <= 1e-5, "{layer}");
    }
    let usual = asker.map(&[], None, None).unwrap();
    assert_eq!(usual.layers, [asker.layer("norm")], "the last layer with a map is found there too");
    assert_eq!(asker.finished_patterns("features.2", Order::Index, (20, 8)).channels, [20, 21, 22, 23]);
}

#[test]
fn receptive_fields_are_what_the_input_s_gradients_show() {
    let folder = fixtures().join("receptive_fields");
    let about: serde_json::Value =
        serde_json::from_reader(std::fs::File::open(folder.join("golden.json")).unwrap()).unwrap();
    let mut compared = 0;
    for (name, golden) in about["networks"].as_object().unwrap() {
        let asker = Asker::open(open_file(folder.join(text(golden, "model"))), None);
        for (path, places) in golden["layers"].as_object().unwrap() {
            let field = asker.state(path).receptive_field;
            let places = places.as_array().unwrap();
            assert_eq!(field.is_some(), !places.is_empty(), "{name} {path}");
            for place in places {
                let field = field.unwrap();
                let number = |key: &str, side: usize| place[key][side].as_i64().unwrap();
                let seen = |position: i64, start: i64, stride: u64, size: u64| {
                    let from = start + position * stride as i64;
                    [from, from + size as i64]
                };
                let rows = seen(number("position", 0), field.start.0, field.stride.0, field.size.0);
                let columns = seen(number("position", 1), field.start.1, field.stride.1, field.size.1);
                assert_eq!(rows, [number("rows", 0), number("rows", 1)], "{name} {path}");
                assert_eq!(columns, [number("columns", 0), number("columns", 1)], "{name} {path}");
                compared += 1;
            }
        }
    }
    assert!(compared > 250, "{compared}");
}

#[test]
fn receptive_fields_are_the_published_ones() {
    // Araujo, Norris and Sim (2019), and the table of VGG16's that is copied everywhere.
    for (name, path, size, stride) in
        [("vgg16", "28", 196, 16), ("vgg16", "30", 212, 32), ("resnet18", "7", 435, 32), ("alexnet", "12", 195, 32)]
    {
        let file = fixtures().join("receptive_fields").join(format!("{name}.pt2"));
        let field = Asker::open(open_file(file), None).state(path).receptive_field.unwrap();
        assert_eq!((field.size, field.stride), ((size, size), (stride, stride)), "{name} {path}");
    }
}

#[test]
fn channels_at_a_floor_or_a_ceiling_are_counted() {
    let folder = fixtures().join("limits");
    let golden: serde_json::Value =
        serde_json::from_reader(std::fs::File::open(folder.join("golden.json")).unwrap()).unwrap();
    let asker = Asker::open(open_file(folder.join("model.pt2")), Some(folder.join("input.npy")));
    for (path, expected) in golden["layers"].as_object().unwrap() {
        let state = asker.state(path);
        let found = (state.dead, state.saturated);
        assert_eq!(found, (index(expected, "dead"), index(expected, "saturated")), "{path}");
    }
    let pooled = asker.state("pool");
    assert_eq!((pooled.dead, pooled.saturated), (1, 0), "pooling hides nothing");
    assert_eq!((asker.state("conv").dead, asker.state("fc").dead), (0, 0), "only where there is a floor");
}

#[test]
fn two_checkpoints_are_compared_layer_by_layer() {
    let fixture = Fixture::open("convnet");
    let golden = Fixture::open("inspector").golden["comparison"].clone();
    let other = fixtures().join("inspector").join(text(&golden, "model"));
    let mut alone = Asker::open(open_file(other.clone()), Some(fixture.input_path()));
    let open = OpenRequest { other: Some(opening(other)), ..open_file(fixture.model()) };
    let mut asker = Asker::open(open, Some(fixture.input_path()));
    let Event::Compared { predictions, layers, unmatched, .. } = asker.wait() else { panic!("a comparison") };
    assert_eq!(predictions, alone.predictions);
    assert_eq!(predictions[0].index, index(&golden, "class"));
    assert!(layers.is_sorted_by(|a, b| a.distance >= b.distance), "those that differ most come first");
    let distances = golden["distances"].as_object().unwrap();
    for (path, expected) in distances {
        let layer = asker.layer(path);
        let found = layers.iter().find(|difference| difference.layer == layer).unwrap_or_else(|| panic!("{path}"));
        let expected = expected.as_f64().unwrap() as f32;
        assert!((found.distance - expected).abs() <= 1e-5, "{path}: {} and {expected}", found.distance);
        assert_eq!(alone.model.layers[found.other.0].path, *path);
    }
    let left_out: Vec<&str> = unmatched.iter().map(|layer| asker.model.layers[layer.0].path.as_str()).collect();
    assert!(left_out.contains(&"mixed.grouped") && left_out.contains(&"mixed"), "{left_out:?}");
    let equal = |difference: &&LayerDifference| difference.layer == asker.layer("bn1");
    assert!(layers.iter().find(equal).unwrap().distance.abs() < f32::EPSILON, "the same weights");

    for (content, order) in [
        (Content::Activations, Order::Max),
        (Content::Gradients, Order::Contribution),
        (Content::Weights, Order::Variance),
    ] {
        let page = asker.page_of("layer2.conv2", content, order, (2, 5), 3);
        let other = page.other.unwrap();
        let whole = alone.page_of("layer2.conv2", content, Order::Index, ALL, 3);
        let plane = whole.height * whole.width;
        for (row, &channel) in page.channels.iter().enumerate() {
            let values = &other.values[row * plane..(row + 1) * plane];
            assert_eq!(values, &whole.values[channel * plane..(channel + 1) * plane], "{content:?}");
            assert_eq!(other.statistics[row], whole.statistics[channel]);
        }
        assert_eq!(other.layer_statistics, whole.layer_statistics);
    }
    assert!(asker.page("mixed", Content::Activations, Order::Index, ALL).other.is_none(), "another shape");
    let map = asker.map(&["layer2", "layer1"], Some(1), Some(2)).unwrap();
    let (expected, other) = (alone.map(&["layer2", "layer1"], Some(1), Some(2)).unwrap(), map.other.unwrap());
    assert_eq!((other.values, other.width), (expected.values, expected.width));
}

#[test]
fn models_that_have_nothing_in_common_are_refused_in_one_line() {
    let (convnet, vit) = (Fixture::open("convnet"), Fixture::open("vit"));
    let service = service::spawn(OpenRequest { other: Some(opening(vit.model())), ..open_file(convnet.model()) });
    let message = loop {
        match service.events.recv_timeout(PATIENCE).unwrap() {
            Event::Failed { pane: Pane::Input, ticket: None, message } => break message,
            Event::Opened(_) | Event::OpenedOther(_) => panic!("there is nothing to compare"),
            _ => {}
        }
    };
    let (one, other) = (convnet.model(), vit.model());
    let said = "have no layer of the same path: two checkpoints of one network can be compared";
    assert_eq!(message, format!("{} and {} {said}", one.display(), other.display()));
}

/// The map of the top class at the usual layer.
fn usual_map(ticket: u64) -> Request {
    let (method, of) = (Chosen::usual(Kind::Map), Target::default());
    Request::Map { ticket: Ticket(ticket), method, layers: Vec::new(), of }
}

#[test]
fn the_newest_request_of_a_pane_wins_and_what_is_stopped_says_nothing_more() {
    let (mut asker, _) = Asker::fixture("convnet");
    let layer = asker.layer("mixed");
    let patterns = |ticket| Request::Channels {
        ticket: Ticket(ticket),
        layer,
        content: Content::Patterns,
        order: Order::Index,
        class: None,
        first: 0,
        count: usize::MAX,
        recipe: Recipe::BOOK,
    };
    let send = |asker: &Asker, request| asker.service.requests.send(request).unwrap();
    let (old, new, map) = (100, 101, 102);
    send(&asker, patterns(old));
    send(&asker, patterns(new));
    send(&asker, usual_map(map));
    let mut overtaken = false;
    let mut mapped = false;
    loop {
        match asker.service.events.recv_timeout(PATIENCE).unwrap() {
            Event::Patterns { ticket, page } => {
                assert!(!(overtaken && ticket.0 == old), "an old page after a new one");
                overtaken |= ticket.0 == new;
                if page.step == page.steps {
                    break;
                }
            }
            Event::Map { ticket, .. } => mapped = ticket.0 == map,
            Event::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(overtaken && mapped, "a map does not wait until patterns are grown");
    send(&asker, patterns(103));
    send(&asker, Request::Stop(Pane::Channels));
    asker.ticket = 104;
    send(&asker, usual_map(105));
    let mut after_map = 0;
    while let Ok(event) = asker.service.events.recv_timeout(Duration::from_millis(300)) {
        match event {
            Event::Map { .. } => after_map = 1,
            Event::Patterns { .. } if after_map > 0 => panic!("it goes on although it was stopped"),
            _ => {}
        }
    }
    assert_eq!(after_map, 1);
}

#[test]
fn a_picture_that_cannot_be_read_leaves_the_one_before_in_place() {
    let (mut asker, fixture) = Asker::fixture("convnet");
    let before = asker.page("layer1", Content::Activations, Order::Index, ALL);
    let error = asker.run(Some(fixtures().join("README.md"))).unwrap_err();
    assert!(error.contains("README.md"), "{error}");
    assert_eq!(asker.page("layer1", Content::Activations, Order::Index, ALL), before);
    asker.run(Some(fixture.input_path())).unwrap();
}

#[test]
fn a_layer_that_does_not_run_shows_its_weights_and_says_why_nothing_else() {
    let (mut asker, _) = Asker::fixture("keras_foreign_3");
    let line = "layer behind has no activations: the network ends at layer gate, whose code is not in the file";
    let layer = asker.layer("behind");
    assert!(!asker.model.layers[layer.0].has_activations);
    assert!(asker.predictions.is_empty(), "a network that ends early says nothing of classes");
    assert!(
        asker.layers.iter().all(|state| asker.model.layers[state.layer.0].has_activations),
        "no state without a run"
    );
    let page = asker.page("behind", Content::Weights, Order::Index, ALL);
    assert_eq!((page.total, page.height, page.width), (4, 6, 6), "four kernels of four 3×3 tiles");
    for content in [Content::Activations, Content::Gradients, Content::ActivationTimesGradient] {
        let ticket = asker.ticket();
        let (order, class, (first, count)) = (Order::Index, None, ALL);
        let answer =
            asker.ask(Request::Channels { ticket, layer, content, order, class, first, count, recipe: Recipe::BOOK });
        let Event::Failed { message, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(message, line);
    }
}

#[test]
fn the_demo_answers_everything() {
    let mut asker = Asker::open(book(), None);
    let convolution = asker.model.layers.iter().find(|layer| layer.has_weights).unwrap().path.clone();
    let state = asker.state(&convolution).clone();
    assert_eq!(state.shape, [1, 32, 148, 148]);
    assert_eq!(state.macs, 148 * 148 * 32 * 27);
    let field = state.receptive_field.unwrap();
    assert_eq!((field.size, field.stride, field.start), ((3, 3), (1, 1), (0, 0)));
    for content in [Content::Activations, Content::Gradients, Content::ActivationTimesGradient, Content::Weights] {
        for order in [Order::Index, Order::Mean, Order::Max, Order::Variance, Order::Sparsity, Order::Contribution] {
            let page = asker.page(&convolution, content, order, (8, 8));
            assert_eq!((page.channels.len(), page.statistics.len()), (8, 8));
            assert_eq!(page.values.len(), 8 * page.height * page.width);
        }
    }
    let dog = asker.map(&[], Some(0), None).unwrap();
    let names: Vec<&str> = asker.model.classes.iter().map(|class| class.label.as_str()).collect();
    assert_eq!(names, ["dog", "cat"]);
    assert_eq!(dog.class().unwrap().label, "dog");
}

#[test]
fn a_picture_is_prepared_in_another_way_without_opening_the_model_again() {
    let mut asker = Asker::open(book(), None);
    let usual = asker.predictions.clone();
    let prepared = |asker: &mut Asker, spec: Option<&str>| {
        let ticket = asker.ticket();
        let preprocess = spec.map(str::to_owned);
        match asker.ask(Request::Picture { ticket, path: None, preprocess }) {
            Event::Ran { preprocess, predictions, .. } => Ok((preprocess, predictions)),
            Event::Failed { message, .. } => Err(message),
            other => panic!("{other:?}"),
        }
    };
    let (said, raw) = prepared(&mut asker, Some("raw")).unwrap();
    assert!(said.contains("resize=150×150") && !said.contains("std=255"), "the network's own size stays: {said}");
    assert_ne!(raw, usual, "pixels of 0 to 255 are another input than pixels of 0 to 1");
    let refused = prepared(&mut asker, Some("order=grey")).unwrap_err();
    assert!(refused.contains("feeds 1 channel(s), but the network takes 3"), "{refused}");
    assert_eq!(prepared(&mut asker, Some("order=grey")).unwrap_err(), refused, "and is refused again");
    assert_eq!(prepared(&mut asker, Some("raw")).unwrap().1, raw);
    assert_eq!(prepared(&mut asker, None).unwrap().1, usual, "as the model was opened");
}

#[test]
fn the_pattern_of_one_channel_comes_although_a_page_of_them_was_just_stopped() {
    let mut asker = Asker::open(book(), None);
    let layer = asker.layer("conv2d_20");
    // Whether the page is between two steps or within one when it is stopped is chance: many tries meet both.
    for channel in 0..30 {
        let (pages, one) = (asker.ticket(), asker.ticket());
        let (content, order, class, first, count) = (Content::Patterns, Order::Index, None, 0, 1);
        let page =
            Request::Channels { ticket: pages, layer, content, order, class, first, count, recipe: Recipe::BOOK };
        asker.service.requests.send(page).unwrap();
        while !matches!(asker.service.events.recv_timeout(PATIENCE), Ok(Event::Patterns { ticket, .. }) if ticket == pages)
        {
        }
        asker.service.requests.send(Request::Stop(Pane::Channels)).unwrap();
        asker.service.requests.send(Request::Pattern { ticket: one, layer, channel, recipe: Recipe::BOOK }).unwrap();
        loop {
            // Steps that were on their way when they were stopped still arrive.
            let event = asker.service.events.recv_timeout(PATIENCE).unwrap();
            if let Event::Patterns { ticket, page } = event
                && ticket == one
            {
                assert_eq!(page.channels, [channel]);
                break;
            }
        }
    }
    // libtorch must not compute any more when the process takes itself apart.
    let Service { requests, thread, .. } = asker.service;
    drop(requests);
    thread.join().unwrap();
}
