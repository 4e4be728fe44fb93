//! Time and memory to open a checkpoint: `cargo bench --bench checkpoint -- FILE`. `checkpoint.py` is the same with `torch.load`.
//!
//! Memory is the process's peak, less what it had before; a process opens one file once, because a peak does not go down.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::path::Path;
use std::time::Instant;

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(key)).expect("the field");
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn main() {
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("give a checkpoint: cargo bench --bench checkpoint -- FILE");
        return;
    };
    let size = std::fs::metadata(&file).expect("a file").len();
    let before = status("VmRSS");
    let start = Instant::now();
    let checkpoint = layerscope::formats::checkpoint::open(Path::new(&file)).expect("a checkpoint");
    let taken = start.elapsed();
    let peak = status("VmHWM") - before;
    println!(
        "{file}: {} tensors in {:.0} ms, peak {:.0} MB over {:.0} MB of file ({:.3} times)",
        checkpoint.tensors.len(),
        taken.as_secs_f64() * 1e3,
        peak as f64 / 1e6,
        size as f64 / 1e6,
        peak as f64 / size as f64
    );
}
