//! The command line: one file for each command. What the inspector shows, a command writes to a file or to stdout.

mod activations;
mod cam;
mod common;
mod errors;
mod inspect;
mod patterns;
mod predict;
mod report;
mod summary;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// See what a vision network sees: layers, channels, filter patterns and class activation maps, in the terminal.
///
/// Without a command it opens the inspector: `layerscope MODEL PICTURE...`; without arguments, on the built-in demo.
#[derive(Debug, Parser)]
#[command(name = "layerscope", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
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
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return errors::usage(&error),
    };
    let done = match arguments.command {
        None => arguments.inspect.run(),
        Some(Command::Summary(command)) => command.run(),
        Some(Command::Predict(command)) => command.run(),
        Some(Command::Activations(command)) => command.run(),
        Some(Command::Patterns(command)) => command.run(),
        Some(Command::Cam(command)) => command.run(),
    };
    done.map_or_else(|failure| ExitCode::from(errors::report(&failure)), |()| ExitCode::SUCCESS)
}
