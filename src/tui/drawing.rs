//! Pictures that a frame wants: what they show and where. They are drawn and encoded on another thread.

use std::hash::{DefaultHasher, Hash, Hasher};

use image::RgbImage;
use image::imageops::FilterType;
use ratatui::layout::{Rect, Size};

use super::exciting;
use super::heat;
use super::stamped::Stamped;
use super::state::OverlayMode;
use crate::picture::indexed::BACKGROUND;
use crate::picture::{ColorMap, IndexedImage, Range, Raster, Scale};
use crate::service::protocol::{ChannelPage, ExcitationPage, Heatmap, PatternPage, Rgb};
use crate::terminal::encoder::{Resolution, Slot};

/// What a picture shows.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A picture as it is.
    Photo {
        /// The picture.
        picture: Stamped<RgbImage>,
    },
    /// A channel of a page, under a scale and a colour map.
    Channel {
        /// The page.
        page: Stamped<ChannelPage>,
        /// Which of its channels.
        index: usize,
        /// Of which model.
        side: Side,
        /// How values become levels, and levels colours.
        look: Look,
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
        /// The class activation map or attribution.
        map: Option<Stamped<Heatmap>>,
        /// What is drawn of them.
        mode: OverlayMode,
        /// Share of the map, in percent.
        strength: u8,
        /// Of which model the map is.
        side: Side,
        /// What is framed in it: what a value of a channel sees.
        seen: Option<Seen>,
        /// The part that is shown alone, and what the one value that the map is of sees, which is framed in it.
        close_up: Option<(Seen, Seen)>,
    },
    /// A part of the picture, large.
    Crop {
        /// What the network saw.
        picture: Stamped<RgbImage>,
        /// The part.
        seen: Seen,
    },
    /// A picture that excites a channel: its crop, or all of it with what the position sees marked.
    Exciting {
        /// The pictures.
        page: Stamped<ExcitationPage>,
        /// Which of them.
        index: usize,
    },
    /// Several in one, each in an area of cells.
    Tiles(Vec<(Rect, Subject)>),
}

/// Whose numbers are drawn where two models are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first model's, or the only one's.
    First,
    /// The second model's.
    Second,
    /// The first model's less the second's, with zero in the middle of a diverging colour map.
    Difference,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Difference];
}

/// A part of the picture, in its pixels: left, top, width and height. Nothing of it is outside, and it is not empty.
pub type Seen = (u32, u32, u32, u32);

/// How numbers are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Look {
    /// How values become levels.
    pub scale: Scale,
    /// How levels become colours.
    pub colormap: ColorMap,
    /// Whether values keep hard edges.
    pub crisp: bool,
}

/// A picture that a frame wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its place among the pictures.
    pub slot: Slot,
    /// Where on the screen.
    pub area: Rect,
    /// The areas that belong to it, from its own corner: what lies between them is text.
    pub parts: Vec<Rect>,
    /// What it shows.
    pub subject: Subject,
}

impl Wanted {
    /// A picture without holes.
    pub fn whole(slot: Slot, area: Rect, subject: Subject) -> Self {
        Self { slot, area, parts: vec![Rect { x: 0, y: 0, ..area }], subject }
    }

    /// Several pictures as one; nothing where there are none. Areas are those on the screen.
    pub fn tiles(slot: Slot, tiles: Vec<(Rect, Subject)>) -> Option<Self> {
        if let [(area, subject)] = tiles.as_slice() {
            // One alone need not have the screen's resolution: it is sent in its own size where the terminal enlarges it.
            return Some(Self::whole(slot, *area, subject.clone()));
        }
        let area = tiles.iter().map(|(area, _)| *area).reduce(Rect::union)?;
        let from_corner = |tile: Rect| Rect { x: tile.x - area.x, y: tile.y - area.y, ..tile };
        let tiles: Vec<(Rect, Subject)> =
            tiles.into_iter().map(|(tile, subject)| (from_corner(tile), subject)).collect();
        let parts = tiles.iter().map(|(tile, _)| *tile).collect();
        Some(Self { slot, area, parts, subject: Subject::Tiles(tiles) })
    }

    /// Tells pictures apart that differ in what they show or in size.
    pub fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.slot, self.area.width, self.area.height).hash(&mut hasher);
        self.subject.identify(&mut hasher);
        hasher.finish()
    }
}

/// How many times larger a terminal may draw a picture without its edges looking faded.
const FADED_WELL: u32 = 8;

/// Patches of up to so many pixels on a side are drawn pixel by pixel.
const FEW: u32 = 24;

