//! The command line, which `cargo xtask conformance` writes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What is to be done.
pub(crate) enum Command {
    /// Run the one case that stands on stdin: what this program calls itself with.
    One,
    /// Run suites that compare outputs.
    Suites(Options),
    /// Run suites that compare methods.
    Parity(Options),
}

/// Which suites, how, and by which Python.
pub(crate) struct Options {
    /// Scripts, by their paths.
    pub(crate) suites: Vec<PathBuf>,
    /// A regular expression (Python's) that a case's name or family must match.
    pub(crate) only: Option<String>,
    /// Print the names instead of running them.
    pub(crate) list: bool,
    /// The Python that has the packages.
    pub(crate) python: PathBuf,
    /// Where the rows go as JSON.
    pub(crate) json: Option<PathBuf>,
    /// How long a case may take, for Python to make it and then for us to run it.
    pub(crate) limit: Duration,
    /// Memory that a case may take in our process.
    pub(crate) memory: u64,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options {
        suites: Vec::new(),
        only: None,
        list: false,
        python: "python3".into(),
        json: None,
        limit: Duration::from_mins(10),
        memory: 12 << 30,
    };
    let mut words = words.peekable();
    if words.next_if(|word| word == "one").is_some() {
        return Ok(Command::One);
    }
    let parity = words.next_if(|word| word == "parity").is_some();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let mut value = || words.next().ok_or_else(|| format!("{text} wants a value"));
        let number = |value: OsString| {
            value.to_string_lossy().parse::<u64>().map_err(|_| format!("{text} wants a whole number"))
        };
        match text.as_str() {
            "--only" => options.only = Some(value()?.to_string_lossy().into_owned()),
            "--list" => options.list = true,
            "--python" => options.python = value()?.into(),
            "--json" => options.json = Some(value()?.into()),
            "--limit" => options.limit = Duration::from_secs(number(value()?)?),
            "--memory" => options.memory = number(value()?)? << 30,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => options.suites.push(word.into()),
        }
    }
    match (options.suites.is_empty(), parity) {
        (true, _) => Err("no suite was named".to_owned()),
        (false, true) => Ok(Command::Parity(options)),
        (false, false) => Ok(Command::Suites(options)),
    }
}
