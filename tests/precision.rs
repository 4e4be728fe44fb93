//! A network runs in another precision than its file's: the same answer, with the rounding that was asked for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, difference, input};
use layerscope::engine::{Cancel, numbers};
use layerscope::methods::attribution::AttributionInput;
use layerscope::methods::cam::fusion::Fusion;
use layerscope::methods::cam::{MapRequest, default_layer};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind as MethodKind, Method, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
use layerscope::methods::{MethodError, Network};
use layerscope::model::Precision;
use layerscope::model::graph::{Argument, Operator};
use tch::{Device, Kind, Tensor};

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

/// What a method makes of a picture: its own numbers.
fn made(
    method: &Method,
    settings: &Settings,
    (network, picture): (&Network, &Tensor),
    target: &Target,
) -> Result<Vec<f32>, MethodError> {
    let cancel = Cancel::new();
    let job = Job::quiet(&cancel, 3);
    match method.run {
        Run::Map(make) => {
            let forward = network.forward(picture, &cancel)?;
            let usual = default_layer(network, &|value| forward.shapes().get(&value).cloned()).unwrap();
            let places = [network.layer(usual)?];
            let request = MapRequest { make, settings, places: &places, target, fusion: Fusion::default() };
            Ok(request.maps(network, &forward, &mut [], job)?.remove(0).values)
        }
        Run::Attribution { make, .. } => {
            Ok(make(&AttributionInput::new(network, picture, target, job), settings)?.values)
        }
        Run::Pattern(_) | Run::Faithfulness(_) => unreachable!(),
    }
}

/// The cosine of the angle between two.
fn alike(one: &[f32], two: &[f32]) -> f64 {
    assert_eq!(one.len(), two.len());
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    product(one, two) / (product(one, one) * product(two, two)).sqrt()
}

#[test]
fn every_map_and_attribution_is_made_in_every_precision() {
    let target = Target::from(ClassId { index: 3, negative: false });
    let mut wrong = Vec::new();
    for name in ["convnet", "vit"] {
        let fixture = Fixture::open(name);
        let open = || layerscope::formats::open(&fixture.model(), None).unwrap();
        let plain = Network::load(open(), Device::Cpu).unwrap();
        let picture = input(&plain, &fixture);
        for (precision, ..) in KINDS {
            let network = Network::load(open().in_precision(precision), Device::Cpu).unwrap();
            let methods = registry::all(MethodKind::Map).chain(registry::all(MethodKind::Attribution));
            for method in methods {
                // As few runs as say something.
                let quick = ["samples=2", "masks=64", "steps=6", "window=8", "stride=6"];
                let mut sets = vec![""];
                if method.name.starts_with("lrp") {
                    sets.extend(["batch-norm=separate", "first-layer=box", "first-layer=flat"]);
                }
                for set in sets {
                    let mut settings = Settings::of(method);
                    for number in quick {
                        // Not every method has it.
                        let _ = settings.set(number);
                    }
                    if !set.is_empty() {
                        settings.set(set).unwrap();
                    }
                    let what = format!("{} {set} of {name} in {precision}", method.name);
                    let expected = match made(method, &settings, (&plain, &picture), &target) {
                        Ok(expected) => expected,
                        // Not for this network, whatever the precision.
                        Err(reason) => {
                            let again = made(method, &settings, (&network, &picture), &target).unwrap_err();
                            assert_eq!(again.to_string(), reason.to_string(), "{what}");
                            continue;
                        }
                    };
                    match made(method, &settings, (&network, &picture), &target) {
                        Ok(found) => {
                            let close = alike(&found, &expected);
                            let least =
                                if matches!(precision, Precision::Float64 | Precision::Float32) { 0.999 } else { 0.9 };
                            if close.is_nan() || close < least {
                                wrong.push(format!("{what}: {close}"));
                            }
                        }
                        // Relevance over nearly nothing is greater than any number of float16.
                        Err(error) if precision == Precision::Float16 && error.to_string().contains("--precision") => {}
                        Err(error) => wrong.push(format!("{what}: {error}")),
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn gradients_whose_powers_half_precision_has_no_numbers_for_still_weigh_channels() {
    let fixture = Fixture::open("convnet");
    let target = Target::from(ClassId { index: 3, negative: false });
    let small = |precision| {
        let mut model = layerscope::formats::open(&fixture.model(), None).unwrap();
        let factor = [("self", model.graph.outputs[0].into()), ("other", Argument::Float(2e-4))];
        let scores = model.graph.call(&[], "small", Operator::aten("mul", "Scalar"), factor);
        model.graph.outputs = vec![scores];
        let network = Network::load(model.in_precision(precision), Device::Cpu).unwrap();
        let picture = input(&network, &fixture);
        let method = registry::find(MethodKind::Map, "grad-cam++").unwrap();
        made(method, &Settings::of(method), (&network, &picture), &target).unwrap()
    };
    let close = alike(&small(Precision::Float16), &small(Precision::Float32));
    assert!(close >= 0.9, "{close}");
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
