//! Which keys do what: the table's own keys, and what the user has changed about them.

use std::fmt;

use super::action::{Action, BINDINGS, Binding};
use crate::config::Rebinding;
use crate::model::{nearest, printable, suggestion};

/// What a key is bound to in order to do nothing.
pub const UNBOUND: &str = "none";

/// Keys by their names, as the action table writes them.
const NAMED: [&str; 16] = [
    "Space",
    "Enter",
    "Esc",
    "Tab",
    "BackTab",
    "Backspace",
    "Delete",
    "Insert",
    "Up",
    "Down",
    "Left",
    "Right",
    "Home",
    "End",
    "PageUp",
    "PageDown",
];

/// Other names of the same keys.
const ALIASES: [(&str, &str); 8] = [
    ("Escape", "Esc"),
    ("Return", "Enter"),
    ("PgUp", "PageUp"),
    ("PgDn", "PageDown"),
    ("PgDown", "PageDown"),
    ("Del", "Delete"),
    ("Ins", "Insert"),
    ("Spacebar", "Space"),
];

/// Function keys that terminals report.
const FUNCTION_KEYS: std::ops::RangeInclusive<u8> = 1..=35;

/// What follows the keys pressed so far: the rest of the sequence, and the name and description of what it does.
pub type Continuation = (String, &'static str, &'static str);

/// What a sequence of keys means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It does this.
    Found(Action),
    /// It is the beginning of these.
    Prefix(Vec<Continuation>),
    /// Nothing.
    None,
}

/// A binding that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KeymapError {
    /// The line that asks for it, counted from 1.
    pub line: usize,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    keys: Vec<String>,
    action: Action,
}

/// Sequences of keys and what they do. No sequence is the beginning of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap(Vec<Bound>);

impl Default for Keymap {
    /// The keys of the action table.
    fn default() -> Self {
        let rows = BINDINGS.iter().flat_map(|row| row.keys.iter().map(move |keys| (row.action, keys)));
        let bound =
            |(action, keys): (Action, &&str)| Bound { keys: keys.split(' ').map(str::to_owned).collect(), action };
        Self(rows.map(bound).collect())
    }
}

impl Keymap {
    /// The table's keys with the user's changes, and what is wrong with those that were left out.
    pub fn with(changes: &[Rebinding]) -> (Self, Vec<KeymapError>) {
        let mut keymap = Self::default();
        let mut errors = Vec::new();
        let mut wanted: Vec<(Vec<String>, Option<Action>, usize)> = Vec::new();
        for change in changes {
            let understood = understand(change);
            match understood {
                Err(message) => errors.push(KeymapError { line: change.line, message }),
                Ok((keys, _)) if wanted.iter().any(|(other, ..)| *other == keys) => {
                    let message = format!("`{}` is bound a second time", keys.join(" "));
                    errors.push(KeymapError { line: change.line, message });
                }
                Ok((keys, action)) => wanted.push((keys, action, change.line)),
            }
        }
        // Everything that is unbound makes room first, so that the order of the lines does not matter.
        keymap.0.retain(|bound| !wanted.iter().any(|(keys, ..)| *keys == bound.keys));
        let mut own = 0;
        for (keys, action, line) in wanted {
            let Some(action) = action else { continue };
            if let Some(message) = keymap.in_the_way(&keys) {
                errors.push(KeymapError { line, message });
            } else {
                // The user's keys come before the table's, so that hints show them.
                keymap.0.insert(own, Bound { keys, action });
                own += 1;
            }
        }
        errors.sort_by_key(|error| error.line);
        (keymap, errors)
    }

    /// Why these keys cannot be bound beside those that are.
    fn in_the_way(&self, keys: &[String]) -> Option<String> {
        let written = keys.join(" ");
        let free = |other: &str| format!("bind `{other}` to \"{UNBOUND}\" first");
        if let Some(shorter) = self.0.iter().find(|bound| keys.starts_with(&bound.keys)) {
            let shorter = shorter.keys.join(" ");
            return Some(format!("`{written}` would never be reached behind `{shorter}`; {}", free(&shorter)));
        }
        let hidden: Vec<String> = self
            .0
            .iter()
            .filter(|bound| bound.keys.starts_with(keys))
            .map(|bound| format!("`{}`", bound.keys.join(" ")))
            .collect();
        (!hidden.is_empty())
            .then(|| format!("`{written}` would hide {}; bind those to \"{UNBOUND}\" first", hidden.join(", ")))
    }

    /// What the keys pressed so far mean, each by the name that [`super::action::key_name`] gives it.
    pub fn lookup(&self, pressed: &[String]) -> Lookup {
        if pressed.is_empty() {
            return Lookup::None;
        }
        if let Some(bound) = self.0.iter().find(|bound| bound.keys == pressed) {
            return Lookup::Found(bound.action);
        }
        let longer = self.0.iter().filter_map(|bound| Some((bound.keys.strip_prefix(pressed)?, bound.action)));
        let described = longer.filter_map(|(rest, action)| {
            let row = BINDINGS.iter().find(|row| row.action == action)?;
            Some((rest.join(" "), row.name, row.description))
        });
        let continuations: Vec<Continuation> = described.collect();
        if continuations.is_empty() { Lookup::None } else { Lookup::Prefix(continuations) }
    }

    /// The keymap as the configuration's table `[keys]`, with what each key does beside it.
    pub fn to_toml(&self) -> String {
        let line = |keys: &String, row: &Binding| {
            let quoted = format!("\"{}\"", keys.replace('\\', "\\\\").replace('"', "\\\""));
            format!("{:<36} # {}\n", format!("{quoted} = \"{}\"", row.name), row.description)
        };
        let lines = |row: &Binding| self.keys_of(row.action).iter().map(|keys| line(keys, row)).collect::<String>();
        format!("\n[keys]\n{}", BINDINGS.iter().map(lines).collect::<String>())
    }

