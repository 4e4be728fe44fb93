//! What a check finds, in numbers.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The network cannot work as it was meant to, or is fed what it does not expect.
    Trouble,
    /// Worth knowing; sound networks have it too.
    Notice,
}

/// Something that was found, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Path of the layer; `None` for what concerns the whole network or a node at its top.
    pub layer: Option<String>,
    /// Name of the node, where it is one.
    pub node: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub problem: Problem,
}

/// NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotFinite {
    /// Not a number.
    Nan,
    /// Plus or minus infinity.
    Inf,
}

/// Where numbers that are not finite come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "cause", content = "of", rename_all = "kebab-case")]
pub enum Cause {
    /// From the operator's own arithmetic on finite numbers.
    Arithmetic,
    /// From infinities that it read.
    Infinities,
    /// From a weight of this name that holds some.
    Weight(String),
}

/// What is wrong. Shares and ratios are fractions, not percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Problem {
    /// Values that are not finite arise at a node that read none of the kind.
    ActivationNotFinite {
        /// Of which kind.
        kind: NotFinite,
        /// How many, in the first picture that has them.
        count: u64,
        /// Out of how many.
        elements: u64,
        /// In how many of the pictures.
        pictures: usize,
        /// The first of them.
        first: String,
        /// Where they come from.
        #[serde(flatten)]
        cause: Cause,
    },
    /// A picture or array that holds numbers that are not finite.
    InputNotFinite {
        /// How many NaNs, in the first of them.
        nan: u64,
        /// How many infinities.
        inf: u64,
        /// How many of the inputs.
        pictures: usize,
        /// The first of them.
        first: String,
    },
    /// A weight holds numbers that are not finite.
    WeightNotFinite {
        /// Its name.
        weight: String,
        /// How many NaNs.
        nan: u64,
        /// How many infinities.
        inf: u64,
        /// Out of how many.
        elements: u64,
    },
    /// The target's gradient is not finite: the layer is the first in backward order.
    GradientNotFinite {
        /// How many NaNs, in the first picture that has them.
        nan: u64,
        /// How many infinities.
        inf: u64,
        /// Out of how many.
        elements: u64,
        /// In how many of the pictures whose gradients were taken.
        pictures: usize,
    },
    /// Channels of a rectified layer that are zero everywhere in all pictures.
    DeadChannels {
        /// How many.
        dead: usize,
        /// Those of them whose input stays below zero by more than ten standard deviations.
        certain: usize,
        /// Out of how many.
        channels: usize,
        /// In how many pictures.
        pictures: usize,
    },
    /// Values that lie at the bounds of their function, where its gradient is zero or nearly.
    Saturated {
        /// Channels that have at least 99 % of their values there.
        saturated: usize,
        /// Out of how many.
        channels: usize,
        /// Share of all values.
        share: f64,
        /// In how many pictures.
        pictures: usize,
    },
    /// Channels whose map says nothing.
    ConstantMaps {
        /// Channels that are the same at all positions, in every picture: more than the layer is given.
        constant: usize,
        /// Further channels that are the same for every picture: more than the layer is given.
        unchanging: usize,
        /// Out of how many.
        channels: usize,
        /// In how many pictures.
        pictures: usize,
    },
    /// All of a layer's values are the same whatever the input is.
    CarriesNothing {
        /// Whether everything that comes later depends on this layer alone.
        only_way: bool,
        /// Number of its channels.
        channels: usize,
    },
    /// The target's gradient grows from the output towards the input.
    ExplodingGradient {
        /// Its norm here.
        norm: f64,
        /// Its norm at the last layer of the chain.
        last: f64,
        /// The one by the other.
        ratio: f64,
    },
    /// The target's gradient shrinks from the output towards the input.
    VanishingGradient {
        /// Its norm here.
        norm: f64,
        /// Its norm at the last layer of the chain.
        last: f64,
        /// The one by the other.
        ratio: f64,
    },
    /// No gradient of the target reaches the layer, in any picture.
    NoGradient {
        /// Pictures whose gradients were taken.
        pictures: usize,
    },
    /// A kernel of zeros.
    ZeroWeight {
        /// Its name.
        weight: String,
        /// How many numbers it has.
        elements: u64,
    },
    /// Filters of a kernel in which all numbers are equal.
    ConstantFilters {
        /// Name of the kernel.
        weight: String,
        /// Those that are all zero.
        zero: usize,
        /// The other ones.
        constant: usize,
        /// Out of how many.
        filters: usize,
    },
    /// Filters of a kernel that equal another one number for number.
    DuplicatedFilters {
        /// Name of the kernel.
        weight: String,
        /// How many equal one before them.
        duplicates: usize,
        /// Out of how many.
        filters: usize,
        /// Two that are equal.
        example: (usize, usize),
    },
    /// Numbers of a kernel that are far away from the others.
    WeightOutliers {
        /// Name of the kernel.
        weight: String,
        /// How many.
        outliers: u64,
        /// Out of how many.
        elements: u64,
        /// Distance of the farthest from the median, in robust standard deviations (1.4826 × the median absolute deviation).
        largest: f64,
    },
    /// A batch norm that divides by nothing: running variances that are zero or negative.
    BatchNormVariance {
        /// How many are zero.
        zero: usize,
        /// How many are negative or NaN.
        negative: usize,
        /// Out of how many.
        channels: usize,
    },
    /// Batch norms that still have the statistics they were made with: mean 0, variance 1.
    FreshBatchNorm {
        /// How many.
        layers: usize,
        /// Out of how many.
        all: usize,
    },
    /// A batch norm's running statistics are not those of what it is given.
    BatchNormStatistics {
        /// Median over the channels of |mean − running mean| ÷ √(running variance + ε).
        z: f64,
        /// Median over the channels of (variance + ε) ÷ (running variance + ε); none where there are too few values for it.
        ratio: Option<f64>,
        /// In how many pictures.
        pictures: usize,
        /// How many batch norms after this one differ as much.
        later: usize,
    },
    /// The input is not on the scale that the first batch norm was trained with.
    InputScale {
        /// Mean of the input's values.
        mean: f64,
        /// Their standard deviation.
        std: f64,
        /// Least and greatest value.
        range: (f32, f32),
        /// As in [`Problem::BatchNormStatistics`], of the first batch norm.
        z: f64,
        /// As in [`Problem::BatchNormStatistics`], of the first batch norm.
        ratio: Option<f64>,
    },
    /// Values beyond those that the network's preprocessing makes of a picture.
    InputRange {
        /// Least and greatest value.
        range: (f32, f32),
        /// Least and greatest value that the preprocessing gives.
        expected: (f32, f32),
    },
    /// The network is far surer of everything than it is with the input brought to 0–1.
    InputSureness {
        /// Least and greatest value.
        range: (f32, f32),
        /// Median distance of the best score from the second.
        margin: f64,
        /// The same with the input divided by 255.
        divided: f64,
    },
    /// Different inputs get the same scores.
    SamePredictions {
        /// What was fed: how many pictures, and which other inputs.
        inputs: Vec<String>,
        /// The class.
        class: String,
        /// Its probability.
        probability: f64,
        /// Largest difference of a score between inputs, by the largest difference between classes.
        spread: f64,
    },
}

impl Problem {
    /// How much of the layer it concerns, or how far it goes: a measure to compare findings of the same kind by.
    pub fn extent(&self) -> f64 {
        let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
        match self {
            // What is certain counts more than what another picture might wake.
            Self::DeadChannels { dead, certain, channels, .. } => {
                share(*certain, *channels) + share(*dead, *channels) / 100.0
            }
            Self::Saturated { share, .. } => *share,
            Self::ConstantMaps { constant, unchanging, channels, .. } => share(constant + unchanging, *channels),
            Self::ConstantFilters { zero, constant, filters, .. } => share(zero + constant, *filters),
            Self::DuplicatedFilters { duplicates, filters, .. } => share(*duplicates, *filters),
            Self::WeightOutliers { largest, .. } => *largest,
            Self::BatchNormVariance { zero, negative, channels } => share(zero + negative, *channels),
            Self::ZeroWeight { elements, .. } => *elements as f64,
            _ => 1.0,
        }
    }
}
