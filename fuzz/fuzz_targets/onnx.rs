//! ONNX: the protobuf, and its operators as those of the graph.

#![no_main]

use layerscope_fuzz::formats::onnx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = onnx::read(data.to_vec(), None) {
        layerscope_fuzz::one_line(&error);
    }
});
