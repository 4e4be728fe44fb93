//! Sixel, straight from the palette: no quantiser and no dither for maps, and runs in place of repeated pixels.
//!
//! A picture is drawn in bands of six rows. The usual encoder goes along a band once for each colour; this one goes along it
//! as often as colours lie one below the other, and changes colour on the way. Where values are enlarged to squares, most
//! bands then need a single pass, and a value costs its colour and one run.

use ratatui::layout::{Rect, Size};

use super::holes::Drawn;
use super::palette::Paletted;
use crate::picture::Raster;

/// Rows of a band: the bits of a sixel.
const BAND: usize = 6;
/// Runs up to this length are shorter written out than counted.
const WRITTEN_OUT: usize = 3;

/// Columns of a band that follow each other and have a colour in the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from: usize,
    to: usize,
    register: u8,
    rows: u8,
}

/// One way along a band, from the left to the right.
#[derive(Debug, Default)]
struct Pass {
    /// Where it has come to.
    column: usize,
    register: Option<u8>,
    text: Vec<u8>,
}

/// What draws a picture from the cursor on. Pixels outside its parts are left as they are.
pub(super) fn encode(raster: &Raster, size: Size, parts: &[Rect]) -> Vec<u8> {
    let mut picture = Paletted::of(raster);
    Drawn::new(size, parts).cut(picture.width, &mut picture.indices, Paletted::NOTHING);
    let colors = into_registers(&mut picture);
    // P2=1: what is not drawn stays.
    let mut out = format!("\x1bP9;1q\"1;1;{};{}", picture.width, picture.height).into_bytes();
    for (register, color) in colors.iter().enumerate() {
        out.push(b'#');
        number(register, &mut out);
        for field in [2, color[0], color[1], color[2]] {
            out.push(b';');
            number(field.into(), &mut out);
        }
    }
    let mut before: Option<(&[u8], std::ops::Range<usize>)> = None;
    for band in picture.indices.chunks(BAND * picture.width.max(1)) {
        if before.is_some() {
            out.push(b'-');
        }
        let start = out.len();
        match before {
            Some((same, written)) if same == band => out.extend_from_within(written),
            _ => write_band(&stretches(band, picture.width), &mut out),
        }
        before = Some((band, start..out.len()));
    }
    // No line feed after the last band: at the end of the screen it would scroll.
    out.extend_from_slice(b"\x1b\\");
    out
}

/// Makes the picture's indices register numbers, and returns the registers' colours in percent, as sixel counts them. Colours
/// that are one in percent share a register; those that are used most have the numbers of one digit.
fn into_registers(picture: &mut Paletted) -> Vec<[u8; 3]> {
    let percents: Vec<[u8; 3]> = picture.colors.iter().map(|color| color.map(percent)).collect();
    let mut uses = vec![0_usize; percents.len()];
    for row in picture.indices.chunks(picture.width.max(1)).step_by(BAND) {
        for run in row.chunk_by(|index, next| index == next) {
            if let Some(uses) = run.first().and_then(|index| uses.get_mut(usize::from(*index))) {
                *uses += 1;
            }
        }
    }
    let mut order: Vec<usize> = (0..percents.len()).collect();
    order.sort_by_key(|color| std::cmp::Reverse(uses.get(*color)));
    let mut registers: Vec<[u8; 3]> = Vec::new();
    let mut register_of = [Paletted::NOTHING; 256];
    for color in order {
        let place = registers.iter().position(|known| *known == percents[color]).unwrap_or_else(|| {
            registers.push(percents[color]);
            registers.len() - 1
        });
        register_of[color] = place as u8;
    }
    register_of[usize::from(Paletted::NOTHING)] = Paletted::NOTHING;
    for index in &mut picture.indices {
        *index = register_of[usize::from(*index)];
    }
    registers
}

fn percent(channel: u8) -> u8 {
    ((u16::from(channel) * 100 + 127) / 255) as u8
}

/// The stretches of a band, in the order of their first columns.
fn stretches(band: &[u8], width: usize) -> Vec<Stretch> {
    let rows: Vec<&[u8]> = band.chunks(width).collect();
    let mut done = Vec::new();
    let mut open: Vec<Stretch> = Vec::with_capacity(BAND);
    let mut next: Vec<Stretch> = Vec::with_capacity(BAND);
    for column in 0..width {
        if column > 0 && rows.iter().all(|row| row[column] == row[column - 1]) {
            continue;
        }
        for (bit, row) in rows.iter().enumerate() {
            let register = row[column];
            if register == Paletted::NOTHING {
                continue;
            }
            match next.iter_mut().find(|stretch| stretch.register == register) {
                Some(stretch) => stretch.rows |= 1 << bit,
                None => next.push(Stretch { from: column, to: column, register, rows: 1 << bit }),
            }
        }
        for old in open.drain(..) {
            match next.iter_mut().find(|new| (new.register, new.rows) == (old.register, old.rows)) {
                Some(new) => new.from = old.from,
                None => done.push(Stretch { to: column, ..old }),
            }
        }
        std::mem::swap(&mut open, &mut next);
    }
    done.extend(open.into_iter().map(|stretch| Stretch { to: width, ..stretch }));
    done.sort_by_key(|stretch| stretch.from);
    done
}

/// Each stretch goes to the pass that it costs least in, of those that have not gone past its first column.
fn write_band(stretches: &[Stretch], out: &mut Vec<u8>) {
    let mut passes: Vec<Pass> = Vec::with_capacity(BAND);
    for stretch in stretches {
        let free = passes.iter_mut().filter(|pass| pass.column <= stretch.from);
        if let Some(pass) = free.min_by_key(|pass| pass.cost(stretch)) {
            pass.write(stretch);
        } else {
            let mut pass = Pass::default();
            pass.write(stretch);
            passes.push(pass);
        }
    }
    for (index, pass) in passes.iter().enumerate() {
        if index > 0 {
            out.push(b'$');
        }
        out.extend_from_slice(&pass.text);
    }
}

impl Pass {
    /// Bytes that a stretch costs here beside its own run.
    fn cost(&self, stretch: &Stretch) -> usize {
        let gap = stretch.from - self.column;
        let skip = if gap > WRITTEN_OUT { 2 + digits(gap) } else { gap };
        let change = if self.register == Some(stretch.register) { 0 } else { 1 + digits(stretch.register.into()) };
        skip + change
    }

    fn write(&mut self, stretch: &Stretch) {
        run(0, stretch.from - self.column, &mut self.text);
        if self.register != Some(stretch.register) {
            self.text.push(b'#');
            number(stretch.register.into(), &mut self.text);
            self.register = Some(stretch.register);
        }
        run(stretch.rows, stretch.to - stretch.from, &mut self.text);
        self.column = stretch.to;
    }
}

fn run(rows: u8, count: usize, out: &mut Vec<u8>) {
    let sixel = b'?' + rows;
    if count > WRITTEN_OUT {
        out.push(b'!');
        number(count, out);
        out.push(sixel);
    } else {
        out.extend(std::iter::repeat_n(sixel, count));
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

fn number(value: usize, out: &mut Vec<u8>) {
    if value >= 10 {
        number(value / 10, out);
    }
    out.push(b'0' + (value % 10) as u8);
}
