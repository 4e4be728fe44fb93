//! Grad-CAM agrees with PyTorch and Keras, for any class, at any layer with a spatial map.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::rc::Rc;

use common::{Fixture, NETWORKS, difference, input, network};
use layerscope::engine::Cancel;
use layerscope::methods::cam::{Map, MapInput, Recording, default_layer};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
use layerscope::methods::{Forward, MethodError, Network};

/// The map of a class, or of its absence, at a layer by a method of this name with its defaults.
fn map(network: &Network, forward: &Forward, layer: &str, class: ClassId, name: &str) -> Result<Map, MethodError> {
    let method = registry::find(Kind::Map, name).unwrap();
    let Run::Map(make) = method.run else { unreachable!() };
    let (place, target, cancel) = (network.place(layer)?, Target::from(class), Cancel::new());
    make(&MapInput::new(network, forward, &place, &target, None, Job::quiet(&cancel, 0)), &Settings::of(method))
}

#[test]
fn the_map_of_the_top_class_is_the_reference_implementations() {
    for name in NETWORKS {
        let fixture = Fixture::open(name);
        let network = network(&fixture);
        let forward = network.forward(&input(&network, &fixture), &Cancel::new()).unwrap();
        let class = ClassId { index: fixture.class(), negative: false };
        for cam in fixture.list("cams") {
            let layer = cam["layer"].as_str().unwrap();
            let map = map(&network, &forward, layer, class, "grad-cam").unwrap();
            let golden = fixture.array(cam["key"].as_str().unwrap());
            assert_eq!([map.height as i64, map.width as i64], *golden.shape, "{name} {layer}");
            let far = difference(&map.values, &golden.data);
            assert!(far <= 1e-5, "{name} {layer}: {far}");
        }
    }
}

#[test]
fn the_hand_checkable_network_gives_the_numbers_on_paper() {
    let fixture = Fixture::open("hand_checkable");
    let network = network(&fixture);
    let forward = network.forward(&input(&network, &fixture), &Cancel::new()).unwrap();
    let of = |negative| map(&network, &forward, "relu1", ClassId { index: 0, negative }, "grad-cam").unwrap();
    assert_eq!(of(false).values, [0.0, 4.0, 28.0, 32.5]);
    assert_eq!(of(true).values, [-0.0, -4.0, -28.0, -32.5], "the absence of a class has the opposite map");
}

#[test]
fn one_recording_serves_every_class() {
    let fixture = Fixture::open("convnet");
    let network = network(&fixture);
    let picture = input(&network, &fixture);
    let forward = network.forward(&picture, &Cancel::new()).unwrap();
    let place = network.place("layer2.conv2").unwrap();
    let tap = network.head.scores.into();
    let shared = Rc::new(Recording::new(&network, &forward, place.clone(), tap, &Cancel::new()).unwrap());
    let method = registry::find(Kind::Map, "grad-cam").unwrap();
    let (Run::Map(make), settings, cancel) = (method.run, Settings::of(method), Cancel::new()) else { unreachable!() };
    for index in 0..network.classes().unwrap() {
        let target = Target::from(ClassId { index, negative: false });
        let of = |recording| {
            let input = MapInput::new(&network, &forward, &place, &target, recording, Job::quiet(&cancel, 0));
            make(&input, &settings).unwrap()
        };
        assert_eq!(of(Some(shared.clone())), of(None));
    }
}

#[test]
fn the_default_layer_is_the_last_with_a_map_that_the_score_looks_at() {
    for (name, expected) in [("convnet", "layer2"), ("vit", "blocks.1.norm1"), ("hand_checkable", "relu1")] {
        let network = network(&Fixture::open(name));
        let shapes = network.forward_shapes().unwrap();
        let layer = default_layer(&network, &|value| shapes.get(&value).cloned()).unwrap();
        assert_eq!(network.layers.layers[layer.0].path, expected, "{name}");
    }
}

#[test]
fn a_layer_without_space_and_a_class_beyond_the_last_are_refused_in_one_line() {
    let fixture = Fixture::open("convnet");
    let network = network(&fixture);
    let forward = network.forward(&input(&network, &fixture), &Cancel::new()).unwrap();
    let of = |layer, index| map(&network, &forward, layer, ClassId { index, negative: false }, "grad-cam");
    let flat = of("fc", 0).unwrap_err();
    assert_eq!(
        flat.to_string(),
        "layer fc gives 1×5, not N×C×H×W: a class activation map needs a layer with a spatial map, such as layer2"
    );
    let beyond = of("layer2", 5).unwrap_err();
    assert_eq!(beyond.to_string(), "the network has classes 0 to 4, not 5");
    let unknown = network.place("layer2.conv3").unwrap_err();
    assert!(matches!(unknown, MethodError::UnknownLayer { .. }));
    assert!(unknown.to_string().contains("layer2.conv2"), "{unknown}");
}
