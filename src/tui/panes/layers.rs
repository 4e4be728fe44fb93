//! The layer tree.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::columns::{Columns, Row};
use super::words::{end_of, short_count};
use super::{frame_of, message};
use crate::model::LayerId;
use crate::service::protocol::{LayerState, Pane, Severity};
use crate::tui::layout;
use crate::tui::search::Search;
use crate::tui::state::{Focus, State};
use crate::tui::targets::{Target, Targets};
use crate::tui::theme::Theme;

/// From this many rows on one is spent on the columns' names.
const HEADED: u16 = 8;

/// Draws the tree with the chosen layer in view.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, targets: &mut Targets) {
    let theme = state.theme();
    let focused = state.focus == Focus::Layers;
    let note =
        state.model.as_ref().map_or_else(String::new, |model| format!("{} parameters", short_count(model.parameters)));
    let block = frame_of(theme, focused, "Layers", note).title_bottom(below(state, area.width.into()));
    frame.render_widget(block, area);
    let mut inner = layout::inner(area);
    if state.model.is_none() {
        match state.failed.get(&Pane::Input) {
            Some(failed) => message(frame, inner, failed, theme.error()),
            None => message(frame, inner, state.progress.get(&Pane::Input).map_or("", String::as_str), theme.dim()),
        }
        return;
    }
    let headed = inner.height >= HEADED;
    let first_line = Rect { height: 1, ..inner };
    if headed {
        inner = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    }
    let rows = rows_in_view(state, inner.height.into());
    let columns = Columns::of(state, &rows, inner.width.into());
    if headed {
        frame.render_widget(columns.header(theme), first_line);
    }
    for (line, row) in rows.iter().enumerate() {
        let area = Rect::new(inner.x, inner.y + line as u16, inner.width, 1);
        targets.add(area, Target::Layer(row.id));
        if row.layer.has_children {
            let indent = row.indent().min(inner.width.into()) as u16;
            targets.add(Rect { x: area.x + indent, width: 2, ..area }.intersection(inner), Target::Arrow(row.id));
        }
        let chosen = match (row.chosen, focused) {
            (true, true) => Some(theme.selection()),
            (true, false) => Some(theme.accent().add_modifier(Modifier::BOLD)),
            _ => None,
        };
        frame.render_widget(columns.row(row, theme, chosen), area);
    }
    if rows.is_empty() {
        message(frame, inner, "the file names no layers: O shows its operators", theme.dim());
    }
}

/// On the lower border: what is looked for, or the path of the chosen layer.
fn below<'a>(state: &State, width: usize) -> Line<'a> {
    let theme = state.theme();
    let room = width.saturating_sub(4);
    let search = state.search.as_ref();
    if let Some(search) = search.filter(|search| search.typing) {
        return looked_for(search, room, theme.accent(), theme.dim());
    }
    let path = state.model.as_ref().and_then(|model| model.layers.get(state.layer.0)).map(|layer| layer.path.as_str());
    let crumbs = path.unwrap_or_default().replace('.', " › ");
    if crumbs.is_empty() {
        return Line::default();
    }
    let mut style = theme.warning();
    let mut trouble = state.layer_state().map_or_else(String::new, trouble);
    if trouble.is_empty()
        && let Some(worst) = state.findings.as_ref().and_then(|findings| findings.at(state.layer).next())
    {
        trouble = format!("{} ", worst.name);
        style = finding_style(worst.severity, theme);
    }
    let found = search.map_or_else(String::new, |search| format!("{} found ", search.count()));
    let room = room.saturating_sub(trouble.chars().count() + found.chars().count());
    Line::from(vec![
        Span::styled(format!(" {} ", end_of(&crumbs, room)), theme.dim()),
        Span::styled(found, theme.accent()),
        Span::styled(trouble, style),
    ])
}

/// The colour of a finding.
pub(super) fn finding_style(severity: Severity, theme: &Theme) -> Style {
    match severity {
        Severity::Trouble => theme.error(),
        Severity::Notice => Style::new(),
    }
}

/// What a layer's mark means.
fn trouble(state: &LayerState) -> String {
    let statistics = &state.statistics;
    let channels = state.channels;
    match (statistics.nan + statistics.inf, state.dead, state.saturated) {
        (0, 0, 0) => String::new(),
        (0, 0, saturated) => format!("{saturated} of {channels} saturated "),
        (0, dead, _) => format!("{dead} of {channels} dead "),
        (broken, ..) => format!("{broken} NaN or Inf "),
    }
}

fn looked_for<'a>(search: &Search, room: usize, accent: Style, dim: Style) -> Line<'a> {
    let typed = search.input.value();
    let (before, after) = typed.split_at(byte_of(typed, search.input.cursor()));
    let cursor = if search.typing { "▏" } else { "" };
    let count = match search.count() {
        0 if typed.is_empty() => String::new(),
        0 => " nothing found".to_owned(),
        1 => " 1 found".to_owned(),
        count => format!(" {count} found"),
    };
    let typed = end_of(&format!("/{before}{cursor}{after}"), room.saturating_sub(count.chars().count()));
    Line::from(vec![Span::styled(format!(" {typed}"), accent), Span::styled(format!("{count} "), dim)])
}

/// The byte at which a character begins.
pub(super) fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte)
}

/// The rows around the chosen layer, which stays near the middle, so that what comes next is seen.
fn rows_in_view(state: &State, height: usize) -> Vec<Row<'_>> {
    let visible: Vec<LayerId> = state.visible_layers();
    let chosen = visible.iter().position(|layer| *layer == state.layer).unwrap_or(0);
    let first = chosen.saturating_sub(height / 2).min(visible.len().saturating_sub(height));
    visible.iter().skip(first).take(height).filter_map(|id| Row::of(state, *id)).collect()
}
