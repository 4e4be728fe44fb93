//! What is done to a picture before a network sees it: resize, crop, channel order, mean and standard deviation.

use std::borrow::Cow;

use image::{Rgb, RgbImage};

use super::input::InputTensor;
use super::resample::{Interpolation, ResizeError, resize};

/// Longest side of a resized or cropped picture, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;

/// Most pixels that are fed to a network at once.
const MOST_PIXELS: u64 = 1 << 26;

/// The order of the channels that are fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red, as Caffe had it.
    Bgr,
    /// One channel of luma (ITU-R 601, as Pillow's mode L).
    Grey,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rgb, Self::Bgr, Self::Grey];

    /// The name in a preprocessing specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
            Self::Grey => "grey",
        }
    }

    /// Number of channels.
    pub fn channels(self) -> usize {
        if self == Self::Grey { 1 } else { 3 }
    }
}

/// How a picture is brought to size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resize {
    /// The short side gets this many pixels, the long side follows, rounded to the nearest pixel (torchvision rounds down).
    ShortSide(u32),
    /// Both sides are given; the picture is squashed.
    Exact {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}

/// What is done to a picture: a value `v` of 0 to 255 becomes `(v − mean) ÷ std` in its channel.
///
/// Parses from and prints as the SPEC of `--preprocess` (see [`super::spec`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    pub(super) resize: Option<Resize>,
    pub(super) crop: Option<(u32, u32)>,
    pub(super) interpolation: Interpolation,
    pub(super) order: Order,
    pub(super) mean: Vec<f32>,
    pub(super) std: Vec<f32>,
}

/// Why a picture could not be brought into the network's form.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// More pixels than can be fed.
    #[error(
        "a picture of {width}×{height} pixels is too much to feed at once: give --preprocess with resize=N or resize=W×H"
    )]
    TooLarge {
        /// Width that it would be fed with.
        width: u64,
        /// Height that it would be fed with.
        height: u64,
    },
    /// No pixels.
    #[error("the picture has no pixels")]
    Empty,
    /// The resize failed.
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

/// Mean and standard deviation that do not fit the channels.
#[derive(Debug, thiserror::Error)]
pub enum NormalisationError {
    /// Neither one value for all channels nor one for each.
    #[error("{what} has {given} values, but order={} feeds {} channel(s)", order.name(), order.channels())]
    Count {
        /// `mean` or `std`.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// The channels that are fed.
        order: Order,
    },
    /// Something that nothing can be divided by.
    #[error("{what} must be finite numbers{}", if *what == "std" { " above 0" } else { "" })]
    Value {
        /// `mean` or `std`.
        what: &'static str,
    },
}

/// The part of a picture that the network sees, in the picture's own pixels; it may reach over the edge, where the network
/// sees black.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Region {
    /// The whole of a picture.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { x: 0.0, y: 0.0, width: width.into(), height: height.into() }
    }
}

/// Sizes on the way from a picture to the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Width and height of the picture.
    pub original: (u32, u32),
    /// Width and height after the resize.
    pub resized: (u32, u32),
    /// Left and upper edge of the crop in the resized picture; negative where black is added.
    pub offset: (i64, i64),
    /// Width and height of what the network gets.
    pub fed: (u32, u32),
}

impl Geometry {
    /// The part of the picture that the network sees, in the picture's own pixels.
    pub fn region(&self) -> Region {
        let across = f64::from(self.original.0) / f64::from(self.resized.0);
        let down = f64::from(self.original.1) / f64::from(self.resized.1);
        Region {
            x: self.offset.0 as f64 * across,
            y: self.offset.1 as f64 * down,
            width: f64::from(self.fed.0) * across,
            height: f64::from(self.fed.1) * down,
        }
    }
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self::raw()
    }
}

impl Preprocessing {
    /// The numbers of the picture, 0 to 255, in its own size.
    pub fn raw() -> Self {
        Self {
            resize: None,
            crop: None,
            interpolation: Interpolation::Bilinear,
            order: Order::Rgb,
            mean: vec![0.0],
            std: vec![1.0],
        }
    }

    /// 0 to 1, in the picture's own size: `v ÷ 255`.
    pub fn unit() -> Self {
        Self { std: vec![255.0], ..Self::raw() }
    }

    /// −1 to 1, in the picture's own size: `v ÷ 127.5 − 1`.
    pub fn tf() -> Self {
        Self { mean: vec![127.5], std: vec![127.5], ..Self::raw() }
    }

