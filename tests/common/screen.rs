//! A terminal in memory that shows pictures: what a person would see after some bytes, as pixels.
//!
//! The bytes are read by `rio-vt`, the core of a terminal that knows the kitty protocol with its placeholders, sixel and
//! iTerm2's inline images. What tmux does with bytes that are meant for the terminal around it is done by [`through_tmux`].

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test file uses a part of it; a test may panic"
)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use image::{Rgb, RgbImage, Rgba, RgbaImage};
use rio_vt::ansi::CursorShape;
use rio_vt::ansi::graphics::{OverlayViewport, atlas_overlay_geometry};
use rio_vt::ansi::kitty_virtual::{IncompletePlacement, PLACEHOLDER, compute_run_geometry, resolve_virtual_placement};
use rio_vt::config::colors::{AnsiColor, NamedColor};
use rio_vt::crosswords::pos::{Column, Line};
use rio_vt::crosswords::square::Square;
use rio_vt::crosswords::style::StyleFlags;
use rio_vt::crosswords::{Crosswords, CrosswordsSize};
use rio_vt::event::{EventListener, RioEvent, WindowId};
use rio_vt::performer::handler::Processor;

/// What nothing is drawn on: a colour that no picture of the tests has.
pub const EMPTY: Rgb<u8> = Rgb([1, 2, 3]);
/// What letters are drawn as: where text covers a cell, all of it has this colour.
pub const TEXT: Rgb<u8> = Rgb([250, 251, 252]);

/// Sixel and iTerm2 pictures that the terminal has read, by the key of their places on the screen.
#[derive(Clone, Default)]
struct Pictures(Rc<RefCell<HashMap<u64, RgbaImage>>>);

impl EventListener for Pictures {
    fn send_event(&self, event: RioEvent, _window: WindowId) {
        if let RioEvent::UpdateGraphics { queues, .. } = event {
            let mut pictures = self.0.borrow_mut();
            for picture in queues.pending {
                pictures.insert((1 << 32) + picture.id.get(), rgba(picture.width, picture.height, &picture.pixels));
            }
            for key in queues.remove_queue {
                pictures.remove(&key);
            }
        }
    }
}

/// A terminal of some columns, rows and pixels a cell.
pub struct Screen {
    terminal: Crosswords<Pictures>,
    parser: Processor,
    pictures: Pictures,
    columns: usize,
    rows: usize,
    cell: (u32, u32),
}

/// A slice of a picture on the screen: where it is, and which part of the picture it shows, as fractions.
struct Slice<'a> {
    picture: &'a RgbaImage,
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    source: [f32; 4],
}

impl Screen {
    pub fn new(columns: u16, rows: u16, cell: (u16, u16)) -> Self {
        let (width, height) = (u32::from(cell.0), u32::from(cell.1));
        let (across, down) = (u32::from(columns) * width, u32::from(rows) * height);
        let size = CrosswordsSize::new_with_dimensions(columns.into(), rows.into(), across, down, width, height);
        let pictures = Pictures::default();
        let terminal = Crosswords::new(size, CursorShape::Block, pictures.clone(), WindowId::from(0), 0, 0);
        let (columns, rows) = (columns.into(), rows.into());
        Self { terminal, parser: Processor::default(), pictures, columns, rows, cell: (width, height) }
    }

