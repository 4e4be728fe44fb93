//! Pictures in the terminal: what is written is read back by a terminal, and the picture that it shows is the one that was
//! meant; by each protocol, with text in the middle of a picture, and through tmux.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/screen.rs"]
mod screen;

use image::imageops::FilterType;
use image::{Rgb, RgbImage};
use layerscope::picture::indexed::{BACKGROUND, NOT_FINITE};
use layerscope::picture::{ColorMap, IndexMap, IndexedImage, Raster};
use layerscope::terminal::depth::nearest;
use layerscope::terminal::graphics::{Encoded, Form, KittyId, delete_kitty, encode, pixels};
use layerscope::terminal::{Canvas, CellSize, ColorDepth, Protocol};
use proptest::prelude::*;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::Color;
use ratatui::widgets::{Block, Clear};
use ratatui::{Terminal, TerminalOptions, Viewport};
use screen::{EMPTY, Screen, TEXT, parts_joined, through_tmux, xterm};

/// The terminal of these tests.
const COLUMNS: u16 = 24;
const ROWS: u16 = 10;
/// Pixels of its cells: two sixel bands high, so that a row of cells ends with a band.
const CELL: CellSize = CellSize { width: 8, height: 12 };
/// Where pictures are put.
const AT: Position = Position { x: 3, y: 2 };

const PROTOCOLS: [Protocol; 4] = [Protocol::Kitty, Protocol::Sixel, Protocol::Iterm2, Protocol::Cells];

fn canvas(protocol: Protocol) -> Canvas {
    Canvas { protocol, cell: CELL, through_tmux: false, colors: ColorDepth::True }
}

fn id() -> KittyId {
    KittyId::new(std::process::id(), 7)
}

/// A map as a layer with ReLU has it: ridges, and zeros between them.
fn relu(side: usize) -> IndexMap {
    let indices = (0..side * side).map(|place| {
        let (x, y) = ((place % side) as f64 / side as f64, (place / side) as f64 / side as f64);
        let value = (19.0 * x + 7.0 * y).sin() * (23.0 * y - 5.0 * x * x).cos() + 0.4 * (61.0 * x * y).sin();
        (value.max(0.0) * 180.0) as u8
    });
    IndexMap { width: side, height: side, indices: indices.collect() }
}

fn map(side: usize) -> Raster {
    Raster::Indexed(Box::new(IndexedImage::of(relu(side), ColorMap::Viridis, [0; 3])))
}

/// A photograph of this many pixels.
fn photo(width: u32, height: u32) -> Raster {
    let picture = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png")).unwrap().to_rgb8();
    Raster::Rgb(image::imageops::resize(&picture, width, height, FilterType::Triangle))
}

/// A raster at the size that a protocol draws it: hard edges for maps.
fn drawn_at(raster: &Raster, size: Size, canvas: Canvas) -> Raster {
    let (width, height) = pixels(size, &canvas);
    match raster {
        Raster::Indexed(picture) => {
            Raster::Indexed(Box::new(picture.as_ref().clone().resized(width as usize, height as usize)))
        }
        Raster::Rgb(picture) => Raster::Rgb(image::imageops::resize(picture, width, height, FilterType::Triangle)),
    }
}

fn whole(size: Size) -> Vec<Rect> {
    vec![Rect::new(0, 0, size.width, size.height)]
}

/// What a program writes that shows one picture, with `T` in each cell of the screen that is not the picture's.
struct Written {
    /// Before the cells.
    before: Vec<u8>,
    cells: Vec<u8>,
    /// After them.
    after: Vec<u8>,
}

fn written(encoded: &Encoded, through_tmux: bool) -> Written {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut cells = Vec::new();
    crossterm::style::force_color_output(true);
    let viewport = Viewport::Fixed(Rect::new(0, 0, COLUMNS, ROWS));
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut cells), TerminalOptions { viewport }).unwrap();
    terminal
        .draw(|frame| {
            for position in frame.area().positions() {
                frame.buffer_mut()[position].set_char('T');
            }
            encoded.place(id(), AT, &[], frame.buffer_mut());
        })
        .unwrap();
    drop(terminal);
    match &encoded.form {
        Form::Kitty(_) => before = encoded.transmission(id(), through_tmux),
        Form::AtCursor(bytes) => {
            after = format!("\x1b[{};{}H", AT.y + 1, AT.x + 1).into_bytes();
            after.extend_from_slice(bytes);
        }
        Form::Cells(_) => {}
    }
    Written { before, cells, after }
}

