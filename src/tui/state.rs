//! What the inspector knows and shows.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use image::RgbImage;

use super::stamped::Stamped;
use super::theme::Theme;
use crate::model::{LayerId, LayerKind};
use crate::picture::{ColorMap, Scale};
use crate::service::protocol::{
    ChannelPage, ClassId, ClassMap, Content, LayerState, ModelInfo, Pane, PatternPage, Prediction, Ticket,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Popup {
    /// The table of keys, scrolled by so many lines.
    Help(u16),
    /// The list of classes: what was typed, and the row that is chosen.
    Classes {
        /// Filter.
        typed: String,
        /// Row among those that match.
        chosen: usize,
    },
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

/// A page of the channel pager, as numbers or as pictures.
#[derive(Debug, Clone)]
pub enum Page {
    /// Activations or weights.
    Numbers(Stamped<ChannelPage>),
    /// Patterns, so far or finished.
    Patterns(Stamped<PatternPage>),
}

impl Page {
    /// First channel, channels on the page, channels of the layer.
    pub fn extent(&self) -> (usize, usize, usize) {
        match self {
            Self::Numbers(page) => (page.first, page.statistics.len(), page.total),
            Self::Patterns(page) => (page.first, page.pictures.len(), page.total),
        }
    }

    /// Rows and columns of a channel.
    pub fn tile(&self) -> (usize, usize) {
        match self {
            Self::Numbers(page) => match page.colour.as_ref().and_then(|pictures| pictures.first()) {
                Some(picture) => (picture.height as usize, picture.width as usize),
                None => (page.height, page.width),
            },
            Self::Patterns(page) => {
                page.pictures.first().map_or((1, 1), |picture| (picture.height as usize, picture.width as usize))
            }
        }
    }
}

/// Which page of the pager: whose channels, what of them, and the first.
pub type PageKey = (LayerId, Content, usize, usize);

/// Pages that are kept to go back to.
const PAGES: usize = 48;

/// Everything that the inspector shows.
#[derive(Debug)]
pub struct State {
    /// Themes, and the one in use.
    pub themes: Vec<Theme>,
    /// Index of the theme in use.
    pub theme: usize,
    /// Pictures to go through; `None` is the demo's.
    pub inputs: Vec<Option<PathBuf>>,
    /// The picture that is chosen.
    pub input: usize,
    /// The model, once it is open.
    pub model: Option<Box<ModelInfo>>,
    /// The picture, once it has run.
    pub run: Option<Run>,
    /// Where keys go.
    pub focus: Focus,
    /// What lies over the panes.
    pub popup: Option<Popup>,
    /// Layers whose children are hidden.
    pub folded: HashSet<LayerId>,
    /// The chosen layer.
    pub layer: LayerId,
    /// What the pager shows.
    pub content: Content,
    /// The channel under the cursor.
    pub channel: usize,
    /// Whether that channel fills the pane.
    pub zoomed: bool,
    /// Scale of activations and weights.
    pub scale: Scale,
    /// Colour map of activations and weights.
    pub colormap: ColorMap,
    /// Pages that have arrived.
    pub pages: HashMap<PageKey, Page>,
    /// The order in which they arrived.
    pub page_order: Vec<PageKey>,
    /// The page that was asked for last.
    pub asked: Option<(Ticket, PageKey)>,
    /// The class whose map is wanted; `None` is the top class.
    pub class: Option<ClassId>,
    /// The layer whose map is wanted; `None` is the last with a map.
    pub map_layer: Option<LayerId>,
    /// The map, once it has arrived.
    pub map: Option<Stamped<ClassMap>>,
    /// What the heatmap pane draws.
    pub overlay: OverlayMode,
    /// What runs for each pane.
    pub progress: HashMap<Pane, String>,
    /// What failed in each pane.
    pub failed: HashMap<Pane, String>,
    /// The last word on something that was done.
    pub notice: Option<String>,
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

impl State {
    /// Before anything is open.
    pub fn new(themes: Vec<Theme>, inputs: Vec<Option<PathBuf>>, screen: (u16, u16), cell: Option<(u16, u16)>) -> Self {
        Self {
            themes,
            theme: 0,
            inputs,
            input: 0,
            model: None,
            run: None,
            focus: Focus::Layers,
            popup: None,
            folded: HashSet::new(),
            layer: LayerId(0),
            content: Content::Activations,
            channel: 0,
            zoomed: false,
            scale: Scale::default(),
            colormap: ColorMap::default(),
            pages: HashMap::new(),
            page_order: Vec::new(),
            asked: None,
            class: None,
            map_layer: None,
            map: None,
            overlay: OverlayMode::Overlay,
            progress: HashMap::from([(Pane::Input, "starting".to_owned())]),
            failed: HashMap::new(),
            notice: None,
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

    /// Layers that are not hidden in a folded one, in the order in which they are drawn.
    pub fn visible_layers(&self) -> Vec<LayerId> {
        let Some(model) = &self.model else { return Vec::new() };
        let mut visible = Vec::with_capacity(model.layers.len());
        let mut hidden_below: Option<usize> = None;
        for (index, layer) in model.layers.iter().enumerate() {
            if hidden_below.is_some_and(|depth| layer.depth > depth) {
                continue;
            }
            hidden_below = self.folded.contains(&LayerId(index)).then_some(layer.depth);
            visible.push(LayerId(index));
        }
        visible
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

    /// The page that the cursor is on.
    pub fn page_key(&self) -> PageKey {
        let capacity = super::layout::page_capacity(self);
        (self.layer, self.content, self.channel / capacity * capacity, capacity)
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
        let kept = |content: Content| content != Content::Activations;
        self.pages.retain(|key, _| kept(key.1));
        self.page_order.retain(|key| kept(key.1));
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

    /// A new number for a request.
    pub fn next_ticket(&mut self) -> Ticket {
        self.ticket = Ticket(self.ticket.0 + 1);
        self.ticket
    }

    /// Classes of the picker that match what was typed.
    pub fn matching_classes(&self, typed: &str) -> Vec<usize> {
        let Some(model) = &self.model else { return Vec::new() };
        let typed = typed.to_lowercase();
        let matches = |label: &str, index: usize| label.to_lowercase().contains(&typed) || index.to_string() == typed;
        model
            .classes
            .iter()
            .enumerate()
            .filter(|(_, class)| matches(&class.label, class.id.index))
            .map(|(row, _)| row)
            .collect()
    }

    /// The layer to begin with: the first that has kernels, which is the first convolution.
    pub fn first_layer(&self) -> LayerId {
        let Some(model) = &self.model else { return LayerId(0) };
        let suits = |layer: &crate::service::protocol::LayerInfo| layer.has_weights && layer.kind == LayerKind::Module;
        LayerId(model.layers.iter().position(suits).unwrap_or(0))
    }
}
