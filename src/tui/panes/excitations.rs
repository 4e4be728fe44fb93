//! The pictures of a scan that excite the zoomed channel, and how its maxima are distributed over all pictures.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Drawn;
use super::words::{cut, end_of, short, short_count, wrapped};
use crate::model::printable::printable_path;
use crate::service::protocol::{Content, ExcitationPage, Exciting};
use crate::terminal::encoder::Slot;
use crate::tui::drawing::{Subject, Wanted};
use crate::tui::layout::{self, Zoom};
use crate::tui::page::Page;
use crate::tui::stamped::Stamped;
use crate::tui::state::{Focus, State};
use crate::tui::targets::Target;

/// With fewer rows than this the pictures stand where the channel's histogram would, else below it.
const LOW: u16 = 18;
/// Least and most rows of the pictures with their words.
const ROWS: (u16, u16) = (9, 24);
/// Least columns and rows of it where it stands beside the channel.
const LEAST: (u16, u16) = (24, 6);
/// Most lines that say why there is nothing.
const MISSING: usize = 3;
/// Least rows of a picture.
const LEAST_TILE: u16 = 4;
/// Columns of the distribution beside the pictures, and the columns that pictures then keep.
const DISTRIBUTION: u16 = 24;
const BESIDE: u16 = 32;
/// Rows of the distribution below the pictures, and the rows that pictures then keep.
const DISTRIBUTION_ROWS: u16 = 5;
const ABOVE: u16 = 6;

/// Where the parts of a zoomed channel stand inside `inner`, and where what excites it; nothing where no scan is open or there is
/// no room.
pub(in crate::tui) fn split(
    state: &State,
    inner: Rect,
    shape: (usize, usize),
    cell: (u16, u16),
) -> (Zoom, Option<Rect>) {
    if state.excitations.path.is_none() {
        return (layout::zoom(inner, shape, cell), None);
    }
    let cut_off = |rows: u16| {
        let above = Rect { height: inner.height.saturating_sub(rows), ..inner };
        (layout::zoom(above, shape, cell), Some(Rect { y: above.bottom(), height: rows.min(inner.height), ..inner }))
    };
    if state.excitations_wanted().is_none() {
        // Some lines say why.
        return cut_off(missing(state, inner.width).len() as u16);
    }
    let height = inner.height.saturating_sub(1);
    if height >= LOW {
        return cut_off((height * 2 / 5).clamp(ROWS.0, ROWS.1));
    }
    let zoom = layout::zoom(inner, shape, cell);
    let (x, y) = (zoom.facts.x, zoom.facts.bottom());
    let area = Rect { x, y, width: inner.right().saturating_sub(x), height: inner.bottom().saturating_sub(y) };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return (zoom, None);
    }
    let facts = Rect { width: area.width, ..zoom.facts };
    let histogram = Rect { height: 0, ..zoom.histogram };
    (Zoom { facts, histogram, place: None, pattern: None, ..zoom }, Some(area))
}

/// Where the bars of a vector stand inside `inner`, and where what excites the one under the cursor once it is zoomed into.
pub(in crate::tui) fn split_bars(state: &State, inner: Rect) -> (Rect, Option<Rect>) {
    if !state.zoomed || state.scanned_layer().is_none() || inner.height < LOW {
        return (inner, None);
    }
    let rows = (inner.height / 2).clamp(ROWS.0, ROWS.1);
    let bars = Rect { height: inner.height - rows, ..inner };
    (bars, Some(Rect { y: bars.bottom(), height: rows, ..inner }))
}

/// Why there is nothing to show, in a few lines.
fn missing(state: &State, room: u16) -> Vec<String> {
    let words = state.excitations.failed.clone().unwrap_or_else(|| state.not_scanned());
    let mut lines = wrapped(&words, room.into());
    lines.truncate(MISSING);
    lines
}

