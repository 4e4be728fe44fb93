//! Answers among what comes from the keyboard: a parser that takes any bytes, in any pieces.

use super::query::{KITTY_ID, Question};
use crate::model::printable;
use crate::terminal::CellSize;

/// The longest answer that is waited for; terminals need a tenth of it.
const LONGEST: usize = 1024;

/// Largest width or height of a cell that is believed.
const LARGEST_CELL: u16 = 512;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Name and version, without control characters: `kitty(0.41.1)`.
    Version(String),
    /// What it says about a picture by the kitty protocol: `OK`, or an error.
    Kitty(String),
    /// The background's red, green and blue.
    Background([u8; 3]),
    /// Size of a cell in pixels.
    Cell(CellSize),
    /// Width and height of the text area in pixels.
    Area(u16, u16),
    /// Whether frames can be shown at once.
    Synchronized(bool),
    /// Device attributes.
    Attributes(Vec<u16>),
    /// Nothing follows.
    End,
}

impl Reply {
    /// The question that it answers.
    pub const fn question(&self) -> Question {
        match self {
            Self::Version(_) => Question::Version,
            Self::Kitty(_) => Question::Kitty,
            Self::Background(_) => Question::Background,
            Self::Cell(_) => Question::Cell,
            Self::Area(..) => Question::Area,
            Self::Synchronized(_) => Question::Synchronized,
            Self::Attributes(_) => Question::Attributes,
            Self::End => Question::End,
        }
    }
}

/// An answer with the bytes that it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The bytes.
    pub raw: Vec<u8>,
    /// What they mean.
    pub reply: Reply,
}

/// What a piece of input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An answer.
    Reply(Heard),
    /// Keys.
    Typed(Vec<u8>),
    /// The form of an answer without a meaning.
    Noise(Vec<u8>),
}

/// Finds answers in input that comes in pieces.
#[derive(Debug, Default)]
pub struct Scanner {
    waiting: Vec<u8>,
}

/// What the first bytes of the input are.
enum Step {
    /// Not decided before more comes.
    Incomplete,
    Reply(usize, Reply),
    Typed(usize),
    Noise(usize),
}

impl Scanner {
    /// What is complete after these bytes.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Token> {
        self.waiting.extend_from_slice(bytes);
        let mut tokens = Vec::new();
        while !self.waiting.is_empty() {
            let step = step(&self.waiting);
            let mut take = |length: usize| -> Vec<u8> { self.waiting.drain(..length).collect() };
            tokens.push(match step {
                Step::Incomplete => break,
                Step::Reply(length, reply) => Token::Reply(Heard { raw: take(length), reply }),
                Step::Typed(length) => Token::Typed(take(length)),
                Step::Noise(length) => Token::Noise(take(length)),
            });
        }
        tokens
    }

    /// What is left when nothing more is awaited: a lone Escape is a key, the beginning of an answer is not.
    pub fn finish(self) -> Option<Token> {
        match self.waiting.as_slice() {
            [] => None,
            [0x1b] => Some(Token::Typed(self.waiting)),
            _ => Some(Token::Noise(self.waiting)),
        }
    }
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [0x1b] | [0x1b, b'O'] => Step::Incomplete,
        [0x1b, b'[', rest @ ..] => control_sequence(rest),
        [0x1b, b'P', rest @ ..] => string(rest, b">|", |content| Some(Reply::Version(clean(content)))),
        [0x1b, b'_', rest @ ..] => string(rest, b"G", kitty),
        [0x1b, b']', rest @ ..] => string(rest, b"1", background),
        [0x1b, b'O', _, ..] => Step::Typed(3),
        [0x1b, 0x1b, ..] => Step::Typed(1),
        [0x1b, _, ..] => Step::Typed(2),
        _ => Step::Typed(bytes.iter().position(|byte| *byte == 0x1b).unwrap_or(bytes.len())),
    }
}

