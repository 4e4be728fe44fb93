//! The real program in a pseudo-terminal: it opens the demo, answers keys, and leaves the terminal as it found it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/terminal.rs"]
mod terminal;

use std::time::{Duration, Instant};

use layerscope::tui::action::{Action, BINDINGS, Group};
use terminal::{BOOK, LAYERSCOPE, PATIENCE, PLAIN, Program};

const MOMENT: Duration = Duration::from_millis(40);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_walk_through_the_books_demo() {
    let mut program = Program::start(BOOK);
    program.see("Layers");
    program.see("conv2d_20");
    program.see("grad-cam of cat");
    assert_ne!(program.modes(), program.modes_before, "keys arrive one by one");
    program.press("j");
    program.see(" max_pooling2d_20 · activations");
    program.press("jjjjj\r");
    program.see(" conv2d_23 · activations");
    program.see("of 128");
    program.press("\x1b[6~");
    program.see("64–127 of 128");
    program.press("\r");
    program.see("counts, log axis");
    program.press("\x1b");
    program.miss("counts, log axis");
    program.press("c");
    program.see("grad-cam of dog");
    program.press("glggp");
    program.see(" conv2d_20 · patterns");
    program.see("recipe book");
    program.press("?G");
    program.see("this help");
    program.press("\x1b");
    program.miss("this help");
    program.leave();
    assert_eq!(program.modes(), program.modes_before, "the terminal is as it was");
}

#[test]
fn without_arguments_the_demo_is_a_network_that_knows_the_classes_of_imagenet() {
    let mut program = Program::start(&[]);
    program.see("EfficientNet-Lite0");
    program.see("grad-cam of tiger cat");
    program.see("Egyptian cat");
    program.press("f");
    program.see("of 1000");
    program.press("lynx\r");
    program.see("grad-cam of lynx");
    program.leave();
}

#[test]
fn a_model_that_cannot_be_opened_is_a_message_in_the_pane() {
    let mut program = Program::start(&["no-such-model.pt2"]);
    program.see("no-such-model.pt2: there is no");
    program.leave();
}

#[test]
fn a_picture_that_is_none_is_a_message_in_the_pane_and_the_next_one_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.png"), "not a picture at all").unwrap();
    let chelsea = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png");
    let mut program = Program::start_in(folder.path(), &["demo:book", "notes.png", chelsea]);
    program.see("not a picture");
    program.press(".");
    program.see("grad-cam of cat");
    program.press("q");
    assert_eq!(program.end(), 0);
}

#[test]
fn termination_and_hang_up_restore_the_terminal() {
    for (signal, number) in [("TERM", 15), ("HUP", 1)] {
        let mut program = Program::start(BOOK);
        program.see("Layers");
        program.signal(signal);
        assert_eq!(program.end(), 128 + number);
        program.assert_restored();
        assert_eq!(program.modes(), program.modes_before);
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_program_is_continued() {
    let mut program = Program::start(BOOK);
    program.see("grad-cam of cat");
    program.press("\x1a");
    program.miss("Layers");
    program.await_stop();
    program.assert_restored();
    assert_eq!(program.modes(), program.modes_before);
    program.signal("CONT");
    program.see("grad-cam of cat");
    program.press("j");
    program.see(" max_pooling2d_20 · activations");
    program.leave();
}

#[test]
fn of_two_models_both_and_their_difference_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let model = format!("{root}/assets/cats_and_dogs_small_2.h5");
    let picture = format!("{root}/assets/chelsea.png");
    let mut program = Program::start_in(folder.path(), &[&model, &model, "--compare", &picture]);
    program.see("against cats_and_dogs_small_2");
    program.see("0.0%");
    program.press("gc\r");
    program.see("1 of 32");
    program.press("s");
    program.see("saved");
    program.press("q");
    assert_eq!(program.end(), 0);
    let saved = folder.path().join("cats_and_dogs_small_2-conv2d_20-activations-0.png");
    assert_eq!(image::image_dimensions(&saved).unwrap(), (3 * 148 + 2, 148));
    let about: serde_json::Value =
        serde_json::from_slice(&std::fs::read(saved.with_extension("png.json")).unwrap()).unwrap();
    assert_eq!(about["sides"], serde_json::json!(["first", "second", "difference"]));
}

#[test]
fn s_saves_what_is_shown_into_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start_in(folder.path(), BOOK);
    program.see("grad-cam of cat");
    program.press("gc");
    program.see("0–31 of 32");
    program.press("s");
    program.see("saved");
    program.press("S");
    program.see(".npy");
    program.press("ghs");
    program.see("cat-grad-cam.png");
    program.press("q");
    assert_eq!(program.end(), 0);
    let size = |name: &str| image::image_dimensions(folder.path().join(name)).unwrap();
    assert_eq!(size("cats_and_dogs_small_2-cat-grad-cam.png"), (150, 150), "what the network saw, at its own size");
    let page = size("cats_and_dogs_small_2-conv2d_20-activations-from-0.png");
    assert_eq!(page.0 % 149, 148, "channels of 148×148 with a gap of one between them");
    let numbers = std::fs::read(folder.path().join("cats_and_dogs_small_2-conv2d_20-activations-from-0.npy")).unwrap();
    assert_eq!(npyz::NpyFile::new(numbers.as_slice()).unwrap().shape(), [32, 148, 148]);
    let about = std::fs::read(folder.path().join("cats_and_dogs_small_2-cat-grad-cam.png.json")).unwrap();
    let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
    assert_eq!((&about["method"], &about["layers"][0]), (&"grad-cam".into(), &"conv2d_23".into()), "{about}");
    let copied = String::from_utf8_lossy(&program.raw).matches("\x1b]52;c;").count();
    assert_eq!(copied, 3, "each path goes to the clipboard");
}

