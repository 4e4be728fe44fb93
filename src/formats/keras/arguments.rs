//! What a layer is called with, as the file writes it and once the tensors in it are known.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::tensor::Tensor;
use crate::model::printable;

/// Where a call of a layer takes a tensor from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Source {
    /// The layer that gives it.
    pub(super) layer: String,
    /// Which of that layer's calls.
    pub(super) call: usize,
    /// Which of that call's tensors.
    pub(super) tensor: usize,
}

/// An argument; `T` is where a tensor comes from, or the tensor itself.
#[derive(Debug, Clone)]
pub(super) enum Given<T> {
    /// A tensor.
    Tensor(T),
    /// Numbers, words, slices.
    Plain(Json),
    /// Several, with a tensor among them.
    List(Vec<Given<T>>),
}

/// The arguments of one call.
#[derive(Debug, Clone)]
pub(super) struct Arguments<T> {
    /// By position.
    pub(super) positional: Vec<Given<T>>,
    /// By name.
    pub(super) keywords: Vec<(String, Given<T>)>,
}

/// Arguments that say what is to be left out; nothing is in one picture.
const MASKS: &[&str] = &["attention_mask", "initial_state", "key_mask", "mask", "query_mask", "value_mask"];

impl<T: Clone> Given<T> {
    fn collect(&self, found: &mut Vec<T>) {
        match self {
            Self::Tensor(tensor) => found.push(tensor.clone()),
            Self::Plain(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.collect(found)),
        }
    }

    /// The tensors in it, in order.
    pub(super) fn tensors(&self) -> Vec<T> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }
}

impl<T: Clone> Arguments<T> {
    /// A call with tensors alone.
    pub(super) fn of_tensors(tensors: Vec<T>) -> Self {
        Self { positional: tensors.into_iter().map(Given::Tensor).collect(), keywords: Vec::new() }
    }

    /// All tensors in it, in order.
    pub(super) fn tensors(&self) -> Vec<T> {
        let mut found = Vec::new();
        self.positional.iter().for_each(|given| given.collect(&mut found));
        self.keywords.iter().for_each(|(_, given)| given.collect(&mut found));
        found
    }

    /// The tensors that are transformed: all but masks.
    pub(super) fn inputs(&self) -> Vec<T> {
        let mut found = Vec::new();
        self.positional.iter().for_each(|given| given.collect(&mut found));
        let others = self.keywords.iter().filter(|(name, _)| !MASKS.contains(&&**name));
        others.for_each(|(_, given)| given.collect(&mut found));
        found
    }

    /// Whether a mask is among the arguments.
    pub(super) fn masked(&self) -> bool {
        self.keywords.iter().any(|(name, given)| MASKS.contains(&&**name) && !given.tensors().is_empty())
    }

    /// The argument of that name or, by position, without one. `None` also for Python's `None`.
    pub(super) fn get(&self, position: usize, names: &[&str]) -> Option<&Given<T>> {
        let by_name = self.keywords.iter().find(|(name, _)| names.contains(&&**name)).map(|(_, given)| given);
        by_name.or_else(|| self.positional.get(position)).filter(|given| !matches!(given, Given::Plain(Json::Null)))
    }
}

