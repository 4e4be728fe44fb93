//! The channel pager: a page of tiles with a cursor.

use std::fmt::Write;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::words::{end_of, percent, short};
use super::{Drawn, bars, excitations, frame_of, message, zoom};
use crate::picture::Range;
use crate::service::protocol::{Content, Order, Pane, Statistics};
use crate::terminal::encoder::Slot;
use crate::tui::action::Action;
use crate::tui::drawing::{Side, Subject, Wanted};
use crate::tui::layout::{self, Tiles};
use crate::tui::page::Page;
use crate::tui::state::{Focus, State};
use crate::tui::targets::Target;

/// Characters of a layer's path that are always shown.
const LEAST_PATH: usize = 12;

/// Draws the pager.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, drawn: &mut Drawn) {
    let theme = state.theme();
    let focused = state.focus == Focus::Channels;
    let path =
        state.model.as_ref().and_then(|model| model.layers.get(state.layer.0)).map_or("", |layer| layer.path.as_str());
    let content = content_name(state.content);
    let page = state.page();
    let note = page.map_or_else(String::new, |page| note(state, page));
    let title = if path.is_empty() {
        "Channels".to_owned()
    } else {
        // The frame's corners and the spaces around title and note.
        let room = usize::from(area.width).saturating_sub(note.chars().count() + 7);
        let content = format!(" · {content}");
        let left = room.saturating_sub(content.chars().count());
        // Where there is hardly room, whose channels they are says more than what of them.
        if left < LEAST_PATH.min(path.chars().count()) { end_of(path, room) } else { end_of(path, left) + &content }
    };
    let below = page.map_or_else(String::new, |page| drawn_with(state, page));
    let below = end_of(&below, usize::from(area.width).saturating_sub(4));
    let below = Line::from(Span::styled(if below.is_empty() { below } else { format!(" {below} ") }, theme.dim()));
    frame.render_widget(frame_of(theme, focused, &title, note).title_bottom(below.right_aligned()), area);
    let inner = layout::inner(area);
    if let Some(failed) = state.failed.get(&Pane::Channels) {
        message(frame, inner, failed, theme.error());
        return;
    }
    let Some(page) = page else {
        let waiting = if state.run.is_some() { "…" } else { "" };
        message(frame, inner, state.progress.get(&Pane::Channels).map_or(waiting, String::as_str), theme.dim());
        return;
    };
    frame.render_widget(caption(state, page, inner.width.into()), Rect { height: 1, ..inner });
    match (state.zoomed, page.is_vector()) {
        (_, true) => {
            let (inner, exciting) = excitations::split_bars(state, inner);
            bars::draw(state, page, frame, inner, drawn);
            if let Some(area) = exciting {
                excitations::draw(state, frame, area, drawn);
            }
        }
        (true, false) => zoom::draw(state, page, frame, inner, drawn),
        (false, false) => tiles(state, page, inner, frame, drawn),
    }
}

/// What the pager shows, in words.
pub(in crate::tui) fn content_name(content: Content) -> &'static str {
    match content {
        Content::Activations => "activations",
        Content::Gradients => "gradients",
        Content::ActivationTimesGradient => "activation × gradient",
        Content::Patterns => "patterns",
        Content::Weights => "weights",
    }
}

/// Which of how many channels, and how they are sorted.
fn note(state: &State, page: &Page) -> String {
    let (first, count, total) = page.extent();
    let places = match count {
        0 => return String::new(),
        _ if state.zoomed => format!("{} of {total}", state.channel + 1),
        1 => format!("{first} of {total}"),
        _ => format!("{first}–{} of {total}", first + count - 1),
    };
    match state.page_key().order {
        Order::Index => places,
        order => format!("by {} · {places}", order.name()),
    }
}

/// What the page is drawn with, and of which class its numbers are.
fn drawn_with(state: &State, page: &Page) -> String {
    match page {
        Page::Numbers(numbers) if numbers.colour.is_some() => "each kernel: min to max".to_owned(),
        Page::Numbers(numbers) => {
            let layer = Range { min: numbers.layer_statistics.min, max: numbers.layer_statistics.max };
            let of = numbers.class.as_ref().map_or_else(String::new, |class| format!("of {} · ", class.label));
            if page.is_vector() {
                return format!("{of}bars from zero");
            }
            let smooth = if state.crisp { "" } else { " · smooth" };
            let of = crate::model::printable(&of).into_owned();
            format!("{of}{} · {}{smooth}", state.colormap.name(), state.scale.text(layer))
        }
        Page::Patterns(patterns) => {
            let recipe = format!("recipe {}", patterns.recipe.name());
            let words = [recipe, format!("{} steps", patterns.steps)];
            words.into_iter().chain(state.methods.recipe.changed()).collect::<Vec<_>>().join(" · ")
        }
    }
}