#[test]
fn where_stdout_is_no_terminal_the_summary_is_printed() {
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_layerscope"));
        let done = command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
        assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]));
        String::from_utf8(done.stdout).unwrap()
    };
    let printed = run(&[]);
    assert!(printed.contains("_blocks.15") && !printed.contains('\x1b'), "{printed}");
    assert_eq!(printed, run(&["summary"]));
}

#[test]
fn a_terminal_that_can_only_print_lines_is_told_what_works_there() {
    let here = std::env::current_dir().unwrap();
    let mut program = Program::start_with(&here, BOOK, &[("TERM", "dumb")], PLAIN);
    assert_eq!(program.end(), 2);
    let text = String::from_utf8(program.raw).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("TERM is dumb") && text.contains("summary") && !text.contains('\x1b'), "{text}");
}

#[test]
fn keys_typed_while_the_terminal_is_asked_are_not_lost() {
    let here = std::env::current_dir().unwrap();
    let mut program = Program::start_with(&here, BOOK, &[], "");
    program.await_questions();
    program.press("?\x1bP>|slow(1.0)\x1b\\G");
    program.press(PLAIN);
    program.see("this help");
    program.press("\x1b");
    program.miss("this help");
    program.press("q");
    assert_eq!(program.end(), 0);
}

#[test]
fn answers_that_come_too_late_do_nothing() {
    let here = std::env::current_dir().unwrap();
    let mut program = Program::start_with(&here, BOOK, &[], "");
    program.await_questions();
    program.see("grad-cam of cat");
    // Letters of these would quit, search and move.
    program
        .press("\x1bP>|quick/jq(1.0)\x1b\\\x1b_Gi=31;OKq\x1b\\\x1b]11;rgb:1/1/1\x07\x1b[?2026;2$y\x1b[?62;4c\x1b[0n");
    program.press("j");
    program.see(" max_pooling2d_20 · activations");
    program.leave();
}

#[test]
fn a_lost_line_ends_the_program() {
    let mut program = Program::start(BOOK);
    program.see("grad-cam of cat");
    let id = program.child.process_id().unwrap();
    let Program { mut child, master, keyboard, output, .. } = program;
    drop((keyboard, master, output));
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < PATIENCE, "process {id} lives on without a terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_libtorch_prints_goes_to_the_log_and_not_to_the_screen() {
    let here = std::env::current_dir().unwrap();
    // oneDNN, which libtorch convolves with, prints on stdout then.
    let mut program = Program::start_with(&here, BOOK, &[("ONEDNN_VERBOSE", "1")], PLAIN);
    program.see("grad-cam of cat");
    program.leave();
    assert!(!String::from_utf8_lossy(&program.raw).contains("onednn_verbose"));
    let log = program.log();
    assert!(log.starts_with("layerscope ") && log.contains("pictures: cells, because --graphics asks for it"), "{log}");
    assert!(log.contains("onednn_verbose"), "{log}");
}

