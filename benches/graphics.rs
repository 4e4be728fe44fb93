//! Bytes and time of pictures for the terminal, ours beside ratatui-image's and chafa's, in one run.
//!
//! `cargo bench --bench graphics [-- PHOTOGRAPH]`
//!
//! Five pictures in a pane of 80×40 cells of 10×20 pixels: activations of the demo, cut to 56×56, 14×14 and 112×112; a grid
//! of 8×8 maps of 28×28; and a photograph (the demo's, or the one that is named), in 60×40 cells. For each protocol the
//! table has the time that encoding takes (the median), the bytes that the first frame needs, and the bytes that it takes
//! to put another such picture in its place. chafa's time is that of the whole program, start and reading of the file included.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::cell::Cell;
use std::io::{self, Write};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use image::imageops::FilterType;
use image::{DynamicImage, RgbImage};
use layerscope::engine::{Cancel, numbers};
use layerscope::formats::Demo;
use layerscope::picture::load::{Loaded, decode_picture};
use layerscope::picture::{ColorMap, Grid, IndexMap, IndexedImage, Range, Raster, Scale, channel_grid};
use layerscope::service::open::{self, DEMO_PICTURE, ModelChoice, Opening};
use layerscope::terminal::graphics::{self, Form, KittyId, pixels};
use layerscope::terminal::{Canvas, CellSize, ColorDepth, Protocol};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};
use ratatui_image::Resize;
use ratatui_image::picker::{Picker, ProtocolType};
use ratatui_image::protocol::Protocol as Theirs;
use ratatui_image::protocol::kitty::Kitty;

/// Pixels of a cell.
const CELL: (u16, u16) = (10, 20);
/// Runs whose median is taken.
const RUNS: usize = 9;

/// A picture, and one that may take its place.
struct Case {
    name: &'static str,
    size: Size,
    pictures: [Raster; 2],
}

/// A picture at a number of pixels: values keep hard edges, photographs are smooth.
fn resized(raster: &Raster, width: u32, height: u32) -> Raster {
    match raster {
        Raster::Indexed(map) => Raster::Indexed(Box::new((**map).clone().resized(width as usize, height as usize))),
        Raster::Rgb(photo) => Raster::Rgb(image::imageops::resize(photo, width, height, FilterType::Triangle)),
    }
}

/// A picture at the pane's resolution: what others are given.
fn stretched(raster: &Raster, size: Size) -> RgbImage {
    resized(raster, u32::from(size.width) * u32::from(CELL.0), u32::from(size.height) * u32::from(CELL.1)).to_rgb()
}

/// What was measured of one encoder on one picture.
struct Measured {
    encode: Duration,
    first: usize,
    next: usize,
}

fn main() {
    let cases = cases();
    for case in &cases {
        println!("\n{}, {}×{} cells", case.name, case.size.width, case.size.height);
        println!("  {:<34} {:>10} {:>12} {:>12}", "", "encode", "first frame", "next picture");
        ours(case);
        peers(case);
    }
}

/// Our encoders, each given the pixels that it is given in the inspector, and maps for kitty in other sizes beside.
fn ours(case: &Case) {
    let scaled = |protocol, of: fn(u32) -> u32| {
        let canvas = canvas(protocol);
        let (width, height) = pixels(case.size, &canvas);
        case.pictures.each_ref().map(|picture| resized(picture, of(width), of(height)))
    };
    for (name, protocol, rasters) in [
        ("kitty, own size", Protocol::Kitty, case.pictures.clone()),
        ("kitty, half the pane's pixels", Protocol::Kitty, scaled(Protocol::Kitty, |pixels| pixels / 2)),
        ("kitty, the pane's pixels", Protocol::Kitty, scaled(Protocol::Kitty, |pixels| pixels)),
        ("sixel", Protocol::Sixel, scaled(Protocol::Sixel, |pixels| pixels)),
        ("iTerm2, own size", Protocol::Iterm2, case.pictures.clone()),
        ("iTerm2, the pane's pixels", Protocol::Iterm2, scaled(Protocol::Iterm2, |pixels| pixels)),
        ("quadrants", Protocol::Cells, scaled(Protocol::Cells, |pixels| pixels)),
    ] {
        show(name, Some(&encoded(case.size, protocol, &rasters)));
    }
}

fn canvas(protocol: Protocol) -> Canvas {
    let cell = CellSize { width: CELL.0, height: CELL.1 };
    Canvas { protocol, cell, through_tmux: false, colors: ColorDepth::True }
}