/// The area of the picture, as a person sees it.
fn seen(encoded: &Encoded) -> RgbImage {
    let written = written(encoded, false);
    let mut screen = Screen::new(COLUMNS, ROWS, (CELL.width, CELL.height));
    for bytes in [written.before, written.cells, written.after] {
        screen.write(&bytes);
    }
    assert_eq!(screen.scrolled(), 0);
    cut(&screen, encoded.size)
}

/// The same behind tmux: what is wrapped goes to the terminal around it, the rest tmux draws itself.
fn seen_through_tmux(encoded: &Encoded) -> RgbImage {
    let written = written(encoded, true);
    let mut screen = Screen::new(COLUMNS, ROWS, (CELL.width, CELL.height));
    let (outer, inner) = through_tmux(&written.before);
    assert!(inner.is_empty(), "tmux would have drawn {inner:?} itself");
    screen.write(&outer);
    let (outer, inner) = through_tmux(&written.cells);
    assert!(outer.is_empty());
    screen.write(&inner);
    let (outer, inner) = through_tmux(&written.after);
    screen.write(&inner);
    screen.write(&parts_joined(&outer));
    cut(&screen, encoded.size)
}

fn cut(screen: &Screen, size: Size) -> RgbImage {
    let place = |cells: u16, pixels: u16| u32::from(cells) * u32::from(pixels);
    let seen = screen.pixels();
    let (x, y) = (place(AT.x, CELL.width), place(AT.y, CELL.height));
    let (width, height) = (place(size.width, CELL.width), place(size.height, CELL.height));
    image::imageops::crop_imm(&seen, x, y, width, height).to_image()
}

/// What a picture looks like over its cells: each pixel of the screen has the nearest pixel of it; cells that are not in its
/// parts are text, what is not drawn is the empty screen.
fn meant(raster: &Raster, size: Size, parts: &[Rect]) -> RgbImage {
    let width = u32::from(size.width) * u32::from(CELL.width);
    let height = u32::from(size.height) * u32::from(CELL.height);
    RgbImage::from_fn(width, height, |x, y| {
        let cell = Position::new((x / u32::from(CELL.width)) as u16, (y / u32::from(CELL.height)) as u16);
        if !parts.iter().any(|part| part.contains(cell)) {
            return TEXT;
        }
        let nearest = |place: u32, of: u32, pixels: u32| (2 * place + 1) * pixels / (2 * of);
        let color = raster.color(nearest(x, width, raster.width()), nearest(y, height, raster.height()));
        color.map_or(EMPTY, Rgb)
    })
}

/// The largest difference of a colour channel.
fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// The mean difference of a colour channel.
fn mean_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// How far colours may be off: sixel counts them in percent, and reading them back rounds again.
fn tolerance(protocol: Protocol) -> u8 {
    if protocol == Protocol::Sixel { 2 } else { 0 }
}

#[test]
fn a_map_is_shown_pixel_for_pixel_by_each_protocol() {
    let size = Size::new(14, 7);
    for protocol in PROTOCOLS {
        let canvas = canvas(protocol);
        // Four quadrants a cell hold two colours: a map of a value a cell is exact in all of them.
        let values = if protocol == Protocol::Cells { 7 } else { 28 };
        let raster = drawn_at(&map(values), size, canvas);
        let encoded = encode(&raster, size, &whole(size), &canvas).unwrap();
        let difference = difference(&seen(&encoded), &meant(&raster, size, &whole(size)));
        assert!(difference <= tolerance(protocol), "{protocol:?}: {difference}");
    }
}