    /// Keys of an action for help and hints, the user's own first; sequences with spaces between their keys.
    pub fn keys_of(&self, action: Action) -> Vec<String> {
        self.0.iter().filter(|bound| bound.action == action).map(|bound| bound.keys.join(" ")).collect()
    }
}

fn understand(change: &Rebinding) -> Result<(Vec<String>, Option<Action>), String> {
    let (keys, action) = (parse_sequence(&change.keys)?, action_named(&change.action)?);
    if keys.iter().any(|key| key == "ctrl-c") && (keys.len() > 1 || action != Some(Action::Quit)) {
        return Err("`ctrl-c` always leaves: it cannot be bound to anything else".to_owned());
    }
    if keys.first().is_some_and(|first| matches!(first.as_bytes(), [b'1'..=b'9'])) {
        return Err(format!("`{}`: a number repeats the action after it, and cannot be bound", keys.join(" ")));
    }
    Ok((keys, action))
}

fn action_named(name: &str) -> Result<Option<Action>, String> {
    if name == UNBOUND {
        return Ok(None);
    }
    if let Some(row) = BINDINGS.iter().find(|row| row.name == name) {
        return Ok(Some(row.action));
    }
    let names = || BINDINGS.iter().map(|row| row.name).chain([UNBOUND]);
    let hint = match nearest::nearest(name, names()).as_slice() {
        [] => "; `?` in the inspector lists them".to_owned(),
        _ => suggestion(name, names()),
    };
    Err(format!("there is no action '{}'{hint}", printable(name)))
}

/// Keys with spaces between them, by their names in the action table.
///
/// # Errors
/// A name that is no key's, and sequences that could never be typed.
pub fn parse_sequence(text: &str) -> Result<Vec<String>, String> {
    let keys: Vec<String> = text.split(' ').filter(|part| !part.is_empty()).map(parse_key).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err("a key is missing before `=`".to_owned());
    }
    if keys.len() > 1 && keys.iter().any(|key| key == "Esc") {
        return Err(format!("`{}`: Esc ends an unfinished sequence and cannot be in one", printable(text)));
    }
    Ok(keys)
}

/// One key, by its name in the action table: upper and lower case of names and modifiers do not matter.
///
/// # Errors
/// A name that is no key's, with those that are like it.
pub fn parse_key(text: &str) -> Result<String, String> {
    let (mut ctrl, mut alt, mut shift) = (false, false, false);
    let mut rest = text;
    // A lone `-` after a modifier is the key itself.
    while let Some((modifier, key)) = rest.split_once('-').filter(|(before, key)| !before.is_empty() && !key.is_empty())
    {
        match modifier.to_ascii_lowercase().as_str() {
            "ctrl" | "control" => ctrl = true,
            "alt" | "meta" => alt = true,
            "shift" => shift = true,
            _ => {
                let hint = suggestion(modifier, ["ctrl", "alt", "shift"]);
                return Err(format!(
                    "'{}' is no key: '{}' is none of ctrl, alt and shift{hint}",
                    printable(text),
                    printable(modifier)
                ));
            }
        }
        rest = key;
    }
    let mut name = base(rest).ok_or_else(|| unknown(text))?;
    if shift {
        name = shifted(&name)
            .ok_or_else(|| format!("`{}`: terminals tell shift apart only with letters and Tab", printable(text)))?;
    }
    if ctrl {
        // Terminals send the same byte for both cases.
        name = if name.chars().count() == 1 { name.to_ascii_lowercase() } else { name };
    }
    Ok(Modified { ctrl, alt, name: &name }.to_string())
}

fn base(text: &str) -> Option<String> {
    let mut characters = text.chars();
    if let (Some(character), None) = (characters.next(), characters.next()) {
        return (!character.is_control() && character != ' ').then(|| text.to_owned());
    }
    if let Some(number) = text.strip_prefix(['F', 'f']).and_then(|number| number.parse::<u8>().ok()) {
        return FUNCTION_KEYS.contains(&number).then(|| format!("F{number}"));
    }
    let named = NAMED.iter().find(|name| name.eq_ignore_ascii_case(text));
    let alias = || ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(text)).map(|(_, name)| name);
    named.or_else(alias).map(|name| (*name).to_owned())
}

fn shifted(name: &str) -> Option<String> {
    match name {
        "Tab" | "BackTab" => Some("BackTab".to_owned()),
        letter if letter.chars().count() == 1 && letter.chars().all(char::is_alphabetic) => {
            let upper = letter.to_uppercase();
            (upper.chars().count() == 1).then_some(upper)
        }
        _ => None,
    }
}

fn unknown(text: &str) -> String {
    let hint = suggestion(text, NAMED);
    let hint = if hint.is_empty() {
        "; keys are written like j, G, ctrl-d, alt-x, F1, Space or `g g`".to_owned()
    } else {
        hint
    };
    format!("'{}' is no key{hint}", printable(text))
}

/// A key with its modifiers, in the order in which they are always written.
pub(super) struct Modified<'a> {
    /// With Ctrl.
    pub(super) ctrl: bool,
    /// With Alt.
    pub(super) alt: bool,
    /// The key.
    pub(super) name: &'a str,
}

impl fmt::Display for Modified<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", if self.ctrl { "ctrl-" } else { "" }, if self.alt { "alt-" } else { "" }, self.name)
    }
}
