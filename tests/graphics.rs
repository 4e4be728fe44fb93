//! Pictures in the terminal, read back by a terminal.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/screen.rs"]
mod screen;

use image::Rgb;
use screen::{EMPTY, Screen};

#[test]
fn a_screen() {
    let mut screen = Screen::new(10, 4, (8, 12));
    screen.write(b"\x1b[2;3H\x1bP9;1q\"1;1;16;12#0;2;100;0;0#0!16~-!16~\x1b\\");
    screen.write("\x1b[1;1H\x1b[38;5;9m▀".as_bytes());
    let seen = screen.pixels();
    assert_eq!(*seen.get_pixel(16, 12), Rgb([255, 0, 0]));
    assert_eq!(*seen.get_pixel(31, 23), Rgb([255, 0, 0]));
    assert_eq!(*seen.get_pixel(32, 23), EMPTY);
    assert_eq!(*seen.get_pixel(15, 12), EMPTY);
    assert_eq!(*seen.get_pixel(0, 0), Rgb([255, 0, 0]));
    assert_eq!(*seen.get_pixel(0, 6), EMPTY);
}
