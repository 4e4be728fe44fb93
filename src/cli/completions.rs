//! `layerscope completions`: what a shell needs in order to complete the command line.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::common::Failure;

/// Print the completions of a shell: source them, or put them where the shell looks for them.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), Failure> {
        // Into memory first: the generator panics where a pipe is closed.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Arguments::command(), "layerscope", &mut script);
        Ok(std::io::stdout().write_all(&script)?)
    }
}
