//! Filter patterns: the book's agree with PyTorch and Keras when they start from the same noise, Lucid's with TensorFlow's
//! operators and PyTorch's gradients when they start from the same coefficients under the same transforms, `MaCo`'s with PyTorch.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::unix::fs::MetadataExt;

use common::{Fixture, NETWORKS, difference, fixtures, network};
use layerscope::engine::{Cancel, numbers};
use layerscope::methods::patterns::fourier::Fourier;
use layerscope::methods::patterns::maco::Crop;
use layerscope::methods::patterns::transform::{Transform, Transforms};
use layerscope::methods::patterns::{
    Ascent, Book, Diversity, Given, Lane, Lucid, Maco, Objective, Recipe, Saved, Subject, color, deprocess,
};
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::{MethodError, Network};
use layerscope::model::Preprocessing;
use serde_json::Value;
use tch::{Device, Tensor};

#[test]
fn forty_steps_from_the_same_noise_end_at_the_reference_implementations_picture() {
    for name in NETWORKS {
        let fixture = Fixture::open(name);
        let network = network(&fixture);
        for pattern in fixture.list("patterns") {
            let (layer, channel) = (pattern["layer"].as_str().unwrap(), pattern["channel"].as_u64().unwrap() as usize);
            let start = fixture.array(pattern["start_key"].as_str().unwrap());
            let start = network.engine.tensor(&start.data, &start.shape).unwrap();
            let place = network.place(layer).unwrap();
            let mut ascent = Ascent::from_start(&network, place, &[channel], &start, Recipe::BOOK).unwrap();
            while !ascent.is_done() {
                ascent.advance(&Cancel::new()).unwrap();
            }
            let golden = fixture.array(pattern["image_key"].as_str().unwrap());
            let far = difference(&numbers(&ascent.images().unwrap()).unwrap(), &golden.data);
            assert!(far <= 1e-5, "{name} {layer}: {far}");
            let golden = fixture.array(pattern["deprocessed_key"].as_str().unwrap());
            let ours = &deprocess(&ascent.images().unwrap()).unwrap()[0];
            let levels = ours.iter().zip(&golden.data).map(|(&ours, golden)| (f32::from(ours) - golden).abs());
            assert!(levels.fold(0.0, f32::max) <= 1.0, "{name} {layer}: more than one grey level apart");
        }
    }
}

#[test]
fn a_batch_of_channels_grows_the_same_patterns_as_one_after_the_other() {
    let network = network(&Fixture::open("convnet"));
    let grow = |channels: Vec<usize>| {
        let place = network.place("layer1.bn2").unwrap();
        let mut ascent = Ascent::from_noise(&network, place, &channels, (20, 20), Recipe::BOOK, 7).unwrap();
        for _ in 0..5 {
            ascent.advance(&Cancel::new()).unwrap();
        }
        numbers(&ascent.images().unwrap()).unwrap()
    };
    let together = grow(vec![0, 3, 5]);
    let apart: Vec<f32> = [0, 3, 5].into_iter().flat_map(|channel| grow(vec![channel])).collect();
    assert!(difference(&together, &apart) <= 1e-5);
}

#[test]
fn a_network_that_was_exported_for_one_picture_grows_a_page_all_the_same() {
    let network = network(&Fixture::open("vit"));
    let place = network.place("blocks.1").unwrap();
    let mut ascent = Ascent::from_noise(&network, place, &[0, 1, 2], (16, 16), Recipe::BOOK, 7).unwrap();
    ascent.advance(&Cancel::new()).unwrap();
    let first = ascent.activations().unwrap();
    for _ in 0..10 {
        ascent.advance(&Cancel::new()).unwrap();
    }
    assert_eq!(ascent.images().unwrap().size(), [3, 3, 16, 16]);
    assert!(ascent.activations().unwrap().iter().zip(&first).all(|(now, then)| now > then), "gradient ascent climbs");
}

