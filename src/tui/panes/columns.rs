//! Rows of the layer tree and the columns that there is room for.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::words::{cut, end_of, short_count, thin_bar};
use crate::model::{LayerId, LayerKind};
use crate::service::protocol::{LayerInfo, LayerState, Severity};
use crate::tui::state::{State, mark};
use crate::tui::theme::Theme;

/// Cells of the bar that shows the share of zeros.
const BAR: usize = 5;
/// Columns that names keep when numbers ask for room.
const LEAST_NAME: usize = 10;
/// Columns of the marks for trouble.
const MARKS: usize = 2;

/// What a line of the tree says.
pub(super) struct Row<'a> {
    /// Which layer.
    pub(super) id: LayerId,
    /// What the model says of it.
    pub(super) layer: &'a LayerInfo,
    /// Whether it is the chosen one.
    pub(super) chosen: bool,
    state: Option<&'a LayerState>,
    /// The worst that a check has found of it, and of what is folded in it.
    finding: Option<Severity>,
    /// Characters of the path that were looked for.
    found: Option<&'a [u32]>,
    /// Whether the label is the whole path, of which the end says most.
    is_path: bool,
    label: String,
    /// Characters of the name, at the end of the label.
    name_length: usize,
    numbers: [String; 4],
}

/// The columns of numbers in the order in which they stand.
const HEADERS: [&str; 4] = ["output", "params", "MACs", "differs"];

impl<'a> Row<'a> {
    /// The row of a layer.
    pub(super) fn of(state: &'a State, id: LayerId) -> Option<Self> {
        let layer = state.model.as_ref()?.layers.get(id.0)?;
        let given = state.run.as_ref().and_then(|run| run.layers.get(&id));
        // A list has nothing to fold.
        let foldable = layer.has_children && !state.sorted_by_difference;
        let arrow = match (foldable, state.folded.contains(&id)) {
            (true, true) => "▸ ",
            (true, false) => "▾ ",
            (false, _) => "  ",
        };
        let (name, depth) = if state.sorted_by_difference { (&layer.path, 0) } else { (&layer.name, layer.depth) };
        let shape = given.map_or_else(String::new, |given| {
            given.shape.iter().skip(1).map(i64::to_string).collect::<Vec<_>>().join("×")
        });
        let count = |count: u64| if count > 0 { short_count(count) } else { String::new() };
        let difference = state.differences.get(&id).filter(|_| state.compared);
        let differs = difference.map_or_else(String::new, |share| format!("{:.1}%", share * 100.0));
        Some(Self {
            id,
            layer,
            chosen: id == state.layer,
            state: given,
            finding: state
                .findings
                .as_ref()
                .and_then(|findings| findings.worst(id, foldable && state.folded.contains(&id))),
            found: state.search.as_ref().and_then(|search| search.positions(id)),
            name_length: name.chars().count(),
            is_path: state.sorted_by_difference,
            label: format!("{}{arrow}{name}", "  ".repeat(depth)),
            numbers: [shape, count(layer.parameters), count(given.map_or(0, |given| given.macs)), differs],
        })
    }

    fn kind(&self) -> &str {
        self.layer.type_name.trim_start_matches("aten::")
    }

    /// Columns before the arrow that folds it.
    pub(super) fn indent(&self) -> usize {
        self.label.chars().take_while(|character| *character == ' ').count()
    }

    /// Whether a character of the label was looked for: the label ends as the path does.
    fn is_found(&self, place: usize) -> bool {
        let Some(found) = self.found else { return false };
        let (path, label) = (self.layer.path.chars().count(), self.label.chars().count());
        // Nothing of the indent before the name is part of the path.
        let named = place + self.name_length >= label;
        let in_path = (place + path).checked_sub(label).filter(|_| named);
        in_path.is_some_and(|place| found.contains(&(place as u32)))
    }
}

/// Widths of the columns; the names have what the others leave.
pub(super) struct Columns {
    name: usize,
    /// Width of each column of numbers; none where it has no room or nothing to say.
    numbers: [Option<usize>; 4],
}

