//! The picture with its class activation map, and the top classes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{frame_of, message, thin_bar};
use crate::service::protocol::Pane;
use crate::tui::drawing::{HEATMAP, Subject, Wanted};
use crate::tui::layout;
use crate::tui::state::{Focus, OverlayMode, State};

/// Columns that the list of classes needs beside the picture.
const LEAST_TABLE: u16 = 40;
/// Cells of a probability's bar.
const BAR: usize = 8;

/// Draws the pane, and gives the picture that it wants.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) -> Vec<Wanted> {
    let theme = state.theme();
    let focused = state.focus == Focus::Heatmap;
    let note = match state.overlay {
        OverlayMode::Overlay => "overlay",
        OverlayMode::Picture => "picture",
        OverlayMode::Map => "map",
    };
    frame.render_widget(frame_of(theme, focused, "3 Heatmap", note.to_owned()), area);
    let inner = layout::inner(area);
    let Some(run) = &state.run else {
        if let Some(failed) = state.failed.get(&Pane::Input).filter(|_| state.model.is_some()) {
            message(frame, inner, failed, theme.error());
        }
        return Vec::new();
    };
    let rows = table_rows(state);
    let tile = (run.picture.height() as usize, run.picture.width() as usize);
    let lines = (rows.len() as u16 + 3).min(inner.height.saturating_sub(4).max(inner.height / 2));
    let (picture, words) = layout::picture_and_words(inner, tile, state.cell.unwrap_or((10, 20)), lines, LEAST_TABLE);
    let mut text = vec![headline(state), layer_line(state)];
    if let Some(failed) = state.failed.get(&Pane::Heatmap).or_else(|| state.failed.get(&Pane::Input)) {
        text.push(Line::from(Span::styled(failed.clone(), theme.error())));
    }
    text.extend(rows);
    frame.render_widget(Paragraph::new(text), words);
    if picture.is_empty() {
        return Vec::new();
    }
    subject(state).map(|subject| Wanted { slot: HEATMAP, area: picture, subject }).into_iter().collect()
}

/// What the pane's picture shows.
pub(in crate::tui) fn subject(state: &State) -> Option<Subject> {
    let run = state.run.as_ref()?;
    Some(Subject::Heatmap { picture: run.picture.clone(), map: state.map.clone(), mode: state.overlay })
}

fn headline<'a>(state: &State) -> Line<'a> {
    let theme = state.theme();
    match &state.map {
        Some(map) => Line::from(vec![
            Span::styled("Grad-CAM of ", theme.dim()),
            Span::styled(crate::model::printable(&map.class.label).into_owned(), theme.accent()),
        ]),
        None => Line::from(Span::styled("no map yet", theme.dim())),
    }
}

fn layer_line<'a>(state: &State) -> Line<'a> {
    let theme = state.theme();
    let at = state.map.as_ref().and_then(|map| {
        let layer = state.model.as_ref()?.layers.get(map.layers.first()?.0)?;
        Some(format!("at {} {}×{}", layer.path, map.height, map.width))
    });
    Line::from(Span::styled(at.unwrap_or_default(), theme.dim()))
}

/// The top classes with bars of their probabilities.
fn table_rows<'a>(state: &State) -> Vec<Line<'a>> {
    let theme = state.theme();
    let shown = state.map.as_ref().map(|map| map.class.id);
    let rows = state.top_classes();
    let listed = shown.is_none_or(|class| rows.iter().any(|row| row.0 == class));
    let mut lines: Vec<Line<'_>> = rows
        .into_iter()
        .map(|(class, label, probability)| {
            let chosen = shown == Some(class);
            let style = if chosen { theme.accent() } else { theme.dim() };
            let mark = if chosen { "▸" } else { " " };
            Line::from(vec![
                Span::styled(format!("{mark}{:>5.1}% ", probability * 100.0), style),
                Span::styled(thin_bar(probability, BAR), theme.bar()),
                Span::styled(format!(" {}", crate::model::printable(label)), style),
            ])
        })
        .collect();
    if !listed {
        lines.push(Line::from(Span::styled(" (a class that is not among the top)", theme.dim())));
    }
    lines
}
