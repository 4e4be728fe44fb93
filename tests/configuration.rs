//! Keys and the configuration file: what a user may write, what it does, and what is said about what cannot be.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use layerscope::config::{Configuration, Rebinding, SETTINGS};
use layerscope::tui::action::{Action, BINDINGS, key_name};
use layerscope::tui::keymap::{Keymap, Lookup, parse_key, parse_sequence};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use proptest::prelude::*;

/// The keymap with these lines under `[keys]`, the first of which is line 1, and what is said about them.
fn keymap(lines: &[(&str, &str)]) -> (Keymap, Vec<String>) {
    let rebinding = |(at, (keys, action)): (usize, &(&str, &str))| Rebinding {
        keys: (*keys).to_owned(),
        action: (*action).to_owned(),
        line: at + 1,
    };
    let changes: Vec<Rebinding> = lines.iter().enumerate().map(rebinding).collect();
    let (keymap, errors) = Keymap::with(&changes);
    (keymap, errors.into_iter().map(|error| format!("{}: {error}", error.line)).collect())
}

fn pressed(keymap: &Keymap, keys: &str) -> Lookup {
    keymap.lookup(&parse_sequence(keys).unwrap())
}

#[test]
fn every_key_of_the_table_does_what_the_table_says() {
    let keymap = Keymap::default();
    for row in BINDINGS {
        assert_eq!(keymap.keys_of(row.action), row.keys, "{}", row.name);
        for keys in row.keys {
            assert_eq!(pressed(&keymap, keys), Lookup::Found(row.action), "{keys}");
            assert_eq!(parse_sequence(keys).unwrap().join(" "), *keys, "the table writes keys as they are printed");
        }
    }
}

#[test]
fn a_key_can_be_bound_anew_and_the_users_own_is_the_one_that_hints_show() {
    let (keymap, errors) = keymap(&[("ctrl-x", "save"), ("F5", "redraw"), ("s", "scale")]);
    assert_eq!(errors, [""; 0]);
    assert_eq!(pressed(&keymap, "ctrl-x"), Lookup::Found(Action::Save));
    assert_eq!(pressed(&keymap, "s"), Lookup::Found(Action::Scale));
    assert_eq!(keymap.keys_of(Action::Save), ["ctrl-x"]);
    assert_eq!(keymap.keys_of(Action::Redraw), ["F5", "ctrl-l"]);
}

#[test]
fn none_takes_a_binding_away() {
    let (keymap, errors) = keymap(&[("q", "none")]);
    assert_eq!(errors, [""; 0]);
    assert_eq!(pressed(&keymap, "q"), Lookup::None);
    assert_eq!(keymap.keys_of(Action::Quit), ["ctrl-c"]);
}

#[test]
fn an_unfinished_sequence_says_how_it_can_go_on() {
    let (keymap, errors) = keymap(&[("Q a", "save"), ("Q b x", "redraw")]);
    assert_eq!(errors, [""; 0]);
    let Lookup::Prefix(continuations) = pressed(&keymap, "Q") else { panic!("no prefix") };
    let keys: Vec<_> = continuations.iter().map(|(keys, name, _)| (keys.as_str(), *name)).collect();
    assert_eq!(keys, [("a", "save"), ("b x", "redraw")]);
    assert!(continuations.iter().all(|(_, _, description)| !description.is_empty()));
    assert_eq!(pressed(&keymap, "Q b x"), Lookup::Found(Action::Redraw));
    assert_eq!(pressed(&keymap, "Q z"), Lookup::None);
    assert_eq!(keymap.lookup(&[]), Lookup::None);
}

#[test]
fn a_binding_that_hides_a_sequence_or_is_hidden_by_one_is_refused_in_one_line() {
    let (bound, errors) = keymap(&[("q x", "save")]);
    assert_eq!(errors, ["1: `q x` would never be reached behind `q`; bind `q` to \"none\" first"]);
    assert_eq!(pressed(&bound, "q"), Lookup::Found(Action::Quit), "what was there is kept");
    let (_, errors) = keymap(&[("Q x", "save"), ("Q y", "help"), ("Q", "quit")]);
    assert_eq!(errors, ["3: `Q` would hide `Q x`, `Q y`; bind those to \"none\" first"]);
    let (bound, errors) = keymap(&[("q x", "save"), ("q", "none")]);
    assert_eq!(errors, [""; 0], "the order of the lines does not matter");
    assert_eq!(pressed(&bound, "q x"), Lookup::Found(Action::Save));
}

