//! Errors as one line on stderr, and the exit code that goes with them.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::common::Failure;
use crate::model::printable;
use crate::picture::SaveError;
use crate::scan::ScanError;

/// Exit code of everything that the user can put right.
const USAGE: u8 = 2;
/// Exit code of work that was stopped by Ctrl-C or SIGTERM, as shells have it.
const STOPPED: u8 = 130;

/// Help and version as they are; what is wrong with the arguments in one line.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed pipe is no error: `layerscope --help | head`.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim);
    let mut line = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    if line.ends_with(':') {
        // Names of missing arguments follow, one a line.
        let names: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        line = format!("{line} {}", names.join(", "));
    }
    for kind in suggested {
        match error.get(kind) {
            Some(ContextValue::String(name)) => line = format!("{line}; did you mean {name}?"),
            Some(ContextValue::Strings(names)) if !names.is_empty() => {
                line = format!("{line}; did you mean {}?", names.join(" or "));
            }
            _ => {}
        }
    }
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
        && !values.is_empty()
    {
        line = format!("{line} (one of {})", values.join(", "));
    }
    warn(&line);
    ExitCode::from(USAGE)
}

/// One line on stderr.
pub(super) fn warn(warning: &str) {
    // A terminal that is gone takes no lines: there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "layerscope: {}", printable(warning));
}

/// One line on stderr; gives the exit code.
pub(super) fn report(failure: &Failure) -> u8 {
    if let Failure::Output(error) = failure
        && error.kind() == std::io::ErrorKind::BrokenPipe
    {
        return 0;
    }
    let line = failure.to_string();
    warn(&line);
    match failure {
        Failure::Save(SaveError::Extension { .. }) => USAGE,
        Failure::Output(_) | Failure::Save(_) | Failure::Array(_) | Failure::Scan(ScanError::Write { .. }) => 1,
        Failure::Stopped(_) => STOPPED,
        _ => USAGE,
    }
}
