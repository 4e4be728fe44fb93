//! The pickle of a zip of `torch.save`: the archive around it is whole, so that no checksum stands before the interpreter.

#![no_main]

use std::io::{BufReader, Cursor, Write};

use layerscope_fuzz::formats::checkpoint;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::with_capacity(pickle.len() + 4096)));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut entry = |name: &str, bytes: &[u8]| {
        zip.start_file(name, stored).expect("a new entry");
        zip.write_all(bytes).expect("memory to write to");
    };
    entry("a/data.pkl", pickle);
    for key in 0..8 {
        entry(&format!("a/data/{key}"), &[key; 64]);
    }
    zip.finish().expect("memory to write to").into_inner()
}

fuzz_target!(|data: &[u8]| {
    match checkpoint::read(BufReader::new(Cursor::new(archive(data)))) {
        Ok(checkpoint) => {
            for tensor in checkpoint.tensors {
                layerscope_fuzz::inside(&tensor);
            }
        }
        Err(error) => layerscope_fuzz::one_line(&error),
    }
});
