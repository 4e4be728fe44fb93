//! What is checked before libtorch's loader sees a TorchScript archive. The input is its pickle and its code in a small archive,
//! so that no checksum stands before them: two bytes say how long the pickle is, and code follows it.

#![no_main]

use std::io::{Cursor, Write};

use layerscope_fuzz::formats::archive::Archive;
use layerscope_fuzz::formats::torchscript;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

fn archive(pickle: &[u8], code: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::with_capacity(2 * pickle.len() + code.len() + (4 << 10))));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let entries = [
        ("m/data.pkl", pickle),
        ("m/data/0", &[0; 256]),
        ("m/data/1", &[0; 64]),
        ("m/code/__torch__.py", code),
        ("m/constants.pkl", b"\x80\x02)."),
        ("m/traced_inputs.pkl", pickle),
    ];
    for (name, bytes) in entries {
        zip.start_file(name, stored).expect("a new entry");
        zip.write_all(bytes).expect("memory to write to");
    }
    zip.finish().expect("memory to write to").into_inner()
}

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first_chunk() else { return };
    let (pickle, code) = rest.split_at(rest.len().min(u16::from_le_bytes(*length).into()));
    let Ok(mut archive) = Archive::open(Cursor::new(archive(pickle, code))) else { return };
    if let Err(error) = torchscript::before_loading(&mut archive) {
        layerscope_fuzz::one_line(&error);
    }
});
