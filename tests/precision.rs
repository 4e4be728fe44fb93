//! A network runs in another precision than its file's: the same answer, with the rounding that was asked for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, input};
use layerscope::engine::{Cancel, numbers};
use layerscope::methods::Network;
use layerscope::model::Precision;
use tch::{Device, Kind};

const KINDS: [(Precision, Kind, f32); 4] = [
    (Precision::Float64, Kind::Double, 1e-5),
    (Precision::Float32, Kind::Float, 1e-6),
    (Precision::BFloat16, Kind::BFloat16, 0.1),
    (Precision::Float16, Kind::Half, 0.02),
];

#[test]
fn every_layer_is_computed_in_the_precision_that_was_asked_for() {
    for name in ["convnet", "vit", "swin"] {
        let fixture = Fixture::open(name);
        let open = || layerscope::formats::open(&fixture.model(), None).unwrap();
        let plain = Network::load(open(), Device::Cpu).unwrap();
        let picture = input(&plain, &fixture);
        let of = |network: &Network| {
            let forward = network.forward(&picture, &Cancel::new()).unwrap();
            let scores = forward.get(network.head.scores).unwrap();
            (scores.kind(), numbers(scores).unwrap())
        };
        let (_, expected) = of(&plain);
        for (precision, kind, allowed) in KINDS {
            let network = Network::load(open().in_precision(precision), Device::Cpu).unwrap();
            let (found, scores) = of(&network);
            let far = difference(&scores, &expected);
            assert_eq!(found, kind, "{name} in {precision}");
            assert!(far <= allowed, "{name} in {precision}: {far}");
            let paths = |network: &Network| -> Vec<String> {
                network.layers.layers.iter().map(|layer| layer.path.clone()).collect()
            };
            assert_eq!(paths(&network), paths(&plain), "{name} in {precision}");
        }
    }
}

#[test]
fn a_file_in_half_precision_can_be_run_in_full() {
    let network = |precision| {
        let model =
            layerscope::formats::open(&Fixture::open("torchscript_half").folder.join("model.pt"), None).unwrap();
        Network::load(model.in_precision(precision), Device::Cpu).unwrap()
    };
    let kind = |network: &Network| {
        let forward = network.forward(&network.zeros().unwrap(), &Cancel::new()).unwrap();
        forward.get(network.head.scores).unwrap().kind()
    };
    assert_eq!(kind(&network(Precision::File)), Kind::Half);
    assert_eq!(kind(&network(Precision::Float32)), Kind::Float);
}

#[test]
fn an_unknown_precision_is_named_with_those_that_there_are() {
    let error = "fp8".parse::<Precision>().unwrap_err();
    assert_eq!(error, "'fp8' is no precision: file, float64, float32, bfloat16, float16");
}
