//! The real program in a pseudo-terminal, over a line that may be slow.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "each file that includes it uses a part of it; a test may panic"
)]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Longest wait for something to appear: libtorch takes its time on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub const LAYERSCOPE: &str = env!("CARGO_BIN_EXE_layerscope");

/// Arguments that open the book's network, whose numbers the tests know.
pub const BOOK: &[&str] = &["--demo", "book"];

/// What a terminal without pictures answers when it is asked who it is.
pub const PLAIN: &str = "\x1b[?62;22c\x1b[0n";
/// What kitty answers.
pub const KITTY: &str = "\x1bP>|kitty(0.41.1)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62;c\x1b[0n";

/// Pixels of a cell.
const CELL: (u16, u16) = (10, 20);

/// The way between the program and the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Bytes a second to the terminal; nothing where they arrive at once.
    pub rate: Option<f64>,
    /// From end to end, each way.
    pub delay: Duration,
    /// Bytes that are taken from the program before the line has carried those before them.
    pub buffer: usize,
}

impl Line {
    /// Between two programs of one machine.
    pub const LOCAL: Self = Self { rate: None, delay: Duration::ZERO, buffer: usize::MAX };
}

/// How a program is started.
#[derive(Debug, Clone)]
pub struct Launch {
    pub program: String,
    pub arguments: Vec<String>,
    pub folder: PathBuf,
    pub environment: Vec<(String, String)>,
    /// What the terminal answers when it is asked.
    pub answer: &'static str,
    pub line: Line,
}

impl Launch {
    pub fn of(program: &str, arguments: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            folder: std::env::current_dir().unwrap(),
            environment: Vec::new(),
            answer: PLAIN,
            line: Line::LOCAL,
        }
    }

    pub fn start(&self) -> Program {
        Program::launch(self)
    }
}

/// Bytes on their way to the terminal.
#[derive(Debug)]
pub struct Chunk {
    /// When the program had written them.
    pub written: Instant,
    /// When they arrive.
    pub due: Instant,
    /// Bytes that the line has still to carry then, with these.
    pub outstanding: usize,
    pub bytes: Vec<u8>,
}

pub struct Program {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    pub screen: vt100::Parser,
    /// Everything that has arrived, and when the last of it did.
    pub raw: Vec<u8>,
    pub arrived: Instant,
    /// Most bytes that the line had to carry at once.
    pub most_outstanding: usize,
    /// The terminal's modes before the program ran.
    pub modes_before: String,
    pub keyboard: Sender<(Instant, Vec<u8>)>,
    pub output: Receiver<Chunk>,
    arriving: Option<Chunk>,
    questions: Vec<u8>,
    answer: &'static str,
    line: Line,
    /// Home of what the program writes by itself.
    state: tempfile::TempDir,
}

