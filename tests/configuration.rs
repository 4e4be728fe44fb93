//! Keys and the configuration file: what a user may write, what it does, and what is said about what cannot be.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use layerscope::tui::action::{Action, BINDINGS, key_name};
use layerscope::tui::keymap::{Keymap, Lookup, Rebinding, parse_key, parse_sequence};
use proptest::prelude::*;

/// The keymap with these lines under `[keys]`, the first of which is line 1, and what is said about them.
fn keymap(lines: &[(&str, &str)]) -> (Keymap, Vec<String>) {
    let rebinding = |(at, (keys, action)): (usize, &(&str, &str))| Rebinding {
        keys: (*keys).to_owned(),
        action: (*action).to_owned(),
        line: at + 1,
    };
    let changes: Vec<Rebinding> = lines.iter().enumerate().map(rebinding).collect();
    let (keymap, errors) = Keymap::with(&changes);
    (keymap, errors.into_iter().map(|error| format!("{}: {error}", error.line)).collect())
}

fn pressed(keymap: &Keymap, keys: &str) -> Lookup {
    keymap.lookup(&parse_sequence(keys).unwrap())
}

#[test]
fn every_key_of_the_table_does_what_the_table_says() {
    let keymap = Keymap::default();
    for row in BINDINGS {
        assert_eq!(keymap.keys_of(row.action), row.keys, "{}", row.name);
        for keys in row.keys {
            assert_eq!(pressed(&keymap, keys), Lookup::Found(row.action), "{keys}");
            assert_eq!(parse_sequence(keys).unwrap().join(" "), *keys, "the table writes keys as they are printed");
        }
    }
}

#[test]
fn a_key_can_be_bound_anew_and_the_users_own_is_the_one_that_hints_show() {
    let (keymap, errors) = keymap(&[("ctrl-x", "save"), ("F5", "redraw"), ("s", "scale")]);
    assert_eq!(errors, [""; 0]);
    assert_eq!(pressed(&keymap, "ctrl-x"), Lookup::Found(Action::Save));
    assert_eq!(pressed(&keymap, "s"), Lookup::Found(Action::Scale));
    assert_eq!(keymap.keys_of(Action::Save), ["ctrl-x"]);
    assert_eq!(keymap.keys_of(Action::Redraw), ["F5", "ctrl-l"]);
}

#[test]
fn none_takes_a_binding_away() {
    let (keymap, errors) = keymap(&[("q", "none")]);
    assert_eq!(errors, [""; 0]);
    assert_eq!(pressed(&keymap, "q"), Lookup::None);
    assert_eq!(keymap.keys_of(Action::Quit), ["ctrl-c"]);
}

#[test]
fn an_unfinished_sequence_says_how_it_can_go_on() {
    let (keymap, errors) = keymap(&[("Q a", "save"), ("Q b x", "redraw")]);
    assert_eq!(errors, [""; 0]);
    let Lookup::Prefix(continuations) = pressed(&keymap, "Q") else { panic!("no prefix") };
    let keys: Vec<_> = continuations.iter().map(|(keys, name, _)| (keys.as_str(), *name)).collect();
    assert_eq!(keys, [("a", "save"), ("b x", "redraw")]);
    assert!(continuations.iter().all(|(_, _, description)| !description.is_empty()));
    assert_eq!(pressed(&keymap, "Q b x"), Lookup::Found(Action::Redraw));
    assert_eq!(pressed(&keymap, "Q z"), Lookup::None);
    assert_eq!(keymap.lookup(&[]), Lookup::None);
}

#[test]
fn a_binding_that_hides_a_sequence_or_is_hidden_by_one_is_refused_in_one_line() {
    let (bound, errors) = keymap(&[("q x", "save")]);
    assert_eq!(errors, ["1: `q x` would never be reached behind `q`; bind `q` to \"none\" first"]);
    assert_eq!(pressed(&bound, "q"), Lookup::Found(Action::Quit), "what was there is kept");
    let (_, errors) = keymap(&[("Q x", "save"), ("Q y", "help"), ("Q", "quit")]);
    assert_eq!(errors, ["3: `Q` would hide `Q x`, `Q y`; bind those to \"none\" first"]);
    let (bound, errors) = keymap(&[("q x", "save"), ("q", "none")]);
    assert_eq!(errors, [""; 0], "the order of the lines does not matter");
    assert_eq!(pressed(&bound, "q x"), Lookup::Found(Action::Save));
}

#[test]
fn what_cannot_be_bound_is_said_with_its_line() {
    let (_, errors) = keymap(&[
        ("ctrl-x", "sav"),
        ("crtl-x", "save"),
        ("Spcae", "save"),
        ("x", "qqqqqqqqqqqq"),
        ("ctrl-c", "save"),
        ("Q Esc", "save"),
        ("Y", "save"),
        ("shift-y", "help"),
        ("shift-Up", "help"),
        (" ", "help"),
    ]);
    assert_eq!(
        errors,
        [
            "1: there is no action 'sav'; did you mean save or save-numbers?",
            "2: 'crtl-x' is no key: 'crtl' is none of ctrl, alt and shift; did you mean ctrl?",
            "3: 'Spcae' is no key; did you mean Space?",
            "4: there is no action 'qqqqqqqqqqqq'; `?` in the inspector lists them",
            "5: `ctrl-c` always leaves: it cannot be bound to anything else",
            "6: `Q Esc`: Esc ends an unfinished sequence and cannot be in one",
            "8: `Y` is bound a second time",
            "9: `shift-Up`: terminals tell shift apart only with letters and Tab",
            "10: a key is missing before `=`",
        ]
    );
}

#[test]
fn keys_may_be_written_as_people_write_them() {
    for (written, printed) in [
        ("Ctrl-D", "ctrl-d"),
        ("alt-ctrl-x", "ctrl-alt-x"),
        ("shift-tab", "BackTab"),
        ("shift-g", "G"),
        ("escape", "Esc"),
        ("return", "Enter"),
        ("pgdn", "PageDown"),
        ("space", "Space"),
        ("f12", "F12"),
        ("-", "-"),
        ("ctrl--", "ctrl--"),
        ("é", "é"),
    ] {
        assert_eq!(parse_key(written).as_deref(), Ok(printed));
    }
}

fn key_code() -> impl Strategy<Value = KeyCode> {
    prop_oneof![
        any::<char>().prop_filter("typed", |character| !character.is_control()).prop_map(KeyCode::Char),
        proptest::char::range('!', '~').prop_map(KeyCode::Char),
        (1..=35_u8).prop_map(KeyCode::F),
        proptest::sample::select(vec![
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Insert,
        ]),
    ]
}

proptest! {
    #[test]
    fn every_key_that_is_printed_can_be_written(code in key_code(), ctrl: bool, alt: bool) {
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::CONTROL, ctrl);
        modifiers.set(KeyModifiers::ALT, alt);
        let name = key_name(KeyEvent::new(code, modifiers)).unwrap();
        prop_assert_eq!(parse_key(&name), Ok(name.clone()));
        prop_assert_eq!(parse_sequence(&format!("{name} {name}")).is_ok(), !name.eq("Esc"));
    }

    #[test]
    fn whatever_is_written_as_keys_is_answered(text in "\\PC*") {
        if let Ok(keys) = parse_sequence(&text) {
            prop_assert_eq!(parse_sequence(&keys.join(" ")), Ok(keys));
        }
    }
}
