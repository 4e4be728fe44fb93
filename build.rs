//! Compiles the bridge to libtorch's dispatcher and lets the binary find libtorch without `LD_LIBRARY_PATH`.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=src/aten/bridge.cpp");
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
        .file("src/aten/bridge.cpp")
        .compile("layerscope_bridge");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", library.display());
}
