//! What the inspector knows and shows.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use image::RgbImage;

use super::drawing::{Look, Seen};
use super::keymap::Keymap;
use super::page::{Page, PageKey};
use super::prompt::Prompt;
use super::search::Search;
use super::stamped::Stamped;
use super::targets::Target;
use super::theme::Theme;
use crate::model::{LayerId, LayerKind, printable};
use crate::picture::{ColorMap, Scale};
use crate::service::protocol::{
    ClassId, ClassMap, Content, LayerState, ModelInfo, Order, Pane, PatternPage, Prediction, Ticket,
};

/// The pane that keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The layer tree.
    Layers,
    /// The channel pager.
    Channels,
    /// The heatmap.
    Heatmap,
}

impl Focus {
    /// All panes in the order of `Tab`.
    pub const ALL: [Self; 3] = [Self::Layers, Self::Channels, Self::Heatmap];
}

/// What lies over the panes.
#[derive(Debug, Clone)]
pub enum Popup {
    /// The table of keys, scrolled by so many lines.
    Help(u16),
    /// A line to type in, with what matches.
    Prompt(Prompt),
}

/// A value of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hover {
    /// Place of the channel in the pager's order.
    pub place: usize,
    /// Row of the value.
    pub row: usize,
    /// Column of the value.
    pub column: usize,
}

/// A word on what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It went well.
    Done(String),
    /// It did not, or something is amiss.
    Amiss(String),
}

/// Layer and channel of a pattern beside a channel.
pub type DetailKey = (LayerId, usize);

/// Sizes of panes that the user has given them with the mouse: columns side by side, rows one below the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Splits {
    /// Of the layer tree.
    pub layers: Option<u16>,
    /// Of the heatmap.
    pub heatmap: Option<u16>,
}

/// What the heatmap pane draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverlayMode {
    /// The map over the picture.
    Overlay,
    /// The picture alone.
    Picture,
    /// The map alone.
    Map,
}

impl OverlayMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Overlay, Self::Picture, Self::Map];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Picture => "picture",
            Self::Map => "map",
        }
    }

    /// The next, and after the last the first.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Overlay => Self::Picture,
            Self::Picture => Self::Map,
            Self::Map => Self::Overlay,
        }
    }
}

/// The picture that has been run.
#[derive(Debug)]
pub struct Run {
    /// What the network saw.
    pub picture: Stamped<RgbImage>,
    /// Top classes.
    pub predictions: Vec<Prediction>,
    /// What each layer gave.
    pub layers: HashMap<LayerId, LayerState>,
}

/// Pages that are kept to go back to.
const PAGES: usize = 48;

