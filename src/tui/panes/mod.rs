//! What each pane draws.

pub mod channels;
pub mod heatmap;
pub mod layers;
pub mod popup;
pub mod zoom;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Wrap};

use super::action::{Action, key_of};
use super::drawing::Wanted;
use super::layout::{self, LEAST};
use super::state::{Focus, State};
use super::theme::Theme;
use crate::service::protocol::Pane;

/// Draws a frame, and gives the pictures that it wants.
pub fn draw(state: &State, frame: &mut Frame<'_>) -> Vec<Wanted> {
    let theme = state.theme();
    let screen = frame.area();
    frame.render_widget(Block::new().style(theme.base()), screen);
    if screen.width < LEAST.0 || screen.height < LEAST.1 {
        let message =
            format!("{}×{} cells are too few: layerscope wants {}×{}", screen.width, screen.height, LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(message).wrap(Wrap { trim: true }), screen);
        return Vec::new();
    }
    let areas = layout::areas(screen, state.focus);
    frame.render_widget(title(state, theme), areas.title);
    layers::draw(state, frame, areas.layers);
    let mut wanted = channels::draw(state, frame, areas.channels);
    wanted.extend(heatmap::draw(state, frame, areas.heatmap));
    frame.render_widget(status(state, theme, areas.status.width.into()), areas.status);
    if let Some(popup) = &state.popup {
        let covered = popup::draw(state, popup, frame);
        // Pictures under a popup would shine through it.
        wanted.retain(|picture| !picture.area.intersects(covered));
    }
    if state.cell.is_none() { Vec::new() } else { wanted }
}

fn title<'a>(state: &State, theme: &Theme) -> Line<'a> {
    let mut spans = vec![Span::styled(" layerscope ", theme.title(true))];
    if let Some(model) = &state.model {
        spans.push(Span::styled(format!("│ {} ", model.name), theme.title(false)));
        spans.push(Span::styled(format!("· {} · {} ", model.format, model.device), theme.dim()));
    }
    let input = state.inputs.get(state.input);
    let name = input.map(|path| {
        path.as_ref()
            .and_then(|path| path.file_name())
            .map_or("chelsea.png".to_owned(), |name| crate::model::printable(&name.to_string_lossy()).into_owned())
    });
    if let Some(name) = name {
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

fn status<'a>(state: &State, theme: &Theme, room: usize) -> Line<'a> {
    if let Some(notice) = &state.notice {
        return Line::from(Span::styled(format!(" {notice}"), theme.good()));
    }
    let shared = [(Action::NextPane, "pane"), (Action::Help, "help"), (Action::Quit, "quit")];
    let own: &[(Action, &str)] = match state.focus {
        Focus::Layers => &[
            (Action::Down, "next layer"),
            (Action::Left, "fold"),
            (Action::Open, "channels"),
            (Action::MapHere, "map here"),
        ],
        Focus::Channels if state.zoomed => &[
            (Action::Right, "next channel"),
            (Action::Back, "page"),
            (Action::ColorMap, "colours"),
            (Action::Scale, "scale"),
        ],
        Focus::Channels => &[
            (Action::Open, "zoom"),
            (Action::PageDown, "page"),
            (Action::Activations, "activations"),
            (Action::Patterns, "patterns"),
            (Action::Weights, "weights"),
        ],
        Focus::Heatmap => &[
            (Action::NextClass, "class"),
            (Action::PickClass, "choose"),
            (Action::Overlay, "overlay"),
            (Action::NextPicture, "picture"),
        ],
    };
    let length = |(action, word): &(Action, &str)| key_of(*action).chars().count() + word.chars().count() + 3;
    let mut spare = room.saturating_sub(1 + shared.iter().map(length).sum::<usize>());
    // Help and the way out are always in view.
    let fitting = own.iter().take_while(|hint| {
        let fits = length(hint) <= spare;
        spare = spare.saturating_sub(length(hint));
        fits
    });
    let mut spans = vec![Span::raw(" ")];
    for (action, word) in fitting.chain(&shared) {
        spans.push(Span::styled(key_of(*action), theme.accent()));
        spans.push(Span::styled(format!(" {word}  "), theme.dim()));
    }
    Line::from(spans)
}

/// A pane's frame with its title on the left and what is worth saying on the right.
pub(super) fn frame_of<'a>(theme: &Theme, focused: bool, title: &str, note: String) -> Block<'a> {
    let title = crate::model::printable(title).into_owned();
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.border(focused))
        .title(Line::from(Span::styled(format!(" {title} "), theme.title(focused))))
        .title(
            Line::from(Span::styled(if note.is_empty() { note } else { format!(" {note} ") }, theme.dim()))
                .right_aligned(),
        )
}

/// A message in the middle of a pane that has nothing else to show.
pub(super) fn message(frame: &mut Frame<'_>, area: Rect, text: &str, style: Style) {
    let area =
        Rect::new(area.x + 1, area.y + area.height / 3, area.width.saturating_sub(2), area.height - area.height / 3);
    frame.render_widget(Paragraph::new(text.to_owned()).style(style).centered().wrap(Wrap { trim: true }), area);
}

/// `1.2 M`, `36.9 k`, `512`
pub(super) fn short_count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
        _ => format!("{:.1} G", count as f64 / 1e9),
    }
}

/// A share in percent: `100 %` and `0 %` are exact.
pub(super) fn percent(share: f32) -> String {
    if share <= 0.0 {
        "0 %".to_owned()
    } else if share >= 1.0 {
        "100 %".to_owned()
    } else if share < 0.0005 {
        "<0.1 %".to_owned()
    } else if share >= 0.9995 {
        ">99.9 %".to_owned()
    } else {
        format!("{:.1} %", share * 100.0)
    }
}

/// A share as a thin bar of `cells` cells, by half cells.
pub(super) fn thin_bar(share: f32, cells: usize) -> String {
    let halves = (share.clamp(0.0, 1.0) * (cells * 2) as f32).round() as usize;
    // Little is not nothing.
    let halves = if share > 0.0 { halves.max(1) } else { halves };
    let cell = |cell: usize| match halves.saturating_sub(cell * 2) {
        0 => ' ',
        1 => '╸',
        _ => '━',
    };
    (0..cells).map(cell).collect()
}

/// A number in at most seven characters.
pub(super) fn short(value: f32) -> String {
    crate::picture::scale::short(value)
}
