//! Lets the binary find libtorch without `LD_LIBRARY_PATH`.

fn main() {
    if let Ok(library) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{library}");
    }
}
