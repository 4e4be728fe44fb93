//! What a check on the picture finds, in the inspector: without a terminal and without an engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;

use inspector::Inspector;
use layerscope::model::LayerId;
use layerscope::service::protocol::{Event, LayerFinding, Pane, Request, Severity};

fn finding(layer: Option<usize>, severity: Severity, name: &str, numbers: &str) -> LayerFinding {
    LayerFinding {
        layer: layer.map(LayerId),
        severity,
        name: name.to_owned(),
        numbers: numbers.to_owned(),
        hint: "prune them, or start from random weights".to_owned(),
    }
}

fn checked(columns: u16, rows: u16) -> Inspector {
    let mut inspector = Inspector::opened(columns, rows);
    let findings = vec![
        finding(None, Severity::Trouble, "input scale", "0 to 255: variance ×900"),
        finding(Some(2), Severity::Trouble, "NaN arises", "7 of 384 values, of finite numbers"),
        finding(Some(0), Severity::Notice, "duplicated filters", "stem.weight: 2 of 40 filters (as 7 = 3)"),
        finding(Some(4), Severity::Trouble, "zero weight", "fc.weight: all 72"),
    ];
    inspector.tell(Event::Checked { ticket: inspector.state.check_ticket, findings });
    inspector
}

/// The mark at the end of a layer's row.
fn mark(inspector: &Inspector, name: &str) -> String {
    let screen = inspector.screen();
    let row = screen.lines().find(|line| line.contains(name)).unwrap();
    row.split("││").next().unwrap().trim_end().chars().last().unwrap().to_string()
}

#[test]
fn every_picture_is_checked_and_layers_bear_the_mark_of_the_worst() {
    let mut inspector = Inspector::opened(120, 40);
    assert!(matches!(inspector.asked.last(), Some(Request::Check { .. })), "after what is looked at");
    assert_ne!(mark(&inspector, "stem Conv2d"), "~");
    inspector = checked(120, 40);
    assert_eq!(mark(&inspector, "stem Conv2d"), "~");
    assert_eq!(mark(&inspector, "fc Linear"), "!");
    inspector.press(&["j", "h"]);
    assert_eq!(mark(&inspector, "block Residual"), "!", "a folded layer bears what is in it");
    inspector.press(&["l"]);
    assert_ne!(mark(&inspector, "block Residual"), "!", "an open one does not");
    insta::assert_snapshot!("findings_120x40", inspector.screen());
}

#[test]
fn the_chosen_layer_says_what_was_found() {
    let mut inspector = checked(120, 40);
    let screen = inspector.screen();
    assert!(screen.contains("~ duplicated filters: stem.weight: 2 of 40 filters"), "{screen}");
    assert!(screen.contains("help") && screen.contains("quit"), "{screen}");
    assert!(screen.contains("╰ stem duplicated filters"), "on the tree's border: {screen}");
    inspector.press(&["j"]);
    assert!(inspector.screen().contains("j next"), "where nothing was found, the keys");
    let narrow = checked(80, 24).screen();
    assert!(narrow.contains("~ duplicated filters") && narrow.contains("quit"), "{narrow}");
}

#[test]
fn all_findings_are_listed_and_choosing_one_goes_to_its_layer() {
    let mut inspector = checked(120, 40);
    inspector.press(&["T"]);
    let screen = inspector.screen();
    assert!(screen.contains("1 of 4") && screen.contains("the network"), "{screen}");
    assert!(screen.contains("prune them, or start from random weights"), "what one might do about it");
    insta::assert_snapshot!("findings_list_120x40", screen);
    inspector.press(&["N", "a", "N", "Enter"]);
    assert_eq!(inspector.state.layer, LayerId(2));
    for character in ":findings zero".chars() {
        inspector.press(&[&character.to_string()]);
    }
    inspector.press(&["Enter"]);
    assert_eq!(inspector.state.layer, LayerId(4));
}

#[test]
fn a_check_that_is_not_done_or_finds_nothing_or_fails_says_so() {
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["T"]);
    assert!(inspector.screen().contains("is not done yet"));
    let ticket = inspector.state.check_ticket;
    inspector.tell(Event::Checked { ticket, findings: Vec::new() });
    assert!(inspector.screen().contains("found nothing amiss"), "it was asked for");
    inspector.press(&["j", "T"]);
    assert!(inspector.screen().contains("found nothing amiss"));
    let mut inspector = Inspector::opened(120, 40);
    let message = "not enough memory".to_owned();
    inspector.tell(Event::Failed { pane: Pane::Health, ticket: Some(inspector.state.check_ticket), message });
    assert!(!inspector.screen().contains("not enough memory"), "nobody has asked");
    inspector.press(&["T"]);
    assert!(inspector.screen().contains("not enough memory"));
}

#[test]
fn who_asked_before_the_check_was_done_is_told_when_it_is() {
    let some =
        || vec![finding(Some(0), Severity::Notice, "dead", "3 of 8"), finding(None, Severity::Notice, "flat", "")];
    let mut inspector = Inspector::opened(120, 40);
    inspector.tell(Event::Checked { ticket: inspector.state.check_ticket, findings: some() });
    assert!(!inspector.screen().contains("lists them"), "nobody has asked");
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["T"]);
    inspector.tell(Event::Checked { ticket: inspector.state.check_ticket, findings: some() });
    assert!(inspector.screen().contains("the check on this picture found 2 things; T lists them"));
    let mut inspector = Inspector::opened(120, 40);
    inspector.press(&["T"]);
    let message = "not enough memory".to_owned();
    inspector.tell(Event::Failed { pane: Pane::Health, ticket: Some(inspector.state.check_ticket), message });
    assert!(inspector.screen().contains("not enough memory"));
}

#[test]
fn findings_of_another_picture_are_not_this_one_s() {
    let mut inspector = checked(120, 40);
    let old = inspector.state.check_ticket;
    let effects = inspector.state.ask_picture();
    inspector.perform(effects);
    assert_ne!(mark(&inspector, "stem Conv2d"), "~");
    let late = vec![finding(Some(0), Severity::Trouble, "late", "of the picture before")];
    inspector.tell(Event::Checked { ticket: old, findings: late });
    assert!(!inspector.screen().contains("late"));
}
