//! Where NaNs and infinities arise: the first node, and why.

use std::collections::{BTreeMap, HashMap};

use tch::{Kind, Tensor};

use super::finding::{Cause, Finding, NotFinite, Problem, Severity};
use super::structure::{Structure, layer_of};
use crate::aten::Value;
use crate::methods::{MethodError, Network, node};
use crate::model::graph::{Node, ValueId, WeightRole};

/// Operators that are used to put infinities where nothing is to be seen, as in the mask of an attention or beside a picture
/// whose maximum is taken.
const MASKS: &[&str] = &[
    "constant_pad_nd",
    "full_like",
    "index_fill",
    "index_put",
    "masked_fill",
    "masked_scatter",
    "pad",
    "scatter",
    "where",
];

/// How many of a tensor's values are not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) nan: u64,
    pub(super) inf: u64,
}

impl Counts {
    /// Counts in a tensor of any kind; whole numbers are always finite.
    pub(super) fn of(tensor: &Tensor) -> Result<Self, MethodError> {
        let float = matches!(tensor.kind(), Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16);
        if !float || !tensor.defined() || tensor.numel() == 0 {
            return Ok(Self::default());
        }
        // A sum that is finite has only finite parts, and is the fastest way to say so.
        if tensor.f_sum(Kind::Float)?.f_double_value(&[])?.is_finite() {
            return Ok(Self::default());
        }
        let count = |mask: Tensor| Ok::<_, MethodError>(mask.f_sum(Kind::Int64)?.f_int64_value(&[])?.unsigned_abs());
        Ok(Self { nan: count(tensor.f_isnan()?)?, inf: count(tensor.f_isinf()?)? })
    }

    fn add(&mut self, other: Self) {
        self.nan += other.nan;
        self.inf += other.inf;
    }

    pub(super) fn any(self) -> bool {
        self.nan > 0 || self.inf > 0
    }
}

/// A place where values that are not finite arise.
#[derive(Debug, Clone)]
struct Origin {
    count: u64,
    elements: u64,
    pictures: usize,
    first: String,
    cause: Cause,
}

/// A weight that is not finite.
#[derive(Debug)]
struct Damaged {
    name: String,
    /// Minus infinities and not learned: what an attention is not to look at.
    is_mask: bool,
}

/// Follows values that are not finite through the runs.
#[derive(Debug)]
pub(super) struct Finiteness {
    weights: HashMap<ValueId, Damaged>,
    origins: BTreeMap<(usize, NotFinite), Origin>,
    input: Option<(Counts, usize, String)>,
    /// Values that were not finite in some run.
    ever: HashMap<ValueId, Counts>,
    /// What is not finite in the run that is under way, by root.
    now: HashMap<ValueId, Counts>,
}

impl Finiteness {
    /// Looks at the weights.
    pub(super) fn of_weights(network: &Network, findings: &mut Vec<Finding>) -> Result<Self, MethodError> {
        let mut weights = HashMap::new();
        let graph = network.engine.graph();
        for weight in &graph.weights {
            let Some(tensor) = network.engine.weight(weight.value) else { continue };
            let counts = Counts::of(tensor)?;
            if !counts.any() {
                continue;
            }
            let learned = matches!(weight.role, WeightRole::Parameter | WeightRole::Frozen);
            let is_mask = !learned && counts.nan == 0 && tensor.f_max()?.f_double_value(&[])?.is_finite();
            weights.insert(weight.value, Damaged { name: weight.name.clone(), is_mask });
            if is_mask {
                continue;
            }
            let reader = graph.nodes.iter().find(|node| node.reads().contains(&weight.value));
            findings.push(Finding {
                severity: Severity::Trouble,
                layer: reader.and_then(layer_of),
                node: reader.map(|node| node.name.clone()),
                problem: Problem::WeightNotFinite {
                    weight: weight.name.clone(),
                    nan: counts.nan,
                    inf: counts.inf,
                    elements: weight.elements(),
                },
            });
        }
        Ok(Self { weights, origins: BTreeMap::new(), input: None, ever: HashMap::new(), now: HashMap::new() })
    }