impl Arguments<Source> {
    /// Every source in it, to be changed.
    pub(super) fn sources_mut(&mut self) -> Vec<&mut Source> {
        fn collect<'a>(given: &'a mut Given<Source>, found: &mut Vec<&'a mut Source>) {
            match given {
                Given::Tensor(source) => found.push(source),
                Given::Plain(_) => {}
                Given::List(items) => items.iter_mut().for_each(|item| collect(item, found)),
            }
        }
        let mut found = Vec::new();
        self.positional.iter_mut().for_each(|given| collect(given, &mut found));
        self.keywords.iter_mut().for_each(|(_, given)| collect(given, &mut found));
        found
    }

    /// The same with the tensors themselves; `None` where one is not known.
    pub(super) fn resolve(&self, known: &HashMap<Source, Tensor>) -> Option<Arguments<Tensor>> {
        fn resolve(given: &Given<Source>, known: &HashMap<Source, Tensor>) -> Option<Given<Tensor>> {
            Some(match given {
                Given::Tensor(source) => Given::Tensor(known.get(source)?.clone()),
                Given::Plain(json) => Given::Plain(json.clone()),
                Given::List(items) => {
                    Given::List(items.iter().map(|item| resolve(item, known)).collect::<Option<_>>()?)
                }
            })
        }
        let keywords = self.keywords.iter().map(|(name, given)| Some((name.clone(), resolve(given, known)?)));
        Some(Arguments {
            positional: self.positional.iter().map(|given| resolve(given, known)).collect::<Option<_>>()?,
            keywords: keywords.collect::<Option<_>>()?,
        })
    }

    /// Reads one entry of `inbound_nodes`, of Keras 2 or of Keras 3.
    pub(super) fn of(json: &Json) -> Self {
        match json.get("args") {
            Some(positional) => {
                let positional = positional.as_array().map_or(&[][..], Vec::as_slice);
                let keywords = json.get("kwargs").and_then(Json::as_object);
                Self {
                    positional: positional.iter().map(|json| given(json, keras_tensor)).collect(),
                    keywords: keywords.map_or_else(Vec::new, |keywords| {
                        keywords.iter().map(|(name, json)| (name.clone(), given(json, keras_tensor))).collect()
                    }),
                }
            }
            None => Self::of_keras_2(json),
        }
    }

    /// `[[layer, call, tensor, keyword arguments]…]`, in lists of any depth; the first has the keyword arguments of all.
    fn of_keras_2(json: &Json) -> Self {
        let keywords = first_keywords(json).map_or_else(Vec::new, |keywords| {
            keywords.iter().map(|(name, json)| (name.clone(), given(json, history))).collect()
        });
        let first = match (constant(json), given(json, history)) {
            (Some(constant), _) => Given::Plain(constant),
            // A list of one is how a single tensor is written.
            (None, Given::List(mut items)) if items.len() == 1 => items.swap_remove(0),
            (None, Given::Plain(_)) => Given::Plain(Json::Null),
            (None, other) => other,
        };
        Self { positional: vec![first], keywords }
    }
}

/// `["_CONSTANT_VALUE", -1, value, keyword arguments]`
fn constant(json: &Json) -> Option<Json> {
    match json.as_array()?.as_slice() {
        [name, _, value, ..] if name.as_str() == Some("_CONSTANT_VALUE") => Some(value.clone()),
        [one] => constant(one),
        _ => None,
    }
}

fn first_keywords(json: &Json) -> Option<&serde_json::Map<String, Json>> {
    let items = json.as_array()?;
    match items.as_slice() {
        [name, _, _, keywords, ..] if name.is_string() => keywords.as_object(),
        _ => items.iter().find_map(first_keywords),
    }
}

/// Reads an argument; `tensor` knows how a tensor is written. Dictionaries count as lists, in the order of their keys, as
/// Keras itself flattens them.
pub(super) fn given(json: &Json, tensor: fn(&Json) -> Option<Source>) -> Given<Source> {
    if let Some(source) = tensor(json) {
        return Given::Tensor(source);
    }
    let items: Vec<Given<Source>> = match json {
        Json::Array(items) => items.iter().map(|item| given(item, tensor)).collect(),
        Json::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(_, item)| given(item, tensor)).collect()
        }
        _ => Vec::new(),
    };
    if items.iter().all(|item| matches!(item, Given::Plain(_))) {
        Given::Plain(json.clone())
    } else {
        Given::List(items)
    }
}

/// Keras 3: a tensor stands among the arguments as an object.
fn keras_tensor(json: &Json) -> Option<Source> {
    history(json.get("config")?.get("keras_history")?)
}

/// Keras 2, and the ends of a model: `[layer, call, tensor]`.
pub(super) fn history(json: &Json) -> Option<Source> {
    let [layer, call, tensor, ..] = json.as_array()?.as_slice() else { return None };
    Some(Source {
        layer: printable(layer.as_str()?).into_owned(),
        call: usize::try_from(call.as_u64()?).ok()?,
        tensor: usize::try_from(tensor.as_u64()?).ok()?,
    })
}
