//! What each pane draws.

mod bars;
pub mod channels;
mod columns;
pub mod excitations;
pub mod heatmap;
mod label;
pub mod layers;
pub mod popup;
mod status;
mod strip;
mod trust;
mod words;
pub mod zoom;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Wrap};

use super::drawing::Wanted;
use super::layout::{self, LEAST};
use super::state::{Focus, State};
use super::targets::{Target, Targets};
use super::theme::Theme;

/// What a frame leaves to do, and what is where on it.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Pictures that it wants.
    pub wanted: Vec<Wanted>,
    /// What the mouse can point at.
    pub targets: Targets,
    /// Pictures whose thumbnails are missing.
    pub thumbnails: Vec<usize>,
}

/// Draws a frame. `place` puts its pictures on it, but for the areas that lie over the panes, which are drawn last.
pub fn draw(state: &State, frame: &mut Frame<'_>, place: impl FnOnce(&[Wanted], &[Rect], &mut Buffer)) -> Drawn {
    let theme = state.theme();
    let screen = frame.area();
    let mut drawn = Drawn::default();
    frame.render_widget(Block::new().style(theme.base()), screen);
    if screen.width < LEAST.0 || screen.height < LEAST.1 {
        let message =
            format!("{}×{} cells are too few: layerscope wants {}×{}", screen.width, screen.height, LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(message).wrap(Wrap { trim: true }), screen);
        return drawn;
    }
    let areas = layout::areas(state);
    frame.render_widget(status::title(state, theme), areas.title);
    for (pane, area) in
        [(Focus::Layers, areas.layers), (Focus::Channels, areas.channels), (Focus::Heatmap, areas.heatmap)]
    {
        if area.is_empty() {
            continue;
        }
        drawn.targets.add(area, Target::Pane(pane));
        match pane {
            Focus::Layers => layers::draw(state, frame, area, &mut drawn.targets),
            Focus::Channels => channels::draw(state, frame, area, &mut drawn),
            Focus::Heatmap => heatmap::draw(state, frame, area, &mut drawn),
        }
    }
    borders(state, &areas, &mut drawn.targets);
    frame.render_widget(status::line(state, theme, areas.status.width.into()), areas.status);
    if state.cell.is_none() {
        drawn.wanted.clear();
    }
    let popup = state.popup.as_ref().map(|popup| popup::area(state, popup, screen));
    let which_key = status::which_key_area(state, areas.status);
    let covered: Vec<Rect> = popup.into_iter().chain(which_key).collect();
    place(&drawn.wanted, &covered, frame.buffer_mut());
    if let Some(area) = which_key {
        status::which_key(state, frame, area);
    }
    if let (Some(popup), Some(area)) = (&state.popup, popup) {
        popup::draw(state, popup, frame, area, &mut drawn.targets);
    }
    drawn
}

/// The borders that can be dragged.
fn borders(state: &State, areas: &layout::Areas, targets: &mut Targets) {
    if state.maximized {
        return;
    }
    let (layers, heatmap) = (areas.layers, areas.heatmap);
    if layout::is_wide(state.screen.0) {
        targets.add(Rect { x: layers.right().saturating_sub(1), width: 2, ..layers }, Target::LayersBorder);
        targets.add(Rect { x: heatmap.x.saturating_sub(1), width: 2, ..heatmap }, Target::HeatmapBorder);
    } else {
        targets.add(Rect { y: layers.bottom().saturating_sub(1), height: 1, ..layers }, Target::LayersBorder);
        targets.add(Rect { height: 1, ..heatmap }, Target::HeatmapBorder);
    }
}

/// A pane's frame with its title on the left and what is worth saying on the right.
pub(super) fn frame_of<'a>(theme: &Theme, focused: bool, title: &str, note: String) -> Block<'a> {
    let title = crate::model::printable(title).into_owned();
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.border(focused))
        .title(Line::from(Span::styled(format!(" {title} "), theme.title(focused))))
        .title(
            Line::from(Span::styled(if note.is_empty() { note } else { format!(" {note} ") }, theme.dim()))
                .right_aligned(),
        )
}

/// A message in the middle of a pane that has nothing else to show.
pub(super) fn message(frame: &mut Frame<'_>, area: Rect, text: &str, style: Style) {
    let area =
        Rect::new(area.x + 1, area.y + area.height / 3, area.width.saturating_sub(2), area.height - area.height / 3);
    frame.render_widget(Paragraph::new(text.to_owned()).style(style).centered().wrap(Wrap { trim: true }), area);
}
