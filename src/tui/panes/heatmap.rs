//! The picture with its class activation map, the top classes, and the film strip.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::words::{cut, thin_bar, wrapped};
use super::{Drawn, frame_of, label, message, strip, trust};
use crate::model::printable;
use crate::service::protocol::{ClassId, Pane};
use crate::terminal::encoder::Slot;
use crate::tui::action::Action;
use crate::tui::drawing::{Side, Subject, Wanted};
use crate::tui::layout;
use crate::tui::state::{Focus, OverlayMode, State};
use crate::tui::targets::Target;

/// Columns that the list of classes needs beside the picture.
const LEAST_TABLE: u16 = 40;
/// Cells of a probability's bar.
const BAR: usize = 8;

/// Draws the pane.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, drawn: &mut Drawn) {
    let theme = state.theme();
    let focused = state.focus == Focus::Heatmap;
    let note = match state.overlay {
        _ if state.run.is_none() => String::new(),
        OverlayMode::Overlay => format!("overlay {} %", state.overlay_strength()),
        other => other.name().to_owned(),
    };
    frame.render_widget(frame_of(theme, focused, "Heatmap", note).title_bottom(progress(state)), area);
    let inner = layout::inner(area);
    let Some(run) = &state.run else {
        if let Some(failed) = state.failed.get(&Pane::Input).filter(|_| state.model.is_some()) {
            message(frame, inner, failed, theme.error());
        }
        return;
    };
    let (inner, film) = strip::split(state, inner);
    if let Some(film) = film {
        strip::draw(state, frame, film, drawn);
    }
    let measured = state.trust.shown && state.map.is_some();
    let rows = if measured { trust::lines(state, 0).len() } else { state.top_classes().len() };
    let compared = state.map.as_ref().is_some_and(|map| map.other.is_some());
    let tile = (run.picture.height() as usize, run.picture.width() as usize);
    let cell = state.cell.unwrap_or((10, 20));
    // Both maps and their difference, side by side or one below the other, whichever leaves them larger.
    let tile = match tile {
        (rows, columns) if compared && layout::fitted(inner, (rows, 3 * columns), cell).area() > inner.area() / 3 => {
            (rows, 3 * columns)
        }
        (rows, columns) if compared => (3 * rows, columns),
        single => single,
    };
    let said = label::lines(state, inner.width.into()).len() as u16;
    let lines = (rows as u16 + said + 1).min(inner.height.saturating_sub(4).max(inner.height / 2));
    let (picture, words) = layout::picture_and_words(inner, tile, cell, lines, LEAST_TABLE);
    let room = usize::from(words.width);
    let failed = [Pane::Heatmap, Pane::Input, Pane::Trust].iter().find_map(|pane| state.failed.get(pane));
    let failed = failed.map_or_else(Vec::new, |failed| wrapped(failed, room));
    let mut text: Vec<Line<'_>> =
        failed.into_iter().map(|line| Line::from(Span::styled(line, theme.error()))).collect();
    text.extend(label::lines(state, room));
    let said = text.len() as u16;
    let rows = if measured {
        trust::lines(state, room).into_iter().map(|line| (None, line)).collect()
    } else {
        table_rows(state, room)
    };
    for (row, (class, line)) in rows.into_iter().enumerate() {
        let area = Rect { y: words.y + said + row as u16, height: 1, ..words }.intersection(words);
        if let Some(class) = class {
            drawn.targets.add(area, Target::Class(class));
        }
        text.push(line);
    }
    frame.render_widget(Paragraph::new(text), words);
    if !picture.is_empty() {
        let pictures = sides(state, picture, compared.then_some(tile.1 > tile.0));
        drawn.wanted.extend(Wanted::tiles(Slot::Heatmap, pictures));
    }
}

/// How far what is being made is, and how it is stopped.
fn progress<'a>(state: &State) -> Line<'a> {
    let theme = state.theme();
    let under_way = [Pane::Heatmap, Pane::Trust].iter().find_map(|pane| state.progress.get(pane));
    let Some(words) = under_way else { return Line::default() };
    let mut spans = vec![Span::styled(format!(" {words} "), theme.accent())];
    // In the channels the key has enough to go back from.
    if state.focus != Focus::Channels {
        let key = state.keymap.keys_of(Action::Back).first().cloned().unwrap_or_default();
        spans.push(Span::styled(format!("· {key} stops "), theme.dim()));
    }
    Line::from(spans)
}

/// The heatmap in its area; of two models both and their difference, side by side or one below the other.
fn sides(state: &State, area: Rect, side_by_side: Option<bool>) -> Vec<(Rect, Subject)> {
    let parts: Vec<(Rect, Side)> = match side_by_side {
        None => vec![(area, Side::First)],
        Some(side_by_side) => layout::thirds(area, side_by_side, 0).into_iter().zip(Side::ALL).collect(),
    };
    let shown = parts.into_iter().filter(|(area, _)| !area.is_empty());
    shown.filter_map(|(area, side)| Some((area, subject(state, side)?))).collect()
}

/// What the pane's picture shows.
pub(in crate::tui) fn subject(state: &State, side: Side) -> Option<Subject> {
    let run = state.run.as_ref()?;
    let (picture, map) = (run.picture.clone(), state.map.clone());
    let seen = state.pointed_at().and_then(|at| state.seen(at));
    Some(Subject::Heatmap {
        picture,
        map,
        mode: state.overlay,
        strength: state.overlay_strength(),
        side,
        seen,
        close_up: state.close_up(),
    })
}

/// What the second model says of a class, where it is among its top ones.
fn other_probability(state: &State, class: ClassId) -> String {
    if state.other.is_none() {
        return String::new();
    }
    let known = state.other_predictions.iter().find(|known| known.index == class.index && !class.negative);
    known.map_or_else(|| "       ".to_owned(), |known| format!("{:>5.1}% ", known.probability * 100.0))
}

/// The top classes with bars of their probabilities, in `room` columns.
fn table_rows<'a>(state: &State, room: usize) -> Vec<(Option<ClassId>, Line<'a>)> {
    let theme = state.theme();
    let shown = state.map.as_ref().and_then(|map| map.class()).map(|class| class.id);
    let against = state.map.as_ref().and_then(|map| map.against()).map(|class| class.id);
    let rows = state.top_classes();
    let listed = shown.is_none_or(|class| rows.iter().any(|row| row.0 == class));
    let mut lines: Vec<(Option<ClassId>, Line<'_>)> = rows
        .into_iter()
        .map(|(class, label, probability)| {
            let (mark, style) = match (shown == Some(class), against == Some(class)) {
                (true, _) => ("▸", theme.accent()),
                (_, true) => ("−", theme.warning()),
                _ => (" ", theme.dim()),
            };
            let share = format!("{mark}{:>5.1}% ", probability * 100.0);
            let other = other_probability(state, class);
            let room = room.saturating_sub(share.chars().count() + other.chars().count() + BAR + 1);
            let line = Line::from(vec![
                Span::styled(share, style),
                Span::styled(other, theme.warning()),
                Span::styled(thin_bar(probability, BAR), theme.bar()),
                Span::styled(format!(" {}", cut(&printable(label), room)), style),
            ]);
            (Some(class), line)
        })
        .collect();
    if !listed && !lines.is_empty() {
        lines.push((None, Line::from(Span::styled(" (a class that is not among the top)", theme.dim()))));
    }
    lines
}
