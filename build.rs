//! Compiles the bridge to libtorch's dispatcher and lets the binary find libtorch without `LD_LIBRARY_PATH`.

use std::path::{Path, PathBuf};

const SOURCES: &[&str] = &[
    "src/aten/bridge.cpp",
    "src/aten/gate.cpp",
    "src/aten/torchscript.cpp",
    "src/aten/torchscript_recorder.cpp",
    "src/aten/torchscript_recording.cpp",
];
const HEADERS: &[&str] = &["src/aten/guarded.h", "src/aten/torchscript_recorder.h", "src/aten/torchscript_recording.h"];

fn main() {
    for file in SOURCES.iter().chain(HEADERS) {
        println!("cargo::rerun-if-changed={file}");
    }
    let Ok(library) = std::env::var("DEP_TCH_LIBTORCH_LIB") else {
        println!("cargo::error=torch-sys did not say where libtorch is: run `cargo xtask setup`, or set LIBTORCH");
        return;
    };
    let library = PathBuf::from(library);
    let include = library.parent().unwrap_or(Path::new("/")).join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .opt_level(2)
        .warnings(false)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .files(SOURCES)
        .compile("layerscope_bridge");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", library.display());
}
