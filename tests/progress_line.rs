//! The line that says how far a command is: where stderr is a terminal, and gone at the end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/terminal.rs"]
mod terminal;

use terminal::{LAYERSCOPE, Launch, Program};

/// The command at its end, with what has been written in between.
fn ended(program: &mut Program, code: u32) -> String {
    assert_eq!(program.end(), code, "{}", program.contents());
    String::from_utf8_lossy(&program.raw).into_owned()
}

#[test]
fn a_method_that_takes_several_runs_leaves_no_line_behind() {
    for (model, method) in
        [("demo:book", "smooth-grad-cam++"), ("tests/fixtures/attention/vit_torchvision.pt2", "attention-rollout")]
    {
        let picture = "assets/chelsea.png";
        let mut program = Launch::of(LAYERSCOPE, &["cam", model, picture, "--method", method]).start();
        assert!(ended(&mut program, 0).contains("cam:  "), "{method} says how far it is");
        assert!(!program.contents().contains("cam:"), "{method} leaves its line:\n{}", program.contents());
        assert!(program.contents().contains(method));
    }
}

#[test]
fn patterns_that_are_stopped_leave_no_line_behind() {
    let given =
        ["patterns", "demo:book", "--layer", "conv2d_20", "--channels", "0", "--steps", "100000", "--size", "32"];
    let mut program = Launch::of(LAYERSCOPE, &given).start();
    program.see("patterns: step");
    program.signal("INT");
    assert_eq!(program.end(), 0, "{}", program.contents());
    let screen = program.contents();
    assert!(screen.contains("stopped after") && !screen.contains("patterns: step"), "{screen}");
}
