//! Times of one network: load, forward, forward with every layer tapped, Grad-CAM of the first and of another class.
//!
//! `cargo bench --bench forward -- MODEL.pt2 [RUNS]`; `benches/forward.py MODEL.pt2` prints PyTorch's own beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::grad_cam::{ClassId, Recording, default_layer};
use tch::Device;

/// The least and the median of several runs.
fn timed(runs: usize, mut work: impl FnMut()) -> (Duration, Duration) {
    work();
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    (times[0], times[times.len() / 2])
}

fn show(what: &str, (least, median): (Duration, Duration)) {
    println!("{what:<34} least {:8.2} ms  median {:8.2} ms", least.as_secs_f64() * 1e3, median.as_secs_f64() * 1e3);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(path) = arguments.first().map(PathBuf::from) else {
        println!("left out: name a model, cargo bench --bench forward -- MODEL.pt2");
        return;
    };
    let runs = arguments.get(1).and_then(|runs| runs.parse().ok()).unwrap_or(10);
    let load =
        || Network::load(layerscope::formats::open(&path, None).expect("a model"), Device::Cpu).expect("a network");
    show("load", timed(3, || drop(load())));
    let network = load();
    let cancel = Cancel::new();
    let input = network.zeros().unwrap();
    let source = network.source().unwrap();
    let plain = || {
        drop(network.engine.run(&[(source, input.shallow_clone())], &[network.head.output.into()], &cancel).unwrap());
    };
    show("forward", timed(runs, plain));
    show("forward, every layer tapped", timed(runs, || drop(network.forward(&input, &cancel).unwrap())));
    let forward = network.forward(&input, &cancel).unwrap();
    let layer =
        default_layer(&network, &|value| forward.get(value).ok().map(tch::Tensor::size)).expect("a spatial map");
    let place = network.layer(layer).unwrap();
    let class = |index| ClassId { index, negative: false };
    let record = || Recording::new(&network, &forward, place.clone(), &cancel).unwrap();
    show("Grad-CAM, first class", timed(runs, || drop(record().map(&network, class(0)).unwrap())));
    let recording = record();
    show("Grad-CAM, another class", timed(runs, || drop(recording.map(&network, class(1)).unwrap())));
}
