//! What lies over the panes: help and prompts.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::frame_of;
use super::layers::byte_of;
use super::words::{cut, end_of};
use crate::tui::action::{BINDINGS, Group};
use crate::tui::layout;
use crate::tui::prompt::{Choice, Prompt};
use crate::tui::state::{Popup, State};
use crate::tui::targets::{Target, Targets};

/// Columns of help, where there is room.
const HELP_WIDTH: u16 = 96;
/// Columns of a prompt, where there is room.
const PROMPT_WIDTH: u16 = 76;
/// Columns of one that explains its choices.
const EXPLAINED_WIDTH: u16 = 100;
/// Rows of a prompt's list that what is said of the chosen one leaves.
const LEAST_CHOICES: u16 = 4;
/// Most rows of a prompt's list.
const MOST_CHOICES: u16 = 16;

/// The area that a popup covers.
pub(super) fn area(state: &State, popup: &Popup, screen: Rect) -> Rect {
    match popup {
        Popup::Help(_) => {
            let height = (help_lines(state).len() as u16 + 2).min(screen.height.saturating_sub(2));
            let width = HELP_WIDTH.min(screen.width.saturating_sub(2));
            Rect::new((screen.width - width) / 2, (screen.height - height) / 2, width, height)
        }
        Popup::Prompt(prompt) => {
            let width = if prompt.asks.is_explained() { EXPLAINED_WIDTH } else { PROMPT_WIDTH };
            let width = width.min(screen.width.saturating_sub(2));
            // Few choices that are explained need few rows, also while what is typed leaves fewer of them.
            let all = || Prompt::new(prompt.asks).choices(state).len();
            let rows = if prompt.asks.is_explained() { all().min(999) as u16 + 3 } else { MOST_CHOICES };
            let height = rows.clamp(LEAST_CHOICES + 3, MOST_CHOICES).min(screen.height.saturating_sub(6)).max(1) + 3;
            Rect::new((screen.width - width) / 2, screen.height.saturating_sub(height) / 3, width, height)
        }
    }
}

/// Draws the popup.
pub(super) fn draw(state: &State, popup: &Popup, frame: &mut Frame<'_>, area: Rect, targets: &mut Targets) {
    match popup {
        Popup::Help(scroll) => help(state, *scroll, frame, area, targets),
        Popup::Prompt(prompt) => ask(state, prompt, frame, area, targets),
    }
}

fn open(frame: &mut Frame<'_>, state: &State, area: Rect, title: &str, note: String, targets: &mut Targets) -> Rect {
    let theme = state.theme();
    targets.add(area, Target::Popup);
    frame.render_widget(Clear, area);
    frame.render_widget(frame_of(theme, true, title, note).style(theme.base()), area);
    layout::inner(area)
}

fn help(state: &State, scroll: u16, frame: &mut Frame<'_>, area: Rect, targets: &mut Targets) {
    let inner = open(frame, state, area, "Keys", "j k scroll, any other key closes".to_owned(), targets);
    let first = usize::from(scroll.min(last_help_line(state)));
    frame.render_widget(Paragraph::new(help_lines(state).split_off(first)), inner);
}

/// The furthest that help can be scrolled.
pub(in crate::tui) fn last_help_line(state: &State) -> u16 {
    (help_lines(state).len() as u16 + 4).saturating_sub(state.screen.1)
}

fn help_lines<'a>(state: &State) -> Vec<Line<'a>> {
    let theme = state.theme();
    let mut lines = Vec::with_capacity(BINDINGS.len() + 2 * Group::ALL.len());
    for group in Group::ALL {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::from(Span::styled(format!(" {}", group.title()), theme.title(true))));
        for binding in BINDINGS.iter().filter(|binding| binding.group == group) {
            let keys = state.keymap.keys_of(binding.action).join("  ");
            lines.push(Line::from(vec![
                Span::styled(format!(" {keys:<18}"), theme.accent()),
                Span::styled(format!("{:<22}", binding.name), theme.dim()),
                Span::raw(binding.description),
            ]));
        }
    }
    lines
}

