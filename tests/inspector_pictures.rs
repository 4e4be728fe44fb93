//! What the inspector shows while the next picture is on its way, and where that cannot be read: without a terminal and without an
//! engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use inspector::{Inspector, model, ran};
use layerscope::service::protocol::{ClassId, Content, Event, Pane, Request, Ticket};

/// The answer to a picture that is none.
fn damaged(ticket: Ticket) -> Event {
    Event::Failed { pane: Pane::Input, ticket: Some(ticket), message: "b.png: no picture".to_owned() }
}

/// Of two pictures the second is damaged.
fn opened() -> Inspector {
    let inputs = vec![Some(PathBuf::from("a.png")), Some(PathBuf::from("b.png"))];
    let mut inspector = Inspector::with_inputs(200, 60, inputs);
    inspector.tell(model());
    inspector.ran = damaged;
    inspector
}

/// Presses a key whose work is not done yet when the next one is pressed: the engine drops it for a picture.
fn begin(inspector: &mut Inspector, key: char) {
    let _ = inspector.state.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
}

fn maps(inspector: &Inspector) -> usize {
    inspector.asked.iter().filter(|request| matches!(request, Request::Map { .. })).count()
}

fn checks(inspector: &Inspector) -> usize {
    inspector.asked.iter().filter(|request| matches!(request, Request::Check { .. })).count()
}

#[test]
fn a_page_that_was_asked_for_comes_although_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    begin(&mut inspector, ']');
    assert!(inspector.state.page().is_none());
    inspector.press(&["."]);
    assert!(inspector.screen().contains("b.png: no picture"));
    assert!(inspector.state.page().is_some(), "{}", inspector.screen());
}

#[test]
fn patterns_go_on_growing_although_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    inspector.press(&["]"]);
    begin(&mut inspector, 'p');
    inspector.press(&["."]);
    assert_eq!(inspector.state.content, Content::Patterns);
    assert!(inspector.state.page().is_some(), "{}", inspector.screen());
}

#[test]
fn the_pattern_beside_a_channel_comes_although_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    inspector.press(&["Enter", "Enter"]);
    let asked = |inspector: &Inspector| {
        inspector.asked.iter().filter(|request| matches!(request, Request::Pattern { .. })).count()
    };
    assert_eq!(asked(&inspector), 1, "{}", inspector.screen());
    inspector.press(&["."]);
    assert_eq!(asked(&inspector), 2, "the first was dropped for the picture");
}

#[test]
fn the_heatmap_under_way_is_made_although_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    inspector.press(&["g", "h"]);
    begin(&mut inspector, 'j');
    inspector.press(&["."]);
    assert!(inspector.screen().contains("grad-cam of tiger cat"), "{}", inspector.screen());
}

#[test]
fn what_is_whole_or_was_stopped_is_not_made_again_where_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    let made = maps(&inspector);
    inspector.press(&["."]);
    assert_eq!(maps(&inspector), made);
    let mut inspector = opened();
    inspector.busy = true;
    inspector.press(&["g", "h", "j"]);
    let what = "ablation".to_owned();
    inspector.tell(Event::Progress { pane: Pane::Heatmap, what, done: Some((1, 9)) });
    inspector.press(&["Esc"]);
    let made = maps(&inspector);
    inspector.press(&["."]);
    assert_eq!(maps(&inspector), made, "the user has stopped it");
}

#[test]
fn the_class_stays_chosen_where_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    inspector.press(&["c", "."]);
    assert!(inspector.screen().contains("grad-cam of tiger cat"));
    inspector.press(&["d"]);
    let of = inspector.asked.iter().rev().find_map(|request| match request {
        Request::Channels { content: Content::Gradients, class, .. } => *class,
        _ => None,
    });
    assert_eq!(of, Some(ClassId { index: 2, negative: false }), "gradients are of the class whose map is shown");
}

#[test]
fn the_check_is_done_although_the_next_picture_cannot_be_read() {
    let mut inspector = opened();
    inspector.press(&["T", "."]);
    assert_eq!(checks(&inspector), 2, "the first was dropped for the picture");
    inspector.tell(Event::Checked { ticket: inspector.state.check_ticket, findings: Vec::new() });
    assert!(inspector.screen().contains("found nothing amiss"), "it was asked for");
    inspector.press(&["."]);
    assert_eq!(checks(&inspector), 2, "what was found is known");
}

#[test]
fn a_second_model_s_numbers_of_the_picture_before_do_not_stand_beside_the_next() {
    let mut inspector = opened();
    inspector.ran = ran;
    let Event::Opened(other) = model() else { panic!("a model") };
    inspector.tell(Event::OpenedOther(other));
    inspector.compared = true;
    inspector.press(&["."]);
    let said = |inspector: &Inspector| (inspector.screen().contains("2.0%"), inspector.screen().contains("12.5%"));
    assert_eq!(said(&inspector), (true, true), "difference and probability\n{}", inspector.screen());
    let width = inspector.state.page_key().count;
    inspector.compared = false;
    inspector.press(&["."]);
    let message = "the second model: not enough memory".to_owned();
    inspector.tell(Event::Failed { pane: Pane::Input, ticket: Some(inspector.state.input_ticket), message });
    assert_eq!(said(&inspector), (false, false), "{}", inspector.screen());
    assert_eq!(inspector.state.page_key().count, width, "there is room for both models as before");
}
