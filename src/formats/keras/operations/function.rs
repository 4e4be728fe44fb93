//! A call of a function, and its parameters, wherever the file keeps them.

use serde_json::Value as Json;

use super::super::KerasError;
use super::super::arguments::{Arguments, Given};
use super::super::layers::Call;
use super::super::options::Options;
use super::super::tensor::Tensor;

/// A call of a function: its arguments, and its options as Keras 3 keeps them.
pub(super) struct Function<'a> {
    pub(super) given: &'a Arguments<Tensor>,
    pub(super) options: &'a Options,
    /// `reducemean` for `math.reduce_mean`, `truedivide` for `TrueDivide`.
    pub(super) name: String,
}

impl Function<'_> {
    pub(super) fn of<'a>(call: &Call<'a>, given: &'a Arguments<Tensor>) -> Function<'a> {
        let options = call.options;
        let named = options.get("function").and_then(Json::as_str);
        let name = named.map_or(&*options.class, |name| name.rsplit('.').next().unwrap_or(name));
        let name = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        Function { given, options, name }
    }

    /// A parameter that is no tensor: of this call, or kept with the function.
    pub(super) fn plain(&self, position: usize, names: &[&str]) -> Option<&Json> {
        match self.given.get(position, names) {
            Some(Given::Plain(json)) => Some(json),
            _ => names.iter().find_map(|name| self.options.get(name)),
        }
    }

    /// Whole numbers, however the file nests them.
    pub(super) fn ints(&self, position: usize, names: &[&str]) -> Option<Vec<i64>> {
        fn flat(json: &Json, into: &mut Vec<i64>) -> Option<()> {
            match json {
                Json::Array(items) => items.iter().try_for_each(|item| flat(item, into)),
                _ => json.as_i64().map(|number| into.push(number)),
            }
        }
        let mut numbers = Vec::new();
        flat(self.plain(position, names)?, &mut numbers)?;
        Some(numbers)
    }

    pub(super) fn number(&self, position: usize, names: &[&str]) -> Option<f64> {
        self.plain(position, names)?.as_f64()
    }

    pub(super) fn flag(&self, position: usize, names: &[&str], default: bool) -> bool {
        self.plain(position, names).and_then(Json::as_bool).unwrap_or(default)
    }

    /// The tensor that is worked on.
    pub(super) fn input(&self, call: &Call) -> Result<Tensor, KerasError> {
        let found = self.given.tensors().into_iter().next();
        found.ok_or_else(|| call.options.wrong("it is called without a tensor"))
    }

    /// Dimensions of Keras's own shape; `None` where the file names none, and an error for the batch or none that there is.
    pub(super) fn axes(
        &self,
        call: &Call,
        rank: usize,
        position: usize,
        names: &[&str],
    ) -> Result<Option<Vec<usize>>, KerasError> {
        let Some(numbers) = self.ints(position, names) else { return Ok(None) };
        let counted = |number: i64| {
            let number = if number < 0 { number.checked_add(rank as i64)? } else { number };
            usize::try_from(number).ok().filter(|number| (1..rank).contains(number))
        };
        let axes: Option<Vec<usize>> = numbers.into_iter().map(counted).collect();
        axes.map(Some).ok_or_else(|| call.options.unsupported("an axis that is the batch's or none"))
    }

    /// The one dimension of Keras's own shape that the parameter `axis` names.
    pub(super) fn axis(&self, call: &Call, rank: usize, position: usize) -> Result<usize, KerasError> {
        match self.axes(call, rank, position, &["axis"])?.as_deref() {
            Some(&[one]) => Ok(one),
            _ => Err(call.options.unsupported("an axis that is the batch's or none")),
        }
    }
}
