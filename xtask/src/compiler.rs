//! The C++ compiler: torch-sys and the bridge to libtorch's dispatcher are C++.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use crate::report::Failure;

const INSTALL: &str = "install one (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install) \
     or name it in CXX";

/// That there is a C++ compiler, and that it knows the C++20 of libtorch's headers.
pub(crate) fn check() -> Result<(), Failure> {
    let compiler = std::env::var("CXX").ok().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "c++".to_owned());
    // CXX may hold a launcher or options too: `ccache g++`.
    let mut words = compiler.split_whitespace();
    let tried = Command::new(words.next().unwrap_or("c++"))
        .args(words)
        .args(["-std=c++20", "-fsyntax-only", "-x", "c++", "/dev/null"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Failure::new(format!(
            "the C++ compiler {compiler} does not compile C++20 ({}): {INSTALL}",
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it says nothing")
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Failure::new(format!("there is no C++ compiler {compiler}: {INSTALL}")))
        }
        Err(error) => Err(Failure::new(format!("cannot run the C++ compiler {compiler}: {error}"))),
    }
}
