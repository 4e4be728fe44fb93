//! What a user can ask the program about itself: help, completions and the manual page.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Stdio};

use layerscope::config::SETTINGS;
use layerscope::tui::action::BINDINGS;

/// What the program prints where nothing is configured, with its version as VERSION.
fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerscope"));
    for setting in SETTINGS {
        command.env_remove(setting.variable());
    }
    command.env("LAYERSCOPE_CONFIG", "/dev/null").env_remove("NO_COLOR").env("COLUMNS", "100").stdin(Stdio::null());
    let done = command.args(arguments).output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn help_names_every_option() {
    let help = printed(&["--help"]);
    for setting in SETTINGS {
        assert!(help.contains(&format!("--{} ", setting.name)), "{}", setting.name);
    }
    insta::assert_snapshot!("help", help);
}

#[test]
fn every_shell_has_completions_of_commands_and_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["activations", "completions", "overlay-strength", "print-config", "theme"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert!(printed(&["completions", "bash"]).contains("complete -F _layerscope"));
}

#[test]
fn bash_accepts_its_completions_and_completes_a_command() {
    let script = printed(&["completions", "bash"]);
    let asking = "\nCOMP_WORDS=(layerscope activ)\nCOMP_CWORD=1\n_layerscope layerscope activ layerscope\necho \"${COMPREPLY[@]}\"";
    // A machine without bash has nothing to complete.
    let Ok(done) = Command::new("bash").args(["--norc", "-c", &(script + asking)]).output() else { return };
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).trim(),
        "activations",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn the_manual_page_has_every_command_key_variable_and_exit_code() {
    let page = printed(&["man"]);
    for heading in ["NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "KEYS", "FILES", "ENVIRONMENT", "\"EXIT STATUS\""] {
        assert!(page.contains(&format!("\n.SH {heading}\n")), "{heading}");
    }
    for row in BINDINGS {
        assert!(page.contains(&row.name.replace('-', "\\-")), "{}", row.name);
    }
    for setting in SETTINGS {
        assert!(page.contains(&setting.variable()), "{}", setting.variable());
    }
    insta::assert_snapshot!("manual", page);
}

#[test]
fn an_unknown_shell_is_one_line_that_names_those_there_are() {
    let done = Command::new(env!("CARGO_BIN_EXE_layerscope")).args(["completions", "csh"]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    let line = String::from_utf8(done.stderr).unwrap();
    assert!(line.lines().count() == 1 && line.contains("bash, elvish, fish, powershell, zsh"), "{line}");
}
