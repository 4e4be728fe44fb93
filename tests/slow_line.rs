//! Over a line of 1 MB/s with 100 ms each way, a held key never lags more than one picture behind.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/terminal.rs"]
mod terminal;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use terminal::{BOOK, KITTY, LAYERSCOPE, Launch, Line, Program};

const RATE: f64 = 1e6;
const DELAY: Duration = Duration::from_millis(100);
/// Presses of the held key, and the time between two.
const PRESSES: usize = 50;
const REPEAT: Duration = Duration::from_millis(33);

/// A picture that was sent: the number of its place on the screen, all its bytes, and the PNG in base64.
struct Sent {
    number: u32,
    bytes: usize,
    payload: String,
}

/// The kitty pictures among the bytes, in order, as far as they are whole.
fn pictures(raw: &[u8]) -> Vec<Sent> {
    let text = String::from_utf8_lossy(raw);
    let mut pictures: Vec<Sent> = Vec::new();
    let mut open = false;
    for part in text.split("\x1b_G").skip(1) {
        let Some((sequence, _)) = part.split_once("\x1b\\") else { break };
        let Some((keys, payload)) = sequence.split_once(';') else { continue };
        let value = |key: &str| keys.split(',').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        if value("a") == Some("T") {
            let number = value("i").unwrap().parse::<u32>().unwrap() & 0xff;
            pictures.push(Sent { number, bytes: 0, payload: String::new() });
        } else if !open {
            continue;
        }
        let picture = pictures.last_mut().unwrap();
        picture.bytes += sequence.len() + 5;
        picture.payload.push_str(payload);
        open = value("m") == Some("1");
    }
    if open {
        pictures.pop();
    }
    pictures
}

/// Zoomed into a channel of the demo's second convolution: 64 channels of 72×72.
fn zoomed(line: Line) -> Program {
    let environment = vec![("SSH_CONNECTION".to_owned(), "192.0.2.1 50000 192.0.2.2 22".to_owned())];
    let mut program = Launch { answer: KITTY, line, environment, ..Launch::of(LAYERSCOPE, BOOK) }.start();
    program.see("grad-cam of cat");
    program.press("/conv2d_21\r");
    program.see(" conv2d_21 · activations");
    program.press("\r\r");
    program.see("1 of 64");
    assert!(program.quiet(Duration::from_millis(300), Duration::from_secs(20)), "it never comes to rest");
    program
}

/// The pictures of a channel that was gone to at once, by the place that they have on the screen.
fn pictures_of_channel(channel: usize) -> HashMap<u32, String> {
    let mut program = zoomed(Line::LOCAL);
    program.press(&format!("{channel}G"));
    program.see(&format!("#{channel} "));
    // On a busy machine a picture may be long in coming after the one before.
    program.quiet(Duration::from_secs(2), Duration::from_secs(20));
    let newest = pictures(&program.raw).into_iter().map(|sent| (place(&sent), sent.payload));
    newest.collect()
}

/// Two numbers take turns for each place.
fn place(sent: &Sent) -> u32 {
    (sent.number - 1) / 2
}

fn hold_the_key(buffer: usize) {
    let wanted = pictures_of_channel(PRESSES);
    let mut program = zoomed(Line { rate: Some(RATE), delay: DELAY, buffer });
    let before = program.raw.len();
    program.most_outstanding = 0;
    let start = Instant::now();
    for press in 0..PRESSES {
        program.press("l");
        let next = start + REPEAT * (press as u32 + 1);
        while Instant::now() < next {
            program.read(next.saturating_duration_since(Instant::now()));
        }
    }
    let last = start + REPEAT * (PRESSES as u32 - 1);
    let caption = format!("#{PRESSES} ");
    let mut caption_at = None;
    while program.read(Duration::from_millis(700)) {
        if caption_at.is_none() && program.contents().contains(&caption) {
            caption_at = Some(program.arrived);
        }
    }
    let sent = pictures(&program.raw[before..]);
    let mut newest: HashMap<u32, &Sent> = HashMap::new();
    let mut largest: HashMap<u32, usize> = HashMap::new();
    for picture in &sent {
        newest.insert(place(picture), picture);
        let most = largest.entry(place(picture)).or_default();
        *most = (*most).max(picture.bytes);
    }
    for (place, picture) in &newest {
        assert!(wanted[place] == picture.payload, "what is on the screen at {place} is not the last channel's");
    }
    let picture: usize = largest.values().sum();
    let transmission = Duration::from_secs_f64(picture as f64 / RATE);
    let (caption_lag, lag) = (caption_at.unwrap() - last, program.arrived - last);
    println!(
        "bytes by place {largest:?}; buffer {buffer}: caption after {} ms, everything after {} ms; {} pictures in {} bytes; a frame's {picture} bytes take {} ms; at most {} bytes on the way",
        caption_lag.as_millis(),
        lag.as_millis(),
        sent.len(),
        program.raw.len() - before,
        transmission.as_millis(),
        program.most_outstanding,
    );
    // The one before, which was on its way when the last key came, and its own; the rest is for a busy machine. What would queue
    // is seen in the bytes on the way.
    let allowed = 2 * transmission + Duration::from_secs(1);
    assert!(caption_lag <= allowed, "the caption came after {caption_lag:?}, {allowed:?} are allowed");
    assert!(lag <= allowed, "the last picture came after {lag:?}, {allowed:?} are allowed");
    // The newest, and one before it that was on its way when the key came; and the characters around them.
    let most = 2 * picture + 16_384;
    assert!(program.most_outstanding <= most, "{} bytes on the way, {most} are two frames", program.most_outstanding);
}

#[test]
fn a_held_key_over_a_line_that_takes_everything_and_is_late() {
    hold_the_key(usize::MAX);
}

#[test]
fn a_held_key_over_a_line_that_takes_what_it_can_carry() {
    hold_the_key(0);
}