/// Bytes of frames with a picture of ours in them: what sends it, and the cells that ratatui writes.
fn encoded(size: Size, protocol: Protocol, rasters: &[Raster; 2]) -> Measured {
    let (whole, canvas) = ([Rect::new(0, 0, size.width, size.height)], canvas(protocol));
    let encode = |raster| graphics::encode(raster, size, &whole, &canvas).unwrap();
    let written = Counting::default();
    let mut screen = written.screen(size);
    let id = KittyId::new(1, 1);
    let [first, next] = rasters.each_ref().map(|raster| {
        let picture = encode(raster);
        screen.draw(|frame| picture.place(id, Position::ORIGIN, &[], frame.buffer_mut())).unwrap();
        let sent = match &picture.form {
            Form::AtCursor(bytes) => bytes.len(),
            Form::Kitty(_) | Form::Cells(_) => picture.transmission(id, false).len(),
        };
        written.0.take() + sent
    });
    Measured { encode: median(|| drop(encode(&rasters[0]))), first, next }
}

fn show(name: &str, measured: Option<&Measured>) {
    match measured {
        Some(Measured { encode, first, next }) => {
            println!("  {name:<34} {:>7.2} ms {first:>10} B {next:>10} B", encode.as_secs_f64() * 1e3);
        }
        None => println!("  {name:<34} not there"),
    }
}