    /// Blue, green, red minus their ImageNet means, in the picture's own size: VGG and other networks from Caffe.
    pub fn caffe() -> Self {
        Self { order: Order::Bgr, mean: vec![103.939, 116.779, 123.68], ..Self::raw() }
    }

    /// Short side 256 bilinear, centre crop 224, ImageNet mean and standard deviation: torchvision's first recipe.
    pub fn imagenet() -> Self {
        Self {
            resize: Some(Resize::ShortSide(256)),
            crop: Some((224, 224)),
            mean: vec![123.675, 116.28, 103.53],
            std: vec![58.395, 57.12, 57.375],
            ..Self::raw()
        }
    }

    /// Another resize, or none; sides are held within 1 to [`LONGEST_SIDE`].
    #[must_use]
    pub fn with_resize(mut self, resize: Option<Resize>) -> Self {
        let held = |side: u32| side.clamp(1, LONGEST_SIDE);
        self.resize = resize.map(|resize| match resize {
            Resize::ShortSide(side) => Resize::ShortSide(held(side)),
            Resize::Exact { width, height } => Resize::Exact { width: held(width), height: held(height) },
        });
        self
    }

    /// Another centre crop (width, height), or none; sides are held within 1 to [`LONGEST_SIDE`].
    #[must_use]
    pub fn with_crop(mut self, crop: Option<(u32, u32)>) -> Self {
        self.crop = crop.map(|(width, height)| (width.clamp(1, LONGEST_SIDE), height.clamp(1, LONGEST_SIDE)));
        self
    }

    /// Other channels, mean and standard deviation: on the 0–255 scale, in the order of the channels that are fed, one value
    /// for all or one for each.
    ///
    /// # Errors
    /// A number of values that does not fit the channels, a value that is not finite, a std that is not above 0.
    pub fn with_normalisation(mut self, order: Order, mean: &[f32], std: &[f32]) -> Result<Self, NormalisationError> {
        for (what, values) in [("mean", mean), ("std", std)] {
            if values.len() != 1 && values.len() != order.channels() {
                return Err(NormalisationError::Count { what, given: values.len(), order });
            }
            let fits = |value: &f32| value.is_finite() && (what == "mean" || *value > 0.0);
            if !values.iter().all(fits) {
                return Err(NormalisationError::Value { what });
            }
        }
        self.order = order;
        self.mean = collapsed(mean);
        self.std = collapsed(std);
        Ok(self)
    }

    /// Squashed to the size (height, width) that the network fixes, unless a resize or crop is already asked for.
    #[must_use]
    pub fn fitted_to(self, size: Option<(usize, usize)>) -> Self {
        match size {
            Some((height, width)) if self.resize.is_none() && self.crop.is_none() => {
                let pixels = |side: usize| u32::try_from(side).unwrap_or(LONGEST_SIDE);
                self.with_resize(Some(Resize::Exact { width: pixels(width), height: pixels(height) }))
            }
            _ => self,
        }
    }

    /// Channels that are fed, and their order.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Mean and standard deviation of a fed channel on the 0–255 scale.
    pub fn normalisation(&self, channel: usize) -> (f32, f32) {
        let of = |values: &[f32], fallback: f32| values.get(channel).or(values.first()).copied().unwrap_or(fallback);
        (of(&self.mean, 0.0), of(&self.std, 1.0))
    }

    /// The sizes on the way, for a picture of `width`×`height`.
    ///
    /// # Errors
    /// A picture without pixels, or more pixels than can be fed.
    pub fn geometry(&self, width: u32, height: u32) -> Result<Geometry, PreprocessError> {
        if width == 0 || height == 0 {
            return Err(PreprocessError::Empty);
        }
        let follow = |side: u32, long: u32, short: u32| {
            (u64::from(side) * u64::from(long) + u64::from(short) / 2) / u64::from(short)
        };
        let resized = match self.resize {
            None => (width.into(), height.into()),
            Some(Resize::Exact { width, height }) => (width.into(), height.into()),
            Some(Resize::ShortSide(side)) if width <= height => (side.into(), follow(side, height, width)),
            Some(Resize::ShortSide(side)) => (follow(side, width, height), side.into()),
        };
        let fed = self.crop.map_or(resized, |(width, height)| (width.into(), height.into()));
        // A picture that is only cropped is never copied as a whole, however large it is.
        let made = if self.resize.is_some() { resized } else { fed };
        for (width, height) in [made, fed] {
            if width * height > MOST_PIXELS {
                return Err(PreprocessError::TooLarge { width, height });
            }
        }
        Ok(Geometry {
            original: (width, height),
            resized: (resized.0 as u32, resized.1 as u32),
            offset: (centred(resized.0 as i64, fed.0 as i64), centred(resized.1 as i64, fed.1 as i64)),
            fed: (fed.0 as u32, fed.1 as u32),
        })
    }

