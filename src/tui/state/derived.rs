//! What follows from the state: what is drawn, chosen and pointed at.

use super::State;
use crate::methods::registry::Chosen;
use crate::model::{LayerId, LayerKind};
use crate::service::protocol::{ClassId, Content, Grain, LayerState, Order, ShownTarget, Unit};
use crate::tui::drawing::Seen;
use crate::tui::layout;
use crate::tui::page::{Page, PageKey};
use crate::tui::state::Focus;

/// Pixels of the picture that a close-up shows at least.
const LEAST_CLOSE_UP: u32 = 24;
/// A larger share of the picture is not shown larger.
const LARGEST_CLOSE_UP: f64 = 0.6;

impl State {
    /// Layers that are not hidden in a folded one, in the order in which they are drawn.
    pub fn visible_layers(&self) -> Vec<LayerId> {
        let Some(model) = &self.model else { return Vec::new() };
        if self.sorted_by_difference {
            return self.layers_by_difference();
        }
        let mut visible = Vec::with_capacity(model.layers.len());
        let mut hidden_below: Option<usize> = None;
        for (index, layer) in model.layers.iter().enumerate() {
            if hidden_below.is_some_and(|depth| layer.depth > depth) {
                continue;
            }
            hidden_below = self.folded.contains(&LayerId(index)).then_some(layer.depth);
            if self.operators || layer.kind != LayerKind::Operator {
                visible.push(LayerId(index));
            }
        }
        visible
    }

