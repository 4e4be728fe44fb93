//! `layerscope doctor`: what a person pastes into a bug report.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::Value;

const DOCTOR: &str = env!("CARGO_BIN_EXE_layerscope");

/// Longest wait for the doctor: libtorch takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What kitty 0.41 answers.
const KITTY: &str = "\x1bP>|kitty(0.41.1)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[6;18;9t\
                     \x1b[4;936;1350t\x1b[?2026;2$y\x1b[?62;c\x1b[0n";

/// The environment of a bare terminal.
fn variables(home: &Path) -> Vec<(&'static str, String)> {
    let home = home.display().to_string();
    vec![
        ("TERM", "xterm-256color".to_owned()),
        ("HOME", home.clone()),
        ("XDG_STATE_HOME", format!("{home}/state")),
        ("XDG_CONFIG_HOME", format!("{home}/config")),
        ("PATH", std::env::var("PATH").unwrap()),
    ]
}

/// Runs a shell's command in a terminal that answers each round of questions with the next of `answers`. Gives what was on
/// the screen.
fn in_terminal(home: &Path, command: &str, extra: &[(&str, &str)], answers: &[&str]) -> String {
    let size = PtySize { rows: 40, cols: 120, pixel_width: 1200, pixel_height: 800 };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut shell = CommandBuilder::new("sh");
    shell.args(["-c", command]);
    shell.env_clear();
    for (name, value) in variables(home) {
        shell.env(name, value);
    }
    for (name, value) in extra {
        shell.env(name, value);
    }
    let before = format!("{:?}", pair.master.get_termios().unwrap());
    let mut child = pair.slave.spawn_command(shell).unwrap();
    let (mut keyboard, mut reader) = (pair.master.take_writer().unwrap(), pair.master.try_clone_reader().unwrap());
    let (sender, output) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let (start, mut screen, mut answers) = (Instant::now(), Vec::new(), answers.iter());
    loop {
        if let Ok(bytes) = output.recv_timeout(Duration::from_millis(100)) {
            if bytes.windows(3).any(|window| window == b"[5n") {
                keyboard.write_all(answers.next().unwrap_or(&"").as_bytes()).unwrap();
            }
            screen.extend(bytes);
        } else if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{}", String::from_utf8_lossy(&screen));
            break;
        }
        assert!(start.elapsed() < PATIENCE, "no end: {}", String::from_utf8_lossy(&screen));
    }
    assert_eq!(format!("{:?}", pair.master.get_termios().unwrap()), before, "the terminal is as it was");
    String::from_utf8(screen).unwrap()
}

#[test]
fn in_kitty_it_prints_what_was_asked_and_answered_and_what_follows_from_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("report.txt");
    let screen = in_terminal(home.path(), &format!("{DOCTOR} doctor > {}", file.display()), &[], &[KITTY]);
    let report = fs::read_to_string(file).unwrap();
    assert!(report.chars().all(|letter| letter == '\n' || !letter.is_control()), "fit for a bug report");
    for line in [
        format!("layerscope {} on ", env!("CARGO_PKG_VERSION")),
        "  name                  kitty(0.41.1)".to_owned(),
        "  TERM                  xterm-256color".to_owned(),
        "  standard output       no terminal".to_owned(),
        "  size                  120×40".to_owned(),
        "  cell size             9×18 pixels; the terminal says so (CSI 16 t)".to_owned(),
        "  background            light".to_owned(),
        "  synchronized updates  yes".to_owned(),
        r"\eP>|kitty(0.41.1)\e\\".to_owned(),
        r"  device attributes     \e[c                                    \e[?62;c".to_owned(),
        "  drawn by   kitty\n".to_owned(),
        "  because    the terminal takes kitty graphics".to_owned(),
        "--graphics auto|kitty|sixel|iterm2|cells|off, LAYERSCOPE_GRAPHICS".to_owned(),
        format!("  version  {}", layerscope::aten::libtorch_version()),
        "layerscope.log".to_owned(),
    ] {
        assert!(report.contains(&line), "no '{line}' in\n{report}");
    }
    assert!(!screen.contains("Terminal") && screen.ends_with("\x1b[5n"), "only the questions are on the screen");
}