#[test]
fn a_program_that_is_killed_or_aborts_leaves_a_terminal_that_can_be_used() {
    for signal in ["KILL", "ABRT"] {
        // A shell owns the terminal, as everywhere else: what its owner leaves is hung up.
        let mut program =
            Program::start_command("sh", &["-c", "\"$0\" --demo book --graphics cells; sleep 60", LAYERSCOPE]);
        program.see("grad-cam of cat");
        assert!(!program.modes().contains("ICANON"));
        let shell = program.child.process_id().unwrap();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), children.trim()]).status().unwrap();
        assert!(sent.success());
        let start = Instant::now();
        while !String::from_utf8_lossy(&program.raw).contains("\x1b[?25h") {
            assert!(start.elapsed() < PATIENCE, "nobody gives the screen back after SIG{signal}");
            program.read(Duration::from_millis(20));
        }
        program.assert_restored();
        while !program.modes().contains("ICANON") {
            assert!(start.elapsed() < PATIENCE, "no lines can be typed after SIG{signal}: {}", program.modes());
            std::thread::sleep(Duration::from_millis(10));
        }
        program.child.kill().unwrap();
    }
}

/// What a terminal sends for a key, by the name that the table has for it.
fn sent_for(keys: &str) -> String {
    let one = |key: &str| match key {
        "Up" => "\x1b[A".to_owned(),
        "Down" => "\x1b[B".to_owned(),
        "Right" => "\x1b[C".to_owned(),
        "Left" => "\x1b[D".to_owned(),
        "Home" => "\x1b[H".to_owned(),
        "End" => "\x1b[F".to_owned(),
        "PageUp" => "\x1b[5~".to_owned(),
        "PageDown" => "\x1b[6~".to_owned(),
        "Tab" => "\t".to_owned(),
        "BackTab" => "\x1b[Z".to_owned(),
        "Enter" => "\r".to_owned(),
        "Esc" => "\x1b".to_owned(),
        "Space" => " ".to_owned(),
        "F1" => "\x1bOP".to_owned(),
        "F12" => "\x1b[24~".to_owned(),
        key => match (key.strip_prefix("ctrl-"), key.strip_prefix("alt-")) {
            (Some(letter), _) => char::from(letter.as_bytes()[0] & 0x1f).to_string(),
            (_, Some(letter)) => format!("\x1b{letter}"),
            _ => key.to_owned(),
        },
    };
    keys.split(' ').map(one).collect()
}

/// Leaves whatever is open, and sees that the program still answers.
fn assert_answers(program: &mut Program, after: &str) {
    for _ in 0..2 {
        program.press("\x1b");
        program.quiet(MOMENT, SECOND);
    }
    program.press(":");
    program.see("Commands");
    program.press("\x1b");
    program.miss("Commands");
    assert!(program.is_alive(), "{after}");
    let screen = program.contents();
    assert!(screen.starts_with(" layerscope │ "), "after {after}:\n{screen}");
    assert!(!String::from_utf8_lossy(&program.raw).contains("panicked"), "after {after}");
}

#[test]
fn the_program_answers_the_key_of_every_action() {
    let folder = tempfile::tempdir().unwrap();
    let photo = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/chelsea.png")).unwrap();
    std::fs::create_dir(folder.path().join("pictures")).unwrap();
    photo.save(folder.path().join("pictures/a.png")).unwrap();
    photo.fliph().save(folder.path().join("pictures/b.png")).unwrap();
    let mut program = Program::start_in(folder.path(), &["demo:book", "pictures"]);
    program.see("grad-cam of cat");
    program.see("1/2");
    for binding in BINDINGS.iter().filter(|binding| ![Action::Quit, Action::Suspend].contains(&binding.action)) {
        program.press(match binding.group {
            Group::Layers => "gl",
            Group::Heatmap => "gh",
            _ => "gc",
        });
        program.press(&sent_for(binding.keys[0]));
        program.quiet(MOMENT, SECOND / 8);
        assert_answers(&mut program, binding.name);
    }
    program.leave();
}

#[test]
fn a_burst_of_sizes_leaves_the_screen_of_the_last() {
    let mut program = Program::start(BOOK);
    program.see("grad-cam of cat");
    for step in 0..20_u16 {
        let (columns, rows) = if step % 7 == 6 { (20, 5) } else { (120 - 5 * step, 40 - step) };
        program.resize(columns, rows);
        program.read(Duration::from_millis(u64::from(step % 3) * 10));
        program.press("j");
    }
    program.resize(20, 5);
    program.see("cells are too");
    program.resize(120, 40);
    program.see("grad-cam of cat");
    program.quiet(Duration::from_millis(200), 10 * SECOND);
    let screen = program.contents();
    assert_eq!(screen.lines().count(), 40, "{screen}");
    assert!(
        screen.lines().nth(1).unwrap().ends_with('╮') && screen.lines().nth(38).unwrap().ends_with('╯'),
        "{screen}"
    );
    program.leave();
}

