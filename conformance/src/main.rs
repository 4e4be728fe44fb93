//! Compares layerscope's outputs with those of the packages that models come from.
//!
//! `cargo xtask conformance` calls it with a Python and the scripts of `conformance/python`. Each script makes one case after
//! the other; each case is run in a process of its own, so that whatever happens in it is one row of the table.

mod arguments;
mod case;
mod child;
mod report;
mod run;
mod script;

use std::process::ExitCode;

use arguments::Command;
use report::Report;

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let options = match command {
        Command::One => return run::one(),
        Command::Suites(options) => options,
    };
    let mut report = Report::new(options.list);
    for suite in &options.suites {
        if let Err(message) = script::run(&options, suite, &mut report) {
            report.broken(suite, &message);
        }
    }
    if !options.list {
        report.summary();
    }
    if let Some(path) = &options.json
        && let Err(error) = report.write(path)
    {
        eprintln!("error: {}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    if report.all_agree() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
