//! The command line: one file for each command. What the inspector shows, a command writes to a file or to stdout.

mod activations;
mod attribute;
mod cam;
mod check;
mod common;
mod completions;
mod configured;
mod doctor;
mod errors;
mod excitations;
mod inspect;
mod man;
mod methods;
mod patterns;
mod predict;
mod progress;
mod report;
mod scan;
mod summary;
mod trust;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use common::Failure;
use configured::{Configured, ConfiguredError};

/// See what a vision network sees: layers, channels, filter patterns and class activation maps, in the terminal.
///
/// Without a command it opens the inspector: `layerscope MODEL PICTURE...`; without arguments, on the built-in demo.
#[derive(Debug, Parser)]
#[command(name = "layerscope", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Configuration file, in place of the one in the user's folder
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    inspect: inspect::Inspect,
}

#[derive(Debug, Subcommand)]
enum Command {
    Summary(summary::Summary),
    Predict(predict::Predict),
    Activations(activations::Activations),
    Patterns(patterns::Patterns),
    Cam(cam::Cam),
    Scan(scan::ScanCommand),
    Excitations(excitations::ExcitationsCommand),
    Check(check::Check),
    Attribute(attribute::Attribute),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    /// Print the manual page, to be read by `man -l -` or put into a folder man1
    Man,
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    let Configured { arguments, interface, warnings } = match configured::read(std::env::args_os().collect()) {
        Ok(configured) => configured,
        Err(ConfiguredError::Arguments(error)) => return errors::usage(&error),
        Err(error) => return ExitCode::from(errors::report(&Failure::Usage(error.to_string()))),
    };
    for warning in &warnings {
        errors::warn(warning);
    }
    let done = match arguments.command {
        None => arguments.inspect.run(interface, warnings),
        Some(Command::Summary(command)) => command.run(),
        Some(Command::Predict(command)) => command.run(),
        Some(Command::Activations(command)) => command.run(),
        Some(Command::Patterns(command)) => command.run(),
        Some(Command::Cam(command)) => command.run(),
        Some(Command::Scan(command)) => command.run(),
        Some(Command::Excitations(command)) => command.run(),
        Some(Command::Check(command)) => {
            return command.run().unwrap_or_else(|failure| ExitCode::from(errors::report(&failure)));
        }
        Some(Command::Attribute(command)) => command.run(),
        Some(Command::Doctor(command)) => command.run(&interface),
        Some(Command::Completions(command)) => command.run(),
        Some(Command::Man) => man::run(),
    };
    done.map_or_else(|failure| ExitCode::from(errors::report(&failure)), |()| ExitCode::SUCCESS)
}
