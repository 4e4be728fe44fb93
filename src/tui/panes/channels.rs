//! The channel pager: a page of tiles with a cursor.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::{frame_of, message, percent, short, zoom};
use crate::picture::{Range, Scale};
use crate::service::protocol::{Content, Pane, Statistics};
use crate::tui::drawing::{FIRST_TILE, Subject, Wanted};
use crate::tui::layout::{self, Tiles};
use crate::tui::state::{Focus, Page, State};

/// Draws the pager, and gives the pictures that it wants.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) -> Vec<Wanted> {
    let theme = state.theme();
    let focused = state.focus == Focus::Channels;
    let path =
        state.model.as_ref().and_then(|model| model.layers.get(state.layer.0)).map_or("", |layer| layer.path.as_str());
    let content = match state.content {
        Content::Gradients => "gradients",
        Content::ActivationTimesGradient => "activation × gradient",
        Content::Activations => "activations",
        Content::Patterns => "patterns",
        Content::Weights => "weights",
    };
    let page = state.page();
    let note = page.map_or_else(String::new, |page| {
        let (first, count, total) = page.extent();
        match count {
            0 => String::new(),
            1 => format!("{first} of {total}"),
            _ => format!("{first}–{} of {total}", first + count - 1),
        }
    });
    let title = if path.is_empty() {
        "2 Channels".to_owned()
    } else {
        // The frame's corners and the spaces around title and note.
        let others = format!("2  · {content}{note}").chars().count() + 7;
        format!("2 {} · {content}", end_of(path, usize::from(area.width).saturating_sub(others)))
    };
    let below = page.map_or_else(String::new, |page| drawn_with(state, page));
    let below = Line::from(Span::styled(if below.is_empty() { below } else { format!(" {below} ") }, theme.dim()));
    frame.render_widget(frame_of(theme, focused, &title, note).title_bottom(below.right_aligned()), area);
    let inner = layout::inner(area);
    if let Some(failed) = state.failed.get(&Pane::Channels) {
        message(frame, inner, failed, theme.error());
        return Vec::new();
    }
    let Some(page) = page else {
        let waiting = if state.run.is_some() { "…" } else { "" };
        message(frame, inner, state.progress.get(&Pane::Channels).map_or(waiting, String::as_str), theme.dim());
        return Vec::new();
    };
    let zoomed = state.zoomed && focused;
    frame.render_widget(caption(state, page, zoomed, inner.width.into()), Rect { height: 1, ..inner });
    if zoomed {
        return zoom::draw(state, page, frame, inner);
    }
    tiles(state, page, frame, inner)
}

/// The end of a path says more than its beginning.
fn end_of(path: &str, room: usize) -> String {
    let length = path.chars().count();
    if length <= room {
        path.to_owned()
    } else {
        ['…'].into_iter().chain(path.chars().skip(length + 1 - room.max(1))).collect()
    }
}

/// What the page is drawn with.
fn drawn_with(state: &State, page: &Page) -> String {
    match page {
        Page::Numbers(numbers) if numbers.colour.is_some() => "each kernel: min to max".to_owned(),
        Page::Numbers(numbers) => {
            let layer = Range { min: numbers.layer_statistics.min, max: numbers.layer_statistics.max };
            let scale = if layout::is_vector(page) { Scale::Layer } else { state.scale };
            format!("{} · {}", state.colormap.name(), scale.text(layer))
        }
        Page::Patterns(patterns) => format!("the book's recipe, {} steps", patterns.steps),
    }
}

/// The channel under the cursor, in `room` characters. Zoomed into, it has its statistics elsewhere.
fn caption<'a>(state: &State, page: &Page, zoomed: bool, room: usize) -> Line<'a> {
    let theme = state.theme();
    let (first, count, _) = page.extent();
    let index = state.channel.saturating_sub(first).min(count.saturating_sub(1));
    let number = format!("#{} ", first + index);
    let room = room.saturating_sub(number.chars().count());
    let number = Span::styled(number, theme.accent());
    match page {
        Page::Numbers(_) if zoomed => Line::from(number),
        Page::Numbers(numbers) => {
            let statistics = numbers.statistics.get(index);
            let statistics = statistics.map_or_else(String::new, |statistics| statistics_words(statistics, room));
            Line::from(vec![number, Span::raw(statistics)])
        }
        Page::Patterns(patterns) => {
            let reached = patterns.activations.get(index).filter(|activation| activation.is_finite());
            let reached =
                reached.map_or_else(String::new, |activation| format!("mean activation {}  ", short(*activation)));
            let growing = patterns.step < patterns.steps;
            let progress =
                format!("step {}/{} {}", patterns.step, patterns.steps, progress_bar(patterns.step, patterns.steps));
            let progress = if growing { progress } else { String::new() };
            Line::from(vec![number, Span::raw(reached), Span::styled(progress, theme.accent())])
        }
    }
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

fn tiles(state: &State, page: &Page, frame: &mut Frame<'_>, inner: Rect) -> Vec<Wanted> {
    let theme = state.theme();
    let (first, count, _) = page.extent();
    let cell = state.cell.unwrap_or((10, 20));
    let tiles: Tiles = layout::page_tiles(state);
    let mut wanted = Vec::with_capacity(count);
    for index in 0..count {
        let area = layout::tile_area(inner, tiles, index);
        if area.height < 2 || area.width == 0 {
            continue;
        }
        let channel = first + index;
        let under_cursor = channel == state.channel;
        let style = match (under_cursor, state.focus == Focus::Channels) {
            (true, true) => theme.selection(),
            (true, false) => theme.accent(),
            _ => theme.dim(),
        };
        let label = if under_cursor { format!("▸{channel}") } else { channel.to_string() };
        let label_area = Rect { y: area.y + area.height - 1, height: 1, ..area };
        frame.render_widget(Paragraph::new(label).style(style).centered(), label_area);
        let room = Rect { height: area.height - 1, ..area };
        let subject = subject(state, page, index);
        if layout::is_vector(page) {
            let [red, green, blue] = subject.native().get_pixel_checked(0, 0).map_or([0; 3], |pixel| pixel.0);
            frame.render_widget(Block::new().bg(Color::Rgb(red, green, blue)), room);
            continue;
        }
        let area = layout::fitted(room, page.tile(), cell);
        wanted.push(Wanted { slot: FIRST_TILE + index as u16, area, subject });
    }
    wanted
}

/// What the picture of a page's channel shows.
pub(in crate::tui) fn subject(state: &State, page: &Page, index: usize) -> Subject {
    match page {
        Page::Numbers(page) => {
            Subject::Channel { page: page.clone(), index, scale: state.scale, colormap: state.colormap }
        }
        Page::Patterns(page) => Subject::Pattern { page: page.clone(), index },
    }
}
