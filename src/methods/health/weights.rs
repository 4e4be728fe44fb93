//! What the numbers of the kernels say by themselves.

use std::collections::{HashMap, HashSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tch::{Device, Kind, Tensor};

use super::finding::{Finding, Problem, Severity};
use super::structure::layer_of;
use crate::engine::numbers;
use crate::methods::job::Job;
use crate::methods::{MethodError, Network, node};
use crate::model::graph::{Argument, Node, ValueId, WeightRole};

/// Distance from the median, in robust standard deviations, beyond which a weight is an outlier. In trained networks of
/// ImageNet a few reach 60; a normal distribution reaches 6 once in a billion.
const OUTLIER: f64 = 100.0;
/// Filters of fewer numbers are equal by chance, as those of a depthwise 1×1 convolution are.
const FEWEST_NUMBERS: i64 = 4;
/// Most numbers that are copied to the host at once, and that a median is taken of.
const BLOCK: i64 = 1 << 22;

/// Looks at every kernel that a convolution or a linear layer multiplies with.
pub(super) fn findings(network: &Network, job: Job<'_>, findings: &mut Vec<Finding>) -> Result<(), MethodError> {
    let graph = network.engine.graph();
    let learned: HashMap<ValueId, &str> = graph
        .weights
        .iter()
        .filter(|weight| matches!(weight.role, WeightRole::Parameter | WeightRole::Frozen))
        .map(|weight| (weight.value, weight.name.as_str()))
        .collect();
    let mut seen = HashSet::new();
    for node in &graph.nodes {
        let Some((value, filters)) = kernel(node) else { continue };
        let (Some(&name), Some(tensor)) = (learned.get(&value), network.engine.weight(value)) else { continue };
        if !seen.insert(value) || tensor.dim() < 2 || tensor.numel() == 0 {
            continue;
        }
        if job.cancel.is_raised() {
            return Err(crate::engine::EngineError::Cancelled.into());
        }
        let rows = tensor.f_transpose(0, filters)?.f_flatten(1, -1)?;
        findings.extend(of_kernel(name, &rows)?.into_iter().map(|problem| Finding {
            severity: Severity::Notice,
            layer: layer_of(node),
            node: Some(node.name.clone()),
            problem,
        }));
    }
    Ok(())
}

/// The kernel that a node multiplies with, and which of its dimensions counts the filters.
fn kernel(node: &Node) -> Option<(ValueId, i64)> {
    let transposed = matches!(node::argument(node, "transposed"), Some(Argument::Bool(true)));
    match node::operator(node) {
        "conv2d" | "conv1d" | "conv3d" | "linear" => Some((node::value(node, "weight")?, 0)),
        "_convolution" | "convolution" => Some((node::value(node, "weight")?, i64::from(transposed))),
        "conv_transpose2d" => Some((node::value(node, "weight")?, 1)),
        "addmm" => Some((node::value(node, "mat2")?, 1)),
        _ => None,
    }
}

fn of_kernel(name: &str, rows: &Tensor) -> Result<Vec<Problem>, MethodError> {
    let (count, length) = rows.size2()?;
    let weight = || name.to_owned();
    let extremes = rows.f_aminmax(None::<i64>, false)?;
    if extremes.0.f_double_value(&[])? == 0.0 && extremes.1.f_double_value(&[])? == 0.0 {
        return Ok(vec![Problem::ZeroWeight { weight: weight(), elements: rows.numel() as u64 }]);
    }
    let mut problems = Vec::new();
    if length >= FEWEST_NUMBERS && count > 1 {
        let filters = Filters::of(rows, count, length)?;
        let count = count as usize;
        if filters.zero + filters.constant > 0 {
            let (zero, constant) = (filters.zero, filters.constant);
            problems.push(Problem::ConstantFilters { weight: weight(), zero, constant, filters: count });
        }
        if let Some(example) = filters.example {
            let duplicates = filters.duplicates;
            problems.push(Problem::DuplicatedFilters { weight: weight(), duplicates, filters: count, example });
        }
    }
    problems.extend(outliers(name, rows)?);
    Ok(problems)
}

/// What filters are among themselves.
#[derive(Default)]
struct Filters {
    zero: usize,
    constant: usize,
    duplicates: usize,
    example: Option<(usize, usize)>,
}

impl Filters {
    fn of(rows: &Tensor, count: i64, length: i64) -> Result<Self, MethodError> {
        let mut found = Self::default();
        let mut known: HashMap<i64, usize> = HashMap::new();
        // Whole numbers that wrap around give the same sum in whatever order they are added.
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let factors: Vec<i64> = (0..length).map(|_| random.next_u64().cast_signed()).collect();
        let factors = Tensor::f_from_slice(&factors)?.f_to_device(rows.device())?;
        let at_once = (BLOCK / length).clamp(1, count);
        for start in (0..count).step_by(at_once as usize) {
            let block = rows.f_narrow(0, start, at_once.min(count - start))?.f_to_kind(Kind::Float)?.f_contiguous()?;
            let (least, most) = block.f_aminmax(1, false)?;
            let (least, most) = (numbers(&least)?, numbers(&most)?);
            let bits = block.f_view_dtype(Kind::Int)?.f_to_kind(Kind::Int64)?;
            let sums = bits.f_mul(&factors)?.f_sum_dim_intlist(1, false, Kind::Int64)?;
            let sums = Vec::<i64>::try_from(sums.f_to_device(Device::Cpu)?)?;
            for (offset, ((least, most), sum)) in least.into_iter().zip(most).zip(sums).enumerate() {
                let index = start as usize + offset;
                if least >= most {
                    *(if most == 0.0 { &mut found.zero } else { &mut found.constant }) += 1;
                    continue;
                }
                let first = *known.entry(sum).or_insert(index);
                if first != index && rows.f_get(first as i64)?.f_equal(&rows.f_get(index as i64)?)? {
                    found.duplicates += 1;
                    found.example.get_or_insert((first, index));
                }
            }
        }
        Ok(found)
    }
}

fn outliers(name: &str, rows: &Tensor) -> Result<Option<Problem>, MethodError> {
    let flat = rows.f_reshape([-1])?.f_to_kind(Kind::Float)?;
    let step = (flat.numel() as i64 / BLOCK).max(1);
    let sample = flat.f_slice(0, None, None, step)?;
    // Zeros of a pruned kernel say nothing of the spread of the others.
    let sample = sample.f_masked_select(&sample.f_ne(0.0)?)?;
    if sample.numel() == 0 {
        return Ok(None);
    }
    let median = sample.f_median()?;
    let spread = 1.4826 * sample.f_sub(&median)?.f_abs()?.f_median()?.f_double_value(&[])?;
    if !spread.is_finite() || spread == 0.0 {
        return Ok(None);
    }
    let distance = flat.f_sub(&median)?.f_abs()?;
    let largest = distance.f_max()?.f_double_value(&[])? / spread;
    if !largest.is_finite() || largest < OUTLIER {
        return Ok(None);
    }
    let outliers = distance.f_gt(OUTLIER * spread)?.f_sum(Kind::Int64)?.f_int64_value(&[])?.unsigned_abs();
    Ok(Some(Problem::WeightOutliers { weight: name.to_owned(), outliers, elements: rows.numel() as u64, largest }))
}
