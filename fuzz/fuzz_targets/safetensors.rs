//! safetensors: the input is the header; a right length stands before it and a few bytes of numbers after it.

#![no_main]

use std::io::{BufReader, Cursor};

use layerscope_fuzz::formats::checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.extend_from_slice(&[1; 256]);
    match checkpoint::read(BufReader::new(Cursor::new(file))) {
        Ok(checkpoint) => {
            for tensor in checkpoint.tensors {
                layerscope_fuzz::inside(&tensor);
            }
        }
        Err(error) => layerscope_fuzz::one_line(&error),
    }
});
