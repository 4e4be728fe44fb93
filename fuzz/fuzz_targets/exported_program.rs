//! Exported programs: the input is the program's JSON, in the archive of a small one, so that no checksum stands before it.

#![no_main]

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use layerscope_fuzz::formats::archive::Archive;
use layerscope_fuzz::formats::exported_program;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

const PROGRAM: &[u8] = include_bytes!("../../tests/fixtures/convnet_dynamic/model.pt2");
const GRAPH: &str = "/models/model.json";

/// Name and bytes of everything but the graph.
static ENTRIES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut archive = Archive::open(Cursor::new(PROGRAM)).expect("a whole archive");
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let read = |name: String| {
        let bytes = archive.read(&name).expect("a whole entry");
        (name, bytes)
    };
    names.into_iter().map(read).collect()
});

fn with_graph(graph: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::with_capacity(PROGRAM.len() + graph.len())));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in ENTRIES.iter() {
        zip.start_file(name.as_str(), stored).expect("a new entry");
        zip.write_all(if name.ends_with(GRAPH) { graph } else { bytes }).expect("memory to write to");
    }
    zip.finish().expect("memory to write to").into_inner()
}

fuzz_target!(|data: &[u8]| {
    let Ok(mut archive) = Archive::open(Cursor::new(with_graph(data))) else { return };
    if let Err(error) = exported_program::open(&mut archive) {
        layerscope_fuzz::one_line(&error);
    }
});
