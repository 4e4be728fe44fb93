//! The real program in a pseudo-terminal: it opens the demo, answers keys, and leaves the terminal as it found it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Longest wait for something to appear: libtorch takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    raw: Vec<u8>,
    /// The terminal's modes before the program ran.
    modes_before: String,
    /// What the terminal answers when it is asked.
    answer: &'static str,
    /// Home of what the program writes by itself.
    state: tempfile::TempDir,
}

const LAYERSCOPE: &str = env!("CARGO_BIN_EXE_layerscope");

/// A terminal without pictures still says who it is.
const PLAIN: &str = "\x1b[?62;22c\x1b[0n";

impl Program {
    fn start(arguments: &[&str]) -> Self {
        Self::start_in(&std::env::current_dir().unwrap(), arguments)
    }

    fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[], PLAIN)
    }

    fn start_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], answer: &'static str) -> Self {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--graphics", "cells"]).collect();
        Self::start_anything(LAYERSCOPE, folder, &arguments, variables, answer)
    }

    fn start_command(program: &str, arguments: &[&str]) -> Self {
        Self::start_anything(program, &std::env::current_dir().unwrap(), arguments, &[], PLAIN)
    }

    fn start_anything(
        program: &str,
        folder: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        answer: &'static str,
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let pair =
            native_pty_system().openpty(PtySize { rows: 40, cols: 120, pixel_width: 1200, pixel_height: 800 }).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(folder);
        command.env("TERM", "xterm-256color");
        command.env("XDG_STATE_HOME", state.path());
        command.env_remove("TMUX");
        for (name, value) in variables {
            command.env(name, value);
        }
        let modes_before = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        let (keyboard, mut reader) = (pair.master.take_writer().unwrap(), pair.master.try_clone_reader().unwrap());
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            master: pair.master,
            keyboard,
            output,
            screen: vt100::Parser::new(NonZeroU16::new(40).unwrap(), NonZeroU16::new(120).unwrap(), 0),
            raw: Vec::new(),
            modes_before,
            answer,
            state,
        }
    }

    /// What the program has written to its log.
    fn log(&self) -> String {
        std::fs::read_to_string(self.state.path().join("layerscope/layerscope.log")).unwrap_or_default()
    }

    /// Waits until the program has asked the terminal.
    fn await_questions(&mut self) {
        let start = Instant::now();
        while !self.raw.ends_with(b"\x1b[c\x1b[5n") {
            assert!(start.elapsed() < PATIENCE, "the terminal is not asked");
            self.read(Duration::from_millis(20));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Waits until the program is stopped: it gives the terminal back a moment before.
    fn await_stop(&self) {
        let status = format!("/proc/{}/stat", self.child.process_id().unwrap());
        let start = Instant::now();
        while !std::fs::read_to_string(&status).unwrap().contains(") T ") {
            assert!(start.elapsed() < PATIENCE, "the program does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the screen shows `text`.
    fn see(&mut self, text: &str) {
        let start = Instant::now();
        while !self.screen.screen().contents().contains(text) {
            assert!(start.elapsed() < PATIENCE, "no '{text}' on the screen:\n{}", self.screen.screen().contents());
            self.read(Duration::from_millis(50));
        }
    }

    /// Waits until the screen does not show `text` any more.
    fn miss(&mut self, text: &str) {
        let start = Instant::now();
        while self.screen.screen().contents().contains(text) {
            assert!(start.elapsed() < PATIENCE, "'{text}' stays on the screen:\n{}", self.screen.screen().contents());
            self.read(Duration::from_millis(50));
        }
    }

    fn read(&mut self, wait: Duration) {
        if let Ok(bytes) = self.output.recv_timeout(wait) {
            if bytes.windows(4).any(|window| window == b"\x1b[5n") {
                self.press(self.answer);
            }
            self.screen.process(&bytes);
            self.raw.extend(bytes);
        }
    }

    /// Waits for the end, and gives the exit code.
    fn end(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            self.read(Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().unwrap() {
                while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
                    self.raw.extend(bytes);
                }
                return status.exit_code();
            }
            assert!(start.elapsed() < PATIENCE, "the program does not end");
        }
    }

    /// What must have been undone at the end: the other screen, the hidden cursor, focus events and bracketed paste.
    fn assert_restored(&self) {
        let text = String::from_utf8_lossy(&self.raw);
        for (taken, given_back) in [
            ("\x1b[?1049h", "\x1b[?1049l"),
            ("\x1b[?25l", "\x1b[?25h"),
            ("\x1b[?1004h", "\x1b[?1004l"),
            ("\x1b[?2004h", "\x1b[?2004l"),
        ] {
            let (first, last) = (text.rfind(taken), text.rfind(given_back));
            assert!(first.is_some() && last > first, "{taken:?} is not undone by {given_back:?}");
        }
    }

    fn modes(&self) -> String {
        format!("{:?}", self.master.get_termios().unwrap())
    }
}

#[test]
fn a_walk_through_the_demo() {
    let mut program = Program::start(&[]);
    program.see("Layers");
    program.see("conv2d_20");
    program.see("Grad-CAM of cat");
    assert_ne!(program.modes(), program.modes_before, "keys arrive one by one");
    program.press("j");
    program.see(" max_pooling2d_20 · activations");
    program.press("jjjjj\r");
    program.see(" conv2d_23 · activations");
    program.see("of 128");
    program.press("\x1b[6~");
    program.see("64–127 of 128");
    program.press("\r");
    program.see("15×15");
    program.press("\x1b");
    program.miss("15×15 values");
    program.press("c");
    program.see("Grad-CAM of dog");
    program.press("glggp");
    program.see(" conv2d_20 · patterns");
    program.see("the book's recipe");
    program.press("?G");
    program.see("this help");
    program.press("\x1b");
    program.miss("this help");
    program.press("q");
    assert_eq!(program.end(), 0);
    program.assert_restored();
    assert_eq!(program.modes(), program.modes_before, "the terminal is as it was");
}

#[test]
fn a_model_that_cannot_be_opened_is_a_message_in_the_pane() {
    let mut program = Program::start(&["no-such-model.pt2"]);
    program.see("no-such-model.pt2: there is no");
    program.press("q");
    assert_eq!(program.end(), 0);
    program.assert_restored();
}

#[test]
fn a_picture_that_is_none_is_a_message_in_the_pane_and_the_next_one_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.png"), "not a picture at all").unwrap();
    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let mut program = Program::start_in(folder.path(), &["demo", "notes.png", chelsea]);
    program.see("not a picture");
    program.press(".");
    program.see("Grad-CAM of cat");
    program.press("q");
    assert_eq!(program.end(), 0);
}

#[test]
fn termination_and_hang_up_restore_the_terminal() {
    for (signal, number) in [("TERM", 15), ("HUP", 1)] {
        let mut program = Program::start(&[]);
        program.see("Layers");
        program.signal(signal);
        assert_eq!(program.end(), 128 + number);
        program.assert_restored();
        assert_eq!(program.modes(), program.modes_before);
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_program_is_continued() {
    let mut program = Program::start(&[]);
    program.see("Grad-CAM of cat");
    program.press("\x1a");
    program.miss("Layers");
    program.await_stop();
    program.assert_restored();
    assert_eq!(program.modes(), program.modes_before);
    program.signal("CONT");
    program.see("Grad-CAM of cat");
    program.press("j");
    program.see(" max_pooling2d_20 · activations");
    program.press("q");
    assert_eq!(program.end(), 0);
    program.assert_restored();
}

#[test]
fn s_saves_what_is_shown_into_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start_in(folder.path(), &[]);
    program.see("Grad-CAM of cat");
    program.press("gc");
    program.see("0–31 of 32");
    program.press("s");
    program.see("saved");
    program.press("S");
    program.see(".npy");
    program.press("ghs");
    program.see("cat-map.png");
    program.press("q");
    assert_eq!(program.end(), 0);
    let size = |name: &str| image::image_dimensions(folder.path().join(name)).unwrap();
    assert_eq!(size("cats_and_dogs_small_2-cat-map.png"), (150, 150), "what the network saw, at its own size");
    let page = size("cats_and_dogs_small_2-conv2d_20-activations-from-0.png");
    assert_eq!(page.0 % 149, 148, "channels of 148×148 with a gap of one between them");
    let numbers = std::fs::read(folder.path().join("cats_and_dogs_small_2-conv2d_20-activations-from-0.npy")).unwrap();
    assert_eq!(npyz::NpyFile::new(numbers.as_slice()).unwrap().shape(), [32, 148, 148]);
    let about = std::fs::read(folder.path().join("cats_and_dogs_small_2-cat-map.png.json")).unwrap();
    let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
    assert_eq!((&about["method"], &about["layers"][0]), (&"grad-cam".into(), &"conv2d_23".into()), "{about}");
    let copied = String::from_utf8_lossy(&program.raw).matches("\x1b]52;c;").count();
    assert_eq!(copied, 3, "each path goes to the clipboard");
}

#[test]
fn where_stdout_is_no_terminal_the_summary_is_printed() {
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_layerscope"));
        let done = command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
        assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]));
        String::from_utf8(done.stdout).unwrap()
    };
    let printed = run(&[]);
    assert!(printed.contains("conv2d_20") && !printed.contains('\x1b'), "{printed}");
    assert_eq!(printed, run(&["summary"]));
}

