//! Keras's HDF5 files.

#![no_main]

use layerscope_fuzz::formats::keras;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = keras::read(data.to_vec()) {
        layerscope_fuzz::one_line(&error);
    }
});
