//! What the heatmap is of, by which method, and where it was made.

use ratatui::text::{Line, Span};

use super::words::{cut, end_of};
use crate::methods::attribution::Reading;
use crate::model::{LayerId, printable};
use crate::service::protocol::{Grain, Heatmap, ShownTarget};
use crate::tui::state::State;

/// The label in lines of `room` columns.
pub(super) fn lines<'a>(state: &State, room: usize) -> Vec<Line<'a>> {
    let theme = state.theme();
    let Some(map) = &state.map else {
        return vec![Line::from(Span::styled("no map yet", theme.dim())), Line::default()];
    };
    let mut lines = vec![Vec::new()];
    add(&mut lines, room, Span::styled(format!("{} of ", map.method.method().name), theme.dim()), Vec::new());
    match &map.of {
        ShownTarget::Class { class, against } => {
            add(&mut lines, room, Span::styled(printable(&class.label).into_owned(), theme.accent()), Vec::new());
            if let Some(against) = against {
                let label = Span::styled(printable(&against.label).into_owned(), theme.warning());
                add(&mut lines, room, Span::styled("rather than ", theme.dim()), vec![label]);
            }
        }
        ShownTarget::Channel(unit) => {
            let number = format!("channel {} of ", unit.channel);
            let path = end_of(&path(state, unit.layer), room.saturating_sub(number.chars().count()));
            add(&mut lines, room, Span::styled(number + &path, theme.accent()), Vec::new());
            if let Some((row, column)) = unit.at {
                let at = format!("at row {row} column {column}");
                add(&mut lines, room, Span::styled(at, theme.accent()), Vec::new());
            }
        }
    }
    for setting in map.method.changed() {
        add(&mut lines, room, Span::styled(setting, theme.warning()), Vec::new());
    }
    let made = made(state, map);
    if !made.is_empty() {
        let made = Span::styled(cut(&made, room), theme.dim());
        // Every metric below wants a line.
        if state.trust.shown {
            add(&mut lines, room, made, Vec::new());
        } else {
            lines.push(vec![made]);
        }
    }
    let mut lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    if let (Some(model), Some(other)) = (&state.model, &state.other) {
        for words in
            [format!("{} · {} · difference:", model.name, other.name), "red where the first has more".to_owned()]
        {
            lines.push(Line::from(Span::styled(cut(&words, room), theme.dim())));
        }
    }
    lines
}

/// Puts words on the last line where they fit, else on one of their own.
fn add<'a>(lines: &mut Vec<Vec<Span<'a>>>, room: usize, first: Span<'a>, rest: Vec<Span<'a>>) {
    let width = first.width() + rest.iter().map(Span::width).sum::<usize>();
    let Some(last) = lines.last_mut() else { return };
    let used: usize = last.iter().map(Span::width).sum();
    let gap = if last.last().is_some_and(|span| !span.content.ends_with(' ')) { " " } else { "" };
    if used > 0 && used + gap.len() + width > room {
        lines.push([vec![first], rest].concat());
    } else {
        last.push(Span::raw(gap));
        last.push(first);
        last.extend(rest);
    }
}

fn path(state: &State, layer: LayerId) -> String {
    let path = state.model.as_ref().and_then(|model| model.layers.get(layer.0)).map(|layer| layer.path.as_str());
    printable(path.unwrap_or_default()).into_owned()
}

/// Where it was made, or how its colours read, and how much of it is there.
fn made(state: &State, map: &Heatmap) -> String {
    let paths: Vec<String> = map.layers.iter().map(|layer| path(state, *layer)).collect();
    let at = match (map.grain, paths.as_slice()) {
        (Grain::Attribution { reading: Reading::Sign, .. }, _) => "red for it, blue against".to_owned(),
        (Grain::Attribution { reading: Reading::Magnitude, .. }, _) => "bright counts, for or against".to_owned(),
        (Grain::Attribution { reading: Reading::Order, .. }, _) => "brighter counts more".to_owned(),
        (Grain::Map, []) => String::new(),
        (Grain::Map, [only]) => format!("at {only} {}×{}", map.height, map.width),
        (Grain::Map, several) => format!("blend of {} layers: {}", several.len(), several.join(" ")),
    };
    let at = match state.close_up() {
        Some((_, (.., columns, rows))) => format!("close-up of {columns}×{rows} · {at}"),
        None => at,
    };
    match map.so_far {
        Some((done, all)) => format!("{done} of {all} so far · {at}"),
        None => at,
    }
}