#[test]
fn what_cannot_be_bound_is_said_with_its_line() {
    let (_, errors) = keymap(&[
        ("ctrl-x", "sav"),
        ("crtl-x", "save"),
        ("Spcae", "save"),
        ("x", "qqqqqqqqqqqq"),
        ("ctrl-c", "save"),
        ("Q Esc", "save"),
        ("Y", "save"),
        ("shift-y", "help"),
        ("shift-Up", "help"),
        (" ", "help"),
        ("1", "help"),
    ]);
    assert_eq!(
        errors,
        [
            "1: there is no action 'sav'; did you mean save, save-numbers or scan?",
            "2: 'crtl-x' is no key: 'crtl' is none of ctrl, alt and shift; did you mean ctrl?",
            "3: 'Spcae' is no key; did you mean Space?",
            "4: there is no action 'qqqqqqqqqqqq'; `?` in the inspector lists them",
            "5: `ctrl-c` always leaves: it cannot be bound to anything else",
            "6: `Q Esc`: Esc ends an unfinished sequence and cannot be in one",
            "8: `Y` is bound a second time",
            "9: `shift-Up`: terminals tell shift apart only with letters and Tab",
            "10: a key is missing before `=`",
            "11: `1`: a number repeats the action after it, and cannot be bound",
        ]
    );
}

#[test]
fn keys_may_be_written_as_people_write_them() {
    for (written, printed) in [
        ("Ctrl-D", "ctrl-d"),
        ("alt-ctrl-x", "ctrl-alt-x"),
        ("shift-tab", "BackTab"),
        ("shift-g", "G"),
        ("escape", "Esc"),
        ("return", "Enter"),
        ("pgdn", "PageDown"),
        ("space", "Space"),
        ("f12", "F12"),
        ("-", "-"),
        ("ctrl--", "ctrl--"),
        ("é", "é"),
    ] {
        assert_eq!(parse_key(written).as_deref(), Ok(printed));
    }
}

fn key_code() -> impl Strategy<Value = KeyCode> {
    prop_oneof![
        any::<char>().prop_filter("typed", |character| !character.is_control()).prop_map(KeyCode::Char),
        proptest::char::range('!', '~').prop_map(KeyCode::Char),
        (1..=35_u8).prop_map(KeyCode::F),
        proptest::sample::select(vec![
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Insert,
        ]),
    ]
}

proptest! {
    #[test]
    fn every_key_that_is_printed_can_be_written(code in key_code(), ctrl: bool, alt: bool) {
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::CONTROL, ctrl);
        modifiers.set(KeyModifiers::ALT, alt);
        let name = key_name(KeyEvent::new(code, modifiers)).unwrap();
        prop_assert_eq!(parse_key(&name), Ok(name.clone()));
        prop_assert_eq!(parse_sequence(&format!("{name} {name}")).is_ok(), !name.eq("Esc"));
    }

    #[test]
    fn whatever_is_written_as_keys_is_answered(text in "\\PC*") {
        if let Ok(keys) = parse_sequence(&text) {
            prop_assert_eq!(parse_sequence(&keys.join(" ")), Ok(keys));
        }
    }
}

/// What a configuration file sets and binds, and what is said about it, each line as `NUMBER: MESSAGE`.
fn outcome(file: &Path) -> (BTreeMap<String, String>, Keymap, Vec<String>) {
    let mut configuration = Configuration::load(Some(file), |_| None).unwrap();
    let (keymap, errors) = Keymap::with(&configuration.keys);
    for error in errors {
        configuration.warn(error.line, &error.to_string());
    }
    let value = |name: &str| Some((name.to_owned(), configuration.value(name)?.text.clone()));
    let values = SETTINGS.iter().filter_map(|setting| value(setting.name)).collect();
    let place = format!("{}:", file.display());
    let said = configuration.warnings.iter().map(|warning| warning.strip_prefix(&place).unwrap().to_owned());
    (values, keymap, said.collect())
}