/// Waits until the check on the picture is done, which may draw marks.
fn see_checked(program: &mut Program) {
    let start = Instant::now();
    loop {
        program.press("T");
        program.quiet(MOMENT, SECOND);
        if program.contents().contains("found nothing amiss") {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{}", program.contents());
    }
}

#[test]
fn methods_and_recipes_are_chosen_set_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start_in(folder.path(), BOOK);
    program.see("grad-cam of cat");
    program.press("gheoccl");
    program.see("Zeiler and Fergus");
    program.press("\x1b");
    program.miss("Zeiler and Fergus");
    program.press(":method gradient-x\r");
    program.see("gradient-x-input of cat");
    program.press("S");
    program.see(".npy");
    let numbers = std::fs::read(folder.path().join("cats_and_dogs_small_2-cat-gradient-x-input.npy")).unwrap();
    assert_eq!(npyz::NpyFile::new(numbers.as_slice()).unwrap().shape(), [3, 150, 150]);
    program.press(":method occlusion\r");
    program.see("occlusion of cat");
    program.press(":set window=-1\r");
    program.see("is a whole number");
    // More than anyone waits for, so that it must be stopped.
    program.press(":method smooth-grad\r");
    program.see("smooth-grad of cat");
    program.press(":set samples=1000\r");
    program.see("% · Esc stops");
    program.press("\x1b");
    program.miss("Esc stops");
    program.press("gcA");
    program.see("channel 0 of conv2d_20");
    program.press(":recipe lucid\r");
    program.see("recipe lucid · 512 steps");
    program.see("step ");
    program.press("\x1b");
    program.see("p goes on");
    program.press("p");
    program.see("Esc stops");
    program.leave();
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let mut program = Program::start(BOOK);
    program.see("grad-cam of cat");
    see_checked(&mut program);
    assert!(program.quiet(Duration::from_millis(500), 20 * SECOND), "it never comes to rest");
    let before = program.raw.len();
    program.quiet(SECOND / 2, SECOND / 2);
    assert_eq!(program.raw.len() - before, 0, "{:?}", String::from_utf8_lossy(&program.raw[before..]));
}

#[test]
fn rubbish_from_the_keyboard_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start_in(folder.path(), BOOK);
    program.see("grad-cam of cat");
    let halves: [&[u8]; 12] = [
        b"\x1b[",
        b"\x1b[1;",
        b"\x1b[<35;10",
        b"\x1b[M !",
        b"\x1bO",
        b"\x1bP>|kit",
        b"\x1b]11;rgb:ffff/",
        b"\x1b_Gi=31;",
        b"\x1b[999999999999;999999999999R",
        b"\x1b[<0;65535;65535M",
        b"\xc3",
        b"\xff\xfe\xf0\x9f",
    ];
    let mut random: u32 = 0x2545_F491;
    for half in halves {
        program.send(half);
        let mut noise: Vec<u8> = Vec::new();
        while noise.len() < 40 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let byte = (random >> 8) as u8;
            // What leaves or stops the program does so rightly, also by name.
            if ![b'q', b'Q', b':', 0x03, 0x1a].contains(&byte) {
                noise.push(byte);
            }
        }
        program.send(&noise);
        program.quiet(MOMENT, SECOND);
    }
    // A letter ends a sequence that is only begun.
    program.press("x");
    program.quiet(MOMENT, SECOND);
    assert_answers(&mut program, "rubbish");
    program.leave();
}

#[test]
fn text_that_is_pasted_is_text() {
    let mut program = Program::start(BOOK);
    program.see("grad-cam of cat");
    program.press("\x1b[200~qqq\nj\x1b[201~");
    assert_answers(&mut program, "a paste where nothing is typed");
    program.press("/\x1b[200~conv2d_23\n\x1b[201~");
    program.see(" conv2d_23 · activations");
    program.press("\r");
    program.quiet(MOMENT, SECOND);
    assert_answers(&mut program, "a paste into the search");
    program.see(" conv2d_23 · activations");
}