#[test]
fn a_channel_that_is_computed_without_the_others_grows_as_the_direction_that_is_that_channel_alone() {
    let cases = [
        ("convnet", ["layer1.conv1", "layer1.bn1", "layer1.relu", "mixed.pointwise"].as_slice()),
        ("keras_functional", &["block1_conv1", "block1_conv2", "block2_bn", "block3_right"]),
    ];
    for (name, layers) in cases {
        let network = network(&Fixture::open(name));
        for layer in layers {
            let place = network.place(layer).unwrap();
            let channels = network.forward_shapes().unwrap()[&place.tap.value][1] as usize;
            let grow = |objective: Objective, channel: usize| {
                let subject = Subject { objective, place: place.clone(), diversity: None };
                let start = Tensor::arange(3 * 18 * 18, (tch::Kind::Float, Device::Cpu)).reshape([1, 3, 18, 18]).sin();
                let mut ascent = Ascent::from_parameters(&network, subject, &[channel], &start, Recipe::BOOK).unwrap();
                for _ in 0..5 {
                    ascent.advance(&Cancel::new()).unwrap();
                }
                (numbers(&ascent.images().unwrap()).unwrap(), ascent.activations().unwrap())
            };
            for channel in [0, channels - 1] {
                let mut direction = vec![0.0; channels];
                direction[channel] = 1.0;
                let (alone, of_all) =
                    (grow(Objective::Channel, channel), grow(Objective::Direction(direction), channel));
                assert!(difference(&alone.0, &of_all.0) <= 1e-5, "{name} {layer} {channel}");
                assert!(difference(&alone.1, &of_all.1) <= 1e-5, "{name} {layer} {channel}");
            }
        }
    }
}

#[test]
fn a_channel_beyond_the_last_is_refused_in_one_line() {
    let network = network(&Fixture::open("convnet"));
    let place = network.place("conv1").unwrap();
    let mut ascent = Ascent::from_noise(&network, place, &[8], (20, 20), Recipe::BOOK, 7).unwrap();
    assert_eq!(ascent.advance(&Cancel::new()).unwrap_err().to_string(), "layer conv1 has channels 0 to 7, not 8");
}

/// The golden patterns of `make_patterns.py`.
fn golden() -> Fixture {
    Fixture::open("patterns")
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn pair(value: &Value) -> (usize, usize) {
    (whole(&value[0]), whole(&value[1]))
}

fn transforms(drawn: &Value) -> Transforms {
    let each = drawn["each"].as_array().unwrap().iter().map(|one| Transform {
        first: pair(&one["first"]),
        angle: one["angle"].as_i64().unwrap() as i32,
        last: pair(&one["last"]),
    });
    Transforms { scale: whole(&drawn["scale"]), each: each.collect() }
}

/// A golden array as a tensor.
fn tensor(golden: &Fixture, key: &str) -> Tensor {
    let array = golden.array(key);
    Tensor::from_slice(&array.data).reshape(&array.shape)
}

#[test]
fn four_by_four_coefficients_of_one_are_the_picture_that_lucid_makes_of_them() {
    let ones = Tensor::stack(
        &[
            Tensor::ones([1, 1, 4, 3], (tch::Kind::Float, Device::Cpu)),
            Tensor::zeros([1, 1, 4, 3], (tch::Kind::Float, Device::Cpu)),
        ],
        -1,
    );
    let picture = Fourier::new((4, 4), Device::Cpu).unwrap().picture(&ones).unwrap();
    let row = [0.438_005, 0.088_388, -0.114_782, 0.088_388];
    let expected =
        [[2.742_709, 0.438_005, -0.118_719, 0.438_005], row, [-0.118_718, -0.114_782, -0.151_718, -0.114_782], row];
    let found = numbers(&picture).unwrap();
    for (found, expected) in found.iter().zip(expected.as_flattened()) {
        assert!((found - expected).abs() < 2e-6, "{found} against {expected}");
    }
}

#[test]
fn coefficients_become_the_picture_that_tensorflow_makes_of_them_at_even_and_odd_widths() {
    let golden = golden();
    for (height, width) in [(6, 8), (7, 9)] {
        let key = format!("fourier_{height}x{width}");
        let fourier = Fourier::new((height, width), Device::Cpu).unwrap();
        let picture = fourier.picture(&tensor(&golden, &format!("{key}/spectrum"))).unwrap();
        assert_eq!(picture.size(), [2, 3, height as i64, width as i64]);
        let far = difference(&numbers(&picture).unwrap(), &golden.array(&format!("{key}/picture")).data);
        assert!(far <= 1e-5, "{key}: {far}");
    }
}

#[test]
fn the_colour_of_one_one_one_is_that_of_lucids_matrix() {
    let ones = Tensor::ones([1, 3, 1, 1], (tch::Kind::Float, Device::Cpu));
    let found = numbers(&color::picture(&ones).unwrap()).unwrap();
    for (found, expected) in found.iter().zip([0.690_177, 0.616_860, 0.611_731]) {
        assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
    }
}

#[test]
fn transforms_show_the_network_what_tensorflows_operators_make_of_the_picture() {
    let golden = golden();
    let pictures = tensor(&golden, "transforms/picture");
    for case in golden.list("transforms") {
        let transforms = transforms(&case["draw"]);
        let expected = golden.array(case["picture"].as_str().unwrap());
        let found = transforms.of(&pictures).unwrap();
        assert_eq!(found.size(), expected.shape, "the size at scale {}", transforms.scale);
        let far = difference(&numbers(&found).unwrap(), &expected.data);
        assert!(far <= 1e-4, "scale {}: {far}", transforms.scale);
    }
}

#[test]
fn transforms_are_drawn_within_lucids_ranges_and_for_each_pattern_alone() {
    let lanes: Vec<Lane> = (0..40).map(|channel| Lane { channel, copy: 0 }).collect();
    let (mut angles, mut scales, mut still) = (Vec::new(), Vec::new(), 0);
    for step in 0..60 {
        let drawn = Transforms::drawn(3, &lanes, step);
        assert_eq!(drawn.each[17..19], Transforms::drawn(3, &lanes[17..19], step).each);
        assert_eq!(drawn.scale, Transforms::drawn(3, &lanes[17..18], step).scale);
        scales.push(drawn.scale);
        for one in &drawn.each {
            assert!(one.first.0 <= 8 && one.first.1 <= 8 && one.last.0 <= 4 && one.last.1 <= 4);
            angles.push(one.angle);
            still += usize::from(one.angle == 0);
        }
    }
    assert_eq!((angles.iter().min(), angles.iter().max()), (Some(&-10), Some(&10)));
    assert_eq!((scales.iter().min(), scales.iter().max()), (Some(&0), Some(&10)));
    // 6 of 26: 554 of 2400 are expected, with a standard deviation of 21.
    assert!((470..640).contains(&still), "{still} of 2400 are not turned");
    assert_ne!(Transforms::drawn(3, &lanes, 0), Transforms::drawn(4, &lanes, 0), "another seed, other transforms");
}

struct Case<'a> {
    name: &'a str,
    fixture: &'a str,
    layer: &'a str,
    objective: Objective,
    channels: &'a [usize],
    preprocessing: Preprocessing,
    pictures: usize,
}

