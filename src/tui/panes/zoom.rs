//! One channel, large, with its statistics and histogram.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::channels::subject;
use super::short;
use crate::picture::Histogram;
use crate::service::protocol::ChannelPage;
use crate::tui::drawing::{Wanted, ZOOM};
use crate::tui::layout;
use crate::tui::state::{Page, State};

/// Lines below the picture: histogram, its axis, statistics.
const BELOW: u16 = 9;

/// Draws the channel under the cursor below the caption line of `inner`.
pub(super) fn draw(state: &State, page: &Page, frame: &mut Frame<'_>, inner: Rect) -> Vec<Wanted> {
    let (first, count, _) = page.extent();
    let index = state.channel.saturating_sub(first).min(count.saturating_sub(1));
    let below = BELOW.min(inner.height / 2);
    let [_, room, facts] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(below)]).areas(inner);
    let cell = state.cell.unwrap_or((10, 20));
    let area = layout::fitted(room, page.tile(), cell);
    if let Page::Numbers(numbers) = page {
        histogram(state, numbers, index, frame, facts);
    }
    vec![Wanted { slot: ZOOM, area, subject: subject(state, page, index) }]
}

fn histogram(state: &State, page: &ChannelPage, index: usize, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let plane = page.height * page.width;
    let values = page.values.get(index * plane..(index + 1) * plane).unwrap_or_default();
    let Some(statistics) = page.statistics.get(index) else { return };
    if area.height < 4 || values.is_empty() {
        return;
    }
    let bins = usize::from(area.width).min(96);
    let histogram = Histogram::of(values, bins);
    let rows = area.height - 3;
    // Most channels are mostly zero: on a linear axis nothing else would be seen.
    let level = |count: usize| {
        ((count as f32).ln_1p() / (histogram.peak() as f32).ln_1p().max(f32::MIN_POSITIVE) * f32::from(rows * 8))
            as usize
    };
    let parts = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    for row in 0..rows {
        let above = usize::from((rows - 1 - row) * 8);
        let line: String =
            histogram.counts.iter().map(|&count| parts[level(count).saturating_sub(above).min(8)]).collect();
        frame.render_widget(Paragraph::new(line).style(theme.bar()), Rect { y: area.y + row, height: 1, ..area });
    }
    let width = bins.saturating_sub(histogram_end(&histogram).chars().count());
    let axis = format!("{:<width$}{}", short(histogram.min), histogram_end(&histogram));
    frame.render_widget(Paragraph::new(axis).style(theme.dim()), Rect { y: area.y + rows, height: 1, ..area });
    let range = format!(
        "min {}  max {}  mean {}  std {}",
        short(statistics.min),
        short(statistics.max),
        short(statistics.mean),
        short(statistics.std)
    );
    let counts = format!("zeros {:.1} %  NaN {}  Inf {}", statistics.sparsity * 100.0, statistics.nan, statistics.inf);
    let shape = format!("   {}×{} values, log counts", page.height, page.width);
    let lines = vec![Line::from(range), Line::from(vec![Span::raw(counts), Span::styled(shape, theme.dim())])];
    frame.render_widget(Paragraph::new(lines), Rect { y: area.y + rows + 1, height: 2, ..area });
}

fn histogram_end(histogram: &Histogram) -> String {
    short(histogram.max)
}