#[test]
fn a_terminal_that_can_only_print_lines_is_told_what_works_there() {
    let here = std::env::current_dir().unwrap();
    let mut program = Program::start_with(&here, &[], &[("TERM", "dumb")], PLAIN);
    assert_eq!(program.end(), 2);
    let text = String::from_utf8(program.raw).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("TERM is dumb") && text.contains("summary") && !text.contains('\x1b'), "{text}");
}

#[test]
fn keys_typed_while_the_terminal_is_asked_are_not_lost() {
    let here = std::env::current_dir().unwrap();
    let mut program = Program::start_with(&here, &[], &[], "");
    program.await_questions();
    program.press("?\x1bP>|slow(1.0)\x1b\\G");
    program.press(PLAIN);
    program.see("this help");
    program.press("\x1b");
    program.miss("this help");
    program.press("q");
    assert_eq!(program.end(), 0);
}

#[test]
fn answers_that_come_too_late_do_nothing() {
    let here = std::env::current_dir().unwrap();
    let mut program = Program::start_with(&here, &[], &[], "");
    program.await_questions();
    program.see("Grad-CAM of cat");
    // Letters of these would quit, search and move.
    program
        .press("\x1bP>|quick/jq(1.0)\x1b\\\x1b_Gi=31;OKq\x1b\\\x1b]11;rgb:1/1/1\x07\x1b[?2026;2$y\x1b[?62;4c\x1b[0n");
    program.press("j");
    program.see(" max_pooling2d_20 · activations");
    program.press("q");
    assert_eq!(program.end(), 0);
    program.assert_restored();
}

