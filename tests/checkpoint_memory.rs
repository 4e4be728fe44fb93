//! Opening a checkpoint takes the memory of its file, not twice that; what training keeps beside the weights takes none.
//!
//! Alone in its file, because the peak of a process's memory is that of all its tests.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use layerscope::formats::checkpoint;
use zip::write::SimpleFileOptions;

const MB: usize = 1 << 20;
/// Of each storage, in bytes.
const SIZE: usize = 16 * MB;

fn status(key: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// What opening the file adds to the process's peak, over the bytes of the weights.
fn peak_over(path: &Path, weights: usize) -> f64 {
    // Sets the peak back to what is in use.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let checkpoint = checkpoint::open(path).unwrap();
    let peak = status("VmHWM").saturating_sub(before);
    let held: usize = checkpoint.tensors.iter().map(|tensor| tensor.data.len()).sum();
    assert_eq!(held, weights);
    peak as f64 / weights as f64
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A dictionary of tensors of one storage each.
fn tensors(keys: std::ops::Range<usize>) -> Vec<u8> {
    let mut pickle = b"}(".to_vec();
    for key in keys {
        pickle.extend(text(&format!("layer{key}.weight")));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend(text("storage"));
        pickle.extend(b"ctorch\nFloatStorage\n");
        pickle.extend(text(&key.to_string()));
        pickle.extend(text("cpu"));
        let elements = (SIZE as u32 / 4).to_le_bytes();
        pickle.extend([b"J", &elements[..], b"NtQK\0J", &elements[..], b"\x85K\x01\x85\x89NtR"].concat());
    }
    pickle.push(b'u');
    pickle
}

/// `{'state_dict': {…}, 'optimizer': {…}}`, as many storages for the one as for the other.
fn training(storages: usize) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    pickle.extend(
        [text("state_dict"), tensors(0..storages), text("optimizer"), tensors(storages..2 * storages)].concat(),
    );
    pickle.extend(b"u.");
    pickle
}

#[test]
fn opening_takes_no_more_than_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let storage = vec![1; SIZE];

    let path = folder.path().join("training.pth");
    let mut zip = zip::ZipWriter::new(BufWriter::new(File::create(&path).unwrap()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("a/data.pkl", stored).unwrap();
    zip.write_all(&training(4)).unwrap();
    for key in 0..8 {
        zip.start_file(format!("a/data/{key}"), stored).unwrap();
        zip.write_all(&storage).unwrap();
    }
    zip.finish().unwrap().flush().unwrap();
    let times = peak_over(&path, 4 * SIZE);
    assert!(times <= 1.2, "zip: {times:.2} times the weights");

    let path = folder.path().join("legacy.pth");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    file.write_all(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.").unwrap();
    file.write_all(&training(4)).unwrap();
    let keys: Vec<u8> = (0..8).flat_map(|key| text(&key.to_string())).collect();
    file.write_all(&[b"\x80\x02](", keys.as_slice(), b"e."].concat()).unwrap();
    for _ in 0..8 {
        file.write_all(&(SIZE as u64 / 4).to_le_bytes()).unwrap();
        file.write_all(&storage).unwrap();
    }
    file.into_inner().unwrap();
    let times = peak_over(&path, 4 * SIZE);
    assert!(times <= 1.2, "legacy: {times:.2} times the weights");

    let path = folder.path().join("model.safetensors");
    let entry = |index: usize| {
        let start = index * SIZE;
        (
            format!("layer{index}.weight"),
            serde_json::json!({"dtype": "U8", "shape": [SIZE], "data_offsets": [start, start + SIZE]}),
        )
    };
    let header = serde_json::Value::Object((0..4).map(entry).collect()).to_string();
    let mut file = BufWriter::new(File::create(&path).unwrap());
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    for _ in 0..4 {
        file.write_all(&storage).unwrap();
    }
    file.into_inner().unwrap();
    let times = peak_over(&path, 4 * SIZE);
    assert!(times <= 1.2, "safetensors: {times:.2} times the weights");
}
