//! What terminals answer, and how pictures are drawn on each: one line for every terminal that is known to be peculiar.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use layerscope::terminal::clipboard::copy_sequence;
use layerscope::terminal::probe::late::{LateAnswers, typed_keys};
use layerscope::terminal::probe::{
    Answers, Background, CellSource, Decision, Environment, Grid, NotAsked, Passthrough, Question, Reply, Round,
    Scanner, Tmux, Token, Wish, decide, sequence,
};
use layerscope::terminal::{CellSize, ColorDepth, Graphics, Protocol, passthrough};
use proptest::prelude::*;

const GRID: Grid = Grid { columns: 100, rows: 50, width: 900, height: 950 };

/// `\e` as Escape.
fn bytes(text: &str) -> Vec<u8> {
    text.replace("\\e", "\x1b").into_bytes()
}

fn environment(variables: &str) -> Environment {
    let variables: Vec<(&str, &str)> = variables.split_whitespace().map(|pair| pair.split_once('=').unwrap()).collect();
    Environment::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn round(answer: &str) -> Round {
    let mut round = Round::answered(&Question::ALL, &bytes(answer));
    round.took = Duration::from_millis(800);
    round
}

fn answers(terminal: &str, outer: Option<&str>) -> Answers {
    let tmux = outer.map(|outer| Tmux {
        passthrough: Passthrough::On,
        client: None,
        client_sixel: None,
        outer: Some(round(outer)),
    });
    Answers { terminal: Ok(round(terminal)), tmux, grid: Some(GRID) }
}

fn automatic(variables: &str, answers: &Answers) -> Decision {
    decide(&Wish::none(), &environment(variables), answers)
}

/// Environment, answers, the protocol, and a part of the reason.
type Line = (&'static str, &'static str, Option<Protocol>, &'static str);

const TERMINALS: &[Line] = &[
    // Answers of kitty 0.41 and xterm 398 as they came; the others from their sources and reports.
    (
        "TERM=xterm-kitty",
        r"\eP>|kitty(0.41.1)\e\\e_Gi=31;OK\e\\e[6;18;9t\e[?62;c\e[0n",
        Some(Protocol::Kitty),
        "takes kitty",
    ),
    (
        "TERM=xterm-kitty",
        r"\eP>|kitty(0.26.5)\e\\e_Gi=31;OK\e\\e[?62;c\e[0n",
        Some(Protocol::Cells),
        "kitty before 0.28",
    ),
    ("TERM=xterm-ghostty", r"\eP>|ghostty 1.2.0\e\\e_Gi=31;OK\e\\e[?62;22c\e[0n", Some(Protocol::Kitty), "takes kitty"),
    (
        "TERM=xterm",
        r"\eP>|XTerm(398)\e\\e[6;19;9t\e[?63;1;2;4;6;9;15;16;22;28c\e[0n",
        Some(Protocol::Sixel),
        "4 in its",
    ),
    ("TERM=xterm", r"\eP>|XTerm(398)\e\\e[?64;1;2;6;9;15;16;17;18;21;22;28c\e[0n", Some(Protocol::Cells), "neither"),
    ("TERM=foot", r"\eP>|foot(1.20.2)\e\\e[6;18;8t\e[?62;4;22;28c\e[0n", Some(Protocol::Sixel), "4 in its"),
    (
        "TERM=xterm-256color WT_SESSION=1",
        r"\e[6;20;10t\e[?61;4;6;7;14;21;22;23;24;28;32;42c\e[0n",
        Some(Protocol::Sixel),
        "4 in its",
    ),
    (
        "TERM=xterm-256color",
        r"\eP>|WezTerm 20240203\e\\e_Gi=31;OK\e\\e[?65;4;6;18;22c\e[0n",
        Some(Protocol::Iterm2),
        "WezTerm",
    ),
    ("TERM=xterm-256color", r"\eP>|iTerm2 3.5.11\e\\e_Gi=31;OK\e\\e[?62;4c\e[0n", Some(Protocol::Iterm2), "iTerm2"),
    ("TERM=xterm-256color", r"\eP>|Konsole 24.12.0\e\\e_Gi=31;OK\e\\e[?62;1;4c\e[0n", Some(Protocol::Cells), "Konsole"),
    ("TERM=xterm", r"\eP>|mintty 3.7.7\e\\e[?64;1;2;4;6;9;15;21;22;28;29c\e[0n", Some(Protocol::Iterm2), "mintty"),
    (
        "TERM=xterm-256color TERM_PROGRAM=vscode",
        r"\e[?1;2c\e[0n",
        Some(Protocol::Cells),
        "terminal.integrated.enableImages",
    ),
    (
        "TERM=xterm-256color TERM_PROGRAM=vscode",
        r"\eP>|xterm.js(5.6.0)\e\\e_Gi=31;OK\e\\e[?62;4;9;22c\e[0n",
        Some(Protocol::Sixel),
        "no kitty placeholders",
    ),
    (
        "TERM=xterm-256color TERM_PROGRAM=vscode",
        r"\eP>|xterm.js(5.6.0)\e\\e_Gi=31;OK\e\\e[?1;2c\e[0n",
        Some(Protocol::Cells),
        "turned off",
    ),
    (
        "TERM=xterm-256color TERM_PROGRAM=vscode",
        r"\eP>|kitty(0.41.1)\e\\e_Gi=31;OK\e\\e[?62;c\e[0n",
        Some(Protocol::Kitty),
        "takes kitty",
    ),
    ("TERM=xterm-256color TERM_PROGRAM=WarpTerminal", r"\e_Gi=31;OK\e\\e[?62;c\e[0n", Some(Protocol::Iterm2), "Warp"),
    ("TERM=xterm-256color TERM_PROGRAM=Apple_Terminal", r"\e[?1;2c\e[0n", Some(Protocol::Cells), "Apple"),
    ("TERM=alacritty", r"\e[?6c\e[0n", Some(Protocol::Cells), "neither"),
    ("TERM=xterm-256color", r"\eP>|VTE(7600)\e\\e[?65;1;9c\e[0n", Some(Protocol::Cells), "neither"),
    (
        "TERM=xterm-256color ZELLIJ=0",
        r"\eP>|Zellij(4300)\e\\e_Gi=31;OK\e\\e[?62;4c\e[0n",
        Some(Protocol::Sixel),
        "Zellij",
    ),
    (
        "TERM=xterm-256color ZELLIJ=0",
        r"\eP>|Zellij(4300)\e\\e_Gi=31;OK\e\\e[?62;c\e[0n",
        Some(Protocol::Cells),
        "Zellij",
    ),
    ("TERM=screen-256color STY=1.pts", r"\e[?1;2c\e[0n", Some(Protocol::Cells), "GNU screen"),
    ("TERM=xterm-256color", "", Some(Protocol::Cells), "answered nothing in 800 ms"),
    ("TERM=xterm-256color", r"\e[?62;22c", Some(Protocol::Cells), "did not finish"),
    ("TERM=dumb", r"\e[?62;4c\e[0n", None, "TERM is dumb"),
    ("TERM=linux", r"\e[?6c\e[0n", None, "Linux console"),
];

#[test]
fn each_terminal_gets_what_it_can_draw() {
    for (variables, answer, protocol, reason) in TERMINALS {
        let decision = automatic(variables, &answers(answer, None));
        let got = decision.canvas.map(|canvas| canvas.protocol);
        assert_eq!(got, *protocol, "{variables} {answer}: {}", decision.reason);
        assert!(decision.reason.contains(reason), "{variables} {answer}: {}", decision.reason);
        assert!(!decision.canvas.is_some_and(|canvas| canvas.through_tmux), "{variables}");
    }
}

/// tmux's own answer, the outer terminal's, the protocol, whether it goes through tmux, and a part of the reason.
type Inside = (&'static str, &'static str, Protocol, bool, &'static str);

const KITTY: &str = r"\eP>|kitty(0.41.1)\e\\e_Gi=31;OK\e\\e[6;18;9t\e[?62;c\e[0n";
const XTERM: &str = r"\eP>|XTerm(398)\e\\e[6;19;9t\e[?63;1;2;4;6;9c\e[0n";
const TMUX_35: &str = r"\eP>|tmux 3.5a\e\\e[6;18;9t\e[?1;2;4c\e[0n";
const TMUX_33: &str = r"\eP>|tmux 3.3a\e\\e[?1;2c\e[0n";

const INSIDE_TMUX: &[Inside] = &[
    (TMUX_35, KITTY, Protocol::Kitty, true, "passed through"),
    (TMUX_33, r"\e_Gi=31;OK\e\\e[6;18;9t\e[0n", Protocol::Kitty, true, "passed through"),
    // tmux 3.5 has 4 among its attributes even where the terminal outside draws no sixel.
    (TMUX_35, r"\eP>|kitty(0.26.5)\e\\e_Gi=31;OK\e\\e[?62;c\e[0n", Protocol::Cells, false, "kitty before 0.28"),
    (TMUX_35, XTERM, Protocol::Cells, false, "covers text"),
    (TMUX_33, XTERM, Protocol::Cells, false, "tmux before 3.4"),
    (r"\eP>|tmux next-3.6\e\\e[?1;2;4c\e[0n", XTERM, Protocol::Cells, false, "covers text"),
    (TMUX_35, r"\eP>|WezTerm 20240203\e\\e_Gi=31;OK\e\\e[?65;6c\e[0n", Protocol::Cells, false, "WezTerm has no"),
    (TMUX_35, r"\eP>|xterm.js(5.6.0)\e\\e_Gi=31;OK\e\\e[?62;c\e[0n", Protocol::Cells, false, "xterm.js has no"),
    (TMUX_35, "", Protocol::Cells, false, "allow-passthrough may be off"),
    (TMUX_35, r"\e[?62;22c\e[0n", Protocol::Cells, false, "takes no kitty graphics"),
];

#[test]
fn in_tmux_only_kitty_goes_through_and_everything_else_is_characters() {
    for (tmux, outer, protocol, through, reason) in INSIDE_TMUX {
        for variables in ["TERM=tmux-256color TMUX=/tmp/tmux,1,0", "TERM=screen-256color"] {
            let decision = automatic(variables, &answers(tmux, Some(outer)));
            let canvas = decision.canvas.unwrap();
            assert_eq!((canvas.protocol, canvas.through_tmux), (*protocol, *through), "{tmux} {outer}");
            assert!(decision.reason.contains(reason), "{tmux} {outer}: {}", decision.reason);
        }
    }
}

#[test]
fn what_tmux_knows_of_the_terminal_outside_counts_where_that_does_not_answer_itself() {
    let mut answers = answers(TMUX_35, Some(r"\e_Gi=31;OK\e\\e[0n"));
    let tmux = answers.tmux.as_mut().unwrap();
    tmux.client = Some("WezTerm 20240203".to_owned());
    assert_eq!(automatic("TMUX=1", &answers).canvas.unwrap().protocol, Protocol::Cells);
    answers.tmux.as_mut().unwrap().client_sixel = Some(true);
    assert!(automatic("TMUX=1", &answers).reason.contains("covers text"), "tmux knows that the terminal draws sixel");
}

#[test]
fn a_wish_is_done_whatever_the_terminal_answers() {
    for (graphics, protocol) in [
        (Graphics::Kitty, Some(Protocol::Kitty)),
        (Graphics::Sixel, Some(Protocol::Sixel)),
        (Graphics::Iterm2, Some(Protocol::Iterm2)),
        (Graphics::Cells, Some(Protocol::Cells)),
        (Graphics::Off, None),
    ] {
        let wish = Wish { graphics, said_by: "--graphics".to_owned() };
        let decision = decide(&wish, &environment("TERM=dumb"), &answers("", None));
        assert_eq!(decision.canvas.map(|canvas| canvas.protocol), protocol);
        assert!(decision.reason.starts_with("--graphics asks for "), "{}", decision.reason);
    }
    let through = |graphics, outer| {
        let wish = Wish { graphics, said_by: "LAYERSCOPE_GRAPHICS".to_owned() };
        decide(&wish, &environment("TMUX=1"), &answers(TMUX_35, Some(outer))).canvas.unwrap().through_tmux
    };
    assert!(through(Graphics::Iterm2, KITTY) && through(Graphics::Sixel, KITTY), "they are for the terminal outside");
    assert!(!through(Graphics::Sixel, XTERM), "tmux draws it itself");
    assert!(!through(Graphics::Cells, KITTY));
}

#[test]
fn mosh_passes_no_pictures_whatever_is_answered() {
    let environment = Environment { mosh: true, ..environment("TERM=xterm-256color") };
    let decision = decide(&Wish::none(), &environment, &answers(r"\e[?62;4c\e[0n", None));
    assert_eq!(decision.canvas.unwrap().protocol, Protocol::Cells, "{}", decision.reason);
}

#[test]
fn without_a_terminal_nothing_is_drawn() {
    let answers = Answers { terminal: Err(NotAsked::NoTerminal), tmux: None, grid: None };
    let decision = automatic("TERM=xterm-kitty", &answers);
    assert_eq!((decision.canvas, decision.reason.as_str()), (None, "there is no terminal"));
    let background = Answers { terminal: Err(NotAsked::Background), ..answers };
    assert_eq!(automatic("TERM=xterm-kitty", &background).canvas.unwrap().protocol, Protocol::Cells);
}

#[test]
fn the_size_of_a_cell_is_the_terminals_then_the_kernels_then_assumed() {
    let silent = Grid { width: 0, height: 0, ..GRID };
    for (answer, grid, size, source) in [
        (r"\e[6;21;11t\e[0n", Some(GRID), (11, 21), CellSource::Terminal),
        // xterm does not answer by default.
        (r"\e[?63;4c\e[0n", Some(GRID), (9, 19), CellSource::Kernel),
        (r"\e[4;1000;800t\e[0n", Some(silent), (8, 20), CellSource::Area),
        (r"\e[0n", Some(silent), (10, 20), CellSource::Assumed),
        (r"\e[6;0;0t\e[0n", None, (10, 20), CellSource::Assumed),
    ] {
        let answers = Answers { grid, ..answers(answer, None) };
        let decision = automatic("TERM=xterm", &answers);
        assert_eq!((decision.cell.width, decision.cell.height), size, "{answer}");
        assert_eq!(decision.cell_source, source, "{answer}");
    }
    let decision = automatic("TMUX=1", &answers(r"\eP>|tmux 3.5a\e\\e[6;16;8t\e[0n", Some(KITTY)));
    assert_eq!(decision.cell, CellSize { width: 9, height: 18 }, "pictures for the terminal outside have its cells");
}

#[test]
fn another_size_of_letters_is_followed() {
    let decision = automatic("TERM=xterm-kitty", &answers(KITTY, None));
    let larger = Grid { columns: 50, rows: 25, ..GRID };
    assert_eq!(decision.cell_at(Some(GRID), Some(larger)), CellSize { width: 18, height: 36 });
    assert_eq!(decision.cell_at(Some(GRID), Some(GRID)), decision.cell);
    assert_eq!(decision.cell_at(Some(GRID), None), decision.cell);
    assert_eq!(decision.cell_at(Some(GRID), Some(Grid { width: 0, ..GRID })), decision.cell);
}

#[test]
fn colours_are_those_that_are_promised() {
    for (variables, answer, colors) in [
        ("TERM=xterm-256color COLORTERM=truecolor", "", ColorDepth::True),
        ("TERM=xterm-256color COLORTERM=24bit", "", ColorDepth::True),
        ("TERM=xterm-256color", "", ColorDepth::Indexed256),
        // Over SSH, COLORTERM is lost, and the terminal says itself who it is.
        ("TERM=xterm-256color SSH_TTY=/dev/pts/1", r"\eP>|kitty(0.41.1)\e\\e[0n", ColorDepth::True),
        ("TERM=xterm-kitty", "", ColorDepth::True),
        ("TERM=xterm-direct", "", ColorDepth::True),
        ("TERM=xterm-256color TERM_PROGRAM=Apple_Terminal", r"\e[0n", ColorDepth::Indexed256),
        ("TERM=xterm", "", ColorDepth::Ansi16),
        ("TERM=linux", "", ColorDepth::Ansi16),
        ("", "", ColorDepth::Ansi16),
    ] {
        let decision = automatic(variables, &answers(answer, None));
        assert_eq!(decision.colors, colors, "{variables} {answer}: {}", decision.colors_reason);
    }
}

#[test]
fn no_color_is_for_the_words_and_leaves_the_pictures() {
    for (variables, no_color) in [
        ("TERM=xterm-kitty NO_COLOR=1", true),
        ("TERM=xterm-kitty NO_COLOR=1 CLICOLOR_FORCE=1", true),
        ("TERM=xterm-kitty", false),
        ("TERM=vt220", true),
        ("TERM=vt220 CLICOLOR_FORCE=1", false),
        ("TERM=vt220 CLICOLOR_FORCE=0", true),
    ] {
        let decision = automatic(variables, &answers(KITTY, None));
        assert_eq!(decision.no_color, no_color, "{variables}");
        assert_eq!(decision.canvas.unwrap().protocol, Protocol::Kitty, "{variables}");
    }
}

#[test]
fn a_light_background_is_told_from_a_dark_one() {
    for (variables, answer, background) in [
        ("", r"\e]11;rgb:ffff/ffff/ffff\e\", Some(Background::Light)),
        ("", "\\e]11;rgb:fdf6/e3e3/c8c8\x07", Some(Background::Light)),
        ("", r"\e]11;rgb:1e/1e/2e\e\", Some(Background::Dark)),
        ("", r"\e]11;rgba:0000/0000/ffff/ffff\e\", Some(Background::Dark)),
        ("COLORFGBG=0;15", "", Some(Background::Light)),
        ("COLORFGBG=15;default;0", "", Some(Background::Dark)),
        ("COLORFGBG=15;default", "", None),
        ("", r"\e]11;rgb:/0/0\e\", None),
    ] {
        assert_eq!(automatic(variables, &answers(answer, None)).background, background, "{variables} {answer}");
    }
}

#[test]
fn everything_is_asked_in_one_write_that_ends_with_the_status_report() {
    let plain = sequence(&Question::ALL, false);
    assert!(plain.ends_with(b"\x1b[c\x1b[5n"));
    assert_eq!(sequence(&[Question::Version], true), passthrough(b"\x1b[>q"));
    let kitty = String::from_utf8(sequence(&[Question::Kitty], false)).unwrap();
    assert!(
        kitty.starts_with("\x1b[22;2t\x1b_G") && kitty.ends_with("\x1b\\\x1b[23;2t"),
        "a tmux keeps its title: {kitty:?}"
    );
    assert!(!Question::FOR_MULTIPLEXERS.contains(&Question::Kitty), "tmux takes it for a title");
}

#[test]
fn copied_text_is_the_texts_base64_in_osc_52_and_wrapped_in_tmux() {
    use base64::Engine;
    let decoded = |sequence: &[u8]| {
        let text = sequence.strip_prefix(b"\x1b]52;c;").unwrap().strip_suffix(b"\x1b\\").unwrap();
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    };
    let text = "/tmp/Zürich · 1.png";
    let plain = copy_sequence(text, false);
    assert_eq!(decoded(&plain), text.as_bytes());
    let wrapped = copy_sequence(text, true);
    let inner = wrapped.strip_prefix(b"\x1bPtmux;").unwrap().strip_suffix(b"\x1b\\").unwrap();
    let unwrapped = String::from_utf8(inner.to_vec()).unwrap().replace("\x1b\x1b", "\x1b");
    assert_eq!(unwrapped.as_bytes(), plain);
}

#[test]
fn keys_that_are_typed_while_the_terminal_is_asked_are_kept() {
    let mut scanner = Scanner::default();
    let tokens = scanner.feed(&bytes(r"j\eP>|kitty(0.41.1)\e\\e]10;rgb:1/2/3\e\\e[B3\e[?62;c?\ePq\e[I\e[0nG"));
    let typed: Vec<u8> = tokens
        .iter()
        .flat_map(|token| match token {
            Token::Typed(bytes) => bytes.clone(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(typed, bytes(r"j\e[B3?\ePq\e[IG"));
    let keys: Vec<KeyCode> = typed_keys(&typed)
        .iter()
        .map(|event| match event {
            Event::Key(key) => key.code,
            other => panic!("{other:?}"),
        })
        .collect();
    let letter = KeyCode::Char;
    let expected =
        [letter('j'), KeyCode::Down, letter('3'), letter('?'), KeyCode::Esc, letter('P'), letter('q'), letter('G')];
    assert_eq!(keys, expected);
    let control: Vec<Event> = typed_keys(b"\x03\r");
    assert_eq!(control[0], Event::Key(KeyEvent::new(letter('c'), KeyModifiers::CONTROL)));
    assert_eq!(control[1], Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
}

/// What crossterm makes of bytes that are no `CSI` sequence: Alt and a letter, then letters.
fn as_keys(text: &str) -> Vec<Event> {
    let mut alt = false;
    let mut keys = Vec::new();
    for letter in text.replace("\\e", "\x1b").chars() {
        if letter == '\x1b' {
            alt = true;
            continue;
        }
        let modifiers = match letter {
            '\x07' => KeyModifiers::CONTROL,
            _ if alt => KeyModifiers::ALT,
            _ => KeyModifiers::NONE,
        };
        alt = false;
        let letter = if letter == '\x07' { 'g' } else { letter };
        keys.push(Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers)));
    }
    keys
}

#[test]
fn answers_that_come_too_late_are_no_keys() {
    let pass = |late: &mut LateAnswers, text: &str| -> Vec<Event> {
        as_keys(text).into_iter().flat_map(|event| late.pass(event)).collect()
    };
    let mut late = LateAnswers::expected(true);
    let text = "j\\eP>|kitty(0.41.1)\\e\\k\\e_Gi=31;OK\\e\\\\e]11;rgb:0/0/0\x07l";
    assert_eq!(pass(&mut late, text), as_keys("jkl"));
    assert_eq!(pass(&mut late, "\\e]x\\ePq"), as_keys("\\e]x\\ePq"), "Alt with these letters is still a key");
    let mut none = LateAnswers::expected(false);
    assert_eq!(pass(&mut none, "\\e_Gab"), as_keys("\\e_Gab"), "where everything was answered, every key is one");
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "\\e[?62;4c",
        "\\e[0n",
        "\\e[6;20;10t",
        "\\eP>|x",
        "\\e\\",
        "\\e_Gi=31;OK\\e\\",
        "\\e]11;rgb:1/2/3",
        "\x07",
        "\\e[",
        "\\e",
        "\\eO",
        "\\e[?2026;1$y",
        "\\e[6;99999999999999999999;1t",
        "ä",
        "j",
    ];
    let piece = prop_oneof![
        proptest::sample::select(pieces.map(bytes).to_vec()),
        proptest::collection::vec(any::<u8>(), 0..8),
        Just(vec![b'a'; 1500]),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn scan(input: &[u8], cuts: &[usize]) -> (Vec<Reply>, Vec<u8>, usize) {
    let mut scanner = Scanner::default();
    let mut tokens = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    for ends in cuts.windows(2) {
        tokens.extend(scanner.feed(&input[ends[0]..ends[1]]));
    }
    tokens.extend(scanner.finish());
    let (mut replies, mut typed, mut length) = (Vec::new(), Vec::new(), 0);
    for token in tokens {
        match token {
            Token::Reply(heard) => {
                length += heard.raw.len();
                replies.push(heard.reply);
            }
            Token::Typed(bytes) => {
                length += bytes.len();
                typed.extend(bytes);
            }
            Token::Noise(bytes) => length += bytes.len(),
        }
    }
    (replies, typed, length)
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_are_read_as_in_one(input in input(), cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        let whole = scan(&input, &[]);
        prop_assert_eq!(whole.2, input.len(), "nothing is lost");
        // Whether something has become too long is looked at when a piece comes, so that only short input is the same.
        if input.len() < 1000 {
            prop_assert_eq!(scan(&input, &cuts), whole);
        }
        let _ = typed_keys(&scan(&input, &cuts).1);
    }

    #[test]
    fn whatever_a_terminal_calls_itself_it_is_decided(name in "\\PC{0,40}", numbers in proptest::collection::vec(any::<u16>(), 0..4)) {
        let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
        let answer = format!("\\eP>|{name}\\e\\\\e[?{}c\\e[0n", numbers.join(";"));
        let decision = automatic("TERM=xterm", &answers(&answer, None));
        prop_assert!(!decision.reason.is_empty() && !decision.reason.contains('\x1b'));
    }
}
