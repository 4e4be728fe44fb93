//! Zip archives: every entry of whatever directory is read.

#![no_main]

use std::io::Cursor;

use layerscope_fuzz::formats::archive::Archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut archive) = Archive::open(Cursor::new(data)) else { return };
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    for name in names.iter().take(100) {
        if let Ok(bytes) = archive.read(name) {
            assert!(bytes.len() <= data.len().saturating_mul(200), "an entry of {} bytes", bytes.len());
        }
    }
});
