//! How far the heatmap is to be trusted: a line for each metric, with its curves as far as there is room.

use ratatui::text::{Line, Span};

use super::words::cut;
use crate::methods::faithfulness::Outcome;
use crate::methods::registry::{self, Kind};
use crate::picture::trust::{columns, value};
use crate::service::protocol::Measured;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Columns of a metric's name and of its number.
const NAME: usize = 16;
const NUMBER: usize = 7;
/// Fewer columns than this show no curve.
const LEAST_CURVE: usize = 5;
/// More columns than this show no more of it.
const MOST_CURVE: usize = 21;

/// A line for each metric, in `room` columns.
pub(super) fn lines<'a>(state: &State, room: usize) -> Vec<Line<'a>> {
    let theme = state.theme();
    let line = |metric: &'static registry::Method| {
        let found = state.trust.found.iter().find(|one| one.metric.method().name == metric.name);
        let name = format!("{:<NAME$} ", metric.name);
        let mut spans = vec![Span::styled(cut(&name, room), theme.dim())];
        let left = room.saturating_sub(name.len());
        match found {
            Some(Measured { found: Ok(outcome), .. }) => spans.extend(said(outcome, metric.summary, theme, left)),
            Some(Measured { found: Err(reason), .. }) => spans.push(Span::styled(cut(reason, left), theme.warning())),
            None if state.trust.left > 0 => spans.push(Span::styled(format!("{:>NUMBER$}", "…"), theme.dim())),
            None => spans.push(Span::styled(cut("not measured", left), theme.dim())),
        }
        Line::from(spans)
    };
    registry::all(Kind::Faithfulness).map(line).collect()
}

/// The number that matters most with its curve, the last one, which is what it is held against, and how to read it.
fn said<'a>(outcome: &Outcome, summary: &str, theme: &Theme, room: usize) -> Vec<Span<'a>> {
    let Some((first, others)) = outcome.numbers.split_first() else { return Vec::new() };
    let mut spans = vec![Span::styled(format!("{:>NUMBER$} ", value(first)), theme.accent())];
    let mut left = room.saturating_sub(NUMBER + 1);
    let curves = columns(&outcome.curves);
    let each = (left / curves.len().max(1)).saturating_sub(1).min(MOST_CURVE);
    let other = others.last().map(|number| format!("{} {} ", number.name, value(number)));
    // The second curve needs the name of what it shows only where there is room for more than the curves.
    let named = other.filter(|words| curves.len() != 2 || left >= 2 * (each + 1) + words.chars().count());
    for (index, curve) in curves.iter().enumerate().filter(|_| each >= LEAST_CURVE) {
        if let Some(words) = named.as_ref().filter(|_| index == 1) {
            spans.push(Span::styled(words.clone(), theme.dim()));
            left -= words.chars().count();
        }
        let drawn = sampled(curve, each);
        left -= drawn.chars().count() + 1;
        spans.push(Span::styled(drawn + " ", if index == 0 { theme.accent() } else { theme.dim() }));
    }
    let reading = summary.rsplit("; ").next().unwrap_or_default();
    let rest = if curves.is_empty() { named.unwrap_or_default() + reading } else { reading.to_owned() };
    if rest.chars().count() <= left {
        spans.push(Span::styled(rest, theme.dim()));
    } else if reading.chars().count() <= left {
        spans.push(Span::styled(reading.to_owned(), theme.dim()));
    }
    spans
}

/// So many letters of a curve, its ends among them.
fn sampled(curve: &str, count: usize) -> String {
    let letters: Vec<char> = curve.chars().collect();
    if letters.len() <= count || count < 2 {
        return curve.to_owned();
    }
    let at = |place: usize| letters[place * (letters.len() - 1) / (count - 1)];
    (0..count).map(at).collect()
}
