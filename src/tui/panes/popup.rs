//! What lies over the panes: help and the list of classes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::frame_of;
use crate::tui::action::BINDINGS;
use crate::tui::layout;
use crate::tui::state::{Popup, State};

/// Draws the popup, and gives the area that it covers.
pub(super) fn draw(state: &State, popup: &Popup, frame: &mut Frame<'_>) -> Rect {
    let theme = state.theme();
    let screen = frame.area();
    let (title, note, lines, width) = match popup {
        Popup::Help(scroll) => ("Keys".to_owned(), "j k scroll, Esc closes".to_owned(), help(state, *scroll), 90),
        Popup::Classes { typed, chosen } => {
            let matching = state.matching_classes(typed);
            let note = format!("{} of {}", matching.len(), state.model.as_ref().map_or(0, |model| model.classes.len()));
            (format!("Class: {typed}▏"), note, classes(state, &matching, *chosen, screen.height), 48)
        }
    };
    let height = (lines.len() as u16 + 2).min(screen.height.saturating_sub(2)).max(4);
    let width = width.min(screen.width.saturating_sub(4));
    let area = Rect::new((screen.width - width) / 2, (screen.height - height) / 2, width, height);
    frame.render_widget(Clear, area);
    frame.render_widget(frame_of(theme, true, &title, note).style(theme.base()), area);
    frame.render_widget(Paragraph::new(lines), layout::inner(area));
    area
}

fn help<'a>(state: &State, scroll: u16) -> Vec<Line<'a>> {
    let theme = state.theme();
    let row = |binding: &crate::tui::action::Binding| {
        Line::from(vec![
            Span::styled(format!(" {:<18}", binding.keys.join(" ")), theme.accent()),
            Span::styled(format!("{:<18}", binding.name), theme.dim()),
            Span::raw(binding.description),
        ])
    };
    let most = BINDINGS.len().saturating_sub(4);
    BINDINGS.iter().skip(usize::from(scroll).min(most)).map(row).collect()
}

fn classes<'a>(state: &State, matching: &[usize], chosen: usize, screen: u16) -> Vec<Line<'a>> {
    let theme = state.theme();
    let room = usize::from(screen.saturating_sub(6)).clamp(1, 18);
    let chosen = chosen.min(matching.len().saturating_sub(1));
    let first = chosen.saturating_sub(room - 1);
    let Some(model) = &state.model else { return Vec::new() };
    let row = |(place, row): (usize, &usize)| {
        let class = model.classes.get(*row)?;
        let label = crate::model::printable(&class.label).into_owned();
        let style = if place == chosen { theme.selection() } else { theme.base() };
        Some(Line::from(Span::styled(format!(" {:>5}  {label} ", class.id.index), style)))
    };
    matching.iter().enumerate().skip(first).take(room).filter_map(row).collect()
}