#[test]
fn values_that_are_not_finite_have_their_colour_and_what_is_not_drawn_leaves_the_screen() {
    let size = Size::new(4, 2);
    let indices = vec![0, NOT_FINITE, BACKGROUND, 252, 9, 9, 9, 9];
    let raster = IndexedImage::of(IndexMap { width: 4, height: 2, indices }, ColorMap::Magma, [7; 3]);
    for protocol in [Protocol::Kitty, Protocol::Sixel, Protocol::Iterm2] {
        let canvas = canvas(protocol);
        let raster = drawn_at(&Raster::Indexed(Box::new(raster.clone())), size, canvas);
        let seen = seen(&encode(&raster, size, &whole(size), &canvas).unwrap());
        let cell = |column: u32| *seen.get_pixel(column * 8 + 4, 6);
        assert_eq!(cell(1), Rgb([255, 0, 255]), "{protocol:?}");
        assert_eq!(cell(2), EMPTY, "{protocol:?}");
        let difference = difference(&seen, &meant(&raster, size, &whole(size)));
        assert!(difference <= tolerance(protocol), "{protocol:?}: {difference}");
    }
}

#[test]
fn a_picture_of_its_own_size_is_brought_to_its_cells_by_terminals_that_can() {
    let size = Size::new(12, 4);
    let raster = map(13);
    for protocol in [Protocol::Kitty, Protocol::Iterm2] {
        let encoded = encode(&raster, size, &whole(size), &canvas(protocol)).unwrap();
        let meant = meant(&raster, size, &whole(size));
        if protocol == Protocol::Iterm2 {
            assert_eq!(difference(&seen(&encoded), &meant), 0);
            continue;
        }
        let mut screen = Screen::new(COLUMNS, ROWS, (CELL.width, CELL.height));
        screen.write(&written(&encoded, false).before);
        let kept = &screen.kitty_pictures()[&id().value()];
        assert_eq!(image::DynamicImage::ImageRgba8(kept.clone()).into_rgb8(), raster.to_rgb());
    }
}

#[test]
fn text_in_the_middle_of_a_picture_stays() {
    let size = Size::new(14, 7);
    // Two tiles, and a line below them.
    let parts = [Rect::new(0, 0, 6, 5), Rect::new(8, 0, 6, 5), Rect::new(0, 6, 14, 1)];
    for protocol in PROTOCOLS {
        let canvas = canvas(protocol);
        let values = if protocol == Protocol::Cells { 7 } else { 28 };
        let raster = drawn_at(&map(values), size, canvas);
        let encoded = encode(&raster, size, &parts, &canvas).unwrap();
        let seen = seen(&encoded);
        assert_eq!(*seen.get_pixel(7 * 8 + 1, 5), TEXT, "{protocol:?}");
        let difference = difference(&seen, &meant(&raster, size, &parts));
        assert!(difference <= tolerance(protocol), "{protocol:?}: {difference}");
    }
}

#[test]
fn pictures_are_the_same_through_tmux() {
    let size = Size::new(14, 7);
    let parts = [Rect::new(0, 0, 6, 7), Rect::new(8, 0, 6, 7)];
    for protocol in [Protocol::Kitty, Protocol::Iterm2, Protocol::Cells] {
        let canvas = Canvas { through_tmux: true, ..canvas(protocol) };
        let values = if protocol == Protocol::Cells { 7 } else { 28 };
        let raster = drawn_at(&map(values), size, canvas);
        let encoded = encode(&raster, size, &parts, &canvas).unwrap();
        assert_eq!(difference(&seen_through_tmux(&encoded), &meant(&raster, size, &parts)), 0, "{protocol:?}");
    }
}

#[test]
fn a_large_photograph_passes_tmux_and_arrives_whole() {
    let size = Size::new(20, 8);
    let Raster::Rgb(mut picture) = photo(1200, 720) else { unreachable!() };
    // Noise does not compress: this is more than a mebibyte as PNG.
    for (place, channel) in picture.iter_mut().enumerate() {
        *channel ^= (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0] & 31;
    }
    let raster = Raster::Rgb(picture.clone());
    for protocol in [Protocol::Kitty, Protocol::Iterm2] {
        let canvas = Canvas { through_tmux: true, ..canvas(protocol) };
        let encoded = encode(&raster, size, &whole(size), &canvas).unwrap();
        let seen = seen_through_tmux(&encoded);
        if protocol == Protocol::Kitty {
            assert!(encoded.transmission(id(), true).len() > 1 << 20);
            assert_eq!(difference(&seen, &meant(&raster, size, &whole(size))), 0);
        } else {
            let off = mean_difference(&seen, &meant(&raster, size, &whole(size)));
            assert!(off < 12.0, "{off}");
        }
    }
}