/// Draws them.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, drawn: &mut Drawn) {
    let theme = state.theme();
    let line = |row: u16| Rect { y: area.y + row, height: 1, ..area }.intersection(area);
    let (Some(scan), Some(_)) = (&state.excitations.scan, state.excitations_wanted()) else {
        let words: Vec<Line<'_>> = missing(state, area.width).into_iter().map(Line::from).collect();
        return frame.render_widget(Paragraph::new(words).style(theme.dim()), area);
    };
    let filter = &state.excitations.filter;
    let judged = filter.right.map(|right| if right { "right" } else { "wrong" }.to_owned());
    let only: Vec<String> = filter.truth.iter().chain(&filter.class).cloned().chain(judged).collect();
    let file = scan.path.file_name().map(std::path::Path::new).map_or_else(String::new, printable_path);
    let pictures = short_count(scan.pictures);
    let mut of = vec![
        format!("excited most by, of {pictures} pictures in {file}"),
        format!("of {pictures} in {file}"),
        format!("of {pictures} pictures"),
    ];
    let mut head = Vec::with_capacity(3);
    if !only.is_empty() {
        let kept = if scan.complete(filter).is_none() { " of those that were kept" } else { "" };
        head.push(Span::styled(format!("only {}{kept}  ", only.join(", ")), theme.warning()));
    }
    let own = own_maximum(state).zip(state.excitation_page());
    let share = own.and_then(|(own, page)| page.distribution.share_below(own));
    let below = share.map_or_else(String::new, |share| format!("  this picture above {:.0} %", share * 100.0));
    let used = Line::from(head.clone()).width() + below.chars().count();
    of.retain(|words| used + words.chars().count() <= usize::from(area.width));
    head.push(Span::styled(of.into_iter().next().unwrap_or_default(), theme.dim()));
    head.push(Span::styled(below, theme.accent()));
    frame.render_widget(Paragraph::new(Line::from(head)), line(0));
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if let Some(failed) = &state.excitations.failed {
        return super::message(frame, body, failed, theme.error());
    }
    let Some(page) = state.excitation_page() else {
        return frame.render_widget(Paragraph::new("…").style(theme.dim()), line(1));
    };
    let words = said(state, page, body);
    let said = Rect { y: body.bottom() - words.len() as u16, height: words.len() as u16, ..body };
    frame.render_widget(Paragraph::new(words), said);
    let room = Rect { height: said.y.saturating_sub(body.y), ..body };
    let (pictures, histogram) = parts(room, page.pictures.len(), state.cell.unwrap_or((10, 20)));
    tiles(state, page, frame, pictures, drawn);
    if let Some(area) = histogram {
        distribution(state, page, frame, area);
    }
}

/// Where the pictures, so many, and the distribution stand.
fn parts(room: Rect, count: usize, cell: (u16, u16)) -> (Rect, Option<Rect>) {
    if room.width >= DISTRIBUTION + BESIDE && room.height >= 4 {
        let width = (room.width / 3).clamp(DISTRIBUTION, 2 * DISTRIBUTION);
        // What the pictures leave is for the distribution.
        let (columns, tile) = arrangement(Rect { width: room.width - width, ..room }, count, cell);
        let spare = (room.width - width).saturating_sub(columns * (tile.width + 1));
        let width = if columns > 0 { (width + spare).min(2 * DISTRIBUTION) } else { width };
        let histogram = Rect { width: width - 2, ..room };
        (Rect { x: room.x + width, width: room.width - width, ..room }, Some(histogram))
    } else if room.height >= DISTRIBUTION_ROWS + ABOVE {
        let height = room.height - DISTRIBUTION_ROWS;
        let histogram = Rect { y: room.y + height, height: DISTRIBUTION_ROWS, ..room };
        (Rect { height, ..room }, Some(histogram))
    } else {
        (room, None)
    }
}

/// Columns of tiles, and their size without the line below: as large as all can be, or as many as can be seen.
fn arrangement(room: Rect, count: usize, cell: (u16, u16)) -> (u16, Rect) {
    let most = (count.clamp(1, 64) as u16).min(room.width);
    let possible: Vec<(u16, u16, Rect)> = (1..=most.max(1))
        .flat_map(|columns| (1..=(count.max(1) as u16).div_ceil(columns)).map(move |rows| (columns, rows)))
        .map(|(columns, rows)| {
            let (width, height) = ((room.width / columns).saturating_sub(1), (room.height / rows).saturating_sub(1));
            (columns, rows, layout::fitted(Rect { x: 0, y: 0, width, height }, (1, 1), cell))
        })
        .filter(|(.., tile)| tile.height >= LEAST_TILE)
        .collect();
    let shown = |(columns, rows, _): &(u16, u16, Rect)| (usize::from(*columns) * usize::from(*rows)).min(count);
    let best =
        possible.iter().max_by_key(|arranged| (shown(arranged), arranged.2.area(), std::cmp::Reverse(arranged.0)));
    best.map_or((0, Rect::default()), |(columns, _, tile)| (*columns, *tile))
}