    fn layers_by_difference(&self) -> Vec<LayerId> {
        let mut layers: Vec<(LayerId, f32)> = self.differences.iter().map(|(layer, share)| (*layer, *share)).collect();
        // What is no number differs most of all.
        layers.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.0.cmp(&b.0.0)));
        layers.into_iter().map(|(layer, _)| layer).collect()
    }

    /// What the chosen layer gave.
    pub fn layer_state(&self) -> Option<&LayerState> {
        self.run.as_ref()?.layers.get(&self.layer)
    }

    /// Channels of what the pager shows.
    pub fn channels(&self) -> usize {
        let page = self.page().map(|page| page.extent().2);
        page.or_else(|| self.layer_state().map(|layer| layer.channels)).unwrap_or(0)
    }

    /// Whether the chosen layer gives one value for each class.
    pub fn has_class_names(&self) -> bool {
        let classes =
            self.model.as_ref().map_or(0, |model| model.classes.iter().filter(|class| !class.id.negative).count());
        classes > 0 && layout::shows_bars(self) && self.layer_state().is_some_and(|layer| layer.channels == classes)
    }

    /// The page that the cursor is on.
    pub fn page_key(&self) -> PageKey {
        let count = layout::page_capacity(self);
        let first = self.channel / count * count;
        // Weights are not sorted by what the picture does to them.
        let order = if self.content == Content::Weights { Order::Index } else { self.order };
        let of_class = self.content.needs_class() || order == Order::Contribution;
        let class = if of_class { self.class } else { None };
        PageKey { layer: self.layer, content: self.content, order, class, first, count }
    }

    /// The page that the cursor is on, if it has arrived.
    pub fn page(&self) -> Option<&Page> {
        self.pages.get(&self.page_key())
    }

    /// The top classes with their probabilities, best first; of a single sigmoid both answers.
    pub fn top_classes(&self) -> Vec<(ClassId, &str, f32)> {
        let Some(run) = &self.run else { return Vec::new() };
        let class = |index| ClassId { index, negative: false };
        let mut top: Vec<(ClassId, &str, f32)> = run
            .predictions
            .iter()
            .map(|prediction| (class(prediction.index), prediction.label.as_str(), prediction.probability))
            .collect();
        if let (Some(model), [(only, _, probability)]) = (&self.model, top.as_slice())
            && let Some(absent) = model.classes.iter().find(|class| class.id.negative && class.id.index == only.index)
        {
            top.push((absent.id, &absent.label, 1.0 - probability));
            top.sort_by(|a, b| b.2.total_cmp(&a.2));
        }
        top
    }

    /// Share of the heatmap in the overlay, in percent: an attribution has one of its own.
    pub fn overlay_strength(&self) -> u8 {
        let attribution = self.map.as_ref().is_some_and(|map| matches!(map.grain, Grain::Attribution { .. }));
        if attribution { self.attribution_strength } else { self.strength }
    }

    /// The channel under the cursor, or the value of it that is pointed at.
    pub fn unit_here(&self) -> Option<Unit> {
        let at = self.probe.filter(|_| self.zoomed);
        Some(Unit { layer: self.layer, channel: self.channel_number()?, at })
    }

    /// The part of the picture in which the one value that the heatmap is of sees something, where it is so small a part that it is
    /// shown larger; and what it sees.
    pub fn close_up(&self) -> Option<(Seen, Seen)> {
        let ShownTarget::Channel(Unit { layer, at: Some(at), .. }) = self.map.as_ref()?.of else { return None };
        let seen = self.seen_by(layer, at)?;
        let (width, height) = self.run.as_ref()?.picture.dimensions();
        let (left, top, columns, rows) = seen;
        let share = |size: u32, all: u32| f64::from((2 * size).max(LEAST_CLOSE_UP)) / f64::from(all.max(1));
        let share = share(columns, width).max(share(rows, height));
        if share > LARGEST_CLOSE_UP {
            return None;
        }
        // Of the picture's own shape, so that it stands where the picture stood.
        let along = |from: u32, size: u32, all: u32| {
            let room = ((f64::from(all) * share).round() as u32).clamp(1, all);
            ((from + size / 2).saturating_sub(room / 2).min(all - room), room)
        };
        let ((x, across), (y, down)) = (along(left, columns, width), along(top, rows, height));
        Some(((x, y, across, down), seen))
    }

    /// The method whose parameters can be set: the recipe where one looks at patterns, else the heatmap's.
    pub fn method_here(&self) -> &Chosen {
        let patterns = self.focus == Focus::Channels && self.content == Content::Patterns;
        if patterns { &self.methods.recipe } else { &self.methods.heatmap }
    }

    /// The value of the chosen layer that is pointed at, by its row and column: under the mouse, or on the zoomed channel the point
    /// or the maximum.
    pub fn pointed_at(&self) -> Option<(usize, usize)> {
        let hovered = self.hover.map(|hover| (hover.row, hover.column));
        let zoomed = || if self.zoomed && self.resting { self.probe.or_else(|| self.strongest()) } else { self.probe };
        hovered.or_else(zoomed)
    }

    /// What a value of the chosen layer sees of the picture; nothing where that is all of it.
    pub fn seen(&self, at: (usize, usize)) -> Option<Seen> {
        if !self.page()?.has_values() || self.content == Content::Weights {
            return None;
        }
        self.seen_by(self.layer, at)
    }

    /// What a value of any layer sees of the picture; nothing where that is all of it.
    pub fn seen_by(&self, layer: LayerId, (row, column): (usize, usize)) -> Option<Seen> {
        let run = self.run.as_ref()?;
        let field = run.layers.get(&layer)?.receptive_field?;
        let along = |at: usize, start: i64, stride: u64, size: u64, all: u32| {
            let from = start.saturating_add((at as u64).saturating_mul(stride) as i64);
            let to = from.saturating_add(size as i64).clamp(0, i64::from(all));
            let from = from.clamp(0, i64::from(all));
            (to > from).then_some((from as u32, (to - from) as u32))
        };
        let (width, height) = run.picture.dimensions();
        let (top, rows) = along(row, field.start.0, field.stride.0, field.size.0, height)?;
        let (left, columns) = along(column, field.start.1, field.stride.1, field.size.1, width)?;
        Some((left, top, columns, rows))
    }

    /// The layer to begin with: the first that has kernels, which is the first convolution; else the first that runs.
    pub fn first_layer(&self) -> LayerId {
        let Some(model) = &self.model else { return LayerId(0) };
        let running = || model.layers.iter().enumerate().filter(|(_, layer)| layer.has_activations);
        let mut with_kernels = running().filter(|(_, layer)| layer.has_weights && layer.kind == LayerKind::Module);
        LayerId(with_kernels.next().or_else(|| running().next()).map_or(0, |(index, _)| index))
    }
}