fn case<'a>(name: &'a str, fixture: &'a str, layer: &'a str, objective: Objective, channels: &'a [usize]) -> Case<'a> {
    Case { name, fixture, layer, objective, channels, preprocessing: Preprocessing::unit(), pictures: 1 }
}

fn subject(network: &Network, case: &Case<'_>) -> Subject {
    if case.objective == Objective::Class {
        return Subject::classes(network);
    }
    let place = network.place(case.layer).unwrap();
    let diversity = Some(Diversity { pictures: case.pictures, at: place.clone() }).filter(|_| case.pictures > 1);
    Subject { objective: case.objective.clone(), place, diversity }
}

#[test]
fn five_steps_of_lucids_recipe_end_at_the_reference_implementations_coefficients() {
    let golden = golden();
    let vector = golden.array("direction/vector").data.clone();
    let cases = [
        case("channel", "convnet", "layer1.bn2", Objective::Channel, &[3, 0, 5]),
        case("neuron", "convnet", "layer1.conv2", Objective::Neuron, &[2, 7]),
        case("dream", "convnet", "layer1.conv1", Objective::DeepDream, &[0]),
        case("direction", "convnet", "bn1", Objective::Direction(vector), &[0]),
        case("class", "convnet_dynamic", "", Objective::Class, &[4, 1]),
        Case { pictures: 3, ..case("diverse", "convnet", "layer1.bn2", Objective::Channel, &[3, 1]) },
        Case {
            preprocessing: Preprocessing::caffe(),
            ..case("caffe", "convnet", "conv1", Objective::Channel, &[6, 1])
        },
        Case {
            preprocessing: Preprocessing::raw()
                .with_normalisation(layerscope::model::preprocess::Order::Grey, &[0.0], &[1.0])
                .unwrap(),
            ..case("grey", "hand_checkable", "conv1", Objective::Channel, &[1])
        },
    ];
    for case in cases {
        let (name, about) = (case.name, &golden.golden[case.name]);
        let mut network = network(&Fixture::open(case.fixture));
        network.input.preprocessing = case.preprocessing.clone();
        let start = tensor(&golden, about["start"].as_str().unwrap());
        let given = Given {
            transforms: about["draws"].as_array().unwrap().iter().map(transforms).collect(),
            ..Given::default()
        };
        // The gate changes nothing where something passes; PyTorch's ReLU has none.
        let recipe = Recipe::Lucid(Lucid { redirected_until: 0, ..lucid() });
        let ascent = Ascent::from_parameters(&network, subject(&network, &case), case.channels, &start, recipe);
        let mut ascent = ascent.unwrap().with_given(given);
        follows(&golden, name, &mut ascent);
        let last = tensor(&golden, about["steps"].as_array().unwrap().last().unwrap().as_str().unwrap());
        let there = Ascent::from_parameters(&network, subject(&network, &case), case.channels, &last, recipe).unwrap();
        let picture = golden.array(about["picture"].as_str().unwrap());
        let pictures = there.pictures().unwrap();
        let colors = picture.shape[1] as usize;
        for (ours, golden) in pictures.iter().zip(picture.data.chunks_exact(picture.data.len() / pictures.len())) {
            let plane = golden.len() / colors;
            for (place, pixel) in ours.pixels().enumerate() {
                for (color, level) in pixel.0.iter().enumerate() {
                    let golden = golden[color.min(colors - 1) * plane + place] * 255.0;
                    assert!((f32::from(*level) - golden).abs() < 0.6, "{name}: {level} against {golden}");
                }
            }
        }
    }
}