fn tiles(state: &State, page: &Stamped<ExcitationPage>, frame: &mut Frame<'_>, room: Rect, drawn: &mut Drawn) {
    let theme = state.theme();
    if page.pictures.is_empty() {
        let words = nothing(state);
        return super::message(frame, room, &words, theme.dim());
    }
    let cell = state.cell.unwrap_or((10, 20));
    let (columns, tile) = arrangement(room, page.pictures.len(), cell);
    if columns == 0 {
        return;
    }
    let shown = usize::from(columns) * usize::from(room.height / (tile.height + 1));
    // The cursor stays in view.
    let first = state.excitations.cursor / shown.max(1) * shown;
    let mut pictures = Vec::with_capacity(shown);
    for (place, (index, exciting)) in page.pictures.iter().enumerate().skip(first).take(shown).enumerate() {
        let (column, row) = (place as u16 % columns, place as u16 / columns);
        let x = room.x + column * (tile.width + 1);
        let area = Rect { x, y: room.y + row * (tile.height + 1), ..tile };
        let under_cursor = index == state.excitations.cursor;
        let style = match (under_cursor, state.focus == Focus::Channels, exciting.right) {
            (true, true, _) => theme.selection(),
            (true, false, _) => theme.accent(),
            (_, _, Some(false)) => theme.warning(),
            _ => theme.dim(),
        };
        let value = short(exciting.value);
        let label = if under_cursor { format!("▸{value}") } else { value };
        let below = Rect { y: area.bottom(), height: 1, ..area };
        frame.render_widget(Paragraph::new(cut(&label, area.width.into())).style(style).centered(), below);
        drawn.targets.add(Rect { height: area.height + 1, ..area }, Target::Exciting(index));
        match &exciting.shown {
            Some(picture) => {
                let shape = (picture.height as usize, picture.width as usize);
                let fitted = layout::fitted(area, shape, cell);
                // At the foot of the tile, so that the value stands right below it.
                let fitted = Rect { y: area.bottom() - fitted.height, ..fitted };
                pictures.push((fitted, Subject::Exciting { page: page.clone(), index }));
            }
            None => super::message(frame, area, "gone", theme.dim()),
        }
    }
    drawn.wanted.extend(Wanted::tiles(Slot::Excitations, pictures));
}

/// Why no picture is shown.
fn nothing(state: &State) -> String {
    let filter = &state.excitations.filter;
    let Some(scan) = &state.excitations.scan else { return String::new() };
    if filter.right.is_some() && !scan.has_truth {
        return "the scan does not know what its pictures show: right and wrong need folders named like classes, or --truth"
            .to_owned();
    }
    if (filter.class.is_some() || filter.truth.is_some()) && scan.per_class == 0 {
        return "none of the pictures that are kept; a scan with --per-class keeps some of each class".to_owned();
    }
    "none of the pictures".to_owned()
}

/// The picture under the cursor, in words.
fn said<'a>(state: &State, page: &ExcitationPage, room: Rect) -> Vec<Line<'a>> {
    let theme = state.theme();
    let Some(exciting) = page.pictures.get(state.excitations.cursor) else { return Vec::new() };
    let width = usize::from(room.width);
    let rank = format!("{} of {}  ", state.excitations.cursor + 1, page.pictures.len());
    let value = format!("{}  ", short(exciting.value));
    let verdict = verdict(exciting, state);
    let name = |room: usize| Span::raw(end_of(&exciting.picture, room));
    let first = [Span::styled(rank.clone(), theme.dim()), Span::styled(value.clone(), theme.accent())];
    let used = rank.chars().count() + value.chars().count();
    let length: usize = verdict.iter().map(|(words, _)| words.chars().count()).sum();
    let spans = |room: usize| {
        let mut left = room;
        let cut_to = |(words, style): &(String, Style)| {
            let shown = cut(words, left);
            left = left.saturating_sub(shown.chars().count());
            Span::styled(shown, *style)
        };
        verdict.iter().map(cut_to).collect::<Vec<_>>()
    };
    if room.height >= LEAST_TILE + 4 {
        let named = first.into_iter().chain([name(width.saturating_sub(used))]).collect::<Vec<_>>();
        return vec![Line::from(named), Line::from(spans(width))];
    }
    // The name keeps a third.
    let given = length.min((width.saturating_sub(used) * 2 / 3).max(8));
    let mut line: Vec<Span<'_>> = first.to_vec();
    line.extend(spans(given));
    line.push(Span::raw("  "));
    line.push(name(width.saturating_sub(used + given + 2)));
    vec![Line::from(line)]
}

