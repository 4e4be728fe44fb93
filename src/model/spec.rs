//! The SPEC of `--preprocess`: how a [`Preprocessing`] is written.
//!
//! A preset, a list of `key=value`, or a preset followed by such a list, which overrides it:
//! `imagenet`, `resize=256,crop=224,interpolation=bicubic,order=rgb,mean=127:127:127,std=128:128:128`, `tf,resize=150x150`.
//! A list without a preset begins from `raw`. An override of `resize` also drops the crop of the preset, which belonged to
//! the old size. `resize=none` and `crop=none` take them away.

use std::fmt;
use std::str::FromStr;

use super::nearest::suggestion;
use super::preprocess::{LONGEST_SIDE, NormalisationError, Order, Preprocessing, Resize};
use super::printable::printable;
use super::resample::Interpolation;

/// Names of the presets.
pub const PRESETS: [&str; 5] = ["imagenet", "tf", "caffe", "unit", "raw"];
/// What each of them makes of a picture, in words.
pub const PRESET_MEANINGS: [&str; 5] = [
    "torchvision's: 256, crop 224, ImageNet mean and std",
    "pixels from -1 to 1",
    "blue first, minus the ImageNet mean",
    "pixels from 0 to 1",
    "pixels from 0 to 255",
];
const KEYS: [&str; 6] = ["resize", "crop", "interpolation", "order", "mean", "std"];

/// What is wrong with a SPEC.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Nothing in it.
    #[error("the preprocessing is empty: give a preset ({}) or keys ({})", PRESETS.join(", "), KEYS.join(", "))]
    Empty,
    /// A word that is no preset.
    #[error("unknown preprocessing `{word}`{hint}; presets: {}", PRESETS.join(", "))]
    UnknownPreset {
        /// The word.
        word: String,
        /// Names like it.
        hint: String,
    },
    /// A preset after something else.
    #[error("preset `{0}` must come first in the preprocessing, what follows it overrides it")]
    LatePreset(String),
    /// A key that does not exist.
    #[error("unknown key `{key}` in the preprocessing{hint}; keys: {}", KEYS.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
        /// Names like it.
        hint: String,
    },
    /// A key given twice.
    #[error("`{0}` is given twice in the preprocessing")]
    Twice(&'static str),
    /// A value that the key does not take.
    #[error("`{key}={value}` in the preprocessing: {key} takes {takes}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What would be right.
        takes: String,
    },
    /// Mean and std that do not fit the channels.
    #[error("preprocessing: {0}")]
    Normalisation(#[from] NormalisationError),
}

fn preset(name: &str) -> Option<Preprocessing> {
    Some(match name {
        "imagenet" => Preprocessing::imagenet(),
        "tf" => Preprocessing::tf(),
        "caffe" => Preprocessing::caffe(),
        "unit" => Preprocessing::unit(),
        "raw" => Preprocessing::raw(),
        _ => return None,
    })
}

impl FromStr for Preprocessing {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        let mut result = Self::raw();
        let mut seen: Vec<&'static str> = Vec::new();
        let mut begun = false;
        for item in spec.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            match item.split_once('=') {
                None => result = named(item, begun)?,
                Some((key, value)) => {
                    let key = known_key(key.trim())?;
                    if seen.contains(&key) {
                        return Err(SpecError::Twice(key));
                    }
                    if key == "resize" && !seen.contains(&"crop") {
                        result.crop = None;
                    }
                    seen.push(key);
                    result.set(key, value.trim())?;
                }
            }
            begun = true;
        }
        if !begun {
            return Err(SpecError::Empty);
        }
        let (mean, std) = (result.mean.clone(), result.std.clone());
        let order = result.order;
        Ok(result.with_normalisation(order, &mean, &std)?)
    }
}

