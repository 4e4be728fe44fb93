//! Times of filter patterns: the book's 64 of a layer, and steps of Lucid's recipe.
//!
//! `cargo bench --bench patterns -- MODEL LAYER [CHANNELS [STEPS [RUNS]]]`, for the book's `vgg16_notop.h5 block3_conv1 64 40`;
//! `benches/patterns.py` with the same arguments prints Keras's and PyTorch's own beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::PathBuf;
use std::time::Instant;

use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::patterns::{Ascent, Recipe};
use tch::Device;

/// Least and median seconds of several runs.
fn timed(runs: usize, mut work: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [path, layer, rest @ ..] = arguments.as_slice() else {
        println!("left out: name a model and a layer, cargo bench --bench patterns -- MODEL LAYER");
        return;
    };
    let number = |index: usize, usual: usize| rest.get(index).and_then(|word| word.parse().ok()).unwrap_or(usual);
    let (channels, steps, runs) = (number(0, 64), number(1, 40), number(2, 3));
    let model = layerscope::formats::open(&PathBuf::from(path), None).expect("a model");
    let network = Network::load(model, Device::Cpu).expect("a network");
    for (recipe, size, steps) in [(Recipe::BOOK, (64, 64), steps), (Recipe::LUCID, (128, 128), steps.div_ceil(10))] {
        let grow = |steps: usize| {
            let place = network.place(layer).expect("a layer");
            let recipe = recipe.with_steps(steps);
            let mut ascent = Ascent::from_noise(&network, place, &(0..channels).collect::<Vec<_>>(), size, recipe, 0)
                .expect("a start");
            while !ascent.is_done() {
                ascent.advance(&Cancel::new()).expect("a step");
            }
            ascent.pictures().expect("pictures");
        };
        grow(1);
        let (least, median) = timed(runs, || grow(steps));
        let name = if matches!(recipe, Recipe::Book(_)) { "book" } else { "lucid" };
        println!(
            "{name}: {channels} patterns of {} px, {steps} steps: least {least:.2} s  median {median:.2} s, {:.1} pattern steps a second",
            size.0,
            (channels * steps) as f64 / least
        );
    }
}
