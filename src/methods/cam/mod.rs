//! Class activation maps: where in a picture a target comes from, at the resolution of a layer.

mod ablation_cam;
mod batches;
mod combine;
mod default_layer;
mod eigen;
mod elementwise;
mod fem;
mod full_grad;
pub mod fusion;
mod grad_cam;
mod kpca_cam;
mod plus_plus;
mod recording;
mod request;
mod score_cam;
mod shapley_cam;
mod tokens;
mod xgrad_cam;

use std::cell::OnceCell;
use std::rc::Rc;

use tch::Tensor;

use super::job::Job;
use super::registry::Settings;
use super::target::Target;
use super::{Forward, MethodError, Network, Place};
use crate::model::graph::ValueId;

pub(super) use ablation_cam::ablation_cam;
pub(super) use combine::EIGEN_SMOOTH;
pub use default_layer::default_layer;
pub(super) use default_layer::{at_default_layer, default_layer_hint};
pub(super) use eigen::{eigen_cam, eigen_grad_cam};
pub(super) use elementwise::{element_wise, hires_cam, layer_cam};
pub(super) use fem::{SIGMAS, fem};
pub(super) use full_grad::full_grad;
pub(super) use grad_cam::{grad_cam, grad_cam_book, weighted};
pub(super) use kpca_cam::{GAMMA, KERNEL, kpca_cam};
pub(super) use plus_plus::{FORM, SAMPLES, STD, grad_cam_plus_plus, smooth_grad_cam_plus_plus};
pub use recording::Recording;
pub use request::MapRequest;
pub(super) use score_cam::score_cam;
pub(super) use shapley_cam::shapley_cam;
pub use tokens::{Grid, Grids};
pub(super) use xgrad_cam::xgrad_cam;

/// H×W numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Row by row.
    pub values: Vec<f32>,
}

/// What a map is made of.
#[derive(Debug)]
pub struct MapInput<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its run on the picture.
    pub forward: &'a Forward,
    /// The layer.
    pub place: &'a Place,
    /// What it is a map of.
    pub target: &'a Target,
    /// How the work is stopped.
    pub job: Job<'a>,
    recording: OnceCell<Rc<Recording>>,
}

impl<'a> MapInput<'a> {
    /// The input of a method that makes maps. `recording` is of the place and the target's value, where there is one already.
    pub fn new(
        network: &'a Network,
        forward: &'a Forward,
        place: &'a Place,
        target: &'a Target,
        recording: Option<Rc<Recording>>,
        job: Job<'a>,
    ) -> Self {
        let recording = recording.map_or_else(OnceCell::new, OnceCell::from);
        Self { network, forward, place, target, job, recording }
    }

    /// The run from the layer to the target, made when it is first asked for.
    ///
    /// # Errors
    /// When the target does not depend on the layer.
    pub fn recording(&self) -> Result<&Rc<Recording>, MethodError> {
        if self.recording.get().is_none() {
            let tap = self.target.tap(self.network)?;
            let made = Recording::new(self.network, self.forward, self.place.clone(), tap, self.job.cancel)?;
            // Nobody else can have set it between the two lines.
            let _ = self.recording.set(Rc::new(made));
        }
        self.recording.get().ok_or_else(|| MethodError::NoGradient(self.place.name.clone()))
    }

    /// Activation and gradient of a target that is made of the same value of the graph, N×C×H×W.
    pub(super) fn maps(&self, target: &Target) -> Result<(Tensor, Tensor), MethodError> {
        self.recording()?.maps(self.network, target)
    }

    /// The same with another picture in the place of the one that was run.
    fn maps_of(&self, picture: &Tensor, target: &Target) -> Result<(Tensor, Tensor), MethodError> {
        let tap = target.tap(self.network)?;
        let recording =
            Recording::of_picture(self.network, self.forward, picture, self.place.clone(), tap, self.job.cancel)?;
        recording.maps(self.network, target)
    }

    /// The layer's output, as the graph has it.
    fn layer_output(&self) -> Result<Tensor, MethodError> {
        let value = self.place.tap.value;
        if let Ok(kept) = self.forward.get(value) {
            return Ok(kept.shallow_clone());
        }
        let given = [(self.network.source()?, self.forward.input.shallow_clone())];
        let run = self.network.engine.run(&given, &[self.place.tap], self.job.cancel)?;
        Ok(run.get(value)?.shallow_clone())
    }

    /// The layer's output, N×C×H×W.
    fn activation(&self) -> Result<Tensor, MethodError> {
        self.spatial(&self.layer_output()?)
    }

    /// A tensor of the layer's shape as N×C×H×W.
    fn spatial(&self, tensor: &Tensor) -> Result<Tensor, MethodError> {
        let grid = self.forward.grids().of_pictures(&tensor.size());
        recording::spatial(self.network, self.place, grid, tensor)
    }

    /// What a run from the layer on needs beside the layer's output.
    fn beside(&self) -> Result<Beside, MethodError> {
        let place = self.place.tap.value;
        let all = self.forward.beside(self.network, place)?;
        let pictures = self.network.dependents(self.network.source()?);
        let others = all.into_iter().filter(|(value, _)| *value != place);
        let (of_the_picture, constant) = others.partition(|(value, _)| pictures.contains(value));
        Ok(Beside { of_the_picture, constant })
    }

    /// The recording, where one was made: for the next map of the same layer.
    pub fn into_recording(self) -> Option<Rc<Recording>> {
        self.recording.into_inner()
    }
}

/// Values of the graph that do not depend on a layer.
struct Beside {
    of_the_picture: Vec<(ValueId, Tensor)>,
    constant: Vec<(ValueId, Tensor)>,
}

impl Beside {
    fn values(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.constant.iter().chain(&self.of_the_picture).map(|(value, _)| *value)
    }

    /// For a batch of as many copies of the picture. Nothing is copied.
    fn of(&self, pictures: i64) -> Result<Vec<(ValueId, Tensor)>, MethodError> {
        let mut given: Vec<_> = self.constant.iter().map(|(value, tensor)| (*value, tensor.shallow_clone())).collect();
        for (value, tensor) in &self.of_the_picture {
            let mut sizes = tensor.size();
            if let Some(first) = sizes.first_mut().filter(|first| **first == 1) {
                *first = pictures;
            }
            given.push((*value, tensor.f_expand(sizes.as_slice(), false)?));
        }
        Ok(given)
    }
}

/// A method that makes maps, as the registry names it: the map at the layer's resolution, before ReLU and scaling.
pub type MapMethod = fn(&MapInput<'_>, &Settings) -> Result<Map, MethodError>;