/// Everything that the inspector shows.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that a key turns")]
pub struct State {
    /// Themes, and the one in use.
    pub themes: Vec<Theme>,
    /// Index of the theme in use.
    pub theme: usize,
    /// What keys do.
    pub keymap: Keymap,
    /// Keys of a sequence that is not finished.
    pub pending: Vec<String>,
    /// The number typed before a key.
    pub count: Option<usize>,
    /// Pictures to go through; `None` is the demo's.
    pub inputs: Vec<Option<PathBuf>>,
    /// The picture that is chosen.
    pub input: usize,
    /// Small pictures of those to go through, once they have been read; none where a file is no picture.
    pub thumbnails: HashMap<usize, Option<Stamped<RgbImage>>>,
    /// The model, once it is open.
    pub model: Option<Box<ModelInfo>>,
    /// The model that it is compared with.
    pub other: Option<Box<ModelInfo>>,
    /// The picture, once it has run.
    pub run: Option<Run>,
    /// Where keys go.
    pub focus: Focus,
    /// Whether that pane has the whole screen.
    pub maximized: bool,
    /// Borders that were moved with the mouse.
    pub splits: Splits,
    /// What lies over the panes.
    pub popup: Option<Popup>,
    /// Layers whose children are hidden.
    pub folded: HashSet<LayerId>,
    /// Whether the tree shows single operators.
    pub operators: bool,
    /// Of two models: how far they are apart at each layer that both have.
    pub differences: HashMap<LayerId, f32>,
    /// The second model's top classes.
    pub other_predictions: Vec<Prediction>,
    /// Whether the tree is a list, with the layers that differ most first.
    pub sorted_by_difference: bool,
    /// Layers that were looked for.
    pub search: Option<Search>,
    /// The chosen layer.
    pub layer: LayerId,
    /// What the pager shows.
    pub content: Content,
    /// How it is sorted.
    pub order: Order,
    /// The place under the cursor: the channel's number, unless the order is another than the index.
    pub channel: usize,
    /// Whether that channel fills the pane.
    pub zoomed: bool,
    /// Row and column on the zoomed channel whose value is shown.
    pub probe: Option<(usize, usize)>,
    /// The value that the mouse points at.
    pub hover: Option<Hover>,
    /// The border that the mouse holds.
    pub dragged: Option<Target>,
    /// Scale of activations and weights.
    pub scale: Scale,
    /// Colour map of activations and weights.
    pub colormap: ColorMap,
    /// Whether channels are drawn with hard edges.
    pub crisp: bool,
    /// Whether histograms count on a log axis.
    pub log_histogram: bool,
    /// Pages that have arrived.
    pub pages: HashMap<PageKey, Page>,
    /// The order in which they arrived.
    pub page_order: Vec<PageKey>,
    /// The page that was asked for last.
    pub asked: Option<(Ticket, PageKey)>,
    /// The pattern of the zoomed channel, so far, and whose it is.
    pub detail: Option<(DetailKey, Option<Stamped<PatternPage>>)>,
    /// Number of the newest request for it.
    pub detail_ticket: Ticket,
    /// The class whose map is wanted; `None` is the top class.
    pub class: Option<ClassId>,
    /// The class that the map is contrasted with.
    pub against: Option<ClassId>,
    /// The layers whose maps are blended; none is the last with a map.
    pub map_layers: Vec<LayerId>,
    /// The map, once it has arrived.
    pub map: Option<Stamped<ClassMap>>,
    /// What the heatmap pane draws.
    pub overlay: OverlayMode,
    /// Share of the map in the overlay, in percent.
    pub strength: u8,
    /// What runs for each pane.
    pub progress: HashMap<Pane, String>,
    /// What failed in each pane.
    pub failed: HashMap<Pane, String>,
    /// The last word on something that was done.
    pub notice: Option<Notice>,
    /// Whether the line of bytes and times is shown.
    pub debug: bool,
    /// What that line says.
    pub statistics: String,
    /// Columns and rows of the screen.
    pub screen: (u16, u16),
    /// Width and height of a cell in pixels; `None` where no pictures are drawn.
    pub cell: Option<(u16, u16)>,
    /// Number of the newest request.
    pub ticket: Ticket,
    /// Number of the newest picture request.
    pub input_ticket: Ticket,
    /// Number of the newest map request.
    pub map_ticket: Ticket,
}

/// Share of the map in an overlay to begin with, in percent: the book's.
const USUAL_STRENGTH: u8 = 40;

