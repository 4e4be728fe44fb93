//! Compares layerscope's outputs with those of the packages that models come from, and its methods with their reference
//! implementations.
//!
//! `cargo xtask conformance` calls it with a Python and the scripts of `conformance/python`, `cargo xtask parity` with those of
//! `parity/python`. Each script makes one case after the other; each is run in a process of its own, so that whatever happens
//! in it is one row of the table.

mod arguments;
mod case;
mod child;
mod outputs;
mod parity;
mod report;
mod run;
mod script;
mod suites;

use std::process::ExitCode;

use arguments::Command;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    match command {
        Command::One => run::one(),
        Command::Suites(options) => outputs::compare(&options),
        Command::Parity(options) => parity::compare(&options),
    }
}
