//! A second model beside the first: which layers both have, and how far apart they are.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::super::open;
use super::super::protocol::{Event, LayerDifference, Pane, Ticket};
use super::Worker;
use super::error::WorkError;
use super::picture::top;
use super::subject::Subject;
use crate::engine::Cancel;
use crate::methods::{MethodError, Network};
use crate::model::{LayerId, LayerKind};
use crate::picture::load::Loaded;

/// The second model.
pub(super) struct Second<'a> {
    pub(super) subject: Subject<'a>,
    /// For each layer of the first model the one with the same path.
    pub(super) counterparts: Vec<Option<LayerId>>,
}

impl Second<'_> {
    /// For each layer of the first model the one of the other with the same path.
    ///
    /// # Errors
    /// When no module has the same path in both: the end of a line that begins with their names.
    pub(super) fn counterparts(first: &Network, other: &Network) -> Result<Vec<Option<LayerId>>, &'static str> {
        let by_path: HashMap<&str, LayerId> =
            other.layers.iter().map(|(id, layer)| (layer.path.as_str(), id)).collect();
        let counterparts: Vec<Option<LayerId>> =
            first.layers.layers.iter().map(|layer| by_path.get(layer.path.as_str()).copied()).collect();
        // The numbered names of operator calls are the same in any two networks.
        let has_modules = first.layers.layers.iter().any(|layer| layer.kind == LayerKind::Module);
        let counts = |kind: LayerKind| kind == LayerKind::Module || !has_modules;
        let common = first.layers.layers.iter().zip(&counterparts);
        if common.filter(|(layer, _)| counts(layer.kind)).all(|(_, counterpart)| counterpart.is_none()) {
            return Err("have no layer of the same path: two checkpoints of one network can be compared");
        }
        Ok(counterparts)
    }

    /// The layer of the second model with the same path.
    pub(super) fn counterpart(&self, layer: LayerId) -> Option<LayerId> {
        *self.counterparts.get(layer.0)?
    }

    /// Says that it went wrong in the second model.
    pub(super) fn error(&self, reason: WorkError) -> WorkError {
        WorkError::Second { other: self.subject.network.name.clone(), reason: Box::new(reason) }
    }
}

impl Worker<'_> {
    /// Runs the second model, where there is one, on the picture and tells how far its layers are from the first one's.
    pub(super) fn compare(&mut self, ticket: Ticket, loaded: &Loaded, cancel: &Cancel) -> Result<(), WorkError> {
        let Some(second) = &mut self.second else { return Ok(()) };
        // What it made of the picture before must not stand beside this one's.
        second.subject = Subject::new(second.subject.network);
        let _ = self.events.send(Event::Progress {
            pane: Pane::Input,
            what: format!("running {}", second.subject.network.name),
            done: None,
        });
        let ran = open::fed(second.subject.network, loaded)
            .map_err(WorkError::from)
            .and_then(|(input, _)| second.subject.run_on(&input, cancel));
        ran.map_err(|error| second.error(error))?;
        let mut layers = Vec::new();
        let mut unmatched = Vec::new();
        for (layer, of) in self.subject.network.layers.iter() {
            let run = self.subject.forward()?;
            let ours = of.output.and_then(|output| run.get(output).ok());
            let other = second.counterpart(layer);
            let theirs = other.and_then(|other| {
                let output = second.subject.network.layers.get(other)?.output?;
                Some((other, second.subject.forward().ok()?.get(output).ok()?))
            });
            match (ours, theirs) {
                (Some(ours), Some((other, theirs))) if ours.size() == theirs.size() => {
                    layers.push(LayerDifference { layer, other, distance: distance(ours, theirs)? });
                }
                _ => unmatched.push(layer),
            }
        }
        if layers.is_empty() {
            let (model, other) = (self.subject.network.name.clone(), second.subject.network.name.clone());
            return Err(WorkError::NothingInCommon { model, other });
        }
        // NaN is the greatest of all differences.
        layers.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        let predictions = top(&second.subject).map_err(|error| second.error(error))?;
        self.say(Event::Compared { ticket, predictions, layers, unmatched });
        Ok(())
    }
}

/// Relative L2 distance, ‖a − b‖ / max(‖a‖, ‖b‖), of two tensors of one shape; 0 where both are zero.
fn distance(a: &Tensor, b: &Tensor) -> Result<f32, WorkError> {
    let length = |tensor: &Tensor| -> Result<f64, MethodError> {
        Ok(tensor.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?.sqrt())
    };
    tch::no_grad(|| {
        let b = b.f_to_device(a.device())?.f_to_kind(Kind::Float)?;
        let a = a.f_to_kind(Kind::Float)?;
        let (between, longest) = (length(&a.f_sub(&b)?)?, length(&a)?.max(length(&b)?));
        Ok(if longest > 0.0 || between.is_nan() { (between / longest) as f32 } else { 0.0 })
    })
}
