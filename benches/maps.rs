//! Times of class activation maps: Grad-CAM of a picture that has not been run and of another class, Ablation-CAM, Score-CAM.
//!
//! `python benches/maps.py NAME FOLDER [SIDE]` writes FOLDER/NAME.pt2 and prints pytorch-grad-cam's times; beside it
//! `cargo bench --bench maps -- FOLDER/NAME.pt2 LAYER`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use layerscope::engine::{Cancel, numbers};
use layerscope::methods::cam::{MapInput, Recording};
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
use layerscope::methods::{Forward, Network, noise};
use tch::{Device, Tensor};

/// The least of several runs, after one that does not count where there are more.
fn show(what: &str, runs: usize, mut work: impl FnMut()) {
    if runs > 1 {
        work();
    }
    let least = (0..runs).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    let least = least.min().unwrap_or(Duration::ZERO);
    println!("{what:<34} least of {runs:2} {:10.2} ms", least.as_secs_f64() * 1e3);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [path, layer] = arguments.as_slice() else {
        println!("left out: name a model and a layer, cargo bench --bench maps -- MODEL.pt2 LAYER");
        return;
    };
    let model = layerscope::formats::open(&PathBuf::from(path), None).expect("a model");
    let network = Network::load(model, Device::Cpu).expect("a network");
    let (cancel, place) = (Cancel::new(), network.place(layer).expect("a layer"));
    let shape = network.zeros().unwrap().size();
    let picture = Tensor::from_slice(&noise::normal(0, 0, shape.iter().product::<i64>() as usize)).reshape(shape);
    let run = || network.forward(&picture, &cancel).unwrap();
    let forward = run();
    let scores = numbers(forward.get(network.head.scores).unwrap()).unwrap();
    let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    let map = |name: &str, forward: &Forward, recording: Option<Rc<Recording>>, index: usize| {
        let method = registry::find(Kind::Map, name).expect("a known method");
        let Run::Map(make) = method.run else { unreachable!("a map was looked for") };
        let target = Target::from(ClassId { index, negative: false });
        let input = MapInput::new(&network, forward, &place, &target, recording, Job::quiet(&cancel, 0));
        drop(make(&input, &Settings::of(method)).unwrap());
    };
    show("Grad-CAM, picture not run", 10, || map("grad-cam", &run(), None, best));
    let tap = network.head.scores.into();
    let recording = Rc::new(Recording::new(&network, &forward, place.clone(), tap, &cancel).unwrap());
    let other = usize::from(best == 0);
    show("Grad-CAM, another class", 10, || map("grad-cam", &forward, Some(recording.clone()), other));
    show("Ablation-CAM", 2, || map("ablation-cam", &forward, None, best));
    show("Score-CAM", 1, || map("score-cam", &forward, None, best));
}
