//! The command line of `cargo xtask`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::architectures::Wanted as WantedArchitectures;
use crate::conformance::Wanted as WantedSuites;
use crate::fixtures::Wanted;
use crate::install::Variant;
use crate::nearest::nearest;
use crate::report::Failure;

/// What `cargo xtask` and `cargo xtask --help` print.
pub(crate) const HELP: &str = "\
Development commands of layerscope

    cargo xtask setup [--cpu | --cuda]   find libtorch, or install it from PyPI into .libtorch
    cargo xtask run [--] [ARGS...]       set up, build in release mode, run layerscope with ARGS
    cargo xtask test                     set up, then everything that CI runs
    cargo xtask fixtures [OPTIONS]       make the networks that are too large to commit, in target/fixtures
    cargo xtask conformance [SUITE...] [OPTIONS]
                                         compare outputs with those of the packages that models come from
    cargo xtask parity [SUITE...] [OPTIONS]
                                         compare methods with their reference implementations
    cargo xtask architectures [OPTIONS]  make the graphs of the known architectures in assets/architectures again

setup:
    --cpu            install without CUDA, also where an NVIDIA driver is
    --cuda           install with CUDA, also where no NVIDIA driver is
    Without an option: with CUDA where an NVIDIA driver is; what is installed already stays.

fixtures:
    --vgg16          also VGG16, 550 MB
    --golden         make the committed networks and golden arrays of tests/fixtures again instead
    --python PYTHON  use this Python, which has the packages of tests/fixtures/requirements*.txt,
                     instead of installing them into target/fixtures-python (5 GB)

conformance:
    SUITE            scripts of conformance/python, such as torchvision_pt2; without one, all
    --only REGEX     models whose name or family matches
    --list           print their names instead
    --json FILE      write the rows as JSON
    --release        build optimised, for the seconds in the table
    --python PYTHON  use this Python, which has the packages of conformance/python/requirements.txt,
                     instead of installing them into target/fixtures-python (8 GB)

parity:
    SUITE            scripts of parity/python, such as cams; without one, all
    The options are those of conformance; the packages are those of parity/python/requirements.txt
                     (6 GB)

