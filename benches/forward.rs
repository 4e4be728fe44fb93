//! Times of one network: load, forward, forward with every layer tapped, Grad-CAM of the first and of another class.
//!
//! `cargo bench --bench forward -- MODEL.pt2 [RUNS]`; `benches/forward.py MODEL.pt2` prints PyTorch's own beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::cam::{MapInput, Recording, default_layer};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
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
    let method = registry::find(Kind::Map, "grad-cam").expect("a known method");
    let (Run::Map(make), settings) = (method.run, Settings::of(method)) else { unreachable!() };
    let map = |recording: Option<Rc<Recording>>, index| {
        let target = Target::from(ClassId { index, negative: false });
        let input = MapInput::new(&network, &forward, &place, &target, recording, Job::quiet(&cancel, 0));
        drop(make(&input, &settings).unwrap());
    };
    show("Grad-CAM, first class", timed(runs, || map(None, 0)));
    let tap = network.head.scores.into();
    let recording = Rc::new(Recording::new(&network, &forward, place.clone(), tap, &cancel).unwrap());
    show("Grad-CAM, another class", timed(runs, || map(Some(recording.clone()), 1)));
}
