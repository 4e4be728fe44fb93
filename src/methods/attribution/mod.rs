//! Attributions: what each number of the input has to do with a target, in the input's own shape.
//!
//! One file for each method or small family. Every method takes any [`Target`]: a class, the difference of two, a probability, a
//! layer's channel or a single unit; only the nodes that the target depends on are run.

mod baseline;
mod batch;
mod deep_lift;
mod error;
mod gated;
mod gradient;
mod integrated;
mod lrp;
mod noisy;
mod occlusion;
mod rectifiers;
mod rise;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::job::Job;
use super::registry::Settings;
use super::target::Target;
use super::{MethodError, Network, Place};
use crate::engine::numbers;
use crate::model::{InputTensor, Layout};

pub(super) use baseline::{BASELINES, baseline};
pub(super) use deep_lift::deep_lift;
pub use error::AttributionError;
pub(super) use gated::{deconvnet, guided_backprop, guided_grad_cam};
pub(super) use gradient::{gradient, gradient_x_input};
pub(super) use integrated::integrated_gradients;
pub(super) use lrp::{lrp_alpha_beta, lrp_epsilon, lrp_gamma};
pub(super) use noisy::{smooth_grad, square_grad, var_grad};
pub(super) use occlusion::occlusion;
pub use rise::masks;
pub(super) use rise::rise;

/// A number for every number of the input.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Channels of the input.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// C×H×W.
    pub values: Vec<f32>,
    /// For methods whose numbers should add up to what the target gains over a baseline (or, of LRP, to the target): their sum
    /// less that.
    pub convergence_delta: Option<f64>,
}

impl Attribution {
    /// From 1×C×H×W on any device.
    fn of(tensor: &Tensor, convergence_delta: Option<f64>) -> Result<Self, MethodError> {
        let (_, channels, height, width) = tensor.size4()?;
        let [channels, height, width] = [channels, height, width].map(|size| size as usize);
        Ok(Self { channels, height, width, values: numbers(tensor)?, convergence_delta })
    }

    /// The numbers in the order of the network's own input, with their shape: C×H×W, or H×W×C.
    pub fn in_layout(&self, layout: Layout) -> (Vec<usize>, Vec<f32>) {
        let Self { channels, height, width, .. } = *self;
        let shape = match layout {
            Layout::ChannelsFirst => vec![channels, height, width],
            Layout::ChannelsLast => vec![height, width, channels],
        };
        (shape, InputTensor { channels, height, width, data: self.values.clone() }.into_layout(layout))
    }

    /// The sum of all numbers.
    pub fn sum(&self) -> f64 {
        self.values.iter().map(|&value| f64::from(value)).sum()
    }
}

/// What an attribution is made of.
pub struct AttributionInput<'a> {
    /// The network.
    pub network: &'a Network,
    /// One picture as the graph takes it, 1×C×H×W.
    pub input: &'a Tensor,
    /// What it is an attribution of.
    pub target: &'a Target,
    /// The layer of the class activation map in guided Grad-CAM; none for the usual one.
    pub place: Option<&'a Place>,
    /// Numbers to take in place of drawn ones, so that two programs can be compared: standard normal ones N×C×H×W for the noise of
    /// `smooth-grad` and its kin, masks N×1×H×W of 0 to 1 for `rise`.
    pub drawn: Option<&'a Tensor>,
    /// How the work is stopped, says how far it is, and draws its random numbers.
    pub job: Job<'a>,
    /// Shown what there is so far, after every batch of a method that takes many.
    pub partial: Option<&'a dyn Fn(&Attribution)>,
}

impl std::fmt::Debug for AttributionInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttributionInput")
            .field("target", self.target)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl<'a> AttributionInput<'a> {
    /// The attribution of a target, with everything else as it usually is.
    pub fn new(network: &'a Network, input: &'a Tensor, target: &'a Target, job: Job<'a>) -> Self {
        Self { network, input, target, place: None, drawn: None, job, partial: None }
    }

    /// Shows 1×C×H×W to whoever wants to see it grow.
    fn show(&self, so_far: impl FnOnce() -> Result<Tensor, MethodError>) -> Result<(), MethodError> {
        if let Some(partial) = self.partial {
            partial(&Attribution::of(&so_far()?, None)?);
        }
        Ok(())
    }

    /// Values lie between these on the 0–255 scale of pictures: the input of a black and of a white picture, 1×C×1×1.
    fn bounds(&self) -> Result<(Tensor, Tensor), MethodError> {
        let channels = self.input.size4()?.1;
        let level = |level: f32| {
            let values: Vec<f32> = (0..channels as usize)
                .map(|channel| {
                    let (mean, std) = self.network.input.preprocessing.normalisation(channel);
                    (level - mean) / std
                })
                .collect();
            self.network.engine.tensor(&values, &[1, channels, 1, 1])
        };
        Ok((level(0.0)?, level(255.0)?))
    }
}

/// What an attribution's numbers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reading {
    /// How large a number is, whatever its sign.
    Magnitude,
    /// The sign: what speaks for the target and what against it.
    Sign,
    /// Which number is above which; zero has no meaning.
    Order,
}

/// A method that makes attributions, as the registry names it.
pub type AttributionMethod = fn(&AttributionInput<'_>, &Settings) -> Result<Attribution, MethodError>;
