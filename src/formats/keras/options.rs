//! A layer's options, with Keras's own defaults and a clear word on what makes no sense.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};

use super::KerasError;
use crate::model::printable;

const LARGEST: i64 = 1 << 30;

/// Larger sizes are no picture's; sums and products of two of these stay within 64 bits.
pub(super) const SIZES: RangeInclusive<i64> = 1..=LARGEST;

/// How the borders of a window's input are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Not at all.
    Valid,
    /// As many steps as fit into the input.
    Same,
    /// Before the first value only.
    Causal,
}

/// Name, class and options of a layer.
#[derive(Debug)]
pub(super) struct Options {
    /// The layer's name.
    pub(super) name: String,
    /// Its Keras class.
    pub(super) class: String,
    /// Whether it is a function of `keras.ops` or of TensorFlow's in place of a layer.
    pub(super) operation: bool,
    /// Whether its class is neither Keras's nor TensorFlow's.
    pub(super) foreign: bool,
    /// What else the file's `config` says.
    pub(super) entries: Map<String, Json>,
}

impl Options {
    /// An option that is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.entries.get(key).filter(|value| !value.is_null())
    }

    /// An error about this layer.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> KerasError {
        KerasError::Layer { layer: self.name.clone(), class: self.class.clone(), reason: reason.into() }
    }

    /// An option that cannot be run.
    pub(super) fn unsupported(&self, option: impl AsRef<str>) -> KerasError {
        KerasError::UnsupportedOption {
            layer: self.name.clone(),
            class: self.class.clone(),
            option: printable(option.as_ref()).into_owned(),
        }
    }

    fn bad(&self, key: &str, value: &Json) -> KerasError {
        let text: String = value.to_string().chars().take(80).collect();
        self.wrong(format!("its {key} is {}", printable(&text)))
    }

    /// A truth value.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, KerasError> {
        self.get(key).map_or(Ok(default), |value| value.as_bool().ok_or_else(|| self.bad(key, value)))
    }

    /// A word.
    pub(super) fn text<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, KerasError> {
        self.get(key).map_or(Ok(default), |value| value.as_str().ok_or_else(|| self.bad(key, value)))
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, KerasError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().filter(|number| number.is_finite()).map(Some).ok_or_else(|| self.bad(key, value))
    }

    /// A number, or one for each channel, however the file nests them.
    pub(super) fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, KerasError> {
        fn flat(json: &Json, into: &mut Vec<f64>) -> Option<()> {
            match json {
                Json::Array(items) => items.iter().try_for_each(|item| flat(item, into)),
                _ => json.as_f64().filter(|number| number.is_finite()).map(|number| into.push(number)),
            }
        }
        let Some(value) = self.get(key) else { return Ok(None) };
        let mut numbers = Vec::new();
        flat(value, &mut numbers).ok_or_else(|| self.bad(key, value))?;
        Ok(Some(numbers))
    }

    /// A whole number of at least 1.
    pub(super) fn size(&self, key: &str) -> Result<Option<i64>, KerasError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = value.as_i64().filter(|size| SIZES.contains(size));
        size.map(Some).ok_or_else(|| self.bad(key, value))
    }

    /// A size of at least 1 for each of `dimensions`; one number stands for all.
    pub(super) fn sizes(&self, key: &str, dimensions: usize) -> Result<Option<Vec<i64>>, KerasError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = |value: &Json| value.as_i64().filter(|size| SIZES.contains(size));
        let sizes = match value.as_array().map(Vec::as_slice) {
            Some(items) if items.len() == dimensions => items.iter().map(size).collect(),
            Some(_) => None,
            None => size(value).map(|all| vec![all; dimensions]),
        };
        sizes.map(Some).ok_or_else(|| self.bad(key, value))
    }

    /// Rows and columns before and after, for each of `dimensions`: `[[top, bottom], [left, right]]`, `[vertical,
    /// horizontal]` or one number; of a single dimension `[before, after]`.
    pub(super) fn borders(&self, key: &str, dimensions: usize) -> Result<Option<Vec<[i64; 2]>>, KerasError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = |value: &Json| value.as_i64().filter(|size| (0..=LARGEST).contains(size));
        let both_ends = |value: &Json| match value.as_array().map(Vec::as_slice) {
            Some([before, after]) => size(before).zip(size(after)).map(|(before, after)| [before, after]),
            Some(_) => None,
            None => size(value).map(|both| [both, both]),
        };
        let borders = match value.as_array().map(Vec::as_slice) {
            Some(items) if items.len() == dimensions => items.iter().map(both_ends).collect(),
            Some([_, _]) if dimensions == 1 => both_ends(value).map(|both| vec![both]),
            Some(_) => None,
            None => both_ends(value).map(|both| vec![both; dimensions]),
        };
        borders.map(Some).ok_or_else(|| self.bad(key, value))
    }

    /// How a window's borders are filled.
    pub(super) fn padding(&self) -> Result<Padding, KerasError> {
        match self.text("padding", "valid")?.to_ascii_lowercase().as_str() {
            "same" => Ok(Padding::Same),
            "valid" => Ok(Padding::Valid),
            "causal" => Ok(Padding::Causal),
            other => Err(self.unsupported(format!("padding '{other}'"))),
        }
    }

    /// Whether the layer works on N×C×H×W.
    pub(super) fn channels_first(&self) -> Result<bool, KerasError> {
        match self.text("data_format", "channels_last")? {
            "channels_last" => Ok(false),
            "channels_first" => Ok(true),
            other => Err(self.unsupported(format!("data_format '{other}'"))),
        }
    }

    /// Dimensions of Keras's own shape (the batch is 0), in rising order; `None` where the file names none.
    pub(super) fn axes(&self, rank: usize) -> Result<Option<Vec<usize>>, KerasError> {
        let Some(value) = self.get("axis") else { return Ok(None) };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let counted = |item: &Json| {
            let number = item.as_i64()?;
            let number = if number < 0 { number.checked_add(rank as i64)? } else { number };
            usize::try_from(number).ok().filter(|number| (1..rank).contains(number))
        };
        let mut axes: Vec<usize> =
            items.iter().map(counted).collect::<Option<_>>().ok_or_else(|| self.bad("axis", value))?;
        axes.sort_unstable();
        axes.dedup();
        Ok(Some(axes))
    }

    /// A dimension of Keras's own shape (the batch is 0) of a tensor with `rank` dimensions, the batch included; the last
    /// by default. Lists of one are what Keras 2 wrote.
    pub(super) fn axis(&self, rank: usize) -> Result<usize, KerasError> {
        let Some(value) = self.get("axis") else { return Ok(rank.saturating_sub(1)) };
        let one = match value.as_array().map(Vec::as_slice) {
            Some([one]) => one.as_i64(),
            Some(_) => None,
            None => value.as_i64(),
        };
        let axis = one.map(|axis| if axis < 0 { axis.saturating_add(rank as i64) } else { axis });
        axis.and_then(|axis| usize::try_from(axis).ok())
            .filter(|axis| (1..rank).contains(axis))
            .ok_or_else(|| self.bad("axis", value))
    }
}