/// What the network says of a picture, and whether that is right.
fn verdict(exciting: &Exciting, state: &State) -> Vec<(String, Style)> {
    let theme = state.theme();
    let truth = exciting.truth.as_deref();
    let Some((said, probability)) = &exciting.said else {
        return truth.map(|truth| (format!("shows {truth}"), theme.dim())).into_iter().collect();
    };
    let said = format!("{said} {:.0} %", probability * 100.0);
    match (exciting.right, truth) {
        (Some(true), _) => vec![("✓ ".to_owned(), theme.good()), (said, Style::new())],
        (Some(false), Some(truth)) => {
            vec![
                ("✗ ".to_owned(), theme.warning()),
                (said, Style::new()),
                (format!(", shows {truth}"), theme.warning()),
            ]
        }
        _ => vec![(format!("says {said}"), theme.dim())],
    }
}

/// The distribution of the channel's maxima, with the current picture's own marked on it.
fn distribution(state: &State, page: &ExcitationPage, frame: &mut Frame<'_>, area: Rect) {
    let theme = state.theme();
    let of = &page.distribution;
    let Some((least, most)) = of.range() else { return };
    let (bins, rows) = (usize::from(area.width), area.height.saturating_sub(2));
    let counts = of.even_bins(bins);
    let own = own_maximum(state);
    let share = |value: f32| if most > least { ((value - least) / (most - least)).clamp(0.0, 1.0) } else { 0.5 };
    let column = own.map(|value| ((share(value) * bins as f32) as usize).min(bins.saturating_sub(1)));
    let on_axis = |count: f64| if state.log_histogram { count.ln_1p() } else { count };
    let top = counts.iter().copied().map(on_axis).fold(f64::MIN_POSITIVE, f64::max);
    // Little is not nothing.
    let level = |count: f64| {
        let eighths = (on_axis(count) / top * f64::from(rows * 8)).round() as usize;
        if count > 0.0 { eighths.max(1) } else { 0 }
    };
    let parts = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    for row in 0..rows {
        let above = usize::from((rows - 1 - row) * 8);
        let cell = |(place, count): (usize, &f64)| {
            let style = if Some(place) == column { theme.accent() } else { theme.bar() };
            Span::styled(parts[level(*count).saturating_sub(above).min(8)].to_string(), style)
        };
        let line: Vec<Span<'_>> = counts.iter().enumerate().map(cell).collect();
        frame.render_widget(Paragraph::new(Line::from(line)), Rect { y: area.y + row, height: 1, ..area });
    }
    let line = |row: u16| Rect { y: area.y + rows + row, height: 1, ..area }.intersection(area);
    if let (Some(value), Some(column)) = (own, column) {
        let mark = marked(value, (least, most), column, bins);
        frame.render_widget(Paragraph::new(mark).style(theme.accent()), line(0));
    }
    let (least, most) = (short(least), short(most));
    let between = bins.saturating_sub(least.chars().count() + most.chars().count());
    let long = if state.log_histogram { "maxima, log axis" } else { "maxima" };
    let said = if long.len() + 2 <= between { long } else { "" };
    frame.render_widget(Paragraph::new(format!("{least}{said:^between$}{most}")).style(theme.dim()), line(1));
}

/// A mark below the column of a value, and what it is on the side that has room.
fn marked(value: f32, (least, most): (f32, f32), column: usize, width: usize) -> String {
    let mark = if value > most {
        '▶'
    } else if value < least {
        '◀'
    } else {
        '▲'
    };
    let words = [format!("this picture {}", short(value)), short(value)];
    let room = column.max(width.saturating_sub(column + 1)).saturating_sub(1);
    let words = words.iter().find(|words| words.chars().count() <= room).map_or("", String::as_str);
    if words.chars().count() < width.saturating_sub(column + 1) {
        format!("{}{mark} {words}", " ".repeat(column))
    } else {
        format!("{words:>0$} {mark}", column.saturating_sub(1))
    }
}

/// The greatest value of the zoomed channel's map on the current picture; none where the pager shows something else.
fn own_maximum(state: &State) -> Option<f32> {
    let Some(Page::Numbers(numbers)) = state.page().filter(|_| state.content == Content::Activations) else {
        return None;
    };
    let index = state.channel.checked_sub(numbers.first)?;
    numbers.statistics.get(index).map(|statistics| statistics.max).filter(|value| value.is_finite())
}