impl Subject {
    fn identify(&self, hasher: &mut DefaultHasher) {
        match self {
            Self::Photo { picture } => (5, picture.stamp()).hash(hasher),
            Self::Channel { page, index, side, look } => (0, page.stamp(), index, side, look).hash(hasher),
            Self::Pattern { page, index } => (1, page.stamp(), index).hash(hasher),
            Self::Heatmap { picture, map, mode, strength, side, seen, close_up } => {
                let map = map.as_ref().map(Stamped::stamp);
                (2, picture.stamp(), map, mode, strength, side, seen, close_up).hash(hasher);
            }
            Self::Crop { picture, seen } => (4, picture.stamp(), seen).hash(hasher),
            Self::Exciting { page, index } => (6, page.stamp(), index).hash(hasher),
            Self::Tiles(tiles) => {
                3.hash(hasher);
                for (area, tile) in tiles {
                    area.hash(hasher);
                    tile.identify(hasher);
                }
            }
        }
    }

    /// Draws the picture for `cells` at a resolution. Values keep hard edges unless the look says otherwise, photographs are
    /// smooth; what the terminal scales itself is left in its own size.
    pub fn draw(&self, at: Resolution, cells: Size) -> Raster {
        if let Self::Tiles(tiles) = self {
            return composed(tiles, at, cells);
        }
        if let Self::Exciting { page, index } = self
            && let Some(marked) = exciting::marked(page, *index, at.width, at.height)
        {
            return Raster::Rgb(marked);
        }
        let native = self.raster(Some(at));
        let smaller = native.width() <= at.width && native.height() <= at.height;
        match (native, self.is_crisp()) {
            (native, false) if at.scaled && smaller => {
                // A terminal that scales fades the outermost half pixel into what lies behind: it must not be a large one.
                let (width, height) = (native.width(), native.height());
                match at.width.max(at.height) / (FADED_WELL * width.max(height)).max(1) {
                    0 | 1 => native,
                    times => {
                        Raster::Rgb(stretched(&native.to_rgb(), times * width, times * height, FilterType::Triangle))
                    }
                }
            }
            (Raster::Indexed(map), true) => {
                Raster::Indexed(Box::new(map.resized(at.width as usize, at.height as usize)))
            }
            (native, crisp) => {
                let filter = if crisp { FilterType::Nearest } else { FilterType::Triangle };
                Raster::Rgb(stretched(&native.to_rgb(), at.width, at.height, filter))
            }
        }
    }

    fn is_crisp(&self) -> bool {
        match self {
            Self::Channel { look, .. } => look.crisp,
            // In a close-up it matters which pixel counts.
            Self::Heatmap { close_up, .. } => close_up.is_some(),
            // Of a few pixels each counts, and there is nothing to be smooth.
            Self::Exciting { page, index } => {
                page.shown(*index).is_some_and(|shown| shown.width.max(shown.height) <= FEW)
            }
            _ => false,
        }
    }

    /// The picture at its own resolution: what is saved.
    pub fn native(&self) -> RgbImage {
        self.raster(None).to_rgb()
    }

    /// The picture at its own resolution, or made for a smaller one.
    fn raster(&self, at: Option<Resolution>) -> Raster {
        match self {
            Self::Photo { picture } => Raster::Rgb((**picture).clone()),
            Self::Channel { page, index, side, look } => channel(page, *index, *side, *look),
            Self::Pattern { page, index } => {
                Raster::Rgb(page.pictures.get(*index).cloned().map(super::update::rgb).unwrap_or_default())
            }
            Self::Heatmap { picture, map, mode, strength, side, close_up: Some((part, field)), .. } => {
                let mut drawn = heat::heatmap(picture, map.as_deref(), *mode, *strength, *side);
                frame_around(&mut drawn, *field);
                let (left, top, width, height) = *part;
                Raster::Rgb(image::imageops::crop_imm(&drawn, left, top, width, height).to_image())
            }
            Self::Heatmap { picture, map, mode, strength, side, seen, close_up: None } => {
                let pooled = at.and_then(|at| heat::pooled(picture, map.as_deref()?, at.width.min(at.height)));
                let (picture, map, times) = match &pooled {
                    Some((picture, map, times)) => (picture, Some(map), *times),
                    None => (&**picture, map.as_deref(), 1),
                };
                let mut drawn = heat::heatmap(picture, map, *mode, *strength, *side);
                if let Some((left, top, width, height)) = seen {
                    let [left, top] = [left, top].map(|at| at / times);
                    let [width, height] = [width, height].map(|size| size.div_ceil(times));
                    draw_frame(&mut drawn, (left, top, width, height));
                }
                Raster::Rgb(drawn)
            }
            Self::Crop { picture, seen: (left, top, width, height) } => {
                Raster::Rgb(image::imageops::crop_imm(&**picture, *left, *top, *width, *height).to_image())
            }
            Self::Exciting { page, index } => Raster::Rgb(exciting::native(page, *index)),
            Self::Tiles(_) => Raster::Rgb(RgbImage::new(0, 0)),
        }
    }
}

/// A white line just outside a part of the picture.
fn frame_around(picture: &mut RgbImage, (left, top, width, height): Seen) {
    for y in 0..=height + 1 {
        for x in 0..=width + 1 {
            let inside = (1..=width).contains(&x) && (1..=height).contains(&y);
            let at = (left + x).checked_sub(1).zip((top + y).checked_sub(1)).filter(|_| !inside);
            if let Some(pixel) = at.and_then(|(x, y)| picture.get_pixel_mut_checked(x, y)) {
                *pixel = image::Rgb([255; 3]);
            }
        }
    }
}