    /// What a program writes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.terminal, bytes);
        self.terminal.send_graphics_updates();
    }

    /// The pictures that the terminal keeps for kitty's protocol, by id.
    pub fn kitty_pictures(&self) -> HashMap<u32, RgbaImage> {
        let pictures = &self.terminal.graphics.kitty_images;
        pictures
            .iter()
            .map(|(id, image)| (*id, rgba(image.data.width, image.data.height, &image.data.pixels)))
            .collect()
    }

    /// The characters of a row.
    pub fn row(&self, row: usize) -> String {
        let shown = |column| match self.square(row, column).c() {
            '\0' => ' ',
            other => other,
        };
        (0..self.columns).map(shown).collect()
    }

    /// Lines that were scrolled away.
    pub fn scrolled(&self) -> u64 {
        self.terminal.grid.lines_evicted()
    }

    fn square(&self, row: usize, column: usize) -> Square {
        self.terminal.grid[Line(row as i32)][Column(column)]
    }

    /// What a person sees. Where a picture is shown at another size than its own, the nearest pixel is taken.
    pub fn pixels(&self) -> RgbImage {
        let (width, height) = self.cell;
        let mut seen = RgbImage::from_pixel(self.columns as u32 * width, self.rows as u32 * height, EMPTY);
        for row in 0..self.rows {
            for column in 0..self.columns {
                self.draw_character(&mut seen, row, column);
            }
        }
        let kitty = self.kitty_pictures();
        for row in 0..self.rows {
            self.draw_placeholders(&mut seen, row, &kitty);
        }
        self.draw_placed(&mut seen);
        seen
    }

    fn draw_character(&self, seen: &mut RgbImage, row: usize, column: usize) {
        let square = self.square(row, column);
        let style = self.terminal.grid.style_of(&square);
        let (mut ink, mut paper) = (color(style.fg, TEXT), color(style.bg, EMPTY));
        if style.flags.contains(StyleFlags::INVERSE) {
            (ink, paper) = (paper, ink);
        }
        let (width, height) = self.cell;
        let quarters = inked_quarters(square.c());
        for y in 0..height {
            for x in 0..width {
                let quarter = usize::from(2 * x >= width) + 2 * usize::from(2 * y >= height);
                let color = if quarters[quarter] { ink } else { paper };
                seen.put_pixel(column as u32 * width + x, row as u32 * height + y, color);
            }
        }
    }

    /// Kitty's pictures in the placeholders of a row: a cell without marks goes on where the one before it ended.
    fn draw_placeholders(&self, seen: &mut RgbImage, row: usize, pictures: &HashMap<u32, RgbaImage>) {
        let mut run: Option<(usize, IncompletePlacement)> = None;
        for column in 0..=self.columns {
            let cell = (column < self.columns).then(|| self.placeholder(row, column)).flatten();
            match (&mut run, cell) {
                (Some((_, begun)), Some(next)) if begun.can_append(&next) => begun.append(),
                (_, next) => {
                    if let Some((start, begun)) = run.take() {
                        self.draw_run(seen, row, start, &begun, pictures);
                    }
                    run = next.map(|next| (column, next));
                }
            }
        }
    }

    fn placeholder(&self, row: usize, column: usize) -> Option<IncompletePlacement> {
        let square = self.square(row, column);
        (square.c() == PLACEHOLDER).then(|| {
            let style = self.terminal.grid.style_of(&square);
            let extras = square.extras_id().and_then(|id| self.terminal.grid.extras_table.get(id));
            let marks = extras.map(|extras| extras.zerowidth.as_slice()).unwrap_or_default();
            IncompletePlacement::from_cell(style.fg, style.underline_color, marks)
        })
    }

    fn draw_run(
        &self,
        seen: &mut RgbImage,
        row: usize,
        start: usize,
        run: &IncompletePlacement,
        pictures: &HashMap<u32, RgbaImage>,
    ) {
        let run = run.complete();
        let placements = &self.terminal.graphics.kitty_virtual_placements;
        let Some(placement) = resolve_virtual_placement(placements, run.image_id, run.placement_id) else { return };
        let Some(picture) = pictures.get(&run.image_id) else { return };
        let part = (placement.x, placement.y, placement.width, placement.height);
        let (width, height) = (self.cell.0 as f32, self.cell.1 as f32);
        let (columns, rows) = (placement.columns, placement.rows);
        let (across, down) = picture.dimensions();
        let place = compute_run_geometry(&run, columns, rows, across, down, part, width, height, 0.0, 0.0, row, start);
        if let Some(place) = place {
            let (x, y, width, height) = (place.x, place.y, place.width, place.height);
            draw(seen, &Slice { picture, x, y, width, height, source: place.source_rect });
        }
    }

    /// Sixel and iTerm2 pictures, less what text was written over.
    fn draw_placed(&self, seen: &mut RgbImage) {
        let viewport = OverlayViewport {
            cell_width: self.cell.0 as f32,
            cell_height: self.cell.1 as f32,
            origin_x: 0.0,
            origin_y: 0.0,
            history_size: self.terminal.grid.lines_evicted() as i64,
            display_offset: 0,
            screen_lines: self.rows as i64,
        };
        let pictures = self.pictures.0.borrow();
        for placement in &self.terminal.graphics.atlas_placements {
            let Some(place) = atlas_overlay_geometry(placement, &viewport) else { continue };
            let Some(picture) = pictures.get(&placement.image_key) else { continue };
            let (x, y, width, height) = (place.x, place.y, place.width, place.height);
            draw(seen, &Slice { picture, x, y, width, height, source: place.source_rect });
        }
    }
}

fn draw(seen: &mut RgbImage, slice: &Slice<'_>) {
    let [left, top, right, bottom] = slice.source;
    let (across, down) = (slice.picture.width() as f32, slice.picture.height() as f32);
    for y in slice.y.round() as u32..((slice.y + slice.height).round() as u32).min(seen.height()) {
        for x in slice.x.round() as u32..((slice.x + slice.width).round() as u32).min(seen.width()) {
            let u = left + (x as f32 + 0.5 - slice.x) / slice.width * (right - left);
            let v = top + (y as f32 + 0.5 - slice.y) / slice.height * (bottom - top);
            let from = ((u * across).clamp(0.0, across - 1.0) as u32, (v * down).clamp(0.0, down - 1.0) as u32);
            let Rgba([red, green, blue, alpha]) = *slice.picture.get_pixel(from.0, from.1);
            assert!(alpha == 0 || alpha == 255, "half transparent at {from:?}: {alpha}");
            if alpha == 255 {
                seen.put_pixel(x, y, Rgb([red, green, blue]));
            }
        }
    }
}

