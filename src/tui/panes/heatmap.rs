//! The picture with its class activation map, and the top classes.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{frame_of, message};
use crate::service::protocol::{ClassId, Pane};
use crate::tui::drawing::{HEATMAP, Subject, Wanted};
use crate::tui::layout;
use crate::tui::state::{Focus, OverlayMode, Run, State};

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
    let rows = table_rows(state, run);
    let lines = (rows.len() as u16 + 3).min(inner.height.saturating_sub(4).max(inner.height / 2));
    let roomy = inner.height >= 10;
    let constraints = if roomy {
        [Constraint::Min(1), Constraint::Length(lines)]
    } else {
        [Constraint::Length(0), Constraint::Min(0)]
    };
    let [room, below] = Layout::vertical(constraints).areas(inner);
    let mut text = vec![headline(state), layer_line(state)];
    if let Some(failed) = state.failed.get(&Pane::Heatmap).or_else(|| state.failed.get(&Pane::Input)) {
        text.push(Line::from(Span::styled(failed.clone(), theme.error())));
    }
    text.extend(rows);
    frame.render_widget(Paragraph::new(text), below);
    if !roomy {
        return Vec::new();
    }
    let tile = (run.picture.height() as usize, run.picture.width() as usize);
    let area = layout::fitted(room, tile, state.cell.unwrap_or((10, 20)));
    let subject = Subject::Heatmap { picture: run.picture.clone(), map: state.map.clone(), mode: state.overlay };
    vec![Wanted { slot: HEATMAP, area, subject }]
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
        let layer = state.model.as_ref()?.layers.get(map.layer.0)?;
        Some(format!("at {} {}×{}", layer.path, map.height, map.width))
    });
    Line::from(Span::styled(at.unwrap_or_default(), theme.dim()))
}

/// The top classes with bars of their probabilities.
fn table_rows<'a>(state: &State, run: &Run) -> Vec<Line<'a>> {
    let theme = state.theme();
    let shown = state.map.as_ref().map(|map| map.class.id);
    let mut rows: Vec<(ClassId, String, f32)> = run
        .predictions
        .iter()
        .map(|prediction| {
            (ClassId { index: prediction.index, negative: false }, prediction.label.clone(), prediction.probability)
        })
        .collect();
    if let (Some(model), [(only, _, probability)]) = (&state.model, rows.as_slice())
        && let Some(absent) = model.classes.iter().find(|class| class.id.negative && class.id.index == only.index)
    {
        rows.push((absent.id, absent.label.clone(), 1.0 - probability));
        rows.sort_by(|a, b| b.2.total_cmp(&a.2));
    }
    let listed = shown.is_none_or(|class| rows.iter().any(|row| row.0 == class));
    let mut lines: Vec<Line<'_>> = rows
        .into_iter()
        .map(|(class, label, probability)| {
            let chosen = shown == Some(class);
            let style = if chosen { theme.accent() } else { theme.dim() };
            let mark = if chosen { "▸" } else { " " };
            Line::from(vec![
                Span::styled(format!("{mark}{:>5.1}% ", probability * 100.0), style),
                Span::styled(bar(probability), theme.bar()),
                Span::styled(format!(" {}", crate::model::printable(&label)), style),
            ])
        })
        .collect();
    if !listed {
        lines.push(Line::from(Span::styled(" (a class that is not among the top)", theme.dim())));
    }
    lines
}

fn bar(share: f32) -> String {
    let eighths = (share.clamp(0.0, 1.0) * 64.0).round() as usize;
    let parts = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    (0..8).map(|cell| parts[eighths.saturating_sub(cell * 8).min(8)]).collect()
}
