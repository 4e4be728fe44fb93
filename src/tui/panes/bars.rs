//! Vectors: a bar for each value, with the name of its class where there is one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Drawn;
use super::words::{cut, short};
use crate::model::printable;
use crate::tui::layout;
use crate::tui::page::Page;
use crate::tui::state::{Focus, State};
use crate::tui::targets::Target;

/// Columns of a value in figures.
const FIGURES: usize = 9;

/// Draws the page below the caption line of `inner`, column after column.
pub(super) fn draw(state: &State, page: &Page, frame: &mut Frame<'_>, inner: Rect, drawn: &mut Drawn) {
    let theme = state.theme();
    let (first, count, _) = page.extent();
    let named = state.has_class_names();
    let bars = layout::bars(inner, named);
    let Page::Numbers(numbers) = page else { return };
    let reach = numbers.layer_statistics.min.abs().max(numbers.layer_statistics.max.abs());
    let signed = numbers.layer_statistics.min < 0.0;
    for index in 0..count {
        let area = layout::bar_area(inner, bars, index);
        if area.is_empty() {
            continue;
        }
        let place = first + index;
        let value = page.values(index).first().copied().unwrap_or(0.0);
        let channel = page.channel(index).unwrap_or(place);
        let style = match (place == state.channel, state.focus == Focus::Channels) {
            (true, true) => theme.selection(),
            (true, false) => theme.accent(),
            _ => Style::new(),
        };
        let name = if named { name_of(state, channel) } else { None };
        let width = usize::from(area.width).saturating_sub(1);
        let label_room = (width.saturating_sub(FIGURES + 6) / 2).clamp(4, 28);
        let label = match name {
            Some(name) => cut(&format!("{channel} {name}"), label_room),
            None => channel.to_string(),
        };
        let label_room = if named { label_room } else { 6.min(label_room) };
        let bar_room = width.saturating_sub(label_room + FIGURES + 2);
        let line = Line::from(vec![
            Span::styled(format!("{label:<label_room$} "), style),
            Span::styled(bar(value, reach, signed, bar_room), if value < 0.0 { theme.warning() } else { theme.bar() }),
            Span::styled(format!(" {:>FIGURES$}", short(value)), if value == 0.0 { theme.dim() } else { style }),
        ]);
        frame.render_widget(Paragraph::new(line), area);
        drawn.targets.add(area, Target::Tile { place, values: None });
    }
}

/// What the caption says of a value.
pub(super) fn caption(state: &State, page: &Page, index: usize) -> String {
    let value = page.values(index).first().copied().unwrap_or(0.0);
    let named = page.channel(index).filter(|_| state.has_class_names());
    let name = named.and_then(|channel| name_of(state, channel));
    name.map_or_else(|| value.to_string(), |name| format!("{name}  {value}"))
}

/// The class that a value is the score of, where it has a name. Classes stand in the order of the scores.
fn name_of(state: &State, channel: usize) -> Option<String> {
    let class = state.model.as_ref()?.classes.get(channel)?;
    (class.label != channel.to_string()).then(|| printable(&class.label).into_owned())
}

/// A bar of eighths of cells from zero: on the left edge, or in the middle where there are negative values.
fn bar(value: f32, reach: f32, signed: bool, room: usize) -> String {
    let parts = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
    let side = if signed { room / 2 } else { room };
    let eighths = |share: f32| ((share * (side * 8) as f32).round() as usize).min(side * 8);
    let share = if reach > 0.0 && value.is_finite() { value.abs() / reach } else { 0.0 };
    let filled = eighths(share).max(usize::from(share > 0.0));
    let cells =
        |filled: usize| -> String { (0..side).map(|cell| parts[filled.saturating_sub(cell * 8).min(8)]).collect() };
    if !signed {
        return cells(filled);
    }
    if value < 0.0 {
        // Characters fill from the left: what grows to the left is made of whole and half cells.
        let halves = (filled / 4).max(1);
        let left: String = (0..side)
            .rev()
            .map(|cell| match halves.saturating_sub(cell * 2) {
                0 => ' ',
                1 => '▐',
                _ => '█',
            })
            .collect();
        format!("{left}│{}", " ".repeat(side))
    } else {
        format!("{}│{}", " ".repeat(side), cells(filled))
    }
}