#[test]
fn kitty_is_sent_chunks_of_at_most_4096_bytes() {
    let size = Size::new(20, 8);
    for through_tmux in [false, true] {
        let canvas = Canvas { through_tmux, ..canvas(Protocol::Kitty) };
        let encoded = encode(&photo(300, 200), size, &whole(size), &canvas).unwrap();
        let bytes = encoded.transmission(id(), through_tmux);
        let bytes = if through_tmux { through_tmux_of(&bytes) } else { bytes };
        let text = String::from_utf8(bytes).unwrap();
        let chunks: Vec<&str> =
            text.split("\x1b_G").skip(1).map(|chunk| chunk.strip_suffix("\x1b\\").unwrap()).collect();
        let payloads = || chunks.iter().map(|chunk| chunk.split_once(';').unwrap().1);
        assert!(chunks.len() > 3);
        assert!(payloads().all(|payload| payload.len() <= 4096));
        // All but the last say that more is to come, in whole groups of four letters.
        let (last, others) = chunks.split_last().unwrap();
        assert!(last.contains("m=0;") && others.iter().all(|chunk| chunk.contains("m=1;")));
        assert!(payloads().take(others.len()).all(|payload| payload.len() % 4 == 0));
        // The terminal is never asked to answer: nobody would read it.
        assert!(chunks.iter().all(|chunk| chunk.contains("q=2")));
    }
}

fn through_tmux_of(bytes: &[u8]) -> Vec<u8> {
    let (outer, inner) = through_tmux(bytes);
    assert!(inner.is_empty());
    outer
}

#[test]
fn kitty_pictures_are_found_in_a_tmux_that_rounds_colours() {
    // tmux without RGB rewrites 24-bit colours; those by number pass.
    let size = Size::new(6, 3);
    let encoded = encode(&map(12), size, &whole(size), &canvas(Protocol::Kitty)).unwrap();
    let cells = String::from_utf8(written(&encoded, false).cells).unwrap();
    assert!(cells.contains("\x1b[38;5;7;"), "{cells:?}");
    assert!(!cells.contains("38;2;"), "{cells:?}");
}

#[test]
fn two_programs_in_one_terminal_do_not_take_each_others_pictures() {
    let ids: std::collections::HashSet<u32> =
        (1000..1255).flat_map(|process| (1..=255).map(move |number| KittyId::new(process, number).value())).collect();
    assert_eq!(ids.len(), 255 * 255);
    assert!(ids.iter().all(|id| id & 0x00ff_ff00 == 0 && id & 0xff != 0 && id >> 24 != 0));
}

#[test]
fn a_kitty_picture_is_replaced_under_its_id_and_deleted_in_the_end() {
    let size = Size::new(6, 3);
    let mut screen = Screen::new(COLUMNS, ROWS, (CELL.width, CELL.height));
    for side in [12, 20] {
        screen
            .write(&written(&encode(&map(side), size, &whole(size), &canvas(Protocol::Kitty)).unwrap(), false).before);
        let kept = screen.kitty_pictures();
        assert_eq!(kept.keys().copied().collect::<Vec<_>>(), [id().value()]);
        assert_eq!(kept[&id().value()].width(), side as u32);
    }
    screen.write(&delete_kitty(KittyId::new(std::process::id(), 8), false));
    assert_eq!(screen.kitty_pictures().len(), 1);
    screen.write(&delete_kitty(id(), false));
    assert!(screen.kitty_pictures().is_empty());
}

#[test]
fn a_picture_on_the_last_row_does_not_scroll_the_screen() {
    let size = Size::new(COLUMNS - AT.x, ROWS - AT.y);
    for protocol in [Protocol::Sixel, Protocol::Iterm2] {
        let canvas = canvas(protocol);
        let raster = drawn_at(&map(20), size, canvas);
        let difference = difference(
            &seen(&encode(&raster, size, &whole(size), &canvas).unwrap()),
            &meant(&raster, size, &whole(size)),
        );
        assert!(difference <= tolerance(protocol), "{protocol:?}: {difference}");
    }
}