impl Columns {
    /// The columns that there is room for: the output's shape always, differences where two models are compared, then
    /// parameters, then multiply–adds.
    pub(super) fn of(state: &State, rows: &[Row<'_>], width: usize) -> Self {
        let widest = |column: usize| {
            let header = HEADERS.get(column).map_or(0, |header| header.chars().count());
            rows.iter().map(|row| row.numbers[column].chars().count()).max().unwrap_or(0).max(header)
        };
        let label = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
        let kind = rows.iter().map(|row| row.kind().chars().count() + 1).max().unwrap_or(0);
        let mut name = width.saturating_sub(1 + widest(0) + 1 + BAR + MARKS);
        let mut numbers = [Some(widest(0)), None, None, None];
        let wanted = if state.differences.is_empty() { [1, 2].as_slice() } else { [3, 1, 2].as_slice() };
        for &column in wanted {
            match name.checked_sub(widest(column) + 1) {
                // Types are worth more than multiply–adds.
                Some(left) if left >= LEAST_NAME.max(label + if column == 2 { kind } else { 0 }) || column == 3 => {
                    name = left;
                    numbers[column] = Some(widest(column));
                }
                _ => break,
            }
        }
        Self { name, numbers }
    }

    fn numbers<S: AsRef<str>>(&self, texts: &[S; 4]) -> String {
        let column = |(text, width): (&S, &Option<usize>)| width.map(|width| format!(" {:>width$}", text.as_ref()));
        texts.iter().zip(&self.numbers).filter_map(column).collect()
    }

    /// The columns' names.
    pub(super) fn header<'a>(&self, theme: &Theme) -> Line<'a> {
        let words = format!("{:<1$}{2} zeros", "  layer", self.name, self.numbers(&HEADERS));
        Line::from(Span::styled(words, theme.dim()))
    }

    /// A row; the chosen one in one style.
    pub(super) fn row<'a>(&self, row: &Row<'_>, theme: &Theme, chosen: Option<Style>) -> Line<'a> {
        let label = if row.is_path { end_of(&row.label, self.name) } else { cut(&row.label, self.name) };
        let skipped = if row.is_path { row.label.chars().count() - label.chars().count() } else { 0 };
        let spare = self.name - label.chars().count();
        let kind = row.kind();
        let kind = if spare > kind.chars().count() { format!(" {kind}") } else { String::new() };
        let pad = " ".repeat(spare - kind.chars().count());
        let dim = row.layer.kind == LayerKind::Operator || !row.layer.has_activations;
        let text = if dim { theme.dim() } else { Style::new() };
        let bar = thin_bar(row.state.map_or(0.0, |state| state.statistics.sparsity), BAR);
        let (mark, severe) = mark_of(row.state, row.finding);
        let style = match severe {
            true => theme.error(),
            // What sound networks have too does not ask for attention.
            false if mark == self::mark(Severity::Notice) => theme.dim(),
            false => theme.warning(),
        };
        let mut spans: Vec<Span<'_>> = label
            .chars()
            .enumerate()
            .map(|(place, character)| {
                let style = if row.is_found(place + skipped) {
                    theme.accent().add_modifier(Modifier::UNDERLINED)
                } else {
                    text
                };
                Span::styled(character.to_string(), style)
            })
            .collect();
        spans.extend([
            Span::styled(kind, theme.dim()),
            Span::raw(pad),
            Span::styled(self.numbers(&row.numbers), text),
            Span::styled(format!(" {bar}"), theme.bar()),
            Span::styled(format!(" {mark:<1}"), style),
        ]);
        let mut line = Line::from(spans);
        if let Some(style) = chosen {
            // One style for the whole row: colours of parts would drown in the selection.
            for span in &mut line.spans {
                span.style = Style::new();
            }
            line = line.style(style);
        }
        line
    }
}

/// `!` where values are not finite or a check found trouble, `0` where all are zero, `†` where a third of the channels are dead, `‡`
/// where a third are saturated, `~` where a check found something worth knowing; and whether it is an error rather than a
/// warning.
fn mark_of(state: Option<&LayerState>, finding: Option<Severity>) -> (&'static str, bool) {
    let found = finding.map_or("", mark);
    let Some(state) = state else { return (found, finding == Some(Severity::Trouble)) };
    let statistics = &state.statistics;
    if statistics.nan + statistics.inf > 0 || finding == Some(Severity::Trouble) {
        ("!", true)
    } else if statistics.sparsity >= 1.0 {
        ("0", true)
    } else if 3 * state.dead >= state.channels.max(1) {
        ("†", false)
    } else if 3 * state.saturated >= state.channels.max(1) {
        ("‡", false)
    } else {
        (found, false)
    }
}