/// Takes the steps of a golden case. Where rounding decides (see `make_patterns.py`), every program goes its own way.
fn follows(golden: &Fixture, name: &str, ascent: &mut Ascent<'_>) {
    let about = &golden.golden[name];
    let lanes = ascent.lanes().len();
    let stable = &golden.array(about["stable"].as_str().unwrap()).data;
    let gradients = &golden.array(about["gradient"].as_str().unwrap()).data;
    // Adam divides by the gradient's own size: of one that is a thousandth of the greatest, rounding is a thousand times as much.
    let least = gradients.iter().fold(0.0_f32, |most, value| most.max(value.abs())) * 1e-3;
    let kept: Vec<bool> =
        stable.iter().zip(gradients).map(|(stable, gradient)| *stable > 0.5 && gradient.abs() > least).collect();
    let share = kept.iter().filter(|kept| **kept).count() as f64 / kept.len() as f64;
    assert!(share > 0.1, "{name}: only {share} of the coefficients are compared");
    let held = |values: &[f32]| -> Vec<f32> {
        values.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect()
    };
    // Pictures that begin alike have nearly the same Gram matrix: little is left of the gradient of their product, and PyTorch's own
    // is 8e-5 from what it is in double precision.
    let most = if name == "diverse" { 1e-3 } else { 1e-4 };
    for (step, key) in about["steps"].as_array().unwrap().iter().enumerate() {
        ascent.advance(&Cancel::new()).unwrap();
        let saved: Vec<Saved> = (0..lanes).map(|lane| ascent.saved(lane).unwrap().unwrap()).collect();
        if step == 0 {
            // A tenth of the first gradient.
            let gradient: Vec<f32> =
                saved.iter().flat_map(|saved| saved.moments[0].iter().map(|mean| mean * 10.0)).collect();
            let far = difference(&gradient, &golden.array(about["gradient"].as_str().unwrap()).data);
            assert!(far <= most, "{name}: the gradient is {far} away");
        }
        let parameters: Vec<f32> = saved.into_iter().flat_map(|saved| saved.parameters).collect();
        let far = difference(&held(&parameters), &held(&golden.array(key.as_str().unwrap()).data));
        assert!(far <= most, "{name}, step {}: {far}", step + 1);
    }
    let values: Vec<f32> =
        about["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
    let far = difference(&ascent.activations().unwrap(), &values);
    assert!(far <= 1e-3, "{name}: the objective is {far} away");
}

fn lucid() -> Lucid {
    let Recipe::Lucid(lucid) = Recipe::LUCID else { unreachable!() };
    lucid
}

#[test]
fn steps_of_maco_end_at_the_reference_implementations_phases() {
    follows_maco("maco", &[2, 9], 1);
}

#[test]
fn pictures_that_maco_is_to_make_differ_are_compared_with_each_other_over_all_their_crops() {
    follows_maco("maco-diverse", &[2, 9], 2);
}

fn follows_maco(name: &str, channels: &[usize], pictures: usize) {
    let golden = golden();
    let about = &golden.golden[name];
    let mut network = network(&Fixture::open("vit"));
    network.input.preprocessing = Preprocessing::unit();
    let start = tensor(&golden, about["start"].as_str().unwrap());
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    let crop = |crop: &Value| Crop { x: number(&crop[0]), y: number(&crop[1]), side: number(&crop[2]) };
    let crops = about["crops"].as_array().unwrap().iter().map(|step| {
        let lanes = step.as_array().unwrap().iter();
        lanes.map(|lane| lane.as_array().unwrap().iter().map(crop).collect()).collect()
    });
    let given = Given { crops: crops.collect(), ..Given::default() };
    let Recipe::Maco(maco) = Recipe::MACO else { unreachable!() };
    let recipe = Recipe::Maco(Maco { crops: 3, noise: 0.0, ..maco });
    let case = Case { pictures, ..case(name, "vit", "blocks.1", Objective::Channel, channels) };
    let mut ascent = Ascent::from_parameters(&network, subject(&network, &case), channels, &start, recipe).unwrap();
    ascent = ascent.with_given(given);
    follows(&golden, name, &mut ascent);
}

/// Recipes with few steps, as small pictures.
fn recipes() -> [(Recipe, (usize, usize)); 3] {
    let Recipe::Maco(maco) = Recipe::MACO else { unreachable!() };
    let maco = Recipe::Maco(Maco { crops: 2, ..maco });
    [(Recipe::BOOK, (20, 20)), (Recipe::LUCID, (24, 24)), (maco, (48, 48))]
        .map(|(recipe, size)| (recipe.with_steps(6), size))
}

/// A mean over space has many a gradient of nought but for rounding, which Adam takes for more: a value in the middle has not.
fn neurons(network: &Network) -> Subject {
    Subject { objective: Objective::Neuron, ..Subject::channels(network.place("layer1.conv2").unwrap()) }
}

/// Mean difference, relative to the largest value.
fn apart(ours: &[f32], other: &[f32]) -> f32 {
    let sum: f32 = ours.iter().zip(other).map(|(one, two)| (one - two).abs()).sum();
    sum / ours.len() as f32 / other.iter().fold(0.0_f32, |most, value| most.max(value.abs()))
}

fn grown(
    network: &Network,
    channels: &[usize],
    (recipe, size): (Recipe, (usize, usize)),
    saved: Vec<Option<Saved>>,
) -> Vec<f32> {
    let mut ascent = Ascent::new(network, neurons(network), channels, size, recipe, 7, saved).unwrap();
    while !ascent.is_done() {
        ascent.advance(&Cancel::new()).unwrap();
    }
    numbers(&ascent.images().unwrap()).unwrap()
}

#[test]
fn every_recipes_pattern_is_the_same_in_every_batch() {
    let network = network(&Fixture::open("convnet"));
    for how in recipes() {
        let together = grown(&network, &[0, 3, 5], how, Vec::new());
        let alone: Vec<f32> =
            [0, 3, 5].into_iter().flat_map(|channel| grown(&network, &[channel], how, Vec::new())).collect();
        let far = apart(&together, &alone);
        assert!(far <= 1e-4, "{:?}: {far}", how.0);
    }
}

#[test]
fn a_pattern_that_was_stopped_and_saved_goes_on_to_where_it_would_have_come() {
    let network = network(&Fixture::open("convnet"));
    for (recipe, size) in recipes() {
        let whole = grown(&network, &[3, 5, 6], (recipe, size), Vec::new());
        let mut ascent = Ascent::new(&network, neurons(&network), &[3, 5], size, recipe, 7, Vec::new()).unwrap();
        ascent.advance(&Cancel::new()).unwrap();
        ascent.advance(&Cancel::new()).unwrap();
        // One goes on from its second step, one from its third, one begins.
        let first = ascent.saved(0).unwrap();
        ascent.advance(&Cancel::new()).unwrap();
        let second = ascent.saved(1).unwrap();
        assert_eq!((first.as_ref().unwrap().step, second.as_ref().unwrap().step), (2, 3));
        let continued = grown(&network, &[3, 5, 6], (recipe, size), vec![first, second, None]);
        let far = apart(&continued, &whole);
        assert!(far <= 1e-4, "{recipe:?}: {far}");
    }
}

#[test]
fn a_step_that_is_stopped_keeps_what_is_there() {
    let network = network(&Fixture::open("convnet"));
    let place = network.place("layer1.bn2").unwrap();
    let mut ascent = Ascent::from_noise(&network, place, &[3], (24, 24), Recipe::LUCID, 7).unwrap();
    ascent.advance(&Cancel::new()).unwrap();
    let before = ascent.saved(0).unwrap();
    let cancel = Cancel::new();
    cancel.raise();
    assert!(ascent.advance(&cancel).is_err());
    assert_eq!(ascent.saved(0).unwrap(), before);
    assert_eq!((ascent.step(), ascent.pictures().unwrap().len()), (1, 1));
}

#[test]
fn a_pattern_of_what_no_relu_passes_takes_off_only_where_the_gradient_is_redirected() {
    // Biases of −50 and −75: a picture between 0 and 1 wakes nothing.
    let mut network = network(&Fixture::open("hand_checkable"));
    network.input.preprocessing =
        Preprocessing::unit().with_normalisation(layerscope::model::preprocess::Order::Grey, &[0.0], &[255.0]).unwrap();
    let place = network.place("relu1").unwrap();
    let moved = |redirected_until| {
        let recipe = Recipe::Lucid(Lucid { redirected_until, transforms: false, steps: 4, ..lucid() });
        let mut ascent = Ascent::from_noise(&network, place.clone(), &[1], (24, 24), recipe, 7).unwrap();
        let start = ascent.saved(0).unwrap().unwrap().parameters;
        ascent.advance(&Cancel::new()).unwrap();
        let first = ascent.saved(0).unwrap().unwrap().parameters;
        ascent.advance(&Cancel::new()).unwrap();
        ascent.advance(&Cancel::new()).unwrap();
        let third = ascent.saved(0).unwrap().unwrap().parameters;
        (start != first, first != third)
    };
    assert_eq!(moved(16), (true, true));
    // At step 0 it is always on; Adam's momentum carries further than that, but not from a standstill.
    assert!(moved(0).0);
    let book = Recipe::Book(Book { steps: 3, step: 1.0, epsilon: 1e-5 });
    let mut ascent = Ascent::from_noise(&network, place, &[1], (4, 4), book, 7).unwrap();
    let start = numbers(&ascent.images().unwrap()).unwrap();
    ascent.advance(&Cancel::new()).unwrap();
    assert_eq!(numbers(&ascent.images().unwrap()).unwrap(), start, "the book's recipe redirects nothing");
}

#[test]
fn a_direction_of_another_length_is_refused_in_one_line() {
    let network = network(&Fixture::open("convnet"));
    let subject =
        Subject { objective: Objective::Direction(vec![1.0; 3]), ..Subject::channels(network.place("conv1").unwrap()) };
    let mut ascent = Ascent::new(&network, subject, &[0], (20, 20), Recipe::LUCID, 7, Vec::new()).unwrap();
    let error: MethodError = ascent.advance(&Cancel::new()).unwrap_err();
    assert_eq!(error.to_string(), "layer conv1 has 8 channels, but the direction has 3 numbers");
}

#[test]
fn the_table_of_recipes_has_their_authors_constants() {
    for (name, expected) in [("book", Recipe::BOOK), ("lucid", Recipe::LUCID), ("maco", Recipe::MACO)] {
        let method = registry::find(Kind::Pattern, name).unwrap();
        let Run::Pattern(recipe) = method.run else { panic!("{name} is no recipe") };
        assert_eq!(recipe(&Settings::of(method)), expected);
    }
}

#[test]
fn the_command_lists_every_recipe_with_what_can_be_set() {
    let listed =
        std::process::Command::new(env!("CARGO_BIN_EXE_layerscope")).args(["patterns", "--list-recipes"]).output();
    let listed = listed.unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    insta::assert_snapshot!(String::from_utf8(listed.stdout).unwrap());
}

/// The command, with its cache in a folder of its own.
fn command(cache: &std::path::Path, arguments: &[&str]) -> Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_layerscope"))
        .arg("patterns")
        .arg(fixtures().join("convnet/model.pt2"))
        .args(["--layer", "layer1.bn2", "--size", "20", "--format", "json"])
        .args(arguments)
        .env("XDG_CACHE_HOME", cache)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_command_continues_what_it_grew_before_unless_it_is_told_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || std::fs::read_dir(folder.path().join("layerscope/patterns")).map_or(0, Iterator::count);
    let lucid = ["--recipe", "lucid", "--channels", "1-2"];
    let all = |more: &[&str]| command(folder.path(), &[&lucid[..], more].concat());
    let fresh = all(&["--steps", "5", "--no-cache"]);
    assert_eq!((&fresh["step"], kept()), (&Value::from(5), 0));
    assert_eq!(fresh["recipe"]["name"], "lucid");
    assert_eq!(fresh["recipe"]["learning_rate"], 0.05);
    all(&["--steps", "3"]);
    assert_eq!(kept(), 2);
    let continued = all(&["--steps", "5"]);
    assert_eq!(kept(), 2, "a pattern takes the place of what it was before");
    let number = |told: &Value, row: usize| told["patterns"][row]["activation"].as_f64().unwrap();
    for row in 0..2 {
        assert!((number(&fresh, row) - number(&continued, row)).abs() <= 1e-4 * number(&fresh, row).abs());
    }
    let again = all(&["--steps", "5"]);
    assert_eq!(again["patterns"], continued["patterns"], "nothing is grown again");
    let fewer = all(&["--steps", "3"]);
    assert_eq!(fewer["step"], 3, "patterns that have grown further are no answer to fewer steps");
    all(&["--steps", "5", "--seed", "1"]);
    assert_eq!(kept(), 4, "another seed, other patterns");
    all(&["--steps", "5", "--precision", "float64"]);
    assert_eq!(kept(), 6, "another precision, other patterns");
}

