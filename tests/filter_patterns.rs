//! The book's filter patterns agree with PyTorch and Keras when they start from the same noise.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, NETWORKS, difference, network};
use layerscope::engine::{Cancel, numbers};
use layerscope::methods::patterns::{Ascent, Recipe, deprocess};

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
            let mut ascent = Ascent::from_start(&network, place, vec![channel], start, Recipe::BOOK);
            while !ascent.is_done() {
                ascent.advance(&Cancel::new()).unwrap();
            }
            let golden = fixture.array(pattern["image_key"].as_str().unwrap());
            let far = difference(&numbers(ascent.images()).unwrap(), &golden.data);
            assert!(far <= 1e-5, "{name} {layer}: {far}");
            let golden = fixture.array(pattern["deprocessed_key"].as_str().unwrap());
            let ours = &deprocess(ascent.images()).unwrap()[0];
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
        let mut ascent = Ascent::from_noise(&network, place, channels, (20, 20), Recipe::BOOK, 7).unwrap();
        for _ in 0..5 {
            ascent.advance(&Cancel::new()).unwrap();
        }
        numbers(ascent.images()).unwrap()
    };
    let together = grow(vec![0, 3, 5]);
    let apart: Vec<f32> = [0, 3, 5].into_iter().flat_map(|channel| grow(vec![channel])).collect();
    assert!(difference(&together, &apart) <= 1e-5);
}

#[test]
fn a_network_that_was_exported_for_one_picture_grows_a_page_all_the_same() {
    let network = network(&Fixture::open("vit"));
    let place = network.place("blocks.1").unwrap();
    let mut ascent = Ascent::from_noise(&network, place, vec![0, 1, 2], (16, 16), Recipe::BOOK, 7).unwrap();
    ascent.advance(&Cancel::new()).unwrap();
    let first = ascent.activations().to_vec();
    for _ in 0..10 {
        ascent.advance(&Cancel::new()).unwrap();
    }
    assert_eq!(ascent.images().size(), [3, 3, 16, 16]);
    assert!(ascent.activations().iter().zip(&first).all(|(now, then)| now > then), "gradient ascent climbs");
}

#[test]
fn a_channel_beyond_the_last_is_refused_in_one_line() {
    let network = network(&Fixture::open("convnet"));
    let place = network.place("conv1").unwrap();
    let mut ascent = Ascent::from_noise(&network, place, vec![8], (20, 20), Recipe::BOOK, 7).unwrap();
    assert_eq!(ascent.advance(&Cancel::new()).unwrap_err().to_string(), "layer conv1 has channels 0 to 7, not 8");
}
