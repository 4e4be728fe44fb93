//! Whether a checkpoint's tensors are the weights of an architecture, by names and shapes.

use std::collections::HashSet;
use std::fmt;

use super::view::View;

/// Endings of tensors that checkpoints have beside the weights: counters, and tables that follow from the architecture.
const BESIDE: &[&str] = &[
    "num_batches_tracked",
    "relative_position_index",
    "relative_coords_table",
    "attn_mask",
    "mask_token",
    "total_ops",
    "total_params",
    "n_averaged",
    "position_ids",
    "logit_scale",
    "rope.periods",
];

/// Modules that serve training alone, and stand beside a network or in place of its classifier.
const TRAINING: &[&str] = &[
    "aux",
    "AuxLogits",
    "decoder",
    "head",
    "fc",
    "classifier",
    "projector",
    "projection",
    "predictor",
    "prototypes",
    "queue",
];

/// A tensor that an architecture has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    pub(super) shape: &'a [usize],
    /// Whether its first dimension counts the classes.
    pub(super) counts_classes: bool,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference {
    Missing { name: String, shape: Vec<usize> },
    Shape { name: String, there: Vec<usize>, here: Vec<usize> },
    Unknown { name: String },
}

/// How a checkpoint fits an architecture.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// For each declared tensor, the checkpoint's.
    pub(super) tensors: Vec<Option<usize>>,
    /// The checkpoint's class count, if all its heads have the same.
    pub(super) classes: Option<usize>,
    /// What is missing or of another shape, the classifier's tensors left out where none of them is there.
    pub(super) differences: Vec<Difference>,
    /// Tensors that the architecture does not know.
    pub(super) unknown: Vec<String>,
    /// The checkpoint has no classifier.
    pub(super) headless: bool,
}

impl Fit {
    /// Compares; gives up at the first difference if only a whole fit is of interest.
    pub(super) fn of<'a>(
        view: &View,
        declared: impl Iterator<Item = Declared<'a>>,
        unused: impl Fn(&str) -> bool,
        whole: bool,
    ) -> Option<Self> {
        let mut fit = Self::default();
        let mut heads = Vec::new();
        for tensor in declared {
            let found = view.find(tensor.name).or_else(|| {
                let deeper = tensor.counts_classes.then(|| view.find_deeper(tensor.name)).flatten();
                deeper.filter(|&index| view.tensors[index].shape.get(1..) == tensor.shape.get(1..))
            });
            if tensor.counts_classes {
                heads.push((fit.tensors.len(), tensor.name, tensor.shape.to_vec()));
            } else {
                fit.compare(view, tensor.name, tensor.shape, found);
                if whole && !fit.differences.is_empty() {
                    return None;
                }
            }
            fit.tensors.push(found);
        }
        fit.head(view, &heads);
        if whole && !fit.differences.is_empty() {
            return None;
        }
        let known: HashSet<usize> = fit.tensors.iter().flatten().copied().collect();
        let beside = |name: &str| {
            let first = name.split('.').next().unwrap_or(name);
            BESIDE.iter().any(|ending| name.ends_with(ending))
                || unused(name)
                || first.starts_with("aux")
                || (fit.headless && TRAINING.iter().any(|module| first.starts_with(module)))
        };
        fit.unknown = view.others(&known).into_iter().filter(|name| !beside(name)).map(str::to_owned).collect();
        Some(fit)
    }

    fn compare(&mut self, view: &View, name: &str, shape: &[usize], found: Option<usize>) {
        match found.and_then(|index| view.tensors.get(index)) {
            None => self.differences.push(Difference::Missing { name: name.to_owned(), shape: shape.to_vec() }),
            Some(tensor) if tensor.shape != shape => self.differences.push(Difference::Shape {
                name: name.to_owned(),
                there: shape.to_vec(),
                here: tensor.shape.clone(),
            }),
            Some(_) => {}
        }
    }

    /// The classifiers: all of one class count, or all missing.
    fn head(&mut self, view: &View, heads: &[(usize, &str, Vec<usize>)]) {
        let found = |place: usize| self.tensors[place];
        self.headless = !heads.is_empty() && heads.iter().all(|(place, _, _)| found(*place).is_none());
        let first = heads.first().and_then(|(place, _, _)| found(*place));
        self.classes = first.and_then(|index| view.tensors[index].shape.first().copied());
        if self.headless {
            return;
        }
        for (place, name, shape) in heads {
            let mut shape = shape.clone();
            if let (Some(classes), Some(side)) = (self.classes, shape.first_mut()) {
                *side = classes;
            }
            let tensor = self.tensors[*place];
            self.compare(view, name, &shape, tensor);
        }
    }

    /// Whether the weights are this architecture's.
    pub(super) fn is_whole(&self) -> bool {
        self.differences.is_empty() && self.unknown.is_empty()
    }

    /// How many tensors differ.
    pub(super) fn distance(&self) -> usize {
        self.differences.len() + self.unknown.len()
    }

    /// `3 of 320 tensors differ, the first is layer1.0.conv1.weight: 64×64×1×1 there, 64×128×1×1 here`.
    pub(super) fn said(&self) -> String {
        let first = self.differences.first().cloned();
        let first = first.or_else(|| self.unknown.first().map(|name| Difference::Unknown { name: name.clone() }));
        let most = self.tensors.len().max(self.distance());
        let differ = if self.distance() == 1 { "differs" } else { "differ" };
        first.map_or_else(String::new, |first| {
            format!("{} of {most} tensors {differ}, the first is {first}", self.distance())
        })
    }
}

fn sides(shape: &[usize]) -> String {
    if shape.is_empty() {
        "a single number".to_owned()
    } else {
        shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, shape } => write!(f, "{name}: {} there, missing here", sides(shape)),
            Self::Shape { name, there, here } => write!(f, "{name}: {} there, {} here", sides(there), sides(here)),
            Self::Unknown { name } => write!(f, "{name}, which is here only"),
        }
    }
}
