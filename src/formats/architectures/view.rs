//! A checkpoint's tensors by name: as they are, without a prefix, and under the spelling of older packages.

use std::collections::{HashMap, HashSet};

use crate::formats::checkpoint::Tensor;

/// How many parts of a name are tried as a prefix.
const DEEPEST: usize = 3;

/// The tensors under one prefix.
pub(super) struct View<'a> {
    /// What stands before each name: `backbone.`, or nothing.
    pub(super) prefix: String,
    pub(super) tensors: &'a [Tensor],
    by_name: HashMap<&'a str, usize>,
}

impl<'a> View<'a> {
    fn of(tensors: &'a [Tensor], prefix: String) -> Self {
        let named = tensors.iter().enumerate();
        let by_name = named.filter_map(|(index, tensor)| Some((tensor.name.strip_prefix(&prefix)?, index))).collect();
        Self { prefix, tensors, by_name }
    }

    /// Everything, and then what is under the first part of names that most tensors share, and the part after it.
    pub(super) fn all(tensors: &'a [Tensor]) -> Vec<Self> {
        let mut views = vec![Self::of(tensors, String::new())];
        for _ in 0..DEEPEST {
            let Some(last) = views.last() else { break };
            let mut counts: Vec<(&str, usize)> = Vec::new();
            let mut places: HashMap<&str, usize> = HashMap::new();
            let mut names: Vec<&str> = last.by_name.keys().copied().collect();
            names.sort_unstable();
            for name in names {
                let Some((part, _)) = name.split_once('.') else { continue };
                let place = *places.entry(part).or_insert_with(|| {
                    counts.push((part, 0));
                    counts.len() - 1
                });
                counts[place].1 += 1;
            }
            let Some((part, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else { break };
            let next = Self::of(tensors, format!("{}{part}.", last.prefix));
            views.push(next);
        }
        views
    }

    /// The tensor of a name, also under the spelling that the architecture's package once had.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let exact = || self.by_name.get(name).copied();
        exact().or_else(|| older(name).and_then(|older| self.by_name.get(older.as_str()).copied()))
    }

    /// The tensor of a head that stands one module deeper, as in `fc = Sequential(Dropout(), Linear())`: `fc.1.weight` for
    /// `fc.weight`, if there is one such tensor only.
    pub(super) fn find_deeper(&self, name: &str) -> Option<usize> {
        let (module, kind) = name.rsplit_once('.')?;
        let numbered = |candidate: &str| {
            let rest = candidate.strip_prefix(module).and_then(|rest| rest.strip_prefix('.'));
            let number = rest.and_then(|rest| rest.strip_suffix(kind)).and_then(|rest| rest.strip_suffix('.'));
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        let mut found = self.by_name.iter().filter(|(candidate, _)| numbered(candidate)).map(|(_, index)| *index);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// Names that are not among `known`, in the file's order.
    pub(super) fn others(&self, known: &HashSet<usize>) -> Vec<&'a str> {
        let mut others: Vec<(usize, &str)> = self
            .by_name
            .iter()
            .filter(|(_, index)| !known.contains(index))
            .map(|(name, index)| (*index, *name))
            .collect();
        others.sort_unstable();
        others.into_iter().map(|(_, name)| name).collect()
    }
}

/// How torchvision spelled a name in weights that it published and still converts: the layers of `DenseNet`'s blocks
/// (`denselayer1.norm.1`) and of the transformers' perceptrons (`mlp.linear_1`).
fn older(name: &str) -> Option<String> {
    if name.contains("denselayer") {
        for layer in ["norm", "conv"] {
            for number in ["1", "2"] {
                if let Some((before, after)) = name.split_once(&format!(".{layer}{number}.")) {
                    return Some(format!("{before}.{layer}.{number}.{after}"));
                }
            }
        }
    }
    for (now, then) in [(".mlp.0.", ".mlp.linear_1."), (".mlp.3.", ".mlp.linear_2.")] {
        if name.contains(now) {
            return Some(name.replace(now, then));
        }
    }
    None
}
