//! Class activation maps: of one layer, of several blended, for a class, against another, in both models.

use super::super::protocol::{ClassId, ClassMap, Event, OtherMap, Ticket};
use super::Worker;
use super::error::WorkError;
use super::info;
use super::subject::Subject;
use crate::engine::Cancel;
use crate::methods::MethodError;
use crate::methods::cam::{Map, MapMethod, default_layer};
use crate::methods::job::Job;
use crate::methods::registry::{self, Kind, Run, Settings};
use crate::methods::target::Target;
use crate::model::LayerId;
use crate::picture::overlay::fuse;

impl Worker<'_> {
    /// Answers with a map.
    pub(super) fn map(
        &mut self,
        ticket: Ticket,
        layers: Vec<LayerId>,
        class: Option<ClassId>,
        against: Option<ClassId>,
        cancel: &Cancel,
    ) -> Result<(), WorkError> {
        let network = self.subject.network;
        let layers = if layers.is_empty() { vec![self.usual_layer()?] } else { layers };
        let class = self.subject.class(class)?;
        let target = Target::class(class.id, against);
        let method = registry::find(Kind::Map, "grad-cam").map_err(|error| WorkError::Method(error.into()))?;
        let Run::Map(run) = method.run else { unreachable!("a method of another kind than was asked for") };
        let how = (run, &Settings::of(method));
        let job = Job::quiet(cancel, self.open.seed);
        let map = blended(&mut self.subject, &layers, &target, how, job)?;
        let other = self.other_map(&layers, &target, how, job)?;
        let map = ClassMap {
            layers,
            class,
            against: against.map(|id| info::class(network, id)),
            height: map.height,
            width: map.width,
            values: map.values,
            other,
        };
        self.say(Event::Map { ticket, map: Box::new(map) });
        Ok(())
    }

    fn usual_layer(&self) -> Result<LayerId, WorkError> {
        let forward = self.subject.forward()?;
        let shape = |value| forward.shapes().get(&value).cloned();
        Ok(default_layer(self.subject.network, &shape).ok_or(MethodError::NoMapLayer)?)
    }

    fn other_map(
        &mut self,
        layers: &[LayerId],
        target: &Target,
        how: (MapMethod, &Settings),
        job: Job<'_>,
    ) -> Result<Option<OtherMap>, WorkError> {
        let Some(second) = &mut self.second else { return Ok(None) };
        let Some(layers) = layers.iter().map(|&layer| second.counterpart(layer)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        match blended(&mut second.subject, &layers, target, how, job) {
            Ok(map) => Ok(Some(OtherMap { height: map.height, width: map.width, values: map.values })),
            Err(WorkError::NoPicture) => Ok(None),
            Err(error) if error.is_not_applicable() => Ok(None),
            Err(error) => Err(second.error(error)),
        }
    }
}

/// The map of one layer as it is; of several the mean of their positive parts, each divided by its maximum, on the finest grid.
fn blended(
    subject: &mut Subject<'_>,
    layers: &[LayerId],
    target: &Target,
    how: (MapMethod, &Settings),
    job: Job<'_>,
) -> Result<Map, WorkError> {
    let mut maps: Vec<Map> =
        layers.iter().map(|&layer| subject.map(layer, target, how, job)).collect::<Result<_, WorkError>>()?;
    if maps.len() == 1 {
        return Ok(maps.swap_remove(0));
    }
    let grids: Vec<(&[f32], usize)> = maps.iter().map(|map| (map.values.as_slice(), map.width)).collect();
    let (values, width) = fuse(&grids);
    Ok(Map { height: values.len().checked_div(width).unwrap_or(0), width, values })
}