#[test]
fn no_sixel_band_reaches_below_the_cells_of_its_picture() {
    // A band too many is another row of cells: tmux paints it over, and at the end of the screen it scrolls.
    let size = Size::new(12, 5);
    for height in [17, 18, 19, 20, 23] {
        let canvas = Canvas { cell: CellSize { width: 9, height }, ..canvas(Protocol::Sixel) };
        let encoded = encode(&drawn_at(&map(20), size, canvas), size, &whole(size), &canvas).unwrap();
        let Form::AtCursor(bytes) = &encoded.form else { panic!("{:?}", encoded.form) };
        let bands = bytes.split(|byte| *byte == b'-').count();
        let room = usize::from(size.height * height);
        assert!(6 * bands <= room && room < 6 * (bands + 1), "{bands} bands in {room} pixels");
        assert!(String::from_utf8_lossy(bytes).contains(&format!("\"1;1;108;{}#", 6 * bands)));
    }
}

#[test]
fn photographs_keep_their_look() {
    let size = Size::new(18, 8);
    for (protocol, most) in
        [(Protocol::Kitty, 0.0), (Protocol::Sixel, 6.0), (Protocol::Iterm2, 4.0), (Protocol::Cells, 12.0)]
    {
        let canvas = canvas(protocol);
        let raster = drawn_at(&photo(300, 200), size, canvas);
        let seen = seen(&encode(&raster, size, &whole(size), &canvas).unwrap());
        let off = mean_difference(&seen, &meant(&raster, size, &whole(size)));
        assert!(off <= most, "{protocol:?}: {off}");
    }
}

#[test]
fn a_popup_over_a_picture_leaves_the_rest_of_it_in_view() {
    let size = Size::new(14, 7);
    let popup = Rect::new(4, 2, 5, 3);
    for protocol in [Protocol::Kitty, Protocol::Cells] {
        let canvas = canvas(protocol);
        let values = if protocol == Protocol::Cells { 7 } else { 28 };
        let raster = drawn_at(&map(values), size, canvas);
        let encoded = encode(&raster, size, &whole(size), &canvas).unwrap();
        let mut screen = Screen::new(COLUMNS, ROWS, (CELL.width, CELL.height));
        screen.write(&written(&encoded, false).before);
        let mut bytes = Vec::new();
        let viewport = Viewport::Fixed(Rect::new(0, 0, COLUMNS, ROWS));
        let mut terminal =
            Terminal::with_options(CrosstermBackend::new(&mut bytes), TerminalOptions { viewport }).unwrap();
        for open in [false, true, false, true] {
            terminal
                .draw(|frame| {
                    let over = Rect { x: AT.x + popup.x, y: AT.y + popup.y, ..popup };
                    let covered = if open { vec![over] } else { Vec::new() };
                    encoded.place(id(), AT, &covered, frame.buffer_mut());
                    if open {
                        frame.render_widget(Clear, over);
                        frame.render_widget(Block::new().style(Color::Indexed(9)), over);
                    }
                })
                .unwrap();
        }
        drop(terminal);
        screen.write(&bytes);
        let mut meant = meant(&raster, size, &whole(size));
        for y in popup.top() * CELL.height..popup.bottom() * CELL.height {
            for x in popup.left() * CELL.width..popup.right() * CELL.width {
                meant.put_pixel(x.into(), y.into(), EMPTY);
            }
        }
        let seen = cut(&screen, size);
        assert_eq!(difference(&seen, &meant), 0, "{protocol:?}");
    }
}

/// Bytes that the terminal is sent for a picture, without the characters that stand for it.
fn bytes(encoded: &Encoded) -> usize {
    let written = written(encoded, false);
    written.before.len() + written.after.len()
}

// The picture of the design's goals: 56×56 values of a layer with ReLU in a pane of 800×800 pixels.
#[test]
fn a_channel_of_56_by_56_costs_few_bytes() {
    let size = Size::new(80, 40);
    let cell = CellSize { width: 10, height: 20 };
    let encoded = |raster: &Raster, protocol| {
        let canvas = Canvas { cell, ..canvas(protocol) };
        bytes(&encode(raster, size, &whole(size), &canvas).unwrap())
    };
    let raster = map(56);
    let crisp = |protocol| drawn_at(&raster, size, Canvas { cell, ..canvas(protocol) });
    let own = encoded(&raster, Protocol::Kitty);
    let enlarged = encoded(&crisp(Protocol::Kitty), Protocol::Kitty);
    let sixel = encoded(&crisp(Protocol::Sixel), Protocol::Sixel);
    println!("kitty: {own} B in its own size, {enlarged} B enlarged; sixel: {sixel} B");
    assert!(own <= 5_000, "{own}");
    assert!(enlarged <= 7_500, "{enlarged}");
    assert!(sixel <= 50_000, "{sixel}");
}

