//! A layer's options, with Keras's own defaults and a clear word on what makes no sense.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};

use super::KerasError;
use crate::model::printable;

const LARGEST: i64 = 1 << 30;

/// Larger sizes are no picture's; sums and products of two of these stay within 64 bits.
pub(super) const SIZES: RangeInclusive<i64> = 1..=LARGEST;

/// Name, class and options of a layer.
#[derive(Debug)]
pub(super) struct Options {
    /// The layer's name.
    pub(super) name: String,
    /// Its Keras class.
    pub(super) class: String,
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

    /// Height and width, of at least 1 each; one number stands for both.
    pub(super) fn pair(&self, key: &str) -> Result<Option<[i64; 2]>, KerasError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = |value: &Json| value.as_i64().filter(|size| SIZES.contains(size));
        let pair = match value.as_array().map(Vec::as_slice) {
            Some([height, width]) => size(height).zip(size(width)).map(|(height, width)| [height, width]),
            Some(_) => None,
            None => size(value).map(|both| [both, both]),
        };
        pair.map(Some).ok_or_else(|| self.bad(key, value))
    }

    /// Rows and columns to add before and after: `[[top, bottom], [left, right]]`, `[vertical, horizontal]` or one number.
    pub(super) fn border(&self, key: &str) -> Result<Option<[[i64; 2]; 2]>, KerasError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let size = |value: &Json| value.as_i64().filter(|size| (0..=LARGEST).contains(size));
        let both_ends = |value: &Json| match value.as_array().map(Vec::as_slice) {
            Some([before, after]) => size(before).zip(size(after)).map(|(before, after)| [before, after]),
            Some(_) => None,
            None => size(value).map(|both| [both, both]),
        };
        let border = match value.as_array().map(Vec::as_slice) {
            Some([vertical, horizontal]) => both_ends(vertical).zip(both_ends(horizontal)),
            Some(_) => None,
            None => both_ends(value).map(|both| (both, both)),
        };
        border.map(|(vertical, horizontal)| Some([vertical, horizontal])).ok_or_else(|| self.bad(key, value))
    }

    /// Whether `padding` is `same`.
    pub(super) fn same_padding(&self) -> Result<bool, KerasError> {
        match self.text("padding", "valid")? {
            "same" => Ok(true),
            "valid" => Ok(false),
            other => Err(self.unsupported(format!("padding '{other}'"))),
        }
    }

    /// Refuses a layer of N×C×H×W in the file.
    pub(super) fn channels_last(&self) -> Result<(), KerasError> {
        match self.text("data_format", "channels_last")? {
            "channels_last" => Ok(()),
            other => Err(self.unsupported(format!("data_format '{other}'"))),
        }
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