fn named(word: &str, begun: bool) -> Result<Preprocessing, SpecError> {
    let lower = word.to_ascii_lowercase();
    match preset(&lower) {
        Some(_) if begun => Err(SpecError::LatePreset(lower)),
        Some(preset) => Ok(preset),
        None => Err(SpecError::UnknownPreset {
            word: printable(word).into_owned(),
            hint: suggestion(&lower, PRESETS.into_iter().chain(KEYS)),
        }),
    }
}

fn known_key(key: &str) -> Result<&'static str, SpecError> {
    KEYS.into_iter()
        .find(|known| known.eq_ignore_ascii_case(key))
        .ok_or_else(|| SpecError::UnknownKey { key: printable(key).into_owned(), hint: suggestion(key, KEYS) })
}

impl Preprocessing {
    fn set(&mut self, key: &'static str, value: &str) -> Result<(), SpecError> {
        let wrong = |takes: String| SpecError::Value { key, value: printable(value).into_owned(), takes };
        let lower = value.to_lowercase();
        let sides = || format!("N or W×H, of 1 to {LONGEST_SIDE} pixels, or none");
        match key {
            "resize" if lower == "none" => self.resize = None,
            "crop" if lower == "none" => self.crop = None,
            "resize" => {
                self.resize = Some(match sizes(&lower).ok_or_else(|| wrong(sides()))? {
                    (side, None) => Resize::ShortSide(side),
                    (width, Some(height)) => Resize::Exact { width, height },
                });
            }
            "crop" => {
                let (width, height) = sizes(&lower).ok_or_else(|| wrong(sides()))?;
                self.crop = Some((width, height.unwrap_or(width)));
            }
            "interpolation" => {
                self.interpolation = Interpolation::ALL
                    .into_iter()
                    .find(|known| known.name() == lower)
                    .ok_or_else(|| wrong(list(Interpolation::ALL.map(Interpolation::name))))?;
            }
            "order" => {
                let lower = if lower == "gray" { Order::Grey.name() } else { &lower };
                self.order = Order::ALL
                    .into_iter()
                    .find(|known| known.name() == lower)
                    .ok_or_else(|| wrong(list(Order::ALL.map(Order::name))))?;
            }
            _ => {
                let values: Result<Vec<f32>, _> = value.split(':').map(|number| number.trim().parse::<f32>()).collect();
                let takes = "one number for all channels or one for each, as in 127:127:127";
                let values = values.map_err(|_| wrong(takes.into()))?;
                if key == "mean" { self.mean = values } else { self.std = values }
            }
        }
        Ok(())
    }
}

/// `N`, `W×H` or `WxH`, each within the limits.
fn sizes(text: &str) -> Option<(u32, Option<u32>)> {
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| (1..=LONGEST_SIDE).contains(side));
    match text.split_once(['x', '×']) {
        None => Some((side(text)?, None)),
        Some((width, height)) => Some((side(width)?, Some(side(height)?))),
    }
}

fn list<const N: usize>(names: [&str; N]) -> String {
    match names.as_slice() {
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => String::new(),
    }
}

impl fmt::Display for Preprocessing {
    /// The name of a preset, or the whole list.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = PRESETS.into_iter().find(|name| preset(name).as_ref() == Some(self)) {
            return out.write_str(name);
        }
        match self.resize {
            Some(Resize::ShortSide(side)) => write!(out, "resize={side},")?,
            Some(Resize::Exact { width, height }) => write!(out, "resize={width}×{height},")?,
            None => {}
        }
        match self.crop {
            Some((width, height)) if width == height => write!(out, "crop={width},")?,
            Some((width, height)) => write!(out, "crop={width}×{height},")?,
            None => {}
        }
        write!(out, "interpolation={},order={}", self.interpolation.name(), self.order.name())?;
        for (key, values) in [("mean", &self.mean), ("std", &self.std)] {
            let values: Vec<String> = values.iter().map(f32::to_string).collect();
            write!(out, ",{key}={}", values.join(":"))?;
        }
        Ok(())
    }
}
