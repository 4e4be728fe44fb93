//! Guided backpropagation, the deconvolutional network, and guided Grad-CAM: gradients that pass ReLU by another rule.
//!
//! - Guided backpropagation: Springenberg et al., *Striving for Simplicity* (2014): a gradient passes where it and the ReLU's input
//!   are positive.
//! - Deconvolutional network: Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks* (2013): a gradient passes
//!   where it is positive, whatever the input was.
//! - Guided Grad-CAM: Selvaraju et al., *Grad-CAM* (2017), section 3.4: guided backpropagation times the positive part of Grad-CAM,
//!   enlarged to nearest neighbours as Captum's `GuidedGradCam` does (the paper: bilinearly).
//!
//! A ReLU is whatever rectifies in the graph: `relu` and its in-place form, `clamp` from 0, and ReLU6, where guided
//! backpropagation lets nothing pass beyond the ceiling, as its derivative does, and the deconvolutional network lets everything
//! pass that is positive. Captum changes modules of the class `torch.nn.ReLU` alone: with it, functional calls keep their
//! ordinary gradient, and all ReLU6 do, so that guided backpropagation of a MobileNet or an EfficientNet-Lite is the plain gradient
//! there. A network whose target no ReLU leads to is refused.

use std::collections::HashMap;

use tch::Tensor;

use super::batch::Runner;
use super::rectifiers::{Rectifier, rectifiers};
use super::{Attribution, AttributionError, AttributionInput};
use crate::aten::{Gate, Value, gate};
use crate::engine::{EngineError, NodeCall, Substitute, sum_kind};
use crate::methods::registry::Settings;
use crate::methods::target::Target;
use crate::methods::{MethodError, Place, cam};
use crate::model::graph::{Node, NodeId};

/// Guided backpropagation.
pub(in crate::methods) fn guided_backprop(
    input: &AttributionInput<'_>,
    _: &Settings,
) -> Result<Attribution, MethodError> {
    Attribution::of(&gated(input, Gate::Guided, "guided-backprop")?, None)
}

/// The deconvolutional network.
pub(in crate::methods) fn deconvnet(input: &AttributionInput<'_>, _: &Settings) -> Result<Attribution, MethodError> {
    Attribution::of(&gated(input, Gate::Deconvolution, "deconvnet")?, None)
}

/// Guided backpropagation times Grad-CAM at a layer.
pub(in crate::methods) fn guided_grad_cam(
    input: &AttributionInput<'_>,
    _: &Settings,
) -> Result<Attribution, MethodError> {
    let guided = gated(input, Gate::Guided, "guided-grad-cam")?;
    let (_, _, height, width) = guided.size4()?;
    let map = grad_cam(input, &layer(input)?)?.f_relu()?.f_upsample_nearest2d([height, width], None, None)?;
    Attribution::of(&guided.f_mul(&map)?, None)
}

/// The layer of the map: the one that was asked for, the target's own, or the usual one.
fn layer(input: &AttributionInput<'_>) -> Result<Place, MethodError> {
    if let Some(place) = input.place {
        return Ok(place.clone());
    }
    if let Target::Channel { place, .. } = input.target {
        return Ok(place.clone());
    }
    let network = input.network;
    let shapes = network.forward_shapes()?;
    let usual = cam::default_layer(network, &|value| shapes.get(&value).cloned());
    network.layer(usual.ok_or(MethodError::NoMapLayer)?)
}

/// Grad-CAM before ReLU, 1×1×H×W at the layer's resolution.
fn grad_cam(input: &AttributionInput<'_>, place: &Place) -> Result<Tensor, MethodError> {
    let network = input.network;
    let forward = network.forward(input.input, input.job.cancel)?;
    let wanted = cam::MapInput::new(network, &forward, place, input.target, None, input.job);
    let (activation, gradient) = wanted.maps(input.target)?;
    let summed = cam::weighted(&activation, &gradient)?;
    Ok(summed.f_sum_dim_intlist(1, true, sum_kind(&summed))?)
}

/// The gradient at the input with another rule in every ReLU, 1×C×H×W.
fn gated(input: &AttributionInput<'_>, rule: Gate, method: &'static str) -> Result<Tensor, MethodError> {
    let runner = Runner::new(input)?;
    let engine = &input.network.engine;
    let mut gates = Gates { rectifiers: rectifiers(engine.graph()), rule, passed: 0 };
    let given = [(runner.source(), input.input.shallow_clone())];
    let at = [runner.source().into()];
    let run = engine.run_substituted(&given, &[runner.tap()], &at, &mut gates, input.job.cancel)?;
    if gates.passed == 0 {
        return Err(AttributionError::NoRectifier(method).into());
    }
    runner.gradient_of(&run, input.input)
}

struct Gates {
    rectifiers: HashMap<NodeId, Rectifier>,
    rule: Gate,
    /// How many there were on the way.
    passed: usize,
}

impl Substitute for Gates {
    fn takes(&self, id: NodeId, _: &Node) -> bool {
        self.rectifiers.contains_key(&id)
    }

    fn call(&mut self, id: NodeId, call: &NodeCall<'_>) -> Result<Vec<Value>, EngineError> {
        let ceiling = self.rectifiers.get(&id).and_then(|rectifier| rectifier.ceiling);
        let Some(input) = call.tensor("self") else { return call.run(&[]) };
        self.passed += 1;
        let failed = |error: crate::aten::AtenError| EngineError::Torch(error.to_string());
        let rectified = input.detach().f_relu()?;
        let made = match ceiling {
            Some(ceiling) if self.rule == Gate::Deconvolution => {
                gate(&input, &rectified.f_clamp_max(ceiling)?, self.rule).map_err(failed)?
            }
            // The ceiling's own derivative comes after the gate.
            Some(ceiling) => gate(&input, &rectified, self.rule).map_err(failed)?.f_clamp_max(ceiling)?,
            None => gate(&input, &rectified, self.rule).map_err(failed)?,
        };
        Ok(vec![Value::Tensor(made)])
    }
}
