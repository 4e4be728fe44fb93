//! One channel, large, with its statistics and histogram.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Drawn;
use super::channels::subject;
use super::words::{percent, short};
use crate::picture::Histogram;
use crate::service::protocol::{ChannelPage, Statistics};
use crate::terminal::encoder::Slot;
use crate::tui::drawing::Wanted;
use crate::tui::layout;
use crate::tui::page::Page;
use crate::tui::state::State;
use crate::tui::targets::Target;

/// Lines that the statistics and the histogram with its axis need below the picture.
const LEAST_LINES: u16 = 9;
/// Columns that they need beside it.
const LEAST_COLUMNS: u16 = 36;
/// Most rows of the histogram itself.
const ROWS: u16 = 12;

/// Draws the channel under the cursor below the caption line of `inner`.
pub(super) fn draw(state: &State, page: &Page, frame: &mut Frame<'_>, inner: Rect, drawn: &mut Drawn) {
    let (first, count, _) = page.extent();
    let index = state.channel.saturating_sub(first).min(count.saturating_sub(1));
    let room = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let cell = state.cell.unwrap_or((10, 20));
    let area = match page {
        Page::Numbers(numbers) => {
            let lines = LEAST_LINES.min(room.height / 2);
            let (area, beside) = layout::picture_and_words(room, page.tile(), cell, lines, LEAST_COLUMNS);
            words(state, numbers, index, frame, beside);
            area
        }
        Page::Patterns(_) => layout::fitted(room, page.tile(), cell),
    };
    if area.is_empty() {
        return;
    }
    let values = page.has_values().then(|| page.tile());
    drawn.targets.add(area, Target::Zoomed { place: first + index, values });
    drawn.wanted.push(Wanted::whole(Slot::Zoom, area, subject(state, page, index)));
}

fn words(state: &State, page: &ChannelPage, index: usize, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let plane = page.height * page.width;
    let values = page.values.get(index * plane..(index + 1) * plane).unwrap_or_default();
    let shape = format!("{}×{} values", page.height, page.width);
    let mut lines = page.statistics.get(index).map_or_else(Vec::new, |statistics| facts(statistics, &shape));
    for line in &mut lines {
        line.spans.iter_mut().step_by(2).for_each(|name| name.style = theme.dim());
    }
    let said = lines.len() as u16;
    frame.render_widget(Paragraph::new(lines), area);
    let room = Rect { y: area.y + said, height: area.height.saturating_sub(said), ..area };
    if room.height >= 2 && !values.is_empty() {
        histogram(state, values, frame, room);
    }
}

/// Names at even places, values at odd ones.
fn facts<'a>(statistics: &Statistics, shape: &str) -> Vec<Line<'a>> {
    let line = |facts: &[(&'static str, String)]| {
        let spans = facts.iter().flat_map(|(name, value)| [Span::raw(*name), Span::raw(format!(" {value}  "))]);
        Line::from(spans.collect::<Vec<_>>())
    };
    let mut counts = line(&[
        ("zeros", percent(statistics.sparsity)),
        ("NaN", statistics.nan.to_string()),
        ("Inf", statistics.inf.to_string()),
    ]);
    counts.spans.push(Span::raw(shape.to_owned()));
    let range = [
        ("min", short(statistics.min)),
        ("max", short(statistics.max)),
        ("mean", short(statistics.mean)),
        ("std", short(statistics.std)),
    ];
    vec![line(&range), counts]
}

fn histogram(state: &State, values: &[f32], frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let bins = usize::from(area.width).min(96);
    let histogram = Histogram::of(values, bins);
    let rows = (area.height - 1).min(ROWS);
    // Most channels are mostly zero: on a linear axis little else is seen.
    let on_axis = |count: usize| if state.log_histogram { (count as f32).ln_1p() } else { count as f32 };
    let top = on_axis(histogram.peak()).max(f32::MIN_POSITIVE);
    let level = |count: usize| (on_axis(count) / top * f32::from(rows * 8)) as usize;
    let parts = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    for row in 0..rows {
        let above = usize::from((rows - 1 - row) * 8);
        let line: String =
            histogram.counts.iter().map(|&count| parts[level(count).saturating_sub(above).min(8)]).collect();
        frame.render_widget(Paragraph::new(line).style(theme.bar()), Rect { y: area.y + row, height: 1, ..area });
    }
    let (least, greatest) = (short(histogram.min), short(histogram.max));
    let between = bins.saturating_sub(least.chars().count() + greatest.chars().count());
    let said = if state.log_histogram { "counts on a log axis" } else { "counts on a linear axis" };
    let axis = format!("{least}{said:^between$}{greatest}");
    frame.render_widget(Paragraph::new(axis).style(theme.dim()), Rect { y: area.y + rows, height: 1, ..area });
}