/// Each file of the folder says in its first comments what it `sets`, what it `binds`, and what the program `says` about it.
#[test]
fn configuration_files_set_what_is_right_in_them_and_the_rest_is_said_with_its_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configurations");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 7);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let expected = |what: &str| -> Vec<&str> { text.lines().filter_map(|line| line.strip_prefix(what)).collect() };
        let (values, keymap, said) = outcome(&file);
        assert_eq!(said, expected("# says: "), "{}", file.display());
        let values: Vec<String> = values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let mut sets = expected("# sets: ");
        sets.sort_unstable();
        assert_eq!(values, sets, "{}", file.display());
        let bound: Vec<String> = keymap
            .to_toml()
            .lines()
            .filter(|line| !Keymap::default().to_toml().contains(*line) && line.contains('='))
            .map(|line| line.split('#').next().unwrap().trim().replace('"', ""))
            .collect();
        let mut binds = expected("# binds: ");
        binds.sort_by_key(|line| bound.iter().position(|bound| bound == line));
        assert_eq!(bound, binds, "{}", file.display());
    }
}

#[test]
fn a_variable_of_the_environment_wins_over_the_file_each_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, "scale = \"layer\"\ncolormap = \"magma\"\ntheme = \"nord\"").unwrap();
    let load = |variables: &[(&str, &str)]| {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Configuration::load(Some(&file), variable).unwrap()
    };
    let text = |configuration: &Configuration, name: &str| configuration.value(name).unwrap().text.clone();
    let both = load(&[("LAYERSCOPE_SCALE", "signed"), ("LAYERSCOPE_LOG_FILE", "a.log"), ("LAYERSCOPE_THEME", "")]);
    assert_eq!(text(&both, "scale"), "signed");
    assert_eq!(text(&both, "colormap"), "magma");
    assert_eq!(text(&both, "log-file"), "a.log");
    assert_eq!(text(&both, "theme"), "nord", "an empty variable is none");
    let wrong = load(&[("LAYERSCOPE_SCALE", "loud")]);
    assert_eq!(text(&wrong, "scale"), "layer");
    assert!(wrong.warnings[0].starts_with("LAYERSCOPE_SCALE: unknown scale `loud`"), "{:?}", wrong.warnings);
    assert_eq!(text(&load(&[("NO_COLOR", "1")]), "theme"), "monochrome");
    assert_eq!(text(&load(&[("NO_COLOR", "1"), ("LAYERSCOPE_THEME", "paper")]), "theme"), "paper");
}

#[test]
fn the_file_is_the_named_one_or_the_variables_or_that_of_the_users_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, scale: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("scale = \"{scale}\"")).unwrap();
        path
    };
    let named = write("named.toml", "signed");
    let variables = write("variables.toml", "min-max");
    write("xdg/layerscope/config.toml", "layer");
    write("home/.config/layerscope/config.toml", "per-channel");
    let at = |name: &str| OsString::from(folder.path().join(name));
    let scale = |named: Option<&Path>, set: &[&str]| {
        let variable = |name: &str| match name {
            "LAYERSCOPE_CONFIG" => Some(OsString::from(&variables)),
            "XDG_CONFIG_HOME" => Some(at("xdg")),
            "HOME" => Some(at("home")),
            _ => None,
        };
        let configuration = Configuration::load(named, |name| variable(name).filter(|_| set.contains(&name))).unwrap();
        (configuration.value("scale").map(|value| value.text.clone()), configuration)
    };
    let all = ["LAYERSCOPE_CONFIG", "XDG_CONFIG_HOME", "HOME"];
    assert_eq!(scale(Some(&named), &all).0.as_deref(), Some("signed"));
    assert_eq!(scale(None, &all).0.as_deref(), Some("min-max"));
    let (in_xdg, configuration) = scale(None, &all[1..]);
    assert_eq!(in_xdg.as_deref(), Some("layer"));
    assert_eq!(configuration.themes, Some(folder.path().join("xdg/layerscope/themes")));
    assert_eq!(scale(None, &all[2..]).0.as_deref(), Some("per-channel"));
    assert_eq!(scale(None, &[]).1, Configuration::default(), "no home is no error");
    let absent = Configuration::load(Some(&folder.path().join("absent.toml")), |_| None).unwrap_err().to_string();
    assert!(absent.starts_with("--config ") && absent.contains("absent.toml: No such file"), "{absent}");
    let lost = |name: &str| (name == "LAYERSCOPE_CONFIG").then(|| at("lost.toml"));
    let warnings = Configuration::load(None, lost).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("lost.toml: No such file"), "{warnings:?}");
}