#[test]
fn inside_tmux_the_terminal_outside_is_asked_through_it() {
    let home = tempfile::tempdir().unwrap();
    let answers = ["\x1bP>|tmux 3.5a\x1b\\\x1b[?1;2;4c\x1b[0n", KITTY];
    // TMUX is not set over SSH, and TERM need not say anything either.
    let screen = in_terminal(home.path(), &format!("{DOCTOR} doctor --format json"), &[], &answers);
    assert!(screen.contains("\x1bPtmux;\x1b\x1b[>q\x1b\x1b_Gi=31"), "{screen}");
    let json = &screen[screen.find('{').unwrap()..];
    let report: Value = serde_json::from_str(json).unwrap();
    assert_eq!(report["terminal"]["name"], "tmux 3.5a");
    assert_eq!(report["questions"].as_array().unwrap().len(), 2);
    assert_eq!(report["questions"][1]["through_tmux"], true);
    assert_eq!((&report["pictures"]["protocol"], &report["pictures"]["through_tmux"]), (&"kitty".into(), &true.into()));
    assert_eq!(report["terminal"]["cell_size"], serde_json::json!([9, 18]));
}

#[test]
fn a_terminal_that_calls_itself_something_wild_cannot_steer_the_one_where_the_report_is_read() {
    let home = tempfile::tempdir().unwrap();
    let answer = "\x1bP>|ki\u{202e}tty\u{9b}2J\u{8}(9)\x1b\\\x1b[0n";
    let screen = in_terminal(home.path(), &format!("{DOCTOR} doctor"), &[], &[answer]);
    let report = &screen[screen.find("layerscope ").unwrap()..];
    assert!(report.contains("kitty2J(9)"), "{report}");
    assert!(report.chars().all(|letter| matches!(letter, '\r' | '\n') || !letter.is_control()), "{report:?}");
}

#[test]
fn what_the_user_set_is_named_with_where_it_was_set() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("config/layerscope")).unwrap();
    let reason = |arguments: &str, extra: &[(&str, &str)]| {
        let screen = in_terminal(home.path(), &format!("{DOCTOR} doctor --format json {arguments}"), extra, &[KITTY]);
        let report: Value = serde_json::from_str(&screen[screen.find('{').unwrap()..]).unwrap();
        (report["pictures"]["protocol"].clone(), report["pictures"]["reason"].as_str().unwrap().to_owned())
    };
    fs::write(home.path().join("config/layerscope/config.toml"), "graphics = \"cells\"\n").unwrap();
    let (protocol, said) = reason("", &[]);
    assert_eq!(protocol, "cells");
    assert!(said.contains("config.toml:1 asks for it"), "{said}");
    let variable = [("LAYERSCOPE_GRAPHICS", "sixel")];
    assert_eq!(reason("", &variable), ("sixel".into(), "LAYERSCOPE_GRAPHICS asks for it".to_owned()));
    assert_eq!(reason("--graphics off", &variable), ("off".into(), "--graphics asks for no pictures".to_owned()));
}

#[test]
fn a_pager_that_reads_the_keyboard_does_not_get_the_answers() {
    let home = tempfile::tempdir().unwrap();
    let screen = in_terminal(home.path(), &format!("{DOCTOR} doctor | cat"), &[], &[KITTY]);
    assert!(!screen.contains('\x1b'), "nothing is asked");
    assert!(screen.contains("standard output is a pipe"), "{screen}");
}

#[test]
fn without_a_terminal_it_says_so() {
    let home = tempfile::tempdir().unwrap();
    // A session of its own has no terminal, wherever the tests run.
    let mut command = Command::new("setsid");
    command.args(["--wait", DOCTOR, "doctor"]).env_clear().envs(variables(home.path()));
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    let report = String::from_utf8(done.stdout).unwrap();
    for line in ["there is no terminal", "standard input        no terminal", "assumed", "drawn by   off", "CUDA"] {
        assert!(report.contains(line), "no '{line}' in\n{report}");
    }
}
