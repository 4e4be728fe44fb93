//! Pictures that a frame wants: what they show and where. They are drawn and encoded on another thread.

use std::hash::{DefaultHasher, Hash, Hasher};

use image::RgbImage;
use image::imageops::FilterType;
use ratatui::layout::Rect;

use super::stamped::Stamped;
use super::state::OverlayMode;
use crate::model::preprocess::Region;
use crate::picture::{ColorMap, IndexedImage, Overlay, Range, Scale};
use crate::service::protocol::{ChannelPage, ClassMap, PatternPage};
use crate::terminal::encoder::Slot;

/// The heatmap's slot; channels take those after it.
pub const HEATMAP: Slot = 0;
/// The zoomed channel's slot.
pub const ZOOM: Slot = 1;
/// The first tile's slot.
pub const FIRST_TILE: Slot = 2;

/// What a picture shows.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A channel of a page, under a scale and a colour map.
    Channel {
        /// The page.
        page: Stamped<ChannelPage>,
        /// Which of its channels.
        index: usize,
        /// How values become levels.
        scale: Scale,
        /// How levels become colours.
        colormap: ColorMap,
    },
    /// A pattern of a page.
    Pattern {
        /// The page.
        page: Stamped<PatternPage>,
        /// Which of its patterns.
        index: usize,
    },
    /// The picture, with the map over it, or one of the two.
    Heatmap {
        /// What the network saw.
        picture: Stamped<RgbImage>,
        /// The class activation map.
        map: Option<Stamped<ClassMap>>,
        /// What is drawn of them.
        mode: OverlayMode,
    },
}

/// A picture that a frame wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its place among the pictures.
    pub slot: Slot,
    /// Where on the screen.
    pub area: Rect,
    /// What it shows.
    pub subject: Subject,
}

impl Wanted {
    /// Tells pictures apart that differ in what they show or in size.
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.area.width, self.area.height).hash(&mut hasher);
        match &self.subject {
            Subject::Channel { page, index, scale, colormap } => {
                (0, page.stamp(), index, scale, colormap).hash(&mut hasher);
            }
            Subject::Pattern { page, index } => (1, page.stamp(), index).hash(&mut hasher),
            Subject::Heatmap { picture, map, mode } => {
                (2, picture.stamp(), map.as_ref().map(Stamped::stamp), mode).hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

impl Subject {
    /// Draws the picture at exactly `width`×`height` pixels. Values keep hard edges, photographs are smooth.
    pub fn draw(&self, width: u32, height: u32) -> RgbImage {
        match self {
            Self::Channel { .. } => stretched(&self.native(), width, height, FilterType::Nearest),
            Self::Pattern { .. } | Self::Heatmap { .. } => {
                stretched(&self.native(), width, height, FilterType::Triangle)
            }
        }
    }

    /// The picture at its own resolution: what is saved.
    pub fn native(&self) -> RgbImage {
        match self {
            Self::Channel { page, index, scale, colormap } => channel(page, *index, *scale, *colormap),
            Self::Pattern { page, index } => {
                page.pictures.get(*index).cloned().map(super::update::rgb).unwrap_or_default()
            }
            Self::Heatmap { picture, map, mode } => heatmap(picture, map.as_deref(), *mode),
        }
    }
}

fn stretched(picture: &RgbImage, width: u32, height: u32, filter: FilterType) -> RgbImage {
    if picture.width() == 0 || picture.height() == 0 {
        return RgbImage::new(width, height);
    }
    image::imageops::resize(picture, width, height, filter)
}

fn channel(page: &ChannelPage, index: usize, scale: Scale, colormap: ColorMap) -> RgbImage {
    if let Some(picture) = page.colour.as_ref().and_then(|pictures| pictures.get(index)) {
        return super::update::rgb(picture.clone());
    }
    let plane = page.height * page.width;
    let values = page.values.get(index * plane..(index + 1) * plane).unwrap_or_default();
    let layer = Range { min: page.layer_statistics.min, max: page.layer_statistics.max };
    // A single value has no spread of its own: it is seen against its layer.
    let scale = if plane == 1 && scale != Scale::Signed { Scale::Layer } else { scale };
    IndexedImage::of(scale.apply(values, page.width, layer), colormap, [0; 3]).to_rgb()
}

fn heatmap(picture: &RgbImage, map: Option<&ClassMap>, mode: OverlayMode) -> RgbImage {
    let Some(map) = map.filter(|_| mode != OverlayMode::Picture) else { return picture.clone() };
    let whole = Region::whole(picture.width(), picture.height());
    let overlay = Overlay::default();
    if mode == OverlayMode::Map {
        let black = RgbImage::new(picture.width(), picture.height());
        let alone = Overlay { colors: ColorMap::Inferno, strength: 1.0, ..overlay };
        return alone.draw(&black, &map.values, map.width, whole);
    }
    overlay.draw(picture, &map.values, map.width, whole)
}