architectures:
    --only PATTERN   only export those whose SOURCE/NAME matches (torchvision/*); the archive stays as it is
    --python PYTHON  use this Python, which has the packages of assets/architectures/make/requirements.txt,
                     instead of installing them into target/fixtures-python (8 GB)

Environment:
    LIBTORCH                a libtorch 2.13.0 to use instead of installing one
    LIBTORCH_USE_PYTORCH=1  use the PyTorch 2.13.0 of python3
    CXX                     the C++ compiler, c++ if not set
";

/// A command of `cargo xtask`.
#[derive(Debug)]
pub(crate) enum Command {
    /// Print the help.
    Help,
    /// Make libtorch available.
    Setup { variant: Option<Variant> },
    /// Build and run layerscope with these arguments.
    Run { arguments: Vec<OsString> },
    /// Everything that CI runs.
    Test,
    /// Compare with other packages.
    Conformance(WantedSuites),
    /// Compare methods with their references.
    Parity(WantedSuites),
    /// Make the known architectures.
    Architectures(WantedArchitectures),
    /// Make test networks.
    Fixtures(Wanted),
}

const COMMANDS: [&str; 8] = ["setup", "run", "test", "fixtures", "conformance", "parity", "architectures", "help"];

/// Reads the arguments after the program's name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, Failure> {
    let Some(command) = arguments.next() else { return Ok(Command::Help) };
    let command = command.to_string_lossy().into_owned();
    let rest: Vec<OsString> = arguments.collect();
    let asks_for_help = rest.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h");
    match command.as_str() {
        "help" | "--help" | "-h" => Ok(Command::Help),
        "run" => Ok(run(rest)),
        name if COMMANDS.contains(&name) && asks_for_help => Ok(Command::Help),
        "setup" => setup(&rest),
        "test" => match rest.first() {
            None => Ok(Command::Test),
            Some(word) => Err(unknown_option("test", word, &[])),
        },
        "fixtures" => fixtures(rest),
        "architectures" => architectures(rest),
        "conformance" => suites("conformance", rest).map(Command::Conformance),
        "parity" => suites("parity", rest).map(Command::Parity),
        other => Err(Failure::usage(format!(
            "unknown command '{other}': {}",
            match nearest(other, &COMMANDS).as_slice() {
                [] => format!("the commands are {}", listed(&COMMANDS)),
                near => format!("did you mean {}?", near.join(" or ")),
            }
        ))),
    }
}

/// Everything after `run` is layerscope's, but for a help option that stands first and alone: that asks about `run`.
fn run(mut arguments: Vec<OsString>) -> Command {
    if let [only] = arguments.as_slice()
        && (only == "--help" || only == "-h")
    {
        return Command::Help;
    }
    if arguments.first().is_some_and(|word| word == "--") {
        arguments.remove(0);
    }
    Command::Run { arguments }
}

fn setup(arguments: &[OsString]) -> Result<Command, Failure> {
    let mut variant = None;
    for word in arguments {
        let asked = match word.to_str() {
            Some("--cpu") => Variant::Cpu,
            Some("--cuda") => Variant::Cuda,
            _ => return Err(unknown_option("setup", word, &["--cpu", "--cuda"])),
        };
        if variant.replace(asked).is_some_and(|before| before != asked) {
            return Err(Failure::usage("setup takes --cpu or --cuda, not both"));
        }
    }
    Ok(Command::Setup { variant })
}

fn architectures(arguments: Vec<OsString>) -> Result<Command, Failure> {
    let mut wanted = WantedArchitectures::default();
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--only") => match words.next() {
                Some(pattern) => wanted.only = Some(pattern),
                None => return Err(Failure::usage("--only wants a pattern such as torchvision/*")),
            },
            Some("--python") => match words.next() {
                Some(python) => wanted.python = Some(PathBuf::from(python)),
                None => return Err(Failure::usage("--python wants the Python to use")),
            },
            _ => return Err(unknown_option("architectures", &word, &["--only", "--python"])),
        }
    }
    Ok(Command::Architectures(wanted))
}

fn fixtures(arguments: Vec<OsString>) -> Result<Command, Failure> {
    let mut wanted = Wanted::default();
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--golden") => wanted.golden = true,
            Some("--vgg16") => wanted.vgg16 = true,
            Some("--python") => match words.next() {
                Some(python) => wanted.python = Some(PathBuf::from(python)),
                None => return Err(Failure::usage("--python wants the Python to use")),
            },
            _ => return Err(unknown_option("fixtures", &word, &["--golden", "--vgg16", "--python"])),
        }
    }
    if wanted.golden && wanted.vgg16 {
        return Err(Failure::usage("--vgg16 makes an uncommitted network: it does not go with --golden"));
    }
    Ok(Command::Fixtures(wanted))
}

/// The options of what compares with other packages.
fn suites(command: &str, arguments: Vec<OsString>) -> Result<WantedSuites, Failure> {
    let mut wanted = WantedSuites::default();
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| Failure::usage(format!("{} wants a value", word.display())));
        match word.to_str() {
            Some("--only") => wanted.only = Some(value()?.to_string_lossy().into_owned()),
            Some("--python") => wanted.python = Some(value()?.into()),
            Some("--json") => wanted.json = Some(value()?.into()),
            Some("--list") => wanted.list = true,
            Some("--release") => wanted.release = true,
            Some(suite) if !suite.starts_with('-') => wanted.suites.push(suite.to_owned()),
            _ => {
                let known = ["--only", "--list", "--json", "--release", "--python"];
                return Err(unknown_option(command, &word, &known));
            }
        }
    }
    Ok(wanted)
}

fn unknown_option(command: &str, word: &OsString, known: &[&str]) -> Failure {
    let takes = if known.is_empty() { "nothing".to_owned() } else { listed(known) };
    Failure::usage(format!("unknown argument '{}': {command} takes {takes}", word.to_string_lossy()))
}

fn listed(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => words.concat(),
    }
}