impl State {
    /// Before anything is open.
    pub fn new(themes: Vec<Theme>, inputs: Vec<Option<PathBuf>>, screen: (u16, u16), cell: Option<(u16, u16)>) -> Self {
        Self {
            themes,
            theme: 0,
            keymap: Keymap::default(),
            pending: Vec::new(),
            count: None,
            inputs,
            input: 0,
            thumbnails: HashMap::new(),
            model: None,
            other: None,
            run: None,
            focus: Focus::Layers,
            maximized: false,
            splits: Splits::default(),
            popup: None,
            folded: HashSet::new(),
            operators: true,
            differences: HashMap::new(),
            other_predictions: Vec::new(),
            sorted_by_difference: false,
            search: None,
            layer: LayerId(0),
            content: Content::Activations,
            order: Order::Index,
            channel: 0,
            zoomed: false,
            probe: None,
            hover: None,
            dragged: None,
            scale: Scale::default(),
            colormap: ColorMap::default(),
            crisp: true,
            log_histogram: true,
            pages: HashMap::new(),
            page_order: Vec::new(),
            asked: None,
            detail: None,
            detail_ticket: Ticket(0),
            class: None,
            against: None,
            map_layers: Vec::new(),
            map: None,
            overlay: OverlayMode::Overlay,
            strength: USUAL_STRENGTH,
            progress: HashMap::from([(Pane::Input, "starting".to_owned())]),
            failed: HashMap::new(),
            notice: None,
            debug: false,
            statistics: String::new(),
            screen,
            cell,
            ticket: Ticket(0),
            input_ticket: Ticket(0),
            map_ticket: Ticket(0),
        }
    }

    /// The theme in use.
    pub fn theme(&self) -> &Theme {
        &self.themes[self.theme % self.themes.len()]
    }

    /// How channels are drawn.
    pub fn look(&self) -> Look {
        Look { scale: self.scale, colormap: self.colormap, crisp: self.crisp }
    }

    /// Name of a picture.
    pub fn input_name(&self, index: usize) -> String {
        let name = self.inputs.get(index).map(|path| path.as_ref().and_then(|path| path.file_name()));
        match name {
            None => String::new(),
            Some(None) => "chelsea.png".to_owned(),
            Some(Some(name)) => printable(&name.to_string_lossy()).into_owned(),
        }
    }

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
        classes > 0
            && super::layout::shows_bars(self)
            && self.layer_state().is_some_and(|layer| layer.channels == classes)
    }

    /// The page that the cursor is on.
    pub fn page_key(&self) -> PageKey {
        let count = super::layout::page_capacity(self);
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

    /// Keeps a page; the oldest makes room.
    pub fn keep_page(&mut self, key: PageKey, page: Page) {
        if self.pages.insert(key, page).is_none() {
            self.page_order.push(key);
            if self.page_order.len() > PAGES {
                let oldest = self.page_order.remove(0);
                self.pages.remove(&oldest);
            }
        }
    }

    /// Forgets what belonged to the picture before.
    pub fn forget_picture(&mut self) {
        let kept =
            |key: &PageKey| matches!(key.content, Content::Patterns | Content::Weights) && key.order == Order::Index;
        self.pages.retain(|key, _| kept(key));
        self.page_order.retain(kept);
        self.map = None;
        self.failed.remove(&Pane::Channels);
        self.failed.remove(&Pane::Heatmap);
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

    /// The value of the chosen layer that is pointed at, by its row and column: under the mouse, or on the zoomed channel the point
    /// or the maximum.
    pub fn pointed_at(&self) -> Option<(usize, usize)> {
        let hovered = self.hover.map(|hover| (hover.row, hover.column));
        let zoomed = || if self.zoomed { self.probe.or_else(|| self.strongest()) } else { None };
        hovered.or_else(zoomed)
    }

    /// What a value of the chosen layer sees of the picture; nothing where that is all of it.
    pub fn seen(&self, (row, column): (usize, usize)) -> Option<Seen> {
        let (run, page) = (self.run.as_ref()?, self.page()?);
        if !page.has_values() || self.content == Content::Weights {
            return None;
        }
        let field = self.layer_state()?.receptive_field?;
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

    /// A new number for a request.
    pub fn next_ticket(&mut self) -> Ticket {
        self.ticket = Ticket(self.ticket.0 + 1);
        self.ticket
    }

    /// The layer to begin with: the first that has kernels, which is the first convolution.
    pub fn first_layer(&self) -> LayerId {
        let Some(model) = &self.model else { return LayerId(0) };
        let suits = |layer: &crate::service::protocol::LayerInfo| layer.has_weights && layer.kind == LayerKind::Module;
        LayerId(model.layers.iter().position(suits).unwrap_or(0))
    }
}
