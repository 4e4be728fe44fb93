//! What a finding says to a person.

use super::finding::{Cause, NotFinite, Problem};

impl Problem {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ActivationNotFinite { kind: NotFinite::Nan, .. } => "NaN arises",
            Self::ActivationNotFinite { kind: NotFinite::Inf, .. } => "infinity arises",
            Self::InputNotFinite { .. } => "input is not finite",
            Self::WeightNotFinite { .. } => "weight is not finite",
            Self::GradientNotFinite { .. } => "gradient is not finite",
            Self::DeadChannels { .. } => "dead channels",
            Self::Saturated { .. } => "saturated",
            Self::ConstantMaps { .. } => "constant maps",
            Self::CarriesNothing { .. } => "ignores the input",
            Self::ExplodingGradient { .. } => "exploding gradient",
            Self::VanishingGradient { .. } => "vanishing gradient",
            Self::NoGradient { .. } => "no gradient",
            Self::ZeroWeight { .. } => "zero weight",
            Self::ConstantFilters { .. } => "constant filters",
            Self::DuplicatedFilters { .. } => "duplicated filters",
            Self::WeightOutliers { .. } => "weight outliers",
            Self::BatchNormVariance { .. } => "batch norm variance",
            Self::FreshBatchNorm { .. } => "fresh batch norm",
            Self::BatchNormStatistics { .. } => "batch norm statistics",
            Self::InputScale { .. } | Self::InputSureness { .. } => "input scale",
            Self::InputRange { .. } => "input range",
            Self::SamePredictions { .. } => "same predictions",
        }
    }

    /// What a person might do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ActivationNotFinite { cause: Cause::Weight(_), .. } | Self::WeightNotFinite { .. } => {
                "restore the weight from an earlier checkpoint"
            }
            Self::ActivationNotFinite { kind: NotFinite::Inf, .. } => {
                "look at the size of what goes in: clamp it, or compute in another order or precision"
            }
            Self::ActivationNotFinite { .. } => "look at what goes in: 0 ÷ 0, ∞ − ∞ or the root of a negative number",
            Self::InputNotFinite { .. } => "look at how the array was made",
            Self::GradientNotFinite { .. } => "a root or division at 0, or a value that overflows: add a small ε",
            Self::DeadChannels { .. } => {
                "see whether more pictures wake them; else prune them, or train slower or with leaky ReLU"
            }
            Self::Saturated { .. } => "smaller weights or inputs, or a normalisation before the function",
            Self::ConstantMaps { .. } => "prune these channels, or see why their filters learned nothing",
            Self::CarriesNothing { only_way: true, .. } => "look at this layer's weights and at what comes before it",
            Self::CarriesNothing { .. } => "a branch that starts at zero in a network not trained yet, or one to prune",
            Self::ExplodingGradient { .. } => "smaller weights at the start, normalisation, or clipped gradients",
            Self::VanishingGradient { .. } => "residual connections, normalisation, or functions that do not saturate",
            Self::NoGradient { .. } => "look for dead, saturated or constant layers after it",
            Self::ZeroWeight { .. } => "right for a branch that starts at zero; else it was never loaded or trained",
            Self::ConstantFilters { .. } => "prune them, or see whether they were ever trained",
            Self::DuplicatedFilters { .. } => "prune them, or start from random weights",
            Self::WeightOutliers { .. } => "mind them when quantising; a few huge ones may be damage",
            Self::BatchNormVariance { .. } => "compute the running statistics again, on training pictures",
            Self::FreshBatchNorm { .. } => "train the network, or load the running statistics with the weights",
            Self::BatchNormStatistics { .. } => "other data or preprocessing than in training, or outdated statistics",
            Self::InputScale { .. } | Self::InputRange { .. } | Self::InputSureness { .. } => {
                "feed what the network was trained on: see --preprocess"
            }
            Self::SamePredictions { .. } => "look for a dead or constant layer; or the network is not trained",
        }
    }

    /// Its numbers, in a line.
    pub fn numbers(&self) -> String {
        match self {
            Self::ActivationNotFinite { count, elements, pictures, first, cause, .. } => {
                let (from, pictures) = (origin(cause), counted(*pictures, "picture"));
                format!("{count} of {elements} values, {from}, in {pictures}, first {first}")
            }
            Self::InputNotFinite { nan, inf, pictures, first } => {
                format!("{nan} NaN, {inf} Inf in {}, first {first}", counted(*pictures, "input"))
            }
            Self::WeightNotFinite { weight, nan, inf, elements } => {
                format!("{weight}: {nan} NaN, {inf} Inf of {elements}")
            }
            Self::GradientNotFinite { nan, inf, elements, pictures } => {
                format!("{nan} NaN, {inf} Inf of {elements} in {}", counted(*pictures, "picture"))
            }
            Self::DeadChannels { dead, certain, channels, pictures } => {
                let certain = if *certain > 0 { format!(", {certain} of them far below") } else { String::new() };
                format!(
                    "{dead} of {} zero{certain}, in {}",
                    counted(*channels, "channel"),
                    counted(*pictures, "picture")
                )
            }
            Self::Saturated { saturated, channels, share, pictures } => format!(
                "{saturated} of {}, {:.1} % of values, in {}",
                counted(*channels, "channel"),
                share * 100.0,
                counted(*pictures, "picture")
            ),
            Self::ConstantMaps { constant, unchanging, channels, pictures } => format!(
                "of {} {} in {}",
                counted(*channels, "channel"),
                listed(&[(*constant, "the same at all positions"), (*unchanging, "the same for every picture")]),
                counted(*pictures, "picture")
            ),
            Self::CarriesNothing { channels, .. } => {
                format!("all {} the same for every input", counted(*channels, "channel"))
            }
            Self::ExplodingGradient { norm, last, ratio } | Self::VanishingGradient { norm, last, ratio } => {
                format!("norm {} here, {} at the last layer: ×{}", number(*norm), number(*last), number(*ratio))
            }
            Self::NoGradient { pictures } => format!("norm 0 in {}", counted(*pictures, "picture")),
            Self::ZeroWeight { weight, elements } => format!("{weight}: all {elements}"),
            Self::ConstantFilters { weight, zero, constant, filters } => {
                let kinds = listed(&[(*zero, "zero"), (*constant, "constant")]);
                format!("{weight}: {kinds} of {}", counted(*filters, "filter"))
            }
            Self::DuplicatedFilters { weight, duplicates, filters, example } => {
                format!("{weight}: {duplicates} of {} (as {} = {})", counted(*filters, "filter"), example.1, example.0)
            }
            Self::WeightOutliers { weight, outliers, elements, largest } => {
                format!("{weight}: {outliers} of {elements}, farthest {largest:.0} σ")
            }
            Self::BatchNormVariance { zero, negative, channels } => {
                format!("{} of {}", listed(&[(*zero, "zero"), (*negative, "negative")]), counted(*channels, "channel"))
            }
            Self::FreshBatchNorm { layers, all } => format!("{layers} of {all}, mean 0 and variance 1"),
            Self::BatchNormStatistics { z, ratio, pictures, later } => {
                let later = if *later > 0 { format!(", and {later} later") } else { String::new() };
                let pictures = counted(*pictures, "picture");
                format!("z {}{} in {pictures}{later}", number(*z), variance(*ratio))
            }
            Self::InputScale { mean, std, range, z, ratio } => format!(
                "{}, mean {}, std {}: z {}{} at the first batch norm",
                span(*range),
                number(*mean),
                number(*std),
                number(*z),
                variance(*ratio)
            ),
            Self::InputRange { range, expected } => format!("{}, but pictures give {}", span(*range), span(*expected)),
            Self::InputSureness { range, margin, divided } => format!(
                "{}: best score {} above the second, {} with the input ÷ 255",
                span(*range),
                number(*margin),
                number(*divided)
            ),
            Self::SamePredictions { inputs, class, probability, spread } => {
                let scores = if *spread == 0.0 {
                    "the same scores".to_owned()
                } else {
                    format!("scores differ by {} of their range", number(*spread))
                };
                format!("class {class} at {:.2} % for {}; {scores}", probability * 100.0, inputs.join(", "))
            }
        }
    }
}

/// How far a variance is from the running one, where it is known.
fn variance(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!(", variance ×{}", number(ratio)))
}

/// Where what is not finite comes from.
fn origin(cause: &Cause) -> String {
    match cause {
        Cause::Arithmetic => "of finite numbers".to_owned(),
        Cause::Infinities => "of infinities".to_owned(),
        Cause::Weight(name) => format!("from weight {name}"),
    }
}

/// `2 zero, 1 constant`, without what there is none of.
fn listed(kinds: &[(usize, &str)]) -> String {
    let some = kinds.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, kind)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// `0 to 255`
fn span(range: (f32, f32)) -> String {
    format!("{} to {}", number(range.0.into()), number(range.1.into()))
}

/// `1 picture`, `3 pictures`
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Three figures, short.
fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (0.001..10_000.0).contains(&size) {
        let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
        let text = format!("{value:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{value:.1e}")
    }
}
