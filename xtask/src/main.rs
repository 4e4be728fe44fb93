//! Development commands of layerscope: `cargo xtask`. They need Rust, a C++ compiler and Python 3 with pip, nothing else.

mod architectures;
mod arguments;
mod checkout;
mod compiler;
mod conformance;
mod fixtures;
mod install;
mod libtorch;
mod lock;
mod nearest;
mod parity;
mod pip;
mod python;
mod report;
mod run;
mod setup;
mod test;

use std::process::ExitCode;

use arguments::Command;
use checkout::Checkout;
use report::Failure;

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)).and_then(perform) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::error(&failure);
            ExitCode::from(failure.status)
        }
    }
}

fn perform(command: Command) -> Result<(), Failure> {
    let checkout = Checkout::here();
    match command {
        Command::Help => {
            print!("{}", arguments::HELP);
            Ok(())
        }
        Command::Setup { variant } => {
            let found = setup::setup(&checkout, variant)?;
            report::say(&found);
            Ok(())
        }
        Command::Run { arguments } => run::run(&checkout, &arguments),
        Command::Test => test::test(&checkout),
        Command::Conformance(wanted) => conformance::conformance(&checkout, &wanted),
        Command::Parity(wanted) => parity::parity(&checkout, &wanted),
        Command::Architectures(wanted) => architectures::architectures(&checkout, &wanted),
        Command::Fixtures(wanted) => fixtures::fixtures(&checkout, &wanted),
    }
}