/// What follows `CSI`.
fn control_sequence(rest: &[u8]) -> Step {
    let Some(end) = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return if rest.len() > LONGEST { Step::Noise(2 + rest.len()) } else { Step::Incomplete };
    };
    let (parameters, last) = (&rest[..end], rest[end]);
    if !(0x40..=0x7e).contains(&last) {
        return Step::Noise(2 + end);
    }
    let length = 2 + end + 1;
    let Ok(parameters) = std::str::from_utf8(parameters) else { return Step::Noise(length) };
    report(parameters, last).map_or(Step::Typed(length), |reply| Step::Reply(length, reply))
}

fn report(parameters: &str, last: u8) -> Option<Reply> {
    match last {
        b'n' if matches!(parameters, "0" | "3") => Some(Reply::End),
        b'c' => {
            let numbers = parameters.strip_prefix('?')?.split(';');
            Some(Reply::Attributes(numbers.filter_map(|number| number.parse().ok()).collect()))
        }
        b't' => {
            let numbers: Vec<u16> = parameters.split(';').map(str::parse).collect::<Result<_, _>>().ok()?;
            let cell = 1..=LARGEST_CELL;
            match *numbers.as_slice() {
                [6, height, width] if cell.contains(&height) && cell.contains(&width) => {
                    Some(Reply::Cell(CellSize { width, height }))
                }
                [4, height, width] if height > 0 && width > 0 => Some(Reply::Area(width, height)),
                _ => None,
            }
        }
        b'y' => match parameters.strip_prefix("?2026;")?.strip_suffix('$')? {
            "1" | "2" | "3" => Some(Reply::Synchronized(true)),
            "0" | "4" => Some(Reply::Synchronized(false)),
            _ => None,
        },
        _ => None,
    }
}

/// What follows the beginning of a string. Alt and a letter begin in the same way, so that what follows must be right.
fn string(rest: &[u8], prefix: &[u8], meaning: impl Fn(&[u8]) -> Option<Reply>) -> Step {
    let common = rest.len().min(prefix.len());
    if rest[..common] != prefix[..common] {
        return Step::Typed(2);
    }
    let Some(content) = rest.strip_prefix(prefix) else { return Step::Incomplete };
    let before = 2 + prefix.len();
    // A bell ends what xterm's older form of OSC began.
    let end = content.iter().position(|byte| matches!(byte, 0x1b | 0x07));
    let (end, length) = match end.map(|end| (end, &content[end..])) {
        Some((end, [0x07, ..])) => (end, before + end + 1),
        Some((end, [0x1b, b'\\', ..])) => (end, before + end + 2),
        Some((_, [0x1b])) => return Step::Incomplete,
        Some((end, _)) => return Step::Noise(before + end),
        None if content.len() > LONGEST => return Step::Noise(before + content.len()),
        None => return Step::Incomplete,
    };
    meaning(&content[..end]).map_or(Step::Noise(length), |reply| Step::Reply(length, reply))
}

fn clean(content: &[u8]) -> String {
    printable(&String::from_utf8_lossy(content)).trim().to_owned()
}

fn kitty(content: &[u8]) -> Option<Reply> {
    let text = clean(content);
    let (keys, message) = text.split_once(';')?;
    let id = format!("i={KITTY_ID}");
    keys.split(',').any(|key| key == id).then(|| Reply::Kitty(message.to_owned()))
}

/// `11;rgb:RRRR/GGGG/BBBB` with one to four digits each, or `rgba:` with one more, behind the first letter. Other colours, which
/// some terminals send unasked, are no answers.
fn background(content: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(content).ok()?.strip_prefix("1;")?;
    let mut channels = text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?.split('/');
    let mut channel = || {
        let digits = channels.next().filter(|digits| (1..=4).contains(&digits.len()))?;
        let largest = (1_u32 << (4 * digits.len())) - 1;
        let value = u32::from_str_radix(digits, 16).ok()?;
        Some((value * 255 / largest) as u8)
    };
    Some(Reply::Background([channel()?, channel()?, channel()?]))
}
