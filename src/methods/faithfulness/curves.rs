//! Deletion and insertion: what the network says while the pixels go or come in the order in which the map ranks them.
//!
//! Petsiuk, Das, Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models* (2018), section 4.2. The area under the
//! curve, by the trapezoidal rule over the share of pixels, is small for a good map when pixels are deleted and great when they are
//! inserted. The libraries differ in four things, which are all settings:
//!
//! - what deleted pixels become: zeros as the network is fed them in the authors' program and in torch-cam, which is
//!   the mean colour where the input is normalised (`baseline=zero`, the default), or black, white, or another;
//! - what pixels are inserted into: the picture blurred in the authors' program (by a kernel of 11 pixels; ours is as wide as a twentieth of the
//!   side), so that no edges are drawn by the mask alone (`baseline=blur`, the default); zeros in torch-cam (`baseline=zero`);
//! - how many steps: 20 in torch-cam and here, one for each row of the picture in the authors' program;
//! - what is looked at: the class's probability in all (`of=probability`), and here also the score, a difference, a channel.
//!
//! Pixels that matter equally go in reading order, as in torch-cam. A random map of the same grid stands beside: curves fall
//! faster for fine grids, whatever a map says.

use tch::Tensor;

use super::outcome::area;
use super::{Curve, Explanation, FaithfulnessInput, Number, Outcome, Stream};
use crate::methods::MethodError;
use crate::methods::attribution::{AttributionInput, baseline};
use crate::methods::registry::{Parameter, Range, Settings};

/// Number of parts that the pixels are deleted or inserted in.
pub(in crate::methods) const STEPS: Parameter = Parameter {
    name: "steps",
    meaning: "parts that the pixels go or come in",
    range: Range::Whole { default: 20, least: 1, most: 100_000 },
};

/// Random maps beside the map.
pub(in crate::methods) const RANDOM: Parameter = Parameter {
    name: "random",
    meaning: "random maps of the same grid to hold it against",
    range: Range::Whole { default: 1, least: 0, most: 1_000 },
};

/// What pixels are deleted to.
pub(in crate::methods) const DELETED: Parameter = Parameter {
    name: "baseline",
    meaning: "what deleted pixels become: zeros as the network is fed them, black, white, the picture's mean colour, the picture \
              blurred by a twentieth of its side, or noise",
    range: Range::Choice(&["zero", "black", "white", "mean", "blur", "noise"]),
};

/// What pixels are inserted into.
pub(in crate::methods) const INSERTED: Parameter = Parameter {
    name: "baseline",
    meaning: "what pixels are inserted into: the picture blurred by a twentieth of its side, zeros as the network is fed them, \
              black, white, the picture's mean colour, or noise",
    range: Range::Choice(&["blur", "zero", "black", "white", "mean", "noise"]),
};

/// What happens to the pixels that matter most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Delete,
    Insert,
}

/// The curve of deletion, and the area under it.
pub(in crate::methods) fn deletion(input: &FaithfulnessInput<'_>, settings: &Settings) -> Result<Outcome, MethodError> {
    curve(input, settings, Way::Delete)
}

/// The curve of insertion, and the area under it.
pub(in crate::methods) fn insertion(
    input: &FaithfulnessInput<'_>,
    settings: &Settings,
) -> Result<Outcome, MethodError> {
    curve(input, settings, Way::Insert)
}

fn curve(input: &FaithfulnessInput<'_>, settings: &Settings, way: Way) -> Result<Outcome, MethodError> {
    let (height, width) = input.size();
    let pixels = height * width;
    let part = pixels.div_ceil(settings.whole("steps") as usize).max(1);
    let counts: Vec<usize> = (0..pixels).step_by(part).chain([pixels]).collect();
    let shares: Vec<f64> = counts.iter().map(|&count| count as f64 / pixels as f64).collect();
    let random = settings.whole("random") as usize;
    let mut ranks = vec![ranked(&input.explanation.relevance.values)];
    for sample in 0..random {
        let map = Explanation::random(input.job.seed, Stream::RandomMap.number(sample), input.grid, input.size())?;
        ranks.push(ranked(&map.values));
    }
    let device = input.network.engine.device();
    let ranks: Vec<Tensor> = ranks
        .iter()
        .map(|ranks| {
            Ok(Tensor::f_from_slice(ranks)?.f_reshape([1, 1, height as i64, width as i64])?.f_to_device(device)?)
        })
        .collect::<Result<_, MethodError>>()?;
    let base = AttributionInput::new(input.network, input.input, input.target, input.job);
    let base = baseline(&base, settings.word("baseline"))?;
    let scores = input.scores(&input.measured(settings), ranks.len() * counts.len(), &|range| {
        let masks: Vec<Tensor> = range
            .map(|at| Ok(ranks[at / counts.len()].f_lt(counts[at % counts.len()] as i64)?))
            .collect::<Result<_, MethodError>>()?;
        let first = Tensor::f_cat(&masks, 0)?;
        let (there, gone) = if way == Way::Delete { (&base, input.input) } else { (input.input, &base) };
        Ok(there.f_where_self(&first, gone)?)
    })?;
    let curves: Vec<&[f64]> = scores.chunks_exact(counts.len()).collect();
    let mut outcome = Outcome::default();
    if let Some((map, others)) = curves.split_first() {
        outcome.numbers.push(Number::new("auc", Some(area(&shares, map))));
        outcome.curves.push(Curve::of("map", &shares, map));
        if !others.is_empty() {
            let mean: Vec<f64> = (0..counts.len())
                .map(|at| others.iter().map(|curve| curve[at]).sum::<f64>() / others.len() as f64)
                .collect();
            outcome.numbers.push(Number::new("random auc", Some(area(&shares, &mean))));
            outcome.curves.push(Curve::of("random", &shares, &mean));
        }
    }
    Ok(outcome)
}

/// Each pixel's place in the order, the most relevant first.
fn ranked(relevance: &[f32]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..relevance.len()).collect();
    // A zero with a minus sign is a zero.
    order.sort_by(|&a, &b| (relevance[b] + 0.0).total_cmp(&(relevance[a] + 0.0)));
    let mut ranks = vec![0; order.len()];
    for (rank, pixel) in order.into_iter().enumerate() {
        ranks[pixel] = rank as i64;
    }
    ranks
}
