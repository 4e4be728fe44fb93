//! What the inspector knows and shows.

mod derived;
mod excitations;
mod findings;
mod kinds;
mod methods;
mod trust;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use image::RgbImage;

use super::drawing::Look;
use super::keymap::Keymap;
use super::page::{Page, PageKey};
use super::search::Search;
use super::stamped::Stamped;
use super::targets::Target;
use super::theme::Theme;
use crate::model::{LayerId, printable};
use crate::picture::{ColorMap, Scale};
use crate::service::protocol::{
    ClassId, Content, Heatmap, ModelInfo, Order, Pane, PatternPage, Prediction, Ticket, Unit,
};
pub use excitations::{ExcitationKey, Excitations};
pub use findings::{Findings, mark};
pub use kinds::{DetailKey, Focus, Hover, Left, Notice, OverlayMode, Popup, Run, Splits};
pub use methods::Methods;
pub use trust::Trust;

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
    /// What is done to them for the network, as a SPEC; `None` is as the model was opened.
    pub preprocess: Option<String>,
    /// Small pictures of those to go through, once they have been read; none where a file is no picture.
    pub thumbnails: HashMap<usize, Option<Stamped<RgbImage>>>,
    /// The model, once it is open.
    pub model: Option<Box<ModelInfo>>,
    /// The model that it is compared with.
    pub other: Option<Box<ModelInfo>>,
    /// The picture, once it has run.
    pub run: Option<Run>,
    /// What goes on where the next picture cannot be read.
    pub left: Option<Left>,
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
    /// Whether they are of the picture that is shown: until they are, those of the picture before keep places and order only.
    pub compared: bool,
    /// The second model's top classes.
    pub other_predictions: Vec<Prediction>,
    /// Whether the tree is a list, with the layers that differ most first.
    pub sorted_by_difference: bool,
    /// What a check on this picture has found, once it has.
    pub findings: Option<Findings>,
    /// Number of the newest request for a check.
    pub check_ticket: Ticket,
    /// Whether the user has asked what it finds before it was done.
    pub check_awaited: bool,
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
    /// Whether no key is held that walks through channels. While one is, only the channel is drawn anew.
    pub resting: bool,
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
    /// Pages of patterns that the user has stopped.
    pub stopped: HashSet<PageKey>,
    /// The pattern of the zoomed channel, so far, and whose it is.
    pub detail: Option<(DetailKey, Option<Stamped<PatternPage>>)>,
    /// Number of the newest request for it.
    pub detail_ticket: Ticket,
    /// How the heatmap and patterns are made.
    pub methods: Methods,
    /// The class whose map is wanted; `None` is the top class.
    pub class: Option<ClassId>,
    /// The class that the map is contrasted with.
    pub against: Option<ClassId>,
    /// The channel, or the value of one, that the heatmap is of in place of a class.
    pub unit: Option<Unit>,
    /// The layers whose maps are blended; none is the last with a map.
    pub map_layers: Vec<LayerId>,
    /// The map, once it has arrived.
    pub map: Option<Stamped<Heatmap>>,
    /// Whether more of it is to come.
    pub mapping: bool,
    /// How far the map is to be trusted.
    pub trust: Trust,
    /// What the heatmap pane draws.
    pub overlay: OverlayMode,
    /// Share of a map in the overlay, in percent.
    pub strength: u8,
    /// Share of an attribution in the overlay, in percent.
    pub attribution_strength: u8,
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
    /// What a scan says about the zoomed channel.
    pub excitations: Excitations,
}

/// Share of the map in an overlay to begin with, in percent: the book's.
const USUAL_STRENGTH: u8 = 40;
/// Share of an attribution where it is greatest: as the command draws it over a picture.
const USUAL_ATTRIBUTION_STRENGTH: u8 = 90;

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
            preprocess: None,
            thumbnails: HashMap::new(),
            model: None,
            other: None,
            run: None,
            left: None,
            focus: Focus::Layers,
            maximized: false,
            splits: Splits::default(),
            popup: None,
            folded: HashSet::new(),
            operators: true,
            differences: HashMap::new(),
            compared: false,
            other_predictions: Vec::new(),
            sorted_by_difference: false,
            findings: None,
            check_ticket: Ticket(0),
            check_awaited: false,
            search: None,
            layer: LayerId(0),
            content: Content::Activations,
            order: Order::Index,
            channel: 0,
            zoomed: false,
            probe: None,
            resting: true,
            hover: None,
            dragged: None,
            scale: Scale::default(),
            colormap: ColorMap::default(),
            crisp: true,
            log_histogram: true,
            pages: HashMap::new(),
            page_order: Vec::new(),
            asked: None,
            stopped: HashSet::new(),
            detail: None,
            detail_ticket: Ticket(0),
            methods: Methods::default(),
            class: None,
            against: None,
            unit: None,
            map_layers: Vec::new(),
            map: None,
            mapping: false,
            trust: Trust::default(),
            overlay: OverlayMode::Overlay,
            strength: USUAL_STRENGTH,
            attribution_strength: USUAL_ATTRIBUTION_STRENGTH,
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
            excitations: Excitations::default(),
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
        self.trust.forget();
        self.findings = None;
        self.compared = false;
        self.other_predictions.clear();
        self.failed.remove(&Pane::Health);
        self.failed.remove(&Pane::Channels);
        self.failed.remove(&Pane::Heatmap);
    }

    /// A new number for a request.
    pub fn next_ticket(&mut self) -> Ticket {
        self.ticket = Ticket(self.ticket.0 + 1);
        self.ticket
    }
}
