//! The film strip: the pictures around the chosen one.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use super::Drawn;
use super::words::cut;
use crate::terminal::encoder::Slot;
use crate::tui::drawing::{Subject, Wanted};
use crate::tui::layout;
use crate::tui::state::State;
use crate::tui::targets::Target;

/// Rows of the strip with its line of names.
const ROWS: u16 = 4;
/// Columns of a thumbnail with the gap beside it.
const WIDTH: u16 = 8;
/// Rows of the pane that are not given away.
const LEAST_PANE: u16 = 22;

/// Takes the strip's rows from a pane's inside where there are several pictures and room for them.
pub(super) fn split(state: &State, inner: Rect) -> (Rect, Option<Rect>) {
    if state.inputs.len() < 2 || inner.height < LEAST_PANE || state.cell.is_none() {
        return (inner, None);
    }
    let rest = Rect { height: inner.height - ROWS, ..inner };
    (rest, Some(Rect { y: rest.bottom(), height: ROWS, ..inner }))
}

/// Draws the strip, with the chosen picture in the middle where there are more than fit.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect, drawn: &mut Drawn) {
    let theme = state.theme();
    let shown = usize::from((area.width / WIDTH).max(1)).min(state.inputs.len());
    let first = state.input.saturating_sub(shown / 2).min(state.inputs.len() - shown);
    let mut pictures = Vec::with_capacity(shown);
    for (column, place) in (first..first + shown).enumerate() {
        let tile = Rect { x: area.x + column as u16 * WIDTH, width: WIDTH - 1, ..area };
        drawn.targets.add(tile, Target::Picture(place));
        let chosen = place == state.input;
        let style = if chosen { theme.selection() } else { theme.dim() };
        let name = cut(&state.input_name(place), tile.width.into());
        let line = Rect { y: tile.bottom() - 1, height: 1, ..tile };
        frame.render_widget(Paragraph::new(name).style(style).centered(), line);
        match state.thumbnails.get(&place) {
            Some(Some(picture)) => {
                let room = Rect { height: ROWS - 1, ..tile };
                let shape = (picture.height() as usize, picture.width() as usize);
                let area = layout::fitted(room, shape, state.cell.unwrap_or((10, 20)));
                pictures.push((area, Subject::Photo { picture: picture.clone() }));
            }
            Some(None) => {}
            None => drawn.thumbnails.push(place),
        }
    }
    drawn.wanted.extend(Wanted::tiles(Slot::Strip, pictures));
}
