//! The layer tree.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{frame_of, message, short_count};
use crate::model::LayerKind;
use crate::service::protocol::{LayerInfo, LayerState, Pane};
use crate::tui::layout;
use crate::tui::state::{Focus, State};
use crate::tui::theme::Theme;

/// Cells of the sparsity bar.
const BAR: usize = 5;

/// Draws the tree with the chosen layer in view.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let focused = state.focus == Focus::Layers;
    let note =
        state.model.as_ref().map_or_else(String::new, |model| format!("{} parameters", short_count(model.parameters)));
    frame.render_widget(frame_of(theme, focused, "1 Layers", note), area);
    let inner = layout::inner(area);
    let Some(model) = &state.model else {
        match state.failed.get(&Pane::Input) {
            Some(failed) => message(frame, inner, failed, theme.error()),
            None => message(frame, inner, state.progress.get(&Pane::Input).map_or("", String::as_str), theme.dim()),
        }
        return;
    };
    let visible = state.visible_layers();
    let chosen = visible.iter().position(|layer| *layer == state.layer).unwrap_or(0);
    let height = usize::from(inner.height);
    // The chosen layer stays near the middle, so that what comes next is seen.
    let first = chosen.saturating_sub(height / 2).min(visible.len().saturating_sub(height));
    for (line, id) in visible.iter().skip(first).take(height).enumerate() {
        let Some(layer) = model.layers.get(id.0) else { continue };
        let state_of = state.run.as_ref().and_then(|run| run.layers.get(id));
        let row = Rect::new(inner.x, inner.y + line as u16, inner.width, 1);
        let style = match (*id == state.layer, focused) {
            (true, true) => Some(theme.selection()),
            (true, false) => Some(theme.accent()),
            _ => None,
        };
        let folded = layer.has_children.then(|| state.folded.contains(id));
        frame.render_widget(row_of(theme, layer, state_of, folded, inner.width.into(), style), row);
    }
}

fn row_of<'a>(
    theme: &Theme,
    layer: &LayerInfo,
    state: Option<&LayerState>,
    folded: Option<bool>,
    width: usize,
    chosen: Option<Style>,
) -> Line<'a> {
    let arrow = match folded {
        Some(true) => "▸ ",
        Some(false) => "▾ ",
        None => "  ",
    };
    let name = format!("{}{arrow}{}", "  ".repeat(layer.depth), layer.name);
    let shape = state
        .map_or_else(String::new, |state| state.shape.iter().skip(1).map(i64::to_string).collect::<Vec<_>>().join("×"));
    let bar = state.map_or(" ".repeat(BAR), |state| sparsity_bar(state.statistics.sparsity));
    let mark = state.map_or(" ", mark_of);
    // Name, type if there is room, shape, parameters if there is room, bar, mark.
    let parameters = if layer.parameters > 0 { short_count(layer.parameters) } else { String::new() };
    let wide = width >= 56;
    let right = if wide { format!("{shape:>14} {parameters:>8} ") } else { format!("{shape:>13} ") };
    let room = width.saturating_sub(right.chars().count() + BAR + 2);
    let kind = layer.type_name.trim_start_matches("aten::");
    let label = cut(&name, room);
    let spare = room.saturating_sub(label.chars().count());
    let kind = if spare > kind.chars().count() + 1 { format!(" {kind}") } else { String::new() };
    let pad = " ".repeat(spare.saturating_sub(kind.chars().count()));
    let text = if layer.kind == LayerKind::Operator { theme.dim() } else { Style::new() };
    let mut line = Line::from(vec![
        Span::styled(label, text),
        Span::styled(kind, theme.dim()),
        Span::raw(pad),
        Span::styled(right, text),
        Span::styled(bar, theme.bar()),
        Span::styled(format!(" {mark}"), theme.error()),
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

/// Share of zeros as blocks.
fn sparsity_bar(share: f32) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (BAR * 8) as f32).round() as usize;
    let parts = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    (0..BAR).map(|cell| parts[eighths.saturating_sub(cell * 8).min(8)]).collect()
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