/// The program with nothing of the user's own.
fn layerscope(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerscope"));
    for setting in SETTINGS {
        command.env_remove(setting.variable());
    }
    command.env("XDG_CONFIG_HOME", home).env_remove("LAYERSCOPE_CONFIG").env_remove("NO_COLOR");
    command.args(arguments).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn print_config_is_a_file_that_changes_nothing_and_documents_everything() {
    let home = tempfile::tempdir().unwrap();
    let printed = layerscope(home.path(), &["--print-config"], &[]);
    assert!(printed.status.success());
    let text = String::from_utf8(printed.stdout).unwrap();
    let file = home.path().join("config.toml");
    fs::write(&file, &text).unwrap();
    let (values, keymap, said) = outcome(&file);
    assert_eq!(said, [""; 0]);
    for row in BINDINGS {
        assert_eq!(keymap.keys_of(row.action), row.keys, "{}", row.name);
    }
    // The values are those that the options have without a file; what has none is documented as a comment.
    let help = String::from_utf8(layerscope(home.path(), &["--help"], &[]).stdout).unwrap();
    for setting in SETTINGS {
        let default = help_default(&help, setting.name);
        assert_eq!(values.get(setting.name).cloned(), default, "{}", setting.name);
        let documented = if default.is_some() { "" } else { "# " };
        assert!(text.contains(&format!("\n{documented}{} = ", setting.name)), "{}", setting.name);
    }
    let home_with_it = tempfile::tempdir().unwrap();
    fs::create_dir(home_with_it.path().join("layerscope")).unwrap();
    fs::write(home_with_it.path().join("layerscope/config.toml"), &text).unwrap();
    let again = layerscope(home_with_it.path(), &["--print-config"], &[]);
    assert_eq!(String::from_utf8(again.stderr).unwrap(), "");
}

/// The default that `--help` names for an option.
fn help_default(help: &str, option: &str) -> Option<String> {
    let (_, rest) = help.split_once(&format!("\n      --{option} "))?;
    let own = rest.split("\n      --").next()?;
    Some(own.split_once("[default: ")?.1.split(']').next()?.to_owned())
}

#[test]
fn an_option_wins_over_the_environment_and_that_over_the_file_for_commands_too() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("layerscope")).unwrap();
    fs::write(home.path().join("layerscope/config.toml"), "device = \"cuda:41\"").unwrap();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let done = layerscope(home.path(), arguments, variables);
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let (code, error) = run(&["summary"], &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("cuda:41"), "{error}");
    let (_, error) = run(&["summary"], &[("LAYERSCOPE_DEVICE", "cuda:42")]);
    assert!(error.contains("cuda:42"), "{error}");
    let (code, error) = run(&["summary", "--device", "cpu"], &[("LAYERSCOPE_DEVICE", "cuda:42")]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
}

#[test]
fn a_configuration_can_be_named_before_and_after_a_command() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("other.toml");
    fs::write(&file, "\ncolour = 1").unwrap();
    let file = file.to_str().unwrap();
    let warning = format!("layerscope: {file}:2: there is no setting 'colour'; did you mean colormap?\n");
    for arguments in [
        vec!["--config", file, "completions", "bash"],
        vec![&format!("--config={file}"), "completions", "bash"],
        vec!["completions", "bash", "--config", file],
    ] {
        let done = layerscope(home.path(), &arguments, &[]);
        assert!(done.status.success(), "a wrong setting does not keep the program from starting");
        assert_eq!(String::from_utf8(done.stderr).unwrap(), warning, "{arguments:?}");
    }
    let absent = layerscope(home.path(), &["--config", "/nowhere.toml", "--print-config"], &[]);
    assert_eq!(absent.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(absent.stderr).unwrap(),
        "layerscope: --config /nowhere.toml: No such file or directory (os error 2)\n"
    );
}