    /// Begins a run on an input.
    pub(super) fn begin(&mut self, source: ValueId, input: &Tensor, name: &str) -> Result<(), MethodError> {
        self.now.clear();
        let counts = Counts::of(input)?;
        if counts.any() {
            self.now.insert(source, counts);
            let known = self.input.get_or_insert_with(|| (counts, 0, name.to_owned()));
            known.1 += 1;
        }
        Ok(())
    }

    /// Takes note of what a node made.
    pub(super) fn see(
        &mut self,
        network: &Network,
        structure: &Structure,
        index: usize,
        results: &[Value],
        name: &str,
    ) -> Result<(), MethodError> {
        let node = &network.engine.graph().nodes[index];
        let made = results.iter().flat_map(|value| match value {
            Value::List(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        });
        let (mut all, mut elements, mut found) = (Counts::default(), 0, Vec::new());
        for (value, tensor) in node.makes().zip(made).filter_map(|(value, made)| Some((value, made.tensor()?))) {
            let counts = Counts::of(tensor)?;
            if counts.any() {
                all.add(counts);
                elements += tensor.numel() as u64;
                self.ever.entry(value).or_insert(counts);
                found.push((structure.root(value), counts));
            }
        }
        if !found.is_empty()
            && structure.reads_dependent(node)
            && let Some((kind, cause)) = self.arising(node, structure, all)
        {
            let count = if kind == NotFinite::Nan { all.nan } else { all.inf };
            let new = || Origin { count, elements, pictures: 0, first: name.to_owned(), cause };
            self.origins.entry((index, kind)).or_insert_with(new).pictures += 1;
        }
        self.now.extend(found);
        Ok(())
    }

    /// Whether what a node made is of a kind that nothing it read was of, and why.
    fn arising(&self, node: &Node, structure: &Structure, made: Counts) -> Option<(NotFinite, Cause)> {
        let (mut read, mut damaged, mut masked) = (Counts::default(), None, false);
        for value in node.reads() {
            if let Some(counts) = self.now.get(&structure.root(value)) {
                read.add(*counts);
            }
            if let Some(weight) = self.weights.get(&value) {
                masked |= weight.is_mask;
                damaged = damaged.or_else(|| Some(weight.name.clone()).filter(|_| !weight.is_mask));
            }
        }
        if made.nan > 0 && read.nan == 0 {
            let cause = match damaged {
                Some(name) => Cause::Weight(name),
                None if read.inf > 0 || masked => Cause::Infinities,
                None => Cause::Arithmetic,
            };
            return Some((NotFinite::Nan, cause));
        }
        let meant = masked || MASKS.contains(&node::operator(node));
        let new = made.nan == 0 && !read.any() && !meant;
        new.then(|| (NotFinite::Inf, damaged.map_or(Cause::Arithmetic, Cause::Weight)))
    }

    /// What was not finite of a value, in the first picture where something was.
    pub(super) fn of(&self, value: ValueId) -> Counts {
        self.ever.get(&value).copied().unwrap_or_default()
    }

    /// What was found in all runs.
    pub(super) fn findings(&self, network: &Network, findings: &mut Vec<Finding>) {
        if let Some((counts, pictures, first)) = &self.input {
            let (pictures, first) = (*pictures, first.clone());
            let problem = Problem::InputNotFinite { nan: counts.nan, inf: counts.inf, pictures, first };
            findings.push(Finding { severity: Severity::Trouble, layer: None, node: None, problem });
        }
        for (&(index, kind), origin) in &self.origins {
            let node = &network.engine.graph().nodes[index];
            let Origin { count, elements, pictures, first, cause } = origin.clone();
            findings.push(Finding {
                severity: Severity::Trouble,
                layer: layer_of(node),
                node: Some(node.name.clone()),
                problem: Problem::ActivationNotFinite { kind, count, elements, pictures, first, cause },
            });
        }
    }
}