/// The least disturbed run: the median.
fn median(mut work: impl FnMut()) -> Duration {
    work();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

/// ratatui-image's encoders, and chafa.
fn peers(case: &Case) {
    let [first, next] = case.pictures.each_ref().map(|picture| stretched(picture, case.size));
    let kitty = |compress| {
        move |picture: RgbImage| {
            Theirs::Kitty(
                Kitty::new(DynamicImage::ImageRgb8(picture), case.size, 0x004c_5301, false, compress).unwrap(),
            )
        }
    };
    let by = |kind| {
        move |picture: RgbImage| {
            let mut picker = Picker::halfblocks();
            picker.set_protocol_type(kind);
            picker.new_protocol(DynamicImage::ImageRgb8(picture), case.size, Resize::Fit(None)).unwrap()
        }
    };
    show("kitty, ratatui-image", Some(&theirs(case.size, &first, &next, kitty(false))));
    show("kitty, ratatui-image o=z", Some(&theirs(case.size, &first, &next, kitty(true))));
    show("sixel, ratatui-image", Some(&theirs(case.size, &first, &next, by(ProtocolType::Sixel))));
    show("iTerm2, ratatui-image", Some(&theirs(case.size, &first, &next, by(ProtocolType::Iterm2))));
    show("half blocks, ratatui-image", Some(&theirs(case.size, &first, &next, by(ProtocolType::Halfblocks))));
    for (name, format) in [
        ("kitty, chafa", "kitty"),
        ("sixel, chafa", "sixels"),
        ("iTerm2, chafa", "iterm"),
        ("symbols, chafa", "symbols"),
    ] {
        show(name, chafa(case.size, [&first, &next], format).as_ref());
    }
}

/// Bytes of frames that ratatui writes with one of ratatui-image's widgets in them.
fn theirs(size: Size, first: &RgbImage, next: &RgbImage, encode: impl Fn(RgbImage) -> Theirs) -> Measured {
    let written = Counting::default();
    let mut screen = written.screen(size);
    let [first_bytes, next_bytes] = [first, next].map(|picture| {
        let picture = encode(picture.clone());
        screen.draw(|frame| frame.render_widget(ratatui_image::Image::new(&picture), frame.area())).unwrap();
        written.0.take()
    });
    Measured { encode: median(|| drop(encode(first.clone()))), first: first_bytes, next: next_bytes }
}

fn chafa(size: Size, pictures: [&RgbImage; 2], format: &str) -> Option<Measured> {
    let folder = std::env::temp_dir();
    let size = format!("{}x{}", size.width, size.height);
    let run = |file: &std::path::Path| {
        let arguments = ["--format", format, "--size", &size, "--stretch", "--animate", "off"];
        Command::new("chafa").args(arguments).arg(file).output().ok().filter(|output| output.status.success())
    };
    let mut bytes = [0, 0];
    let mut files = Vec::new();
    for (picture, bytes) in pictures.iter().zip(&mut bytes) {
        let file = folder.join(format!("layerscope-bench-{}-{}.png", std::process::id(), files.len()));
        picture.save(&file).unwrap();
        *bytes = run(&file).map_or(0, |output| output.stdout.len());
        files.push(file);
    }
    let encode = median(|| drop(run(&files[0])));
    for file in files {
        std::fs::remove_file(file).unwrap();
    }
    (bytes[0] > 0).then_some(Measured { encode, first: bytes[0], next: bytes[1] })
}

/// Counts what is written.
#[derive(Clone, Default)]
struct Counting(Rc<Cell<usize>>);

impl Counting {
    fn screen(&self, size: Size) -> Terminal<CrosstermBackend<Self>> {
        let viewport = Viewport::Fixed(Rect::new(0, 0, size.width, size.height));
        Terminal::with_options(CrosstermBackend::new(self.clone()), TerminalOptions { viewport }).unwrap()
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Activations of one layer of the demo: its maps, each as wide as the layer's.
fn maps(layer: &str) -> (Vec<Vec<f32>>, usize) {
    let network =
        open::network(&Opening { model: ModelChoice::Demo(Demo::Book), ..Opening::default() }).expect("the demo");
    let loaded = Loaded::Picture(decode_picture(DEMO_PICTURE, "the demo's picture").unwrap());
    let (input, _) = open::fed(&network, &loaded).unwrap();
    let place = network.place(layer).unwrap();
    let run = network.engine.run(&[(network.source().unwrap(), input)], &[place.tap], &Cancel::new()).unwrap();
    let maps = layerscope::methods::channels::maps(
        run.get(place.tap.value).unwrap(),
        network.layout(place.tap.value),
        &layerscope::methods::cam::Grids::default(),
    )
    .unwrap();
    let (_, height, width) = maps.size3().unwrap();
    let values = numbers(&maps).unwrap();
    (values.chunks((height * width) as usize).map(<[f32]>::to_vec).collect(), width as usize)
}

/// The middle `side`×`side` values of a map, in the book's scale.
fn middle(map: &[f32], width: usize, side: usize) -> IndexMap {
    let from = (width - side) / 2;
    let rows = map.chunks(width).skip(from).take(side);
    let values: Vec<f32> = rows.flat_map(|row| &row[from..from + side]).copied().collect();
    let layer = Range::of(&values).unwrap_or(Range { min: 0.0, max: 0.0 });
    Scale::default().apply(&values, side, layer)
}

fn cases() -> Vec<Case> {
    let pane = Size::new(80, 40);
    let colored = |map| Raster::Indexed(Box::new(IndexedImage::of(map, ColorMap::Viridis, [0; 3])));
    // The two maps of the layer with the fewest zeros but for a share: a dense one, and one that ReLU has cut.
    let pair = |layer: &str, side: usize, zeros: [f32; 2]| {
        let (maps, width) = maps(layer);
        let sparsity = |map: &[f32]| map.iter().filter(|value| **value == 0.0).count() as f32 / map.len() as f32;
        zeros.map(|wanted| {
            let nearest =
                maps.iter().min_by(|a, b| (sparsity(a) - wanted).abs().total_cmp(&(sparsity(b) - wanted).abs()));
            colored(middle(nearest.unwrap(), width, side))
        })
    };
    let grid = |skip: usize| {
        let (maps, width) = maps("conv2d_22");
        let tiles: Vec<IndexMap> = maps[skip..].iter().take(64).map(|map| middle(map, width, 28)).collect();
        let grid = Grid { columns: 8, gap: 1, cell: (28, 28) };
        Raster::Indexed(Box::new(channel_grid(&tiles, &grid, ColorMap::Viridis, [0; 3])))
    };
    let photo = match std::env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        Some(file) => image::open(file).expect("a photograph").to_rgb8(),
        None => decode_picture(DEMO_PICTURE, "the demo's picture").unwrap(),
    };
    let photo = image::imageops::resize(&photo, 600, 800, FilterType::Triangle);
    let mirrored = image::imageops::flip_horizontal(&photo);
    vec![
        Case { name: "56×56, half of it zero", size: pane, pictures: pair("conv2d_21", 56, [0.5, 0.6]) },
        Case { name: "56×56, dense", size: pane, pictures: pair("conv2d_21", 56, [0.0, 0.5]) },
        Case { name: "14×14", size: pane, pictures: pair("conv2d_23", 14, [0.5, 0.6]) },
        Case { name: "112×112, dense", size: pane, pictures: pair("conv2d_20", 112, [0.0, 0.1]) },
        Case { name: "8×8 maps of 28×28", size: pane, pictures: [grid(0), grid(64)] },
        Case { name: "photograph", size: Size::new(60, 40), pictures: [Raster::Rgb(photo), Raster::Rgb(mirrored)] },
    ]
}