/// Pictures of few colours, as maps are when they are enlarged, with cells that are text.
fn pictures() -> impl Strategy<Value = (IndexedImage, Size, Vec<Rect>)> {
    (1u16..=8, 1u16..=5, 1u8..=40)
        .prop_flat_map(|(columns, rows, colors)| {
            let (width, height) = (usize::from(columns) * 8, usize::from(rows) * 12);
            let runs = prop::collection::vec((0..colors, 1usize..40), 1..400);
            let holes = prop::collection::vec(any::<bool>(), usize::from(columns * rows));
            (Just((columns, rows, width, height)), runs, holes)
        })
        .prop_map(|((columns, rows, width, height), runs, holes)| {
            let indices = runs.iter().cycle().flat_map(|(index, count)| std::iter::repeat_n(*index * 6, *count));
            let map = IndexMap { width, height, indices: indices.take(width * height).collect() };
            let cells = Rect::new(0, 0, columns, rows).positions();
            let parts = cells.zip(holes).filter(|(_, drawn)| *drawn);
            let parts = parts.map(|(at, _)| Rect::new(at.x, at.y, 1, 1)).collect();
            (IndexedImage::of(map, ColorMap::Turbo, [0; 3]), Size::new(columns, rows), parts)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_map_with_any_holes_is_shown_as_it_is((picture, size, parts) in pictures()) {
        let raster = Raster::Indexed(Box::new(picture));
        for protocol in [Protocol::Kitty, Protocol::Sixel, Protocol::Iterm2] {
            let encoded = encode(&raster, size, &parts, &canvas(protocol)).unwrap();
            let difference = difference(&seen(&encoded), &meant(&raster, size, &parts));
            prop_assert!(difference <= tolerance(protocol), "{:?}: {}", protocol, difference);
        }
    }

    #[test]
    fn a_cell_has_the_two_colours_and_the_character_that_come_nearest(quarters in any::<[[u8; 3]; 4]>()) {
        let size = Size::new(1, 1);
        let picture = RgbImage::from_raw(2, 2, quarters.as_flattened().to_vec()).unwrap();
        let seen = seen(&encode(&Raster::Rgb(picture), size, &whole(size), &canvas(Protocol::Cells)).unwrap());
        let shown = [(0, 0), (4, 0), (0, 6), (4, 6)].map(|(x, y)| seen.get_pixel(x, y).0);
        let error = |shown: [[f64; 3]; 4]| -> f64 {
            let squares = shown.iter().flatten().zip(quarters.as_flattened()).map(|(a, b)| (a - f64::from(*b)).powi(2));
            squares.sum()
        };
        // Each way to part four quarters in two, each part in its mean colour.
        let best = (0_u8..8).map(|mask| {
            let part = |quarter: usize| mask >> quarter & 1;
            let mean = |of: u8, channel: usize| {
                let values: Vec<f64> =
                    (0..4).filter(|quarter| part(*quarter) == of).map(|quarter| f64::from(quarters[quarter][channel])).collect();
                values.iter().sum::<f64>() / values.len().max(1) as f64
            };
            error(std::array::from_fn(|quarter| std::array::from_fn(|channel| mean(part(quarter), channel))))
        }).fold(f64::INFINITY, f64::min);
        let got = error(shown.map(|color| color.map(f64::from)));
        // Means are rounded to whole levels.
        prop_assert!(got <= best + 12.0, "{} instead of {}", got, best);
    }

    #[test]
    fn a_colour_becomes_the_nearest_of_those_that_a_terminal_has(color in any::<[u8; 3]>()) {
        let distance = |known: [u8; 3]| -> u32 {
            known.iter().zip(color).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        for (depth, known) in [(ColorDepth::Indexed256, 16..=255), (ColorDepth::Ansi16, 0..=15)] {
            let Color::Indexed(index) = nearest(color, depth) else { panic!("{depth:?}") };
            prop_assert!(known.contains(&index));
            let best = known.map(|index| distance(xterm(index))).min().unwrap();
            prop_assert_eq!(distance(xterm(index)), best, "{:?}", depth);
        }
    }
}
