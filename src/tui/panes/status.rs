//! The first line, the last line, and the keys that can follow one that was pressed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::frame_of;
use super::layers::finding_style;
use super::words::cut;
use crate::model::printable;
use crate::service::protocol::Pane;
use crate::tui::action::Action;
use crate::tui::keymap::Lookup;
use crate::tui::layout;
use crate::tui::state::{Focus, Notice, State, mark};
use crate::tui::theme::Theme;

/// Program, model, picture, and what is being done.
pub(super) fn title<'a>(state: &State, theme: &Theme) -> Line<'a> {
    let mut spans = vec![Span::styled(" layerscope ", theme.title(true))];
    if let Some(model) = &state.model {
        spans.push(Span::styled(format!("│ {} ", model.name), theme.title(false)));
        if let Some(other) = &state.other {
            spans.push(Span::styled(format!("against {} ", other.name), theme.accent()));
        }
        spans.push(Span::styled(format!("· {} · {} ", model.format, model.device), theme.dim()));
    }
    let name = state.input_name(state.input);
    if !name.is_empty() {
        spans.push(Span::styled(format!("│ {name} "), theme.title(false)));
        if state.inputs.len() > 1 {
            spans.push(Span::styled(format!("{}/{} ", state.input + 1, state.inputs.len()), theme.dim()));
        }
    }
    if let Some(what) = state.progress.get(&Pane::Input) {
        spans.push(Span::styled(format!("│ {what} … "), theme.accent()));
    }
    Line::from(spans)
}

/// What was done last, or the keys that help most here.
pub(super) fn line<'a>(state: &State, theme: &Theme, room: usize) -> Line<'a> {
    let notice = state.notice.as_ref().map(|notice| match notice {
        Notice::Done(words) => (words, theme.good()),
        Notice::Amiss(words) => (words, theme.warning()),
    });
    if let Some((words, style)) = notice {
        return Line::from(Span::styled(format!(" {}", crate::model::printable(words)), style));
    }
    let mut line = hints(state, theme, room);
    if let Some(count) = state.count {
        line.spans.insert(0, Span::styled(format!(" {count}"), theme.accent()));
    } else if state.debug {
        line = Line::from(Span::styled(format!(" {}", state.statistics), theme.dim()));
    }
    line
}

fn hints<'a>(state: &State, theme: &Theme, room: usize) -> Line<'a> {
    if state.search.as_ref().is_some_and(|search| search.typing) {
        let hints = [("Enter", "keep"), ("Esc", "go back"), ("Down", "next match"), ("Up", "previous match")];
        let spans = hints.into_iter().flat_map(|(key, does)| {
            [Span::styled(format!(" {key}"), theme.accent()), Span::styled(format!(" {does} "), theme.dim())]
        });
        return Line::from(spans.collect::<Vec<_>>());
    }
    let shared =
        [(Action::NextPane, "pane"), (Action::Command, "command"), (Action::Help, "help"), (Action::Quit, "quit")];
    // What shows what drives a channel also leads back.
    let attribute = if state.unit.is_some() && state.unit == state.unit_here() { "class again" } else { "attribute" };
    let own: &[(Action, &str)] = match state.focus {
        Focus::Layers => &[
            (Action::Down, "next"),
            (Action::Find, "find"),
            (Action::Open, "channels"),
            (Action::Fold, "fold"),
            (Action::MapHere, "map here"),
        ],
        Focus::Channels if state.probe.is_some() => &[
            (Action::Right, "move the point"),
            (Action::Attribute, attribute),
            (Action::Back, "done"),
            (Action::PageDown, "next page"),
        ],
        Focus::Channels if state.excitation_page().is_some() => &[
            (Action::Right, "next channel"),
            (Action::NextExciting, "next picture"),
            (Action::WholePicture, if state.excitations.whole { "crops" } else { "whole pictures" }),
            (Action::ExcitedBy, "only"),
            (Action::Probe, "values"),
            (Action::Back, "page"),
        ],
        Focus::Channels if state.zoomed => &[
            (Action::Right, "next channel"),
            (Action::Probe, "values"),
            (Action::Attribute, attribute),
            (Action::Back, "page"),
            (Action::ColorMap, "colours"),
            (Action::Scale, "scale"),
            (Action::Save, "save"),
        ],
        Focus::Channels => &[
            (Action::Open, "zoom"),
            (Action::Activations, "activations"),
            (Action::Patterns, "patterns"),
            (Action::Weights, "weights"),
            (Action::Gradients, "gradients"),
            (Action::Order, "sort"),
            (Action::Scale, "scale"),
            (Action::ColorMap, "colours"),
        ],
        Focus::Heatmap => &[
            (Action::NextClass, "class"),
            (Action::Find, "choose"),
            (Action::Method, "method"),
            (Action::Overlay, "overlay"),
            (Action::Stronger, "stronger"),
            (Action::Contrast, "contrast"),
            (Action::NextPicture, "picture"),
        ],
    };
    let key = |action: Action| state.keymap.keys_of(action).first().cloned().unwrap_or_default();
    let length = |(action, word): &(Action, &str)| key(*action).chars().count() + word.chars().count() + 3;
    let mut spare = room.saturating_sub(1 + shared.iter().map(length).sum::<usize>());
    // Help and the way out are always in view.
    let fitting = own.iter().take_while(|hint| {
        let fits = length(hint) <= spare;
        spare = spare.saturating_sub(length(hint));
        fits
    });
    let mut spans = vec![Span::raw(" ")];
    let finding = state.findings.as_ref().filter(|_| state.focus == Focus::Layers);
    let finding = finding.and_then(|findings| findings.at(state.layer).next());
    // What is wrong with the layer says more than what can be done with every layer.
    let fitting: Vec<&(Action, &str)> = if let Some(finding) = finding {
        let style = finding_style(finding.severity, theme);
        let words = format!("{} {}: {}", mark(finding.severity), finding.name, printable(&finding.numbers));
        let room = room.saturating_sub(3 + shared.iter().map(length).sum::<usize>());
        spans.push(Span::styled(format!("{}  ", cut(&words, room)), style));
        Vec::new()
    } else {
        fitting.collect()
    };
    for (action, word) in fitting.into_iter().chain(&shared) {
        spans.push(Span::styled(key(*action), theme.accent()));
        spans.push(Span::styled(format!(" {word}  "), theme.dim()));
    }
    Line::from(spans)
}

/// Where the keys that can follow those of an unfinished sequence are shown: above the last line.
pub(super) fn which_key_area(state: &State, status: Rect) -> Option<Rect> {
    let Lookup::Prefix(following) = state.keymap.lookup(&state.pending) else { return None };
    let height = (following.len() as u16 + 2).min(status.y);
    let width = following.iter().map(|(keys, _, does)| keys.chars().count() + does.chars().count() + 6).max();
    let width = (width.unwrap_or(0) as u16).min(status.width);
    Some(Rect::new(status.right().saturating_sub(width), status.y.saturating_sub(height), width, height))
}

/// The keys that can follow those of an unfinished sequence.
pub(super) fn which_key(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let Lookup::Prefix(following) = state.keymap.lookup(&state.pending) else { return };
    let theme = state.theme();
    let lines: Vec<Line<'_>> = following
        .iter()
        .map(|(keys, _, does)| Line::from(vec![Span::styled(format!(" {keys} "), theme.accent()), Span::raw(*does)]))
        .collect();
    frame.render_widget(Clear, area);
    frame.render_widget(frame_of(theme, true, &state.pending.join(" "), String::new()).style(theme.base()), area);
    frame.render_widget(Paragraph::new(lines), layout::inner(area));
}
