//! One channel, large, with its statistics and histogram, its strongest place in the picture and its pattern.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::channels::sides;
use super::words::{cut, percent, short};
use super::{Drawn, excitations};
use crate::picture::Histogram;
use crate::service::protocol::Statistics;
use crate::terminal::encoder::Slot;
use crate::tui::drawing::{Subject, Wanted};
use crate::tui::layout;
use crate::tui::page::Page;
use crate::tui::state::State;
use crate::tui::targets::Target;

/// Draws the channel under the cursor below the caption line of `inner`.
pub(super) fn draw(state: &State, page: &Page, frame: &mut Frame<'_>, inner: Rect, drawn: &mut Drawn) {
    let (first, count, _) = page.extent();
    let index = state.channel.saturating_sub(first).min(count.saturating_sub(1));
    let cell = state.cell.unwrap_or((10, 20));
    let (areas, exciting) = excitations::split(state, inner, page.shape(), cell);
    if let Some(area) = exciting {
        excitations::draw(state, frame, area, drawn);
    }
    let Page::Numbers(numbers) = page else {
        let bottom = exciting.filter(|area| area.x == inner.x).map_or(inner.bottom(), |area| area.y);
        let right = exciting.filter(|area| area.x > inner.x).map_or(inner.right(), |area| area.x);
        let (width, height) = (right.saturating_sub(inner.x), bottom.saturating_sub(inner.y + 1));
        let area = layout::fitted(Rect { y: inner.y + 1, width, height, ..inner }, page.tile(), cell);
        return picture(state, page, index, area, drawn);
    };
    picture(state, page, index, areas.picture, drawn);
    let shape = format!("{}×{}", numbers.height, numbers.width);
    if let Some(statistics) = numbers.statistics.get(index) {
        frame.render_widget(
            Paragraph::new(facts(statistics, &shape, areas.facts.width.into(), state.theme().dim())),
            areas.facts,
        );
    }
    if areas.histogram.height >= 2 && !page.values(index).is_empty() {
        histogram(state, page.values(index), frame, areas.histogram);
    }
    if let (Some(area), Some((shape, subject)), true) = (areas.place, place(state), page.has_values()) {
        let words = if state.probe.is_some() { ["point", "point"] } else { ["strongest", "max"] };
        beside(state, Slot::Place, (shape, subject), words, area, frame, drawn);
    }
    if let (Some(area), Some((_, pattern))) = (areas.pattern, &state.detail) {
        match pattern {
            Some(page) => {
                let reached = page.activations.first().map_or_else(String::new, |reached| short(*reached));
                let step = format!("{}/{}", page.step, page.steps);
                let words =
                    if page.step < page.steps { [step.clone(), step] } else { [format!("reaches {reached}"), reached] };
                let words = [words[0].as_str(), words[1].as_str()];
                let subject = Subject::Pattern { page: page.clone(), index: 0 };
                let shape = Page::Patterns(page.clone()).tile();
                beside(state, Slot::Pattern, (shape, subject), words, area, frame, drawn);
            }
            None => frame.render_widget(Paragraph::new("pattern …").style(state.theme().dim()), area),
        }
    }
}

fn picture(state: &State, page: &Page, index: usize, area: Rect, drawn: &mut Drawn) {
    if area.is_empty() {
        return;
    }
    let values = page.has_values().then(|| page.tile());
    let sides = sides(state, page, index, area);
    for (area, _) in &sides {
        drawn.targets.add(*area, Target::Zoomed { place: page.extent().0 + index, values });
    }
    drawn.wanted.extend(Wanted::tiles(Slot::Zoom, sides));
}

/// What of the picture the point sees, or the place where the channel is strongest, with its rows and columns.
fn place(state: &State) -> Option<((usize, usize), Subject)> {
    let run = state.run.as_ref()?;
    let seen = state.seen(state.probe.or_else(|| state.strongest())?)?;
    let (.., columns, rows) = seen;
    Some(((rows as usize, columns as usize), Subject::Crop { picture: run.picture.clone(), seen }))
}

/// A small picture of so many rows and columns with a line below it: the first of the `words`, or where that has no room the
/// second.
fn beside(
    state: &State,
    slot: Slot,
    (shape, subject): ((usize, usize), Subject),
    words: [&str; 2],
    area: Rect,
    frame: &mut Frame<'_>,
    drawn: &mut Drawn,
) {
    let room = Rect { height: area.height.saturating_sub(1), ..area };
    let picture = layout::fitted(room, shape, state.cell.unwrap_or((10, 20)));
    let line = Rect { y: picture.bottom(), height: 1, ..area };
    let [long, short] = words;
    let words = if long.chars().count() <= usize::from(line.width) { long } else { short };
    frame.render_widget(Paragraph::new(cut(words, line.width.into())).style(state.theme().dim()).centered(), line);
    if !picture.is_empty() {
        drawn.wanted.push(Wanted::whole(slot, picture, subject));
    }
}

/// What is counted of a channel, in two lines of `room` columns: names in the style `dim`. Where there is little room, NaN and Inf
/// only if there are any.
fn facts<'a>(statistics: &Statistics, shape: &str, room: usize, dim: Style) -> Vec<Line<'a>> {
    let line = |facts: &[(&'static str, String)]| {
        let spans = facts.iter().flat_map(|(name, value)| [Span::styled(*name, dim), Span::raw(format!(" {value}  "))]);
        Line::from(spans.collect::<Vec<_>>())
    };
    let std = ("std", short(statistics.std));
    let mut range = vec![
        ("min", short(statistics.min)),
        ("max", short(statistics.max)),
        ("mean", short(statistics.mean)),
        std.clone(),
    ];
    let mut counts = vec![("zeros", percent(statistics.sparsity))];
    let mut bad = vec![("NaN", statistics.nan), ("Inf", statistics.inf)];
    if line(&range).width() > room + 2 {
        range.pop();
        counts.push(std);
        bad.retain(|(_, count)| *count > 0);
    }
    counts.extend(bad.into_iter().map(|(name, count)| (name, count.to_string())));
    let mut counts = line(&counts);
    counts.spans.push(Span::styled(shape.to_owned(), dim));
    vec![line(&range), counts]
}

fn histogram(state: &State, values: &[f32], frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let bins = usize::from(area.width).min(96);
    let histogram = Histogram::of(values, bins);
    let rows = area.height - 1;
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
    let said = if state.log_histogram { "counts, log axis" } else { "counts" };
    let axis = format!("{least}{said:^between$}{greatest}");
    frame.render_widget(Paragraph::new(axis).style(theme.dim()), Rect { y: area.y + rows, height: 1, ..area });
}