/// A frame that is seen on any picture: white between two black lines would hide too much, so white beside black.
pub(super) fn draw_frame(picture: &mut RgbImage, (left, top, width, height): Seen) {
    let (right, bottom) = (left + width - 1, top + height - 1);
    let mut draw = |inset: u32, color: [u8; 3]| {
        let (left, top) = (left + inset, top + inset);
        let (right, bottom) = (right.saturating_sub(inset), bottom.saturating_sub(inset));
        for x in left..=right {
            for y in [top, bottom] {
                if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
                    *pixel = image::Rgb(color);
                }
            }
        }
        for y in top..=bottom {
            for x in [left, right] {
                if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
                    *pixel = image::Rgb(color);
                }
            }
        }
    };
    draw(1, [0; 3]);
    draw(0, [255; 3]);
}

pub(super) fn stretched(picture: &RgbImage, width: u32, height: u32, filter: FilterType) -> RgbImage {
    if picture.width() == 0 || picture.height() == 0 {
        return RgbImage::new(width, height);
    }
    image::imageops::resize(picture, width, height, filter)
}

/// The tiles in one picture: with a palette where all of them have the same one.
fn composed(tiles: &[(Rect, Subject)], at: Resolution, cells: Size) -> Raster {
    let pixels = |tile: Rect| {
        let along = |cell: u16, all: u32, cells: u16| u32::from(cell) * all / u32::from(cells.max(1));
        let (left, top) = (along(tile.x, at.width, cells.width), along(tile.y, at.height, cells.height));
        let (right, bottom) =
            (along(tile.right(), at.width, cells.width), along(tile.bottom(), at.height, cells.height));
        (left, top, Resolution { width: right - left, height: bottom - top, scaled: false })
    };
    let drawn: Vec<(u32, u32, Raster)> = tiles
        .iter()
        .map(|(area, tile)| {
            let (left, top, resolution) = pixels(*area);
            (left, top, tile.draw(resolution, area.as_size()))
        })
        .collect();
    let maps: Option<Vec<(usize, usize, &IndexedImage)>> = drawn
        .iter()
        .map(|(left, top, tile)| match tile {
            Raster::Indexed(map) => Some((*left as usize, *top as usize, &**map)),
            Raster::Rgb(_) => None,
        })
        .collect();
    if let Some(maps) = maps
        && let Some((_, _, first)) = maps.first()
        && maps.iter().all(|(_, _, map)| map.palette == first.palette)
    {
        let mut whole = IndexedImage {
            width: at.width as usize,
            height: at.height as usize,
            indices: vec![BACKGROUND; at.width as usize * at.height as usize],
            palette: first.palette,
        };
        for (left, top, map) in maps {
            whole.put(map, left, top);
        }
        return Raster::Indexed(Box::new(whole));
    }
    let mut whole = RgbImage::new(at.width, at.height);
    for (left, top, tile) in &drawn {
        image::imageops::replace(&mut whole, &tile.to_rgb(), i64::from(*left), i64::from(*top));
    }
    Raster::Rgb(whole)
}

fn channel(page: &ChannelPage, index: usize, side: Side, look: Look) -> Raster {
    let colour = |pictures: &Option<Vec<Rgb>>| {
        let picture = pictures.as_ref()?.get(index)?.clone();
        Some(Raster::Rgb(super::update::rgb(picture)))
    };
    let other = page.other.as_ref();
    let (first, second) = (page.values_at(index), page.other_values_at(index));
    // Both models on one scale, so that they can be compared.
    let both = [Some(&page.layer_statistics), other.map(|other| &other.layer_statistics)];
    let layer = both.into_iter().flatten().fold(Range { min: f32::INFINITY, max: f32::NEG_INFINITY }, |range, of| {
        Range { min: range.min.min(of.min), max: range.max.max(of.max) }
    });
    let drawn = |values: &[f32], scale: Scale, range: Range, colors: ColorMap| {
        Raster::Indexed(Box::new(IndexedImage::of(scale.apply(values, page.width, range), colors, [0; 3])))
    };
    let as_looked = |values: &[f32]| drawn(values, look.scale, layer, look.colormap);
    match side {
        Side::First => colour(&page.colour).unwrap_or_else(|| as_looked(first)),
        Side::Second => other.and_then(|other| colour(&other.colour)).unwrap_or_else(|| as_looked(second)),
        Side::Difference => {
            let difference: Vec<f32> = first.iter().zip(second).map(|(a, b)| a - b).collect();
            // It has a reach of its own: of channels that hardly differ nothing would be seen beside the layer's.
            let reach = Range::of(&difference).unwrap_or(layer);
            drawn(&difference, Scale::Signed, reach, Scale::Signed.fitting_map())
        }
    }
}