#[test]
fn a_lost_line_ends_the_program() {
    let mut program = Program::start(&[]);
    program.see("Grad-CAM of cat");
    let id = program.child.process_id().unwrap();
    let Program { mut child, master, keyboard, output, .. } = program;
    drop((keyboard, master, output));
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "process {id} lives on without a terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_libtorch_prints_goes_to_the_log_and_not_to_the_screen() {
    let here = std::env::current_dir().unwrap();
    // oneDNN, which libtorch convolves with, prints on stdout then.
    let mut program = Program::start_with(&here, &[], &[("ONEDNN_VERBOSE", "1")], PLAIN);
    program.see("Grad-CAM of cat");
    program.press("q");
    assert_eq!(program.end(), 0);
    program.assert_restored();
    assert!(!String::from_utf8_lossy(&program.raw).contains("onednn_verbose"));
    let log = program.log();
    assert!(log.starts_with("layerscope ") && log.contains("pictures: cells, because --graphics asks for it"), "{log}");
    assert!(log.contains("onednn_verbose"), "{log}");
}

#[test]
fn a_program_that_is_killed_or_aborts_leaves_a_terminal_that_can_be_used() {
    for signal in ["KILL", "ABRT"] {
        // A shell owns the terminal, as everywhere else: what its owner leaves is hung up.
        let mut program = Program::start_command("sh", &["-c", "\"$0\" --graphics cells; sleep 60", LAYERSCOPE]);
        program.see("Grad-CAM of cat");
        assert!(!program.modes().contains("ICANON"));
        let shell = program.child.process_id().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), children.trim()]).status().unwrap();
        assert!(sent.success());
        let start = Instant::now();
        while !String::from_utf8_lossy(&program.raw).contains("\x1b[?25h") {
            assert!(start.elapsed() < PATIENCE, "nobody gives the screen back after SIG{signal}");
            program.read(Duration::from_millis(20));
        }
        program.assert_restored();
        while !program.modes().contains("ICANON") {
            assert!(start.elapsed() < PATIENCE, "no lines can be typed after SIG{signal}: {}", program.modes());
            std::thread::sleep(Duration::from_millis(10));
        }
        program.child.kill().unwrap();
    }
}
