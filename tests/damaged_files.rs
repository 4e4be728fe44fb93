//! Every file of `fixtures/damaged`, found by fuzzing or made for a kind of attack, opens or gives one line, in little time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::fixtures;
use layerscope::formats::{self, checkpoint, keras, onnx};

#[test]
fn damaged_and_hostile_files_open_or_give_one_line() {
    let mut files = 0;
    for entry in std::fs::read_dir(fixtures().join("damaged")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "md") {
            continue;
        }
        files += 1;
        let start = Instant::now();
        let outcomes = [
            formats::open(&path, None).err().map(|error| error.to_string()),
            checkpoint::open(&path).err().map(|error| error.to_string()),
            onnx::read(std::fs::read(&path).unwrap(), None).err().map(|error| error.to_string()),
            keras::read(std::fs::read(&path).unwrap()).err().map(|error| error.to_string()),
        ];
        for line in outcomes.into_iter().flatten() {
            assert!(!line.contains(char::is_control), "{}: {line:?}", path.display());
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{} takes {:?}", path.display(), start.elapsed());
    }
    assert!(files > 0, "no files");
}
