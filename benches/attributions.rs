//! Time of integrated gradients with 50 steps.
//!
//! `cargo bench --bench attributions -- MODEL.pt2 [RUNS]`; `benches/attributions.py MODEL [RUNS]` prints Captum's own beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::PathBuf;
use std::time::Instant;

use layerscope::engine::Cancel;
use layerscope::methods::Network;
use layerscope::methods::attribution::AttributionInput;
use layerscope::methods::job::Job;
use layerscope::methods::registry::{self, Kind, Run, Settings};
use layerscope::methods::target::{ClassId, Target};
use tch::Device;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let Some(path) = arguments.first().map(PathBuf::from) else {
        println!("left out: name a model, cargo bench --bench attributions -- MODEL.pt2");
        return;
    };
    let runs: usize = arguments.get(1).and_then(|runs| runs.parse().ok()).unwrap_or(3);
    let model = layerscope::formats::open(&path, None).expect("a model");
    let network = Network::load(model, Device::Cpu).expect("a network");
    let method = registry::find(Kind::Attribution, "integrated-gradients").expect("a known method");
    let Run::Attribution { make, .. } = method.run else { unreachable!() };
    let mut settings = Settings::of(method);
    settings.set("baseline=zero").expect("a setting");
    let input = network.zeros().unwrap().f_add_scalar(0.5).unwrap();
    let (target, cancel) = (Target::from(ClassId { index: 207, negative: false }), Cancel::new());
    let wanted = AttributionInput::new(&network, &input, &target, Job::quiet(&cancel, 0));
    let mut times: Vec<f64> = (0..=runs)
        .map(|_| {
            let start = Instant::now();
            make(&wanted, &settings).unwrap();
            start.elapsed().as_secs_f64()
        })
        .skip(1)
        .collect();
    times.sort_by(f64::total_cmp);
    println!("integrated gradients, 50 steps      least {:6.2} s  median {:6.2} s", times[0], times[times.len() / 2]);
}