/// The value that the mouse points at, or the channel under the cursor, in `room` characters. Zoomed into, it has its
/// statistics elsewhere.
fn caption<'a>(state: &State, page: &Page, room: usize) -> Line<'a> {
    let theme = state.theme();
    let (first, count, _) = page.extent();
    if let Some(hover) = state.hover.filter(|_| !page.is_vector()) {
        return pointed(state, page, hover.place.saturating_sub(first), (hover.row, hover.column));
    }
    let index = state.channel.saturating_sub(first).min(count.saturating_sub(1));
    if let Some(point) = state.probe.filter(|_| state.zoomed && page.has_values()) {
        return pointed(state, page, index, point);
    }
    let number = format!("#{} ", page.channel(index).unwrap_or(first + index));
    let room = room.saturating_sub(number.chars().count());
    let number = Span::styled(number, theme.accent());
    match page {
        Page::Numbers(_) if page.is_vector() => Line::from(vec![number, Span::raw(bars::caption(state, page, index))]),
        Page::Numbers(_) if state.zoomed => Line::from(number),
        Page::Numbers(numbers) => {
            let contribution = numbers.contributions.as_ref().and_then(|all| all.get(index));
            let contribution =
                contribution.map_or_else(String::new, |share| format!("contributes {}  ", short(*share)));
            let room = room.saturating_sub(contribution.chars().count());
            let statistics = numbers.statistics.get(index);
            let words = statistics.map_or_else(String::new, |statistics| statistics_words(statistics, room));
            Line::from(vec![number, Span::styled(contribution, theme.accent()), Span::raw(words)])
        }
        Page::Patterns(patterns) => {
            let reached = patterns.activations.get(index).filter(|activation| activation.is_finite());
            let reached =
                reached.map_or_else(String::new, |activation| format!("mean activation {}  ", short(*activation)));
            let growing = patterns.step < patterns.steps;
            let progress =
                format!("step {}/{} {}", patterns.step, patterns.steps, progress_bar(patterns.step, patterns.steps));
            let key = |action| state.keymap.keys_of(action).first().cloned().unwrap_or_default();
            let progress = match (growing, state.is_stopped()) {
                (false, _) => String::new(),
                (true, true) => {
                    format!("stopped at {}/{} · {} goes on  ", patterns.step, patterns.steps, key(Action::Patterns))
                }
                (true, false) if state.zoomed => progress + "  ",
                (true, false) => format!("{progress} {} stops  ", key(Action::Back)),
            };
            Line::from(vec![number, Span::styled(progress, theme.accent()), Span::raw(reached)])
        }
    }
}

/// A single value of a channel.
fn pointed<'a>(state: &State, page: &Page, index: usize, (row, column): (usize, usize)) -> Line<'a> {
    let theme = state.theme();
    let value = page.values(index).get(row * page.tile().1 + column);
    let mut value = value.map_or_else(String::new, f32::to_string);
    if let Some(other) = page.other_values(index).get(row * page.tile().1 + column) {
        let _ = write!(value, "  against {other}");
    }
    Line::from(vec![
        Span::styled(format!("#{} ", page.channel(index).unwrap_or(index)), theme.accent()),
        Span::styled(format!("row {row} column {column}  "), theme.dim()),
        Span::raw(value),
    ])
}

/// What fits into `room` characters; the standard deviation gives way first.
fn statistics_words(statistics: &Statistics, room: usize) -> String {
    let mut words = vec![
        format!("{} to {}", short(statistics.min), short(statistics.max)),
        format!("mean {}", short(statistics.mean)),
        format!("std {}", short(statistics.std)),
        format!("zeros {}", percent(statistics.sparsity)),
    ];
    let counts = [("NaN", statistics.nan), ("Inf", statistics.inf)];
    words.extend(counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")));
    if words.iter().map(|word| word.chars().count() + 2).sum::<usize>() > room + 2 {
        words.remove(2);
    }
    words.join("  ")
}

fn progress_bar(done: usize, all: usize) -> String {
    let filled = done * 12 / all.max(1);
    (0..12).map(|cell| if cell < filled { '━' } else { '─' }).collect()
}

fn tiles(state: &State, page: &Page, inner: Rect, frame: &mut Frame<'_>, drawn: &mut Drawn) {
    let theme = state.theme();
    let (first, count, _) = page.extent();
    let cell = state.cell.unwrap_or((10, 20));
    let tiles: Tiles = layout::page_tiles(state);
    let mut pictures = Vec::with_capacity(count);
    for index in 0..count {
        let area = layout::tile_area(inner, tiles, index);
        if area.height < 2 || area.width == 0 {
            continue;
        }
        let place = first + index;
        let under_cursor = place == state.channel;
        let style = match (under_cursor, state.focus == Focus::Channels) {
            (true, true) => theme.selection(),
            (true, false) => theme.accent(),
            _ => theme.dim(),
        };
        let channel = page.channel(index).unwrap_or(place);
        let label = if under_cursor { format!("▸{channel}") } else { channel.to_string() };
        let label_area = Rect { y: area.y + area.height - 1, height: 1, ..area };
        frame.render_widget(Paragraph::new(label).style(style).centered(), label_area);
        let room = Rect { height: area.height - 1, ..area };
        let picture = layout::fitted(room, page.shape(), cell);
        drawn.targets.add(area, Target::Tile { place, values: None });
        let values = page.has_values().then(|| page.tile());
        drawn.targets.add(picture, Target::Tile { place, values });
        pictures.extend(sides(state, page, index, picture));
    }
    drawn.wanted.extend(Wanted::tiles(Slot::Page, pictures));
}

/// The channel in its area; of two models both and their difference, side by side.
pub(super) fn sides(state: &State, page: &Page, index: usize, area: Rect) -> Vec<(Rect, Subject)> {
    if !page.is_compared() {
        return vec![(area, subject(state, page, index, Side::First))];
    }
    // A column between them, where there is room for it.
    let parts = layout::thirds(area, true, u16::from(area.width >= 15)).into_iter().zip(Side::ALL);
    let shown = parts.filter(|(part, _)| !part.is_empty());
    shown.map(|(part, side)| (part, subject(state, page, index, side))).collect()
}

/// What the picture of a page's channel shows.
pub(in crate::tui) fn subject(state: &State, page: &Page, index: usize, side: Side) -> Subject {
    match page {
        Page::Numbers(page) => Subject::Channel { page: page.clone(), index, side, look: state.look() },
        Page::Patterns(page) => Subject::Pattern { page: page.clone(), index },
    }
}