#[test]
fn patterns_of_a_model_among_very_many_files_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    std::fs::copy(fixtures().join("onnx_trace/model.onnx"), &model).unwrap();
    for number in 0..12_000 {
        std::fs::write(folder.path().join(format!("{number:060}.bin")), []).unwrap();
    }
    let cache = tempfile::tempdir().unwrap();
    let written = || {
        let given = ["--class", "1", "--size", "20", "--steps", "2"];
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_layerscope"))
            .arg("patterns")
            .arg(&model)
            .args(given)
            .env("XDG_CACHE_HOME", cache.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let mut kept = std::fs::read_dir(cache.path().join("layerscope/patterns")).unwrap();
        kept.next().unwrap().unwrap().metadata().unwrap().ino()
    };
    assert_eq!(written(), written(), "nothing is grown and kept again");
}

#[test]
fn the_command_grows_classes_neurons_directions_dreams_and_several_pictures_of_a_channel() {
    let folder = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| {
        command(folder.path(), &[&["--no-cache", "--recipe", "lucid", "--steps", "2"], arguments].concat())
    };
    let vector = folder.path().join("direction.npy");
    layerscope::picture::npy::write_f32(&vector, &[8], &[1.0; 8]).unwrap();
    let direction = format!("direction={}", vector.display());
    let count = |told: &Value| told["patterns"].as_array().unwrap().len();
    let found = told(&["--objective", &direction]);
    assert_eq!((&found["objective"], count(&found)), (&Value::from("direction"), 1));
    let found = told(&["--objective", "deep-dream"]);
    assert_eq!((&found["objective"], count(&found)), (&Value::from("deep-dream"), 1));
    let found = told(&["--objective", "neuron", "--channels", "4"]);
    assert_eq!((&found["objective"], &found["patterns"][0]["channel"]), (&Value::from("neuron"), &Value::from(4)));
    let found = told(&["--class", "2", "--class", "4"]);
    assert_eq!((&found["objective"], &found["patterns"][1]["channel"]), (&Value::from("class"), &Value::from(4)));
    let found = told(&["--diversity", "3", "--channels", "1-2"]);
    assert_eq!((count(&found), &found["patterns"][4]["picture"]), (6, &Value::from(1)));
    assert_eq!(found["diversity"]["weight"], 100.0);
}