impl Program {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(&std::env::current_dir().unwrap(), arguments)
    }

    pub fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[], PLAIN)
    }

    pub fn start_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], answer: &'static str) -> Self {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--graphics", "cells"]).collect();
        let environment = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Launch { folder: folder.to_owned(), environment, answer, ..Launch::of(LAYERSCOPE, &arguments) }.start()
    }

    pub fn start_command(program: &str, arguments: &[&str]) -> Self {
        Launch::of(program, arguments).start()
    }

    fn launch(launch: &Launch) -> Self {
        let state = tempfile::tempdir().unwrap();
        let pair = native_pty_system().openpty(size_of(120, 40)).unwrap();
        let mut command = CommandBuilder::new(&launch.program);
        command.args(&launch.arguments);
        command.cwd(&launch.folder);
        for name in ["TMUX", "SSH_CONNECTION"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("XDG_STATE_HOME", state.path());
        command.env("XDG_CACHE_HOME", state.path().join("cache"));
        for (name, value) in &launch.environment {
            command.env(name, value);
        }
        let modes_before = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        let (mut writer, reader) = (pair.master.take_writer().unwrap(), pair.master.try_clone_reader().unwrap());
        let (keyboard, typed) = channel::<(Instant, Vec<u8>)>();
        std::thread::spawn(move || {
            for (due, keys) in typed {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                // The program may be gone.
                let _ = writer.write_all(&keys).and_then(|()| writer.flush());
            }
        });
        let (sender, output) = channel();
        let line = launch.line;
        std::thread::spawn(move || carry(reader, line, &sender));
        Self {
            child,
            master: pair.master,
            screen: vt100::Parser::new(cells(40), cells(120), 0),
            raw: Vec::new(),
            arrived: Instant::now(),
            most_outstanding: 0,
            modes_before,
            keyboard,
            output,
            arriving: None,
            questions: Vec::new(),
            answer: launch.answer,
            line,
            state,
        }
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Waits until the program is stopped: it gives the terminal back a moment before.
    pub fn await_stop(&self) {
        let status = format!("/proc/{}/stat", self.child.process_id().unwrap());
        let start = Instant::now();
        while !std::fs::read_to_string(&status).unwrap().contains(") T ") {
            assert!(start.elapsed() < PATIENCE, "the program does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn press(&mut self, keys: &str) {
        self.send(keys.as_bytes());
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.keyboard.send((Instant::now() + self.line.delay, bytes.to_vec())).unwrap();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.master.resize(size_of(columns, rows)).unwrap();
        self.screen.screen_mut().set_size(cells(rows), cells(columns));
    }

    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen shows `text`.
    pub fn see(&mut self, text: &str) {
        let start = Instant::now();
        while !self.contents().contains(text) {
            assert!(start.elapsed() < PATIENCE, "no '{text}' on the screen:\n{}", self.contents());
            self.read(Duration::from_millis(50));
        }
    }

    /// Waits until the screen does not show `text` any more.
    pub fn miss(&mut self, text: &str) {
        let start = Instant::now();
        while self.contents().contains(text) {
            assert!(start.elapsed() < PATIENCE, "'{text}' stays on the screen:\n{}", self.contents());
            self.read(Duration::from_millis(50));
        }
    }

    /// Waits until nothing has been written for a while, or until `most` is over; says whether it is quiet.
    pub fn quiet(&mut self, pause: Duration, most: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < most {
            if !self.read(pause) {
                return true;
            }
        }
        false
    }

    /// Takes what arrives within `wait`; says whether anything did.
    pub fn read(&mut self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        if self.arriving.is_none() {
            self.arriving = self.output.recv_timeout(wait).ok();
        }
        let Some(chunk) = self.arriving.take_if(|chunk| chunk.due <= end) else {
            std::thread::sleep(end.saturating_duration_since(Instant::now()).min(wait));
            return false;
        };
        std::thread::sleep(chunk.due.saturating_duration_since(Instant::now()));
        self.most_outstanding = self.most_outstanding.max(chunk.outstanding);
        self.answer(&chunk.bytes);
        self.screen.process(&chunk.bytes);
        self.raw.extend(chunk.bytes);
        self.arrived = chunk.due;
        true
    }

    /// The terminal says who it is, once everything is asked.
    fn answer(&mut self, bytes: &[u8]) {
        self.questions.extend(bytes);
        if self.questions.windows(4).any(|window| window == b"\x1b[5n") {
            self.questions.clear();
            self.press(self.answer);
        }
        // A question may be cut in two.
        let old = self.questions.len().saturating_sub(3);
        self.questions.drain(..old);
    }

    /// What the program has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.path().join("layerscope/layerscope.log")).unwrap_or_default()
    }

    /// Waits until the program has asked the terminal.
    pub fn await_questions(&mut self) {
        let start = Instant::now();
        while !self.raw.ends_with(b"\x1b[c\x1b[5n") {
            assert!(start.elapsed() < PATIENCE, "the terminal is not asked");
            self.read(Duration::from_millis(20));
        }
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end, and gives the exit code.
    pub fn end(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            self.read(Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().unwrap() {
                while self.read(Duration::from_millis(200)) {}
                return status.exit_code();
            }
            assert!(start.elapsed() < PATIENCE, "the program does not end:\n{}", self.contents());
        }
    }

    /// What must have been undone at the end: the other screen, the hidden cursor, focus events and bracketed paste.
    pub fn assert_restored(&self) {
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

    /// Leaves by the key for it; the terminal must be as it was.
    pub fn leave(&mut self) {
        self.press("q");
        assert_eq!(self.end(), 0);
        self.assert_restored();
    }

    pub fn modes(&self) -> String {
        format!("{:?}", self.master.get_termios().unwrap())
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

fn size_of(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: columns * CELL.0, pixel_height: rows * CELL.1 }
}

/// Takes what the program writes, as fast as the line's buffer allows, and says when each part arrives.
fn carry(mut reader: Box<dyn Read + Send>, line: Line, arriving: &Sender<Chunk>) {
    let mut free = Instant::now();
    let mut buffer = vec![0; 1 << 14];
    loop {
        if let Some(rate) = line.rate {
            let full = Duration::from_secs_f64((line.buffer as f64 / rate).min(1e6));
            std::thread::sleep(free.saturating_duration_since(Instant::now()).saturating_sub(full));
        }
        let Ok(count @ 1..) = reader.read(&mut buffer) else { return };
        let written = Instant::now();
        free = free.max(written);
        if let Some(rate) = line.rate {
            free += Duration::from_secs_f64(count as f64 / rate);
        }
        let waits = free.saturating_duration_since(written).as_secs_f64();
        let outstanding = (waits * line.rate.unwrap_or(0.0)).round() as usize;
        let chunk = Chunk { written, due: free + line.delay, outstanding, bytes: buffer[..count].to_vec() };
        if arriving.send(chunk).is_err() {
            return;
        }
    }
}
