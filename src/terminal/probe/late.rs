//! What is typed while the terminal is asked, as keys; and answers that come when nobody waits for them any more.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

/// How long after the question an answer is believed to come.
const LATEST: Duration = Duration::from_secs(10);

/// No answer is longer than this many keys.
const LONGEST: usize = 256;

/// Keys typed while the terminal was asked. Keys with more than one byte are those that an impatient person presses.
pub fn typed_keys(bytes: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.as_ref();
    let mut keys = Vec::new();
    while let Some(first) = rest.chars().next() {
        let named = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence));
        if let Some((sequence, code)) = named {
            keys.push(KeyEvent::new(*code, KeyModifiers::NONE));
            rest = &rest[sequence.len()..];
        } else if let Some(body) = rest.strip_prefix("\x1b[") {
            // Focus, mouse and keys with modifiers.
            let end = body.find(|letter: char| ('\x40'..='\x7e').contains(&letter)).map_or(body.len(), |end| end + 1);
            rest = &body[end..];
        } else {
            keys.extend(key(first));
            rest = &rest[first.len_utf8()..];
        }
    }
    keys.into_iter().map(Event::Key).collect()
}

const SEQUENCES: [(&str, KeyCode); 14] = [
    ("\x1b[A", KeyCode::Up),
    ("\x1b[B", KeyCode::Down),
    ("\x1b[C", KeyCode::Right),
    ("\x1b[D", KeyCode::Left),
    ("\x1bOA", KeyCode::Up),
    ("\x1bOB", KeyCode::Down),
    ("\x1bOC", KeyCode::Right),
    ("\x1bOD", KeyCode::Left),
    ("\x1b[H", KeyCode::Home),
    ("\x1b[F", KeyCode::End),
    ("\x1b[5~", KeyCode::PageUp),
    ("\x1b[6~", KeyCode::PageDown),
    ("\x1b[3~", KeyCode::Delete),
    ("\x1b[Z", KeyCode::BackTab),
];

fn key(letter: char) -> Option<KeyEvent> {
    let plain = |code| Some(KeyEvent::new(code, KeyModifiers::NONE));
    match letter {
        '\r' => plain(KeyCode::Enter),
        '\t' => plain(KeyCode::Tab),
        '\x7f' => plain(KeyCode::Backspace),
        '\x1b' => plain(KeyCode::Esc),
        '\x01'..='\x1a' => {
            Some(KeyEvent::new(KeyCode::Char(char::from(letter as u8 - 1 + b'a')), KeyModifiers::CONTROL))
        }
        char::REPLACEMENT_CHARACTER => None,
        letter if letter.is_control() => None,
        letter if letter.is_uppercase() => Some(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::SHIFT)),
        letter => plain(KeyCode::Char(letter)),
    }
}

/// Keeps answers that come too late from being taken for keys. Those that begin with `CSI` end in crossterm's parser; the
/// strings (DCS, OSC, APC) would arrive as Alt with a letter and then, letter by letter, what they say.
#[derive(Debug)]
pub struct LateAnswers {
    /// When answers are no longer awaited.
    until: Option<Instant>,
    within: Within,
}

#[derive(Debug)]
enum Within {
    Nothing,
    /// A key that may begin an answer, which the letter after it decides.
    Beginning(Event, char),
    Answer(usize),
}

impl LateAnswers {
    /// Answers may come late if they have not come.
    pub fn expected(yes: bool) -> Self {
        Self { until: yes.then(|| Instant::now() + LATEST), within: Within::Nothing }
    }

    /// What is left of an event when answers are taken out: mostly the event itself.
    pub fn pass(&mut self, event: Event) -> Vec<Event> {
        let Some(until) = self.until else { return vec![event] };
        match std::mem::replace(&mut self.within, Within::Nothing) {
            Within::Nothing if Instant::now() > until => {
                self.until = None;
                vec![event]
            }
            Within::Nothing => match second_letter(&event) {
                Some(letter) => {
                    self.within = Within::Beginning(event, letter);
                    Vec::new()
                }
                None => vec![event],
            },
            Within::Beginning(_, letter) if letter_of(&event) == Some(letter) => {
                self.within = Within::Answer(0);
                Vec::new()
            }
            Within::Beginning(first, _) => vec![first, event],
            Within::Answer(length) => {
                if !ends(&event) && length < LONGEST {
                    self.within = Within::Answer(length + 1);
                }
                Vec::new()
            }
        }
    }
}

/// The letter that follows, if this key begins an answer: `ESC P >`, `ESC ] 1`, `ESC _ G`.
fn second_letter(event: &Event) -> Option<char> {
    match event {
        Event::Key(KeyEvent { code: KeyCode::Char(letter), modifiers, .. })
            if modifiers.contains(KeyModifiers::ALT) =>
        {
            match letter {
                'P' => Some('>'),
                ']' => Some('1'),
                '_' => Some('G'),
                _ => None,
            }
        }
        _ => None,
    }
}

fn letter_of(event: &Event) -> Option<char> {
    match event {
        Event::Key(KeyEvent { code: KeyCode::Char(letter), modifiers, .. })
            if !modifiers.intersects(KeyModifiers::ALT | KeyModifiers::CONTROL) =>
        {
            Some(*letter)
        }
        _ => None,
    }
}

/// `ESC \`, or the bell.
fn ends(event: &Event) -> bool {
    match event {
        Event::Key(KeyEvent { code: KeyCode::Char('\\'), modifiers, .. }) => modifiers.contains(KeyModifiers::ALT),
        Event::Key(KeyEvent { code: KeyCode::Char('g'), modifiers, .. }) => modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}
