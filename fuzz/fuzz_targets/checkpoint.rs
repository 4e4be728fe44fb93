//! Whole checkpoints of every kind, told by their content.

#![no_main]

use std::io::{BufReader, Cursor};

use layerscope_fuzz::formats::checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match checkpoint::read(BufReader::new(Cursor::new(data))) {
        Ok(checkpoint) => {
            for tensor in checkpoint.tensors {
                layerscope_fuzz::inside(&tensor);
            }
        }
        Err(error) => layerscope_fuzz::one_line(&error),
    }
});
