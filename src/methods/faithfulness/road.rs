//! ROAD, remove and debias: what the network says of the picture with its most or its least relevant pixels imputed.
//!
//! Rong et al., *A Consistent and Efficient Evaluation Strategy for Attribution Methods* (2022). Missing pixels become the weighted mean of those
//! around them and a little noise, so that the network cannot see where they were; see the file on imputation. Thresholds, order and
//! numbers as in pytorch-grad-cam: at percentile p the pixels stay whose relevance is below the p-th percentile (for the least
//! relevant: that of one minus the relevance), so that 100 − p percent go, more where many are equal. Its examples look at the class's
//! probability; its targets may be scores as well (`of=target`). Noise is added in the network's input space.

use tch::{Tensor, get_num_threads};

use super::{Curve, FaithfulnessInput, Number, Outcome, Stream, impute};
use crate::engine::numbers;
use crate::methods::registry::Settings;
use crate::methods::{MethodError, noise};

/// A picture to be made: which pixels stay, and the share that the others should be.
struct Removal {
    known: Vec<bool>,
    share: f64,
}

/// Most relevant first (MoRF), least relevant first (LeRF), and half the difference of their means: the greater, the better.
pub(in crate::methods) fn road(input: &FaithfulnessInput<'_>, settings: &Settings) -> Result<Outcome, MethodError> {
    let step = settings.whole("step");
    let percentiles: Vec<i64> = (1..).map(|number| number * step).take_while(|&percentile| percentile < 100).collect();
    let relevance = &input.explanation.relevance.values;
    let reversed: Vec<f32> = relevance.iter().map(|value| 1.0 - value).collect();
    let removals: Vec<Removal> = [relevance, &reversed]
        .into_iter()
        .flat_map(|order| {
            let mut sorted = order.clone();
            sorted.sort_by(f32::total_cmp);
            percentiles.iter().map(move |&percentile| Removal::of(order, &sorted, percentile))
        })
        .collect();
    let picture = numbers(input.input)?;
    let given = input.given(removals.len())?;
    let deviation = settings.real("noise") as f32;
    let (columns, cancel, seed) = (input.size().1, input.job.cancel, input.job.seed);
    let imputed = |at: usize| -> Result<Vec<f32>, MethodError> {
        let mut made = impute(&picture, &removals[at].known, columns, cancel)?;
        let drawn = match &given {
            Some(given) => given[at * picture.len()..(at + 1) * picture.len()].to_vec(),
            None => noise::normal(seed, Stream::Imputation.number(at), picture.len()),
        };
        for (value, (drawn, known)) in made.iter_mut().zip(drawn.iter().zip(removals[at].known.iter().cycle())) {
            if !known {
                *value += deviation * drawn;
            }
        }
        Ok(made)
    };
    let of = input.measured(settings);
    let whole = input.scores(&of, 1, &|_| Ok(input.input.shallow_clone()))?[0];
    let scores = input.scores(&of, removals.len(), &|range| {
        let mut pictures = Vec::with_capacity(range.len());
        for some in range.collect::<Vec<_>>().chunks(get_num_threads().max(1) as usize) {
            pictures.extend(side_by_side(some, &imputed)?);
        }
        let (_, channels, height, width) = input.input.size4()?;
        let sizes = [pictures.len() as i64, channels, height, width];
        Ok(Tensor::f_from_slice(&pictures.concat())?.f_reshape(sizes)?.f_to_device(input.network.engine.device())?)
    })?;
    let (most, least) = scores.split_at(percentiles.len());
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let curve = |name: &str, scores: &[f64], removals: &[Removal]| {
        // From little to much: the percentiles go the other way.
        let removed = removals.iter().map(|removal| removal.share).rev();
        let shares: Vec<f64> = std::iter::once(0.0).chain(removed).collect();
        let values: Vec<f64> = std::iter::once(whole).chain(scores.iter().copied().rev()).collect();
        Curve::of(name, &shares, &values)
    };
    let (first, last) = removals.split_at(percentiles.len());
    Ok(Outcome {
        numbers: vec![
            Number::new("road", Some((mean(least) - mean(most)) / 2.0)),
            Number::new("morf", Some(mean(most) - whole)),
            Number::new("lerf", Some(mean(least) - whole)),
        ],
        curves: vec![curve("morf", most, first), curve("lerf", least, last)],
    })
}

impl Removal {
    fn of(order: &[f32], sorted: &[f32], percentile: i64) -> Self {
        let threshold = quantile(sorted, percentile as f64 / 100.0);
        Self {
            known: order.iter().map(|&relevance| relevance < threshold).collect(),
            share: 1.0 - percentile as f64 / 100.0,
        }
    }
}

/// NumPy's quantile of sorted float32 numbers: linear between the two nearest, from the nearer one, in float32.
fn quantile(sorted: &[f32], share: f64) -> f32 {
    let place = sorted.len().saturating_sub(1) as f64 * share;
    let along = place - place.floor();
    let at = |index: f64| sorted.get(index as usize).or(sorted.last()).copied().unwrap_or(0.0);
    let (below, above) = (at(place.floor()), at(place.floor() + 1.0));
    let between = above - below;
    if along >= 0.5 { above - between * (1.0 - along) as f32 } else { below + between * along as f32 }
}

/// Makes several pictures at once, a thread for each.
fn side_by_side(
    pictures: &[usize],
    make: &(dyn Fn(usize) -> Result<Vec<f32>, MethodError> + Sync),
) -> Result<Vec<Vec<f32>>, MethodError> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = pictures.iter().map(|&picture| scope.spawn(move || make(picture))).collect();
        let made =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        made.collect()
    })
}
