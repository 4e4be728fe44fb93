//! The real program in a terminal that draws pictures, by each protocol: what a person sees after popups, redraws and fast
//! keys is what was there before, nothing is written while nothing changes, and nothing is left behind.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/screen.rs"]
mod screen;

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use image::RgbImage;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use screen::Screen;

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// Pixels of a cell.
const CELL: (u16, u16) = (10, 20);
/// Longest wait for something to appear: libtorch takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// After this long without a byte nothing more is on its way.
const QUIET: Duration = Duration::from_millis(2500);

struct Program {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    master: Box<dyn MasterPty + Send>,
    screen: Screen,
    raw: Vec<u8>,
}

impl Program {
    /// The demo, with its pages and its heatmap on the screen.
    fn start(graphics: &str) -> Self {
        let pair = native_pty_system().openpty(size(ROWS)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_layerscope"));
        command.args(["--graphics", graphics, "--demo", "book"]);
        let home = tempfile::tempdir().unwrap();
        command.env("XDG_CONFIG_HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env_remove("TMUX");
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
        let screen = Screen::new(COLUMNS, ROWS, CELL);
        let mut program = Self { child, keyboard, output, master: pair.master, screen, raw: Vec::new() };
        let start = Instant::now();
        while !program.text().contains("97.3%") {
            assert!(start.elapsed() < PATIENCE, "no prediction on the screen:\n{}", program.text());
            program.read(QUIET);
        }
        program.settle();
        program
    }

    fn text(&self) -> String {
        (0..usize::from(ROWS)).map(|row| self.screen.row(row) + "\n").collect()
    }

    fn read(&mut self, wait: Duration) -> usize {
        let Ok(bytes) = self.output.recv_timeout(wait) else { return 0 };
        if bytes.windows(3).any(|window| window == b"\x1b[c") {
            self.press("\x1b[?62;22c\x1b[0n");
        }
        self.screen.write(&bytes);
        self.raw.extend(&bytes);
        bytes.len()
    }

    /// Reads until nothing more comes, and gives the number of bytes that came.
    fn settle(&mut self) -> usize {
        let mut came = 0;
        loop {
            match self.read(QUIET) {
                0 => return came,
                bytes => came += bytes,
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Presses keys, each when the one before has shown something, and gives what is seen in the end.
    fn after(&mut self, keys: &[&str]) -> RgbImage {
        for key in keys {
            self.press(key);
            self.read(QUIET);
        }
        self.settle();
        self.screen.pixels()
    }

    /// Presses a key that brings the screen to a state in which it has been before.
    fn returns(&mut self, keys: &str, to: &RgbImage, why: &str) {
        self.press(keys);
        let start = Instant::now();
        loop {
            while self.read(Duration::from_millis(100)) > 0 {}
            let seen = self.screen.pixels();
            let differing = differing(to, &seen);
            if differing == 0.0 {
                return;
            }
            if start.elapsed() > PATIENCE {
                seen.save(std::env::temp_dir().join("layerscope-seen.png")).unwrap();
                panic!("{why}: {differing} of the pixels differ\n{}", self.text());
            }
        }
    }
}

fn size(rows: u16) -> PtySize {
    PtySize { rows, cols: COLUMNS, pixel_width: COLUMNS * CELL.0, pixel_height: rows * CELL.1 }
}

#[test]
fn pictures_follow_another_size_of_letters_in_as_many_cells() {
    let mut program = Program::start("kitty");
    let before = program.raw.len();
    let larger = PtySize { pixel_width: 2 * COLUMNS * CELL.0, pixel_height: 2 * ROWS * CELL.1, ..size(ROWS) };
    program.master.resize(larger).unwrap();
    program.settle();
    let sent = String::from_utf8_lossy(&program.raw[before..]).matches("a=T").count();
    assert!(sent > 0, "the pictures of the smaller letters stay");
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Share of the pixels that differ by more than a rounding.
fn differing(a: &RgbImage, b: &RgbImage) -> f64 {
    let differ = |(a, b): (&image::Rgb<u8>, &image::Rgb<u8>)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 3);
    a.pixels().zip(b.pixels()).filter(|pair| differ(*pair)).count() as f64 / f64::from(a.width() * a.height())
}

/// Walks through the program, and gives what is seen first.
fn walk(graphics: &str) -> RgbImage {
    let mut program = Program::start(graphics);
    let page = program.screen.pixels();
    assert_eq!(program.settle(), 0, "{graphics}: something is written while nothing changes");

    let help = program.after(&["?"]);
    assert!(differing(&page, &help) > 0.1, "{graphics}: no help");
    program.returns("\x1b", &page, &format!("{graphics}: help leaves something behind"));
    program.returns("\x0c", &page, &format!("{graphics}: a redraw is not the same"));

    program.master.resize(size(ROWS - 1)).unwrap();
    program.settle();
    program.master.resize(size(ROWS)).unwrap();
    program.returns("", &page, &format!("{graphics}: another size and back is not the same"));

    let zoomed = program.after(&["\t", "l", "l", "l", "\r"]);
    assert!(differing(&page, &zoomed) > 0.1, "{graphics}: no zoom");
    let one_by_one = program.after(&["l", "l", "l", "l", "l", "l"]);
    assert!(differing(&zoomed, &one_by_one) > 0.01, "{graphics}: the same channel");
    program.returns("hhhhhh", &zoomed, &format!("{graphics}: fast keys end on another picture"));
    program.returns("llllll", &one_by_one, &format!("{graphics}: fast keys end on another picture"));

    program.press("q");
    program.settle();
    assert!(program.child.wait().unwrap().success());
    let text = String::from_utf8_lossy(&program.raw);
    let (sent, deleted) = (text.contains("\x1b_Ga=T"), text.rfind("\x1b_Ga=d,d=I"));
    assert_eq!((sent, deleted.is_some()), (graphics == "kitty", graphics == "kitty"));
    // Each screen has its own pictures: they are deleted while ours is still there.
    assert!(deleted.is_none_or(|deleted| deleted < text.rfind("\x1b[?1049l").unwrap()));
    page
}

#[test]
fn pictures_outlive_popups_redraws_and_fast_keys_by_each_protocol() {
    let pages = std::thread::scope(|scope| {
        let walks = ["kitty", "sixel", "iterm2", "cells"].map(|graphics| scope.spawn(move || walk(graphics)));
        walks.map(|walk| walk.join().unwrap())
    });
    // Maps are the same pixel for pixel; a photograph has fewer colours by sixel, and JPEG's by iTerm2.
    for (page, graphics) in pages.iter().zip(["kitty", "sixel", "iterm2"]) {
        let differing = differing(&pages[0], page);
        assert!(differing < 0.12, "{graphics}: {differing}");
    }
}