#[test]
fn a_theme_that_does_not_exist_is_refused_as_an_option_and_left_out_in_the_file() {
    let home = tempfile::tempdir().unwrap();
    let refused = layerscope(home.path(), &["--theme", "nrod"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    let line = "layerscope: there is no theme 'nrod'; did you mean nord?\n";
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), line);
    let half = layerscope(home.path(), &["--theme", "light=paper"], &[]);
    assert_eq!(half.status.code(), Some(2));
    let warned = layerscope(home.path(), &["--print-config"], &[("LAYERSCOPE_THEME", "light=nrod,dark=night")]);
    assert!(warned.status.success());
    let line = "layerscope: LAYERSCOPE_THEME: there is no theme 'nrod'; did you mean nord?\n";
    assert_eq!(String::from_utf8(warned.stderr).unwrap(), line);
}

/// Everything that the inspector writes to a terminal, and its screen once it shows the demo; then `leave` is pressed. The terminal says that its
/// background is `background`.
fn shown(home: &Path, arguments: &[&str], background: &str, leave: &str) -> (String, String) {
    let pair = native_pty_system().openpty(PtySize { rows: 40, cols: 140, ..PtySize::default() }).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_layerscope"));
    command.args(arguments);
    command.args(["--graphics", "cells", "--demo", "book"]);
    for setting in SETTINGS {
        command.env_remove(setting.variable());
    }
    for name in ["TMUX", "NO_COLOR", "LAYERSCOPE_CONFIG"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color");
    command.env("COLORTERM", "truecolor");
    command.env("XDG_CONFIG_HOME", home);
    command.cwd(home);
    let mut child = pair.slave.spawn_command(command).unwrap();
    let (mut keyboard, mut reader) = (pair.master.take_writer().unwrap(), pair.master.try_clone_reader().unwrap());
    let (sender, output) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut screen = vt100::Parser::new(40.try_into().unwrap(), 140.try_into().unwrap(), 0);
    let (mut raw, mut leaving, start) = (Vec::new(), false, Instant::now());
    let mut last = String::new();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_mins(1), "{last}");
        let Ok(bytes) = output.recv_timeout(Duration::from_millis(50)) else { continue };
        let asked = |what: &str| bytes.windows(what.len()).any(|window| window == what.as_bytes());
        if asked("\x1b]11;?") {
            let ink = if background == "ffff" { "0000" } else { "ffff" };
            for (number, color) in [(10, ink), (11, background)] {
                keyboard.write_all(format!("\x1b]{number};rgb:{color}/{color}/{color}\x1b\\").as_bytes()).unwrap();
            }
        }
        if asked("\x1b[c") {
            keyboard.write_all(b"\x1b[?62;22c\x1b[0n").unwrap();
        }
        keyboard.flush().unwrap();
        screen.process(&bytes);
        raw.extend(bytes);
        if !leaving {
            last = screen.screen().contents();
        }
        if last.contains("conv2d_20") && !leaving {
            leaving = true;
            keyboard.write_all(leave.as_bytes()).unwrap();
        }
    }
    (String::from_utf8_lossy(&raw).into_owned(), last)
}

#[test]
fn the_inspector_starts_as_it_is_configured_and_says_what_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("messages.log");
    fs::write(
        home.path().join("config.toml"),
        format!("scale = \"layer\"\ntheme = \"nord\"\nmouse = false\nlog-file = \"{}\"\nthreds = 1\n[keys]\n\"ctrl-x\" = \"quit\"", log.display()),
    )
    .unwrap();
    let (raw, screen) = shown(home.path(), &["--config", "config.toml", "--colormap", "magma"], "0000", "\x18");
    let warning = "config.toml:5: there is no setting 'threds'; did you mean threads or theme?";
    assert!(screen.contains(warning), "{screen}");
    assert!(raw.starts_with(&format!("layerscope: {warning}")), "it is on the screen to which the user comes back");
    assert!(raw.contains("48;2;46;52;64"), "nord's background");
    assert!(!raw.contains("\x1b[?1003h"), "no mouse");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.starts_with("layerscope ") && log.contains(warning), "{log}");
    let (raw, _) = shown(home.path(), &[], "0000", "q");
    assert!(raw.contains("\x1b[?1003h") && raw.contains("\x1b[?1003l"), "the mouse is taken and given back");
}

#[test]
fn of_two_themes_the_one_that_fits_the_terminal_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let themes = ["--theme", "light=paper,dark=nord"];
    assert!(shown(home.path(), &themes, "ffff", "q").0.contains("48;2;251;248;239"), "paper");
    assert!(shown(home.path(), &themes, "0000", "q").0.contains("48;2;46;52;64"), "nord");
}
