//! Memory has a ceiling: what runs many times runs in batches that fit, and what does not fit says so.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Fixture, input, network};
use layerscope::engine::{Cancel, EngineError, MemoryLimit, Resources, amount};
use layerscope::methods::job::Job;
use layerscope::methods::{MethodError, Network};
use tch::Device;

#[test]
fn amounts_of_memory_are_read_as_people_write_them() {
    let read = |text: &str| text.parse::<MemoryLimit>().unwrap();
    assert_eq!(read("6GB"), MemoryLimit::Bytes(6_000_000_000));
    assert_eq!(read("1.5 GiB"), MemoryLimit::Bytes(3 << 29));
    assert_eq!(read("800mib"), MemoryLimit::Bytes(800 << 20));
    assert_eq!(read("4096"), MemoryLimit::Bytes(4096));
    assert_eq!(read("50%"), MemoryLimit::Share(50));
    assert_eq!(read("auto"), MemoryLimit::Auto);
    for wrong in ["", "much", "-1GB", "0", "120%", "NaN", "inf", "6 XB"] {
        let error = wrong.parse::<MemoryLimit>().unwrap_err();
        assert!(error.starts_with(&format!("'{wrong}' is no amount of memory")), "{error}");
    }
    assert_eq!([amount(512), amount(3 << 29), amount(800 << 20)], ["512 B", "1.5 GiB", "800 MiB"]);
}

fn with_limit(limit: MemoryLimit) -> Network {
    let model = layerscope::formats::open(&Fixture::open("convnet").model(), None).unwrap();
    Network::load(model, Resources { device: Device::Cpu, limit }).unwrap()
}

/// Ranges that ten things are done in, when `run` answers so.
fn ranges(
    network: &Network,
    each: u64,
    mut run: impl FnMut(usize) -> Result<(), MethodError>,
) -> Result<Vec<(usize, usize)>, MethodError> {
    let cancel = Cancel::new();
    network.in_batches(10, each, &Job::quiet(&cancel, 0), |range| run(range.len()).map(|()| (range.start, range.end)))
}

#[test]
fn batches_are_as_large_as_what_is_left_allows() {
    let network = with_limit(MemoryLimit::Auto);
    let all = ranges(&network, 1, |_| Ok(())).unwrap();
    assert_eq!(all, [(0, 10)]);
    let left = network.engine.memory().left();
    // The rest of the process moves too, so that the exact number is not known.
    let some = ranges(&network, left / 4, |_| Ok(())).unwrap();
    assert!((2..=5).contains(&some.len()), "{some:?}");
    assert_eq!((some[0].0, some[some.len() - 1].1), (0, 10));
}

#[test]
fn a_device_that_runs_out_of_memory_gets_half_as_many() {
    let network = with_limit(MemoryLimit::Auto);
    let full = || EngineError::OutOfMemory { operator: "aten::conv2d".to_owned(), node: "conv2d".to_owned() };
    let done = ranges(&network, 1, |size| if size > 3 { Err(full().into()) } else { Ok(()) }).unwrap();
    assert_eq!(done, [(0, 3), (3, 6), (6, 9), (9, 10)]);
    let error = ranges(&network, 1, |_| Err(full().into())).unwrap_err();
    assert!(error.to_string().starts_with("out of memory in aten::conv2d"), "{error}");
}

#[test]
fn a_graph_for_a_single_picture_is_run_one_by_one() {
    let network = with_limit(MemoryLimit::Auto);
    let single = |size| if size > 1 { Err(EngineError::Torch("shape".to_owned()).into()) } else { Ok(()) };
    assert_eq!(ranges(&network, 1, single).unwrap().len(), 10);
}

#[test]
fn what_does_not_fit_says_how_much_is_needed_and_which_option_gives_more() {
    let network = with_limit(MemoryLimit::Bytes(1 << 20));
    let fixture = Fixture::open("convnet");
    let error = network.forward(&input(&network, &fixture), &Cancel::new()).unwrap_err().to_string();
    assert!(error.contains("0 B of 1.0 MiB are left: give more by --memory-limit"), "{error}");
}

#[test]
fn the_footprint_of_a_run_grows_with_what_is_kept_and_with_what_is_recorded() {
    let network = network(&Fixture::open("convnet"));
    let shapes = network.forward_shapes().unwrap();
    let source = network.source().unwrap();
    let scores = [network.head.scores.into()];
    let plain = network.cost(&[source], &scores, &[], shapes);
    let taps: Vec<_> = network.layers.layers.iter().filter_map(layerscope::model::Layer::tap).collect();
    let tapped = network.cost(&[source], &taps, &[], shapes);
    let recorded = network.cost(&[source], &scores, &[source.into()], shapes);
    assert!(0 < plain && plain < tapped && tapped < recorded, "{plain} {tapped} {recorded}");
}