fn ask(state: &State, prompt: &Prompt, frame: &mut Frame<'_>, area: Rect, targets: &mut Targets) {
    let theme = state.theme();
    let choices = prompt.choices(state);
    let chosen = prompt.chosen.min(choices.len().saturating_sub(1));
    let note = match choices.len() {
        0 => "nothing matches".to_owned(),
        count => format!("{} of {count} · Tab completes", chosen + 1),
    };
    let inner = open(frame, state, area, &prompt.asks.heading(state), note, targets);
    let typed = prompt.input.value();
    let (before, after) = typed.split_at(byte_of(typed, prompt.input.cursor()));
    let line = Line::from(vec![
        Span::styled(format!(" {}", prompt.asks.title()), theme.dim()),
        Span::styled(end_of(&format!("{before}▏{after}"), usize::from(inner.width).saturating_sub(16)), theme.accent()),
    ]);
    frame.render_widget(Paragraph::new(line), Rect { height: 1, ..inner });
    // What is said of the chosen row has the room of those that others of the list need too, so that nothing jumps.
    let said = choices.iter().map(|choice| choice.details.len()).max().unwrap_or(0) as u16;
    let said = if inner.height > said + LEAST_CHOICES { said } else { 0 };
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1 + said), ..inner };
    if let Some(choice) = choices.get(chosen) {
        let area = Rect { y: list.bottom(), height: said, ..inner };
        let room = usize::from(inner.width).saturating_sub(2);
        let line = |text: &String| Line::from(Span::styled(format!(" {}", cut(text, room)), theme.dim()));
        frame.render_widget(Paragraph::new(choice.details.iter().map(line).collect::<Vec<_>>()), area);
    }
    let names = choices.iter().map(|choice| choice.text.chars().count()).max().unwrap_or(0);
    // What is explained stands in columns.
    let column = prompt.asks.is_explained().then_some(names);
    let first = (chosen + 1).saturating_sub(usize::from(list.height));
    for (line, (row, choice)) in choices.iter().enumerate().skip(first).take(list.height.into()).enumerate() {
        let line_area = Rect { y: list.y + line as u16, height: 1, ..list };
        targets.add(line_area, Target::Choice(row));
        frame.render_widget(
            Paragraph::new(choice_line(state, choice, row == chosen, list.width.into(), column)),
            line_area,
        );
    }
}

/// A row of `room` columns: the name, and on the right or from a column on what is said of it.
fn choice_line<'a>(state: &State, choice: &Choice, chosen: bool, room: usize, column: Option<usize>) -> Line<'a> {
    let theme = state.theme();
    let base = if chosen { theme.selection() } else { Style::new() };
    let dim = if chosen { theme.selection() } else { theme.dim() };
    let more = if choice.takes_argument { " …" } else { "" };
    let text = cut(&choice.text, room.saturating_sub(3));
    let used = text.chars().count() + more.chars().count() + 3;
    let left = column.map(|column| column.saturating_sub(text.chars().count()));
    let note = cut(&choice.note, room.saturating_sub(used + 1 + left.unwrap_or(0)));
    let right = room.saturating_sub(used + note.chars().count() + 1);
    let left = left.unwrap_or(right).min(right);
    let mut spans = vec![Span::styled(" ", base)];
    spans.extend(text.chars().enumerate().map(|(place, character)| {
        let marked = choice.positions.contains(&(place as u32));
        let style = match (marked, chosen) {
            (true, true) => base.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            (true, false) => theme.accent().add_modifier(Modifier::UNDERLINED),
            _ => base,
        };
        Span::styled(character.to_string(), style)
    }));
    spans.push(Span::styled(more, dim));
    spans.push(Span::styled(format!("{} {note}{} ", " ".repeat(left + 1), " ".repeat(right - left)), dim));
    Line::from(spans)
}