    /// What the network sees, as a picture: resized and cropped (and grey, if one channel is fed), before normalisation.
    ///
    /// # Errors
    /// A picture without pixels, or more pixels than can be fed.
    pub fn view(&self, picture: &RgbImage) -> Result<RgbImage, PreprocessError> {
        let geometry = self.geometry(picture.width(), picture.height())?;
        let resized = if geometry.resized == geometry.original {
            Cow::Borrowed(picture)
        } else {
            Cow::Owned(resize(picture, geometry.resized.0, geometry.resized.1, self.interpolation)?)
        };
        let mut seen = if geometry.resized == geometry.fed {
            resized.into_owned()
        } else {
            let mut cropped = RgbImage::new(geometry.fed.0, geometry.fed.1);
            image::imageops::replace(&mut cropped, resized.as_ref(), -geometry.offset.0, -geometry.offset.1);
            cropped
        };
        if self.order == Order::Grey {
            for pixel in seen.pixels_mut() {
                *pixel = Rgb([luma(*pixel); 3]);
            }
        }
        Ok(seen)
    }

    /// What the network is fed, C×H×W.
    ///
    /// # Errors
    /// A picture without pixels, or more pixels than can be fed.
    pub fn apply(&self, picture: &RgbImage) -> Result<InputTensor, PreprocessError> {
        let seen = self.view(picture)?;
        let (width, height) = (seen.width() as usize, seen.height() as usize);
        let mut data = Vec::with_capacity(self.order.channels() * width * height);
        for channel in 0..self.order.channels() {
            let (mean, std) = self.normalisation(channel);
            let plane = self.plane(channel);
            data.extend(seen.as_raw().iter().skip(plane).step_by(3).map(|value| (f32::from(*value) - mean) / std));
        }
        Ok(InputTensor { channels: self.order.channels(), height, width, data })
    }

    /// The picture of an input tensor: the normalisation undone, clipped to 0–255. Missing channels stay black.
    pub fn undo(&self, input: &InputTensor) -> RgbImage {
        let mut picture = RgbImage::new(input.width as u32, input.height as u32);
        let size = (input.width * input.height).max(1);
        for (channel, values) in input.data.chunks_exact(size).take(self.order.channels()).enumerate() {
            let (mean, std) = self.normalisation(channel);
            for (pixel, value) in picture.pixels_mut().zip(values) {
                let level = value.mul_add(std, mean).round() as u8;
                match self.order {
                    Order::Grey => *pixel = Rgb([level; 3]),
                    Order::Rgb | Order::Bgr => pixel.0[self.plane(channel)] = level,
                }
            }
        }
        picture
    }

    /// Which of red, green, blue is fed as `channel`.
    fn plane(&self, channel: usize) -> usize {
        match self.order {
            Order::Rgb | Order::Grey => channel.min(2),
            Order::Bgr => 2_usize.saturating_sub(channel),
        }
    }
}

/// One value instead of equal ones, so that equal preprocessings compare equal.
fn collapsed(values: &[f32]) -> Vec<f32> {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value.total_cmp(first).is_eq()) => vec![*first],
        _ => values.to_vec(),
    }
}

/// Where a centred window of `window` begins in `length`: half to even as in Python's `round`, and black on both sides
/// where the window is the larger.
fn centred(length: i64, window: i64) -> i64 {
    let spare = length - window;
    let half = spare.div_euclid(2);
    match (spare < 0, spare % 2 != 0) {
        (true, _) => -((-spare) / 2),
        (false, true) if half % 2 != 0 => half + 1,
        (false, _) => half,
    }
}

/// Luma of ITU-R 601 in 16-bit fixed point, as Pillow converts to mode L.
fn luma(Rgb([red, green, blue]): Rgb<u8>) -> u8 {
    ((u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471 + 0x8000) >> 16) as u8
}
