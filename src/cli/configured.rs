//! The command line with the configuration behind it: what is set in the file or the environment is the default of the option.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Arguments;
use crate::config::{ConfigError, Configuration, SETTINGS, Setting};
use crate::tui::keymap::Keymap;
use crate::tui::theme::{Library, ThemeError};

/// What the inspector is given besides its options.
#[derive(Debug)]
pub(super) struct Interface {
    /// Themes, built in and the user's.
    pub(super) themes: Library,
    /// Keys, the table's and the user's.
    pub(super) keymap: Keymap,
    /// Who says how pictures are drawn: the option, or what the configuration has it from.
    pub(super) graphics_said_by: String,
    /// The configuration file, where there is one.
    pub(super) file: Option<PathBuf>,
}

/// Arguments, and what the configuration adds to them.
pub(super) struct Configured {
    /// The arguments; those that were not given have the configuration's values.
    pub(super) arguments: Arguments,
    /// For the inspector.
    pub(super) interface: Interface,
    /// What is wrong with the configuration, a line each.
    pub(super) warnings: Vec<String>,
}

/// Why there are no arguments.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfiguredError {
    /// Wrong arguments, or help.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The named configuration cannot be read.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// A built-in theme is damaged.
    #[error(transparent)]
    Theme(#[from] ThemeError),
}

/// Reads arguments, configuration, themes and keys.
pub(super) fn read(given: Vec<OsString>) -> Result<Configured, ConfiguredError> {
    let given = &configuration_after_command(given);
    let named = Arguments::from_arg_matches(&Arguments::command().try_get_matches_from(given)?)?.config;
    let mut configuration = Configuration::load(named.as_deref(), |name| std::env::var_os(name))?;
    let themes = configuration.themes.as_deref().map_or_else(Library::built_in, Library::with_folder)?;
    configuration.warnings.extend(themes.warnings.iter().cloned());
    let (keymap, wrong) = Keymap::with(&configuration.keys);
    for error in &wrong {
        configuration.warn(error.line, &error.to_string());
    }
    refuse_unknown_theme(&mut configuration, &themes);
    let command = with_defaults(Arguments::command(), &configuration);
    let matches = command.try_get_matches_from(given)?;
    let graphics_said_by = said_by("graphics", &matches, &configuration);
    let interface = Interface { themes, keymap, graphics_said_by, file: configuration.file };
    Ok(Configured { arguments: Arguments::from_arg_matches(&matches)?, interface, warnings: configuration.warnings })
}

/// `--config FILE COMMAND` as `COMMAND --config FILE`: behind an option of the inspector's, a command would be taken for a model.
fn configuration_after_command(mut given: Vec<OsString>) -> Vec<OsString> {
    let Some(option) = given.get(1).and_then(|first| first.to_str()) else { return given };
    let length = match option {
        "--config" => 2,
        _ if option.starts_with("--config=") => 1,
        _ => return given,
    };
    let names_command = |argument: &OsString| Arguments::command().find_subcommand(argument).is_some();
    if given.get(1 + length).is_some_and(names_command) {
        given[1..=1 + length].rotate_right(1);
    }
    given
}

/// Who gave an option of the inspector's its value.
fn said_by(setting: &str, matches: &ArgMatches, configuration: &Configuration) -> String {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    let takes = matches.try_contains_id(setting).is_ok();
    if takes && matches.value_source(setting) == Some(ValueSource::CommandLine) {
        return format!("--{setting}");
    }
    configuration.value(setting).map_or_else(String::new, |value| value.from.clone())
}

fn refuse_unknown_theme(configuration: &mut Configuration, themes: &Library) {
    let choice = configuration.value("theme").and_then(|value| value.text.parse::<crate::config::ThemeChoice>().ok());
    let names = choice.as_ref().map_or_else(Vec::new, |choice| choice.names());
    if let Some(reason) = names.into_iter().find_map(|name| themes.position(name).err()) {
        configuration.refuse("theme", &reason);
    }
}

/// The command with other defaults: of the inspector's options all, and of the doctor's, who speaks about them; of the other
/// commands' those that are for every command.
fn with_defaults(command: Command, configuration: &Configuration) -> Command {
    let set = |command: Command, for_commands: bool| {
        SETTINGS.iter().filter(|setting| setting.for_commands || !for_commands).fold(command, |command, setting| {
            let takes = command.get_arguments().any(|argument| argument.get_id() == id(setting).as_str());
            match configuration.value(setting.name).filter(|_| takes) {
                Some(value) => command.mut_arg(id(setting), |argument| argument.default_value(value.text.clone())),
                None => command,
            }
        })
    };
    set(command, false).mut_subcommands(|subcommand| {
        let for_commands = subcommand.get_name() != "doctor";
        set(subcommand, for_commands)
    })
}

fn id(setting: &Setting) -> String {
    setting.name.replace('-', "_")
}
