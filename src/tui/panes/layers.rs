//! The layer tree.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{frame_of, message, short_count, thin_bar};
use crate::model::{LayerId, LayerKind};
use crate::service::protocol::{LayerInfo, LayerState, Pane};
use crate::tui::layout;
use crate::tui::state::{Focus, State};
use crate::tui::theme::Theme;

/// Cells of the bar that shows the share of zeros.
const BAR: usize = 5;
/// Columns that names keep when parameters ask for room.
const LEAST_NAME: usize = 10;
/// From this many rows on one is spent on the columns' names.
const HEADED: u16 = 8;

/// Draws the tree with the chosen layer in view.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let focused = state.focus == Focus::Layers;
    let note =
        state.model.as_ref().map_or_else(String::new, |model| format!("{} parameters", short_count(model.parameters)));
    frame.render_widget(frame_of(theme, focused, "1 Layers", note), area);
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
    let columns = Columns::of(&rows, inner.width.into());
    if headed {
        frame.render_widget(columns.header(theme), first_line);
    }
    for (line, row) in rows.iter().enumerate() {
        let area = Rect::new(inner.x, inner.y + line as u16, inner.width, 1);
        let chosen = match (row.chosen, focused) {
            (true, true) => Some(theme.selection()),
            (true, false) => Some(theme.accent()),
            _ => None,
        };
        frame.render_widget(columns.row(row, theme, chosen), area);
    }
}

/// What a line of the tree says.
struct Row<'a> {
    layer: &'a LayerInfo,
    state: Option<&'a LayerState>,
    chosen: bool,
    label: String,
    shape: String,
    parameters: String,
}

impl<'a> Row<'a> {
    fn of(state: &'a State, id: LayerId) -> Option<Self> {
        let layer = state.model.as_ref()?.layers.get(id.0)?;
        let given = state.run.as_ref().and_then(|run| run.layers.get(&id));
        let arrow = match (layer.has_children, state.folded.contains(&id)) {
            (true, true) => "▸ ",
            (true, false) => "▾ ",
            (false, _) => "  ",
        };
        let shape = given.map_or_else(String::new, |given| {
            given.shape.iter().skip(1).map(i64::to_string).collect::<Vec<_>>().join("×")
        });
        Some(Self {
            layer,
            state: given,
            chosen: id == state.layer,
            label: format!("{}{arrow}{}", "  ".repeat(layer.depth), layer.name),
            shape,
            parameters: if layer.parameters > 0 { short_count(layer.parameters) } else { String::new() },
        })
    }
}

/// The rows around the chosen layer, which stays near the middle, so that what comes next is seen.
fn rows_in_view(state: &State, height: usize) -> Vec<Row<'_>> {
    let visible = state.visible_layers();
    let chosen = visible.iter().position(|layer| *layer == state.layer).unwrap_or(0);
    let first = chosen.saturating_sub(height / 2).min(visible.len().saturating_sub(height));
    visible.iter().skip(first).take(height).filter_map(|id| Row::of(state, *id)).collect()
}

/// Widths of the columns; the names have what the others leave.
struct Columns {
    name: usize,
    shape: usize,
    parameters: Option<usize>,
}

impl Columns {
    fn of(rows: &[Row<'_>], width: usize) -> Self {
        let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
        let label = widest(&mut rows.iter().map(|row| row.label.chars().count()));
        let shape = widest(&mut rows.iter().map(|row| row.shape.chars().count())).max("output".len());
        let parameters = widest(&mut rows.iter().map(|row| row.parameters.chars().count())).max("params".len());
        // A space before each column, and the mark.
        let name = width.saturating_sub(1 + shape + 1 + BAR + 2);
        match name.checked_sub(parameters + 1) {
            Some(name) if name >= LEAST_NAME.max(label) => Self { name, shape, parameters: Some(parameters) },
            _ => Self { name, shape, parameters: None },
        }
    }

    fn numbers(&self, shape: &str, parameters: &str) -> String {
        let shape = format!(" {shape:>0$}", self.shape);
        self.parameters.map_or_else(|| shape.clone(), |width| format!("{shape} {parameters:>width$}"))
    }

    fn header<'a>(&self, theme: &Theme) -> Line<'a> {
        let words = format!("{:<1$}{2} zeros", "  layer", self.name, self.numbers("output", "params"));
        Line::from(Span::styled(words, theme.dim()))
    }

    fn row<'a>(&self, row: &Row<'_>, theme: &Theme, chosen: Option<Style>) -> Line<'a> {
        let label = cut(&row.label, self.name);
        let spare = self.name - label.chars().count();
        let kind = row.layer.type_name.trim_start_matches("aten::");
        let kind = if spare > kind.chars().count() { format!(" {kind}") } else { String::new() };
        let pad = " ".repeat(spare - kind.chars().count());
        let text = if row.layer.kind == LayerKind::Operator { theme.dim() } else { Style::new() };
        let bar = thin_bar(row.state.map_or(0.0, |state| state.statistics.sparsity), BAR);
        let mut line = Line::from(vec![
            Span::styled(label, text),
            Span::styled(kind, theme.dim()),
            Span::raw(pad),
            Span::styled(self.numbers(&row.shape, &row.parameters), text),
            Span::styled(format!(" {bar}"), theme.bar()),
            Span::styled(format!(" {}", row.state.map_or(" ", mark_of)), theme.error()),
        ]);
        if let Some(style) = chosen {
            // One style for the whole row: colours of parts would drown in the selection.
            for span in &mut line.spans {
                span.style = Style::new();
            }
            line = line.style(style);
        }
        line
    }
}

/// `!` where values are not finite, `0` where all are zero.
fn mark_of(state: &LayerState) -> &'static str {
    let statistics = &state.statistics;
    if statistics.nan + statistics.inf > 0 {
        "!"
    } else if statistics.sparsity >= 1.0 {
        "0"
    } else {
        " "
    }
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        text.to_owned()
    } else {
        text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    }
}
