//! How far the heatmap is to be trusted, on request and below it: without a terminal and without an engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/inspector.rs"]
mod inspector;

use inspector::{Inspector, measured};
use layerscope::methods::registry::{self, Kind};
use layerscope::service::protocol::{Chosen, Event, Pane, Request, Ticket};

/// Number and metrics of the newest request.
fn asked(inspector: &Inspector) -> Option<(Ticket, Vec<&'static str>)> {
    inspector.asked.iter().rev().find_map(|asked| match asked {
        Request::Trust { ticket, metrics, .. } => {
            Some((*ticket, metrics.iter().map(|metric| metric.method().name).collect()))
        }
        _ => None,
    })
}

fn all() -> Vec<&'static str> {
    registry::all(Kind::Faithfulness).map(|metric| metric.name).collect()
}

/// An inspector whose heatmap is there while metrics take long, and whose user wants to know them.
fn waiting() -> Inspector {
    let mut inspector = Inspector::opened(120, 40);
    inspector.busy = true;
    inspector.press(&["g", "t"]);
    inspector
}

fn answer(inspector: &mut Inspector, index: usize) {
    let (ticket, metrics) = asked(inspector).unwrap();
    let metric = Chosen::from(registry::find(Kind::Faithfulness, metrics[index]).unwrap());
    let measured = Box::new(measured(metric, 0));
    inspector.tell(Event::Measured { ticket, measured, left: metrics.len() - index - 1 });
}

/// Nothing can be measured.
fn refuse(inspector: &mut Inspector) {
    let (ticket, _) = asked(inspector).unwrap();
    let message = "160 MB are needed, 100 MB are left".to_owned();
    inspector.tell(Event::Failed { pane: Pane::Trust, ticket: Some(ticket), message });
}

#[test]
fn every_metric_is_shown_below_the_heatmap_on_request_and_the_classes_come_back() {
    for (columns, rows) in [(120, 40), (80, 24), (200, 60)] {
        let mut inspector = Inspector::opened(columns, rows);
        assert!(asked(&inspector).is_none(), "it is asked for on request only");
        inspector.press(&["g", "h", "g", "t"]);
        assert_eq!(asked(&inspector).unwrap().1, all());
        let screen = inspector.screen();
        insta::assert_snapshot!(format!("trust_{columns}x{rows}"), screen);
        inspector.press(&["g", "t"]);
        assert!(!inspector.screen().contains("deletion") && inspector.screen().contains("tiger cat"));
        let before = inspector.asked.len();
        inspector.press(&["g", "t"]);
        assert!(inspector.screen().contains("deletion"));
        assert_eq!(inspector.asked.len(), before, "what is known is not measured again");
    }
}

#[test]
fn the_second_curve_is_named_with_its_own_number_where_there_is_room() {
    let mut inspector = Inspector::opened(240, 60);
    inspector.press(&["g", "h", "z", "g", "t"]);
    let screen = inspector.screen();
    for (metric, named) in [("deletion", "random auc 0.500 █"), ("road", "lerf 0.500 █")] {
        let line = screen.lines().find(|line| line.contains(&format!("{metric}  "))).unwrap();
        assert!(line.contains(named), "{line}");
    }
}

#[test]
fn metrics_appear_one_by_one_and_esc_stops_the_rest() {
    let mut inspector = waiting();
    answer(&mut inspector, 0);
    inspector.tell(Event::Progress { pane: Pane::Trust, what: "insertion".to_owned(), done: Some((3, 4)) });
    let screen = inspector.screen();
    for words in ["0.125", "insertion 75 %", "Esc stops", "…"] {
        assert!(screen.contains(words), "no {words} in\n{screen}");
    }
    inspector.press(&["Esc"]);
    assert!(matches!(inspector.asked.last(), Some(Request::Stop(Pane::Trust))), "{:?}", inspector.asked.last());
    let screen = inspector.screen();
    assert!(screen.contains("0.125") && screen.contains("not measured"), "{screen}");
    assert!(!screen.contains("75 %"), "{screen}");
    inspector.press(&["g", "t", "g", "t"]);
    assert_eq!(asked(&inspector).unwrap().1, all()[1..], "what is missing");
}

#[test]
fn what_was_measured_of_one_heatmap_is_not_shown_for_the_next() {
    let mut inspector = waiting();
    answer(&mut inspector, 0);
    let (old, _) = asked(&inspector).unwrap();
    inspector.busy = false;
    inspector.press(&["c"]);
    let (new, metrics) = asked(&inspector).unwrap();
    assert!(new > old && metrics == all(), "another class's map is measured at once");
    let metric = Chosen::from(registry::find(Kind::Faithfulness, "deletion").unwrap());
    let before = inspector.state.trust.found.clone();
    inspector.tell(Event::Measured { ticket: old, measured: Box::new(measured(metric, 1)), left: 0 });
    assert_eq!(inspector.state.trust.found, before, "an answer that comes too late");
}

#[test]
fn an_answer_that_comes_while_the_next_heatmap_is_made_is_not_the_next_one_s() {
    let mut inspector = waiting();
    let (old, _) = asked(&inspector).unwrap();
    inspector.press(&["c"]);
    let metric = Chosen::from(registry::find(Kind::Faithfulness, "deletion").unwrap());
    inspector.tell(Event::Measured { ticket: old, measured: Box::new(measured(metric, 0)), left: 7 });
    assert!(inspector.state.trust.found.is_empty() && inspector.state.trust.left == 0);
}

#[test]
fn a_picture_that_cannot_be_read_ends_the_measuring_and_is_what_is_said() {
    let mut inspector = waiting();
    refuse(&mut inspector);
    inspector.press(&["g", "t", "g", "t"]);
    inspector.tell(Event::Progress { pane: Pane::Trust, what: "deletion".to_owned(), done: Some((1, 4)) });
    assert!(inspector.screen().contains("deletion 25 %"));
    inspector.state.ask_picture();
    let ticket = Some(inspector.state.input_ticket);
    inspector.tell(Event::Failed { pane: Pane::Input, ticket, message: "dog.jpg: no picture".to_owned() });
    let screen = inspector.screen();
    assert!(screen.contains("dog.jpg: no picture") && screen.contains("not measured"), "{screen}");
    assert!(!screen.contains("25 %") && !screen.contains("160 MB"), "{screen}");
}

#[test]
fn a_heatmap_that_was_stopped_half_made_is_not_measured() {
    let mut inspector = Inspector::opened(120, 40);
    let mut map = (**inspector.state.map.as_ref().unwrap()).clone();
    map.so_far = Some((1, 4));
    inspector.busy = true;
    inspector.press(&["g", "h", "c"]);
    inspector.tell(Event::Map { ticket: inspector.state.map_ticket, map: Box::new(map) });
    inspector.tell(Event::Progress { pane: Pane::Heatmap, what: "rise".to_owned(), done: Some((1, 4)) });
    inspector.press(&["Esc", "g", "t"]);
    assert!(asked(&inspector).is_none() && inspector.screen().contains("not measured"));
}

#[test]
fn why_nothing_can_be_measured_is_said() {
    let mut inspector = waiting();
    refuse(&mut inspector);
    let screen = inspector.screen();
    assert!(screen.contains("160 MB are needed") && screen.contains("not measured"), "{screen}");
}
