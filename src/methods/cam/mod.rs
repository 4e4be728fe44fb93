//! Class activation maps: where in a picture a target comes from, at the resolution of a layer.

mod default_layer;
mod grad_cam;
mod recording;
mod tokens;

use std::cell::OnceCell;
use std::rc::Rc;

use super::job::Job;
use super::registry::Settings;
use super::target::Target;
use super::{Forward, MethodError, Network, Place};

pub use default_layer::default_layer;
pub(super) use default_layer::{at_default_layer, default_layer_hint};
pub(super) use grad_cam::grad_cam;
pub use recording::Recording;
pub use tokens::{Grid, Grids};

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

    /// The recording, where one was made: for the next map of the same layer.
    pub fn into_recording(self) -> Option<Rc<Recording>> {
        self.recording.into_inner()
    }
}

/// A method that makes maps, as the registry names it: the map at the layer's resolution, before ReLU and scaling.
pub type MapMethod = fn(&MapInput<'_>, &Settings) -> Result<Map, MethodError>;