fn rgba(width: usize, height: usize, pixels: &[u8]) -> RgbaImage {
    let (width, height) = (width as u32, height as u32);
    match pixels.len() / (width * height) as usize {
        4 => RgbaImage::from_raw(width, height, pixels.to_vec()).unwrap(),
        3 => {
            let picture = RgbImage::from_raw(width, height, pixels.to_vec()).unwrap();
            image::DynamicImage::ImageRgb8(picture).into_rgba8()
        }
        other => panic!("{other} bytes a pixel"),
    }
}

/// Which quarters of a cell a character inks: upper left, upper right, lower left, lower right. A placeholder and a space
/// ink nothing, a letter everything.
fn inked_quarters(character: char) -> [bool; 4] {
    let bits = match character {
        '\0' | ' ' | PLACEHOLDER => "....",
        '▘' => "#...",
        '▝' => ".#..",
        '▀' => "##..",
        '▖' => "..#.",
        '▌' => "#.#.",
        '▞' => ".##.",
        '▛' => "###.",
        '▗' => "...#",
        '▚' => "#..#",
        '▐' => ".#.#",
        '▜' => "##.#",
        '▄' => "..##",
        '▙' => "#.##",
        '▟' => ".###",
        _ => "####",
    };
    let bits = bits.as_bytes();
    std::array::from_fn(|quarter| bits[quarter] == b'#')
}

/// The colours of xterm.
fn color(color: AnsiColor, default: Rgb<u8>) -> Rgb<u8> {
    match color {
        AnsiColor::Spec(color) => Rgb([color.r, color.g, color.b]),
        AnsiColor::Indexed(index) => Rgb(xterm(index)),
        AnsiColor::Named(NamedColor::Foreground | NamedColor::Background) => default,
        AnsiColor::Named(name) if (name as usize) < 16 => Rgb(xterm(name as u8)),
        AnsiColor::Named(_) => default,
    }
}

/// The palette of xterm: sixteen colours, a cube of six levels an axis, 24 greys.
pub fn xterm(index: u8) -> [u8; 3] {
    const SIXTEEN: [[u8; 3]; 16] = [
        [0, 0, 0],
        [205, 0, 0],
        [0, 205, 0],
        [205, 205, 0],
        [0, 0, 238],
        [205, 0, 205],
        [0, 205, 205],
        [229, 229, 229],
        [127, 127, 127],
        [255, 0, 0],
        [0, 255, 0],
        [255, 255, 0],
        [92, 92, 255],
        [255, 0, 255],
        [0, 255, 255],
        [255, 255, 255],
    ];
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..=15 => SIXTEEN[usize::from(index)],
        16..=231 => [level((index - 16) / 36), level((index - 16) / 6 % 6), level((index - 16) % 6)],
        232..=255 => [8 + 10 * (index - 232); 3],
    }
}

/// What reaches the terminal around tmux, and what tmux keeps for itself: wrapped sequences, unwrapped, in the one, and the
/// rest, as it is, in the other. tmux drops, in silence, a sequence of a mebibyte or more.
pub fn through_tmux(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    const OPEN: &[u8] = b"\x1bPtmux;";
    let (mut outer, mut inner) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let Some(start) = rest.windows(OPEN.len()).position(|window| window == OPEN) {
        inner.extend_from_slice(&rest[..start]);
        rest = &rest[start + OPEN.len()..];
        let begun = outer.len();
        let mut doubled = 0;
        loop {
            let (byte, taken) = match rest {
                [0x1b, b'\\', ..] => break,
                [0x1b, 0x1b, ..] => (0x1b, 2),
                [byte, ..] => (*byte, 1),
                [] => panic!("a wrapper without an end"),
            };
            outer.push(byte);
            doubled += taken - 1;
            rest = &rest[taken..];
        }
        rest = &rest[2..];
        let length = OPEN.len() + outer.len() - begun + doubled;
        assert!(length < 1 << 20, "tmux drops a sequence of {length} bytes");
    }
    inner.extend_from_slice(rest);
    (outer, inner)
}

/// iTerm2's pictures in parts, made whole again: `rio-vt` reads them in one piece only.
pub fn parts_joined(bytes: &[u8]) -> Vec<u8> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut whole = Vec::new();
    let mut rest = bytes;
    while let Some(start) = rest.windows(7).position(|window| window == b"\x1b]1337;") {
        whole.extend_from_slice(&rest[..start]);
        let end = rest[start..].iter().position(|byte| *byte == 0x07).expect("an end") + start;
        let body = &rest[start + 7..end];
        rest = &rest[end + 1..];
        if let Some(arguments) = body.strip_prefix(b"MultipartFile=") {
            whole.extend_from_slice(format!("\x1b]1337;File={}:", text(arguments)).as_bytes());
        } else if let Some(part) = body.strip_prefix(b"FilePart=") {
            whole.extend_from_slice(part);
        } else if body == b"FileEnd" {
            whole.push(0x07);
        } else {
            whole.extend_from_slice(&[b"\x1b]1337;", body, b"\x07"].concat());
        }
    }
    whole.extend_from_slice(rest);
    whole
}
