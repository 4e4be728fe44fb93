//! `layerscope man`: the manual page, made from the same tables as the program itself.

use std::io::Write;

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::common::Failure;
use crate::config::SETTINGS;
use crate::tui::keymap::Keymap;

const FILES: [(&str, &str); 2] = [
    (
        "$XDG_CONFIG_HOME/layerscope/config.toml",
        "The configuration, usually ~/.config/layerscope/config.toml. What is wrong in it is said with its line, and left out. \
         --print-config prints one with all settings and keys.",
    ),
    (
        "$XDG_CONFIG_HOME/layerscope/themes/*.toml",
        "Themes of your own. A theme wins over a built-in one of its name, and may build on any with `inherits`.",
    ),
];

const ENVIRONMENT: [(&str, &str); 3] = [
    ("LAYERSCOPE_CONFIG", "The configuration file, unless --config names one."),
    (
        "NO_COLOR",
        "Where it is set and not empty, the theme is monochrome, unless --theme or LAYERSCOPE_THEME says another. \
                  Pictures keep their colours.",
    ),
    ("COLORTERM, TERM", "How many colours the terminal has."),
];

const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "It is done."),
    ("1", "A result could not be written, or the terminal went away."),
    ("2", "Something that you can put right: an argument, a file, a layer or a class that does not exist."),
    ("128 + N", "Signal N ended the inspector."),
];

/// Prints the page.
pub(super) fn run() -> Result<(), Failure> {
    let page = page()?;
    Ok(std::io::stdout().write_all(&page)?)
}

fn page() -> Result<Vec<u8>, std::io::Error> {
    let mut command = super::Arguments::command();
    command.build();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis().to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands(&command).to_writer(&mut page)?;
    let keymap = Keymap::default();
    let keys = crate::tui::action::BINDINGS.iter().map(|row| {
        let keys = keymap.keys_of(row.action).join(", ");
        (keys, vec![italic(row.name), roman(format!(": {}", row.description))])
    });
    section("KEYS", keys).to_writer(&mut page)?;
    section("FILES", plain(&FILES)).to_writer(&mut page)?;
    let settings = SETTINGS.iter().map(|setting| {
        (setting.variable(), vec![roman("Default of "), bold(format!("--{}", setting.name)), roman(".")])
    });
    section("ENVIRONMENT", plain(&ENVIRONMENT).chain(settings)).to_writer(&mut page)?;
    section("EXIT STATUS", plain(&EXIT_STATUS)).to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn plain<'a>(entries: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (String, Vec<Inline>)> + 'a {
    entries.iter().map(|(name, meaning)| ((*name).to_owned(), vec![roman(*meaning)]))
}

/// A list of names and what they mean.
fn section(heading: &str, entries: impl Iterator<Item = (String, Vec<Inline>)>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (name, meaning) in entries {
        roff.control("TP", []).text([bold(name)]).text(meaning);
    }
    roff
}

fn synopsis() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([
        bold("layerscope"),
        roman(" ["),
        italic("OPTIONS"),
        roman("] ["),
        italic("MODEL"),
        roman(" ["),
        italic("INPUT"),
        roman("...]]"),
    ]);
    roff.control("br", []);
    roff.text([bold("layerscope"), roman(" "), italic("COMMAND"), roman(" ["), italic("ARGUMENTS"), roman("...]")]);
    roff
}

/// Every command with its arguments, on the same page.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        roff.control("SS", [command.get_bin_name().unwrap_or(command.get_name())]);
        roff.text([roman(
            command.get_long_about().or(command.get_about()).map_or_else(String::new, ToString::to_string),
        )]);
        let usage = command.clone().render_usage().to_string();
        roff.control("PP", []).text([roman(usage.trim_start_matches("Usage: ").to_owned())]);
        let own = |argument: &&Arg| !argument.is_hide_set() && !argument.is_global_set() && argument.get_id() != "help";
        for argument in command.get_arguments().filter(own) {
            let help = argument.get_long_help().or(argument.get_help()).map_or_else(String::new, ToString::to_string);
            let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
            let default = if defaults.is_empty() || !argument.get_action().takes_values() {
                String::new()
            } else {
                format!(" [default: {}]", defaults.join(" "))
            };
            roff.control("TP", []).text([bold(argument.to_string())]).text([roman(help + &default)]);
        }
    }
    roff
}
