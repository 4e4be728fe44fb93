//! Runs many inputs: as many at once as the graph and the memory take.

use tch::{Kind, Tensor};

use super::{AttributionError, AttributionInput};
use crate::engine::{Cancel, Taps, channels_last, numbers, tensor_bytes};
use crate::methods::batches::Batch;
use crate::methods::target::Target;
use crate::methods::{MethodError, Network};
use crate::model::graph::{Tap, ValueId};

/// Most pictures that are run at once: more gains nothing, and a partial result would be late.
const MOST: usize = 16;

/// The way from inputs to the target.
pub(super) struct Runner<'a> {
    network: &'a Network,
    target: &'a Target,
    cancel: &'a Cancel,
    source: ValueId,
    tap: Tap,
    /// Bytes of a recorded run.
    each: u64,
    batch: Batch,
}

impl<'a> Runner<'a> {
    /// # Errors
    /// When there is not exactly one picture, or no such target.
    pub(super) fn new(input: &AttributionInput<'a>) -> Result<Self, MethodError> {
        let pictures = input.input.size4()?.0;
        if pictures != 1 {
            return Err(AttributionError::SeveralPictures(pictures).into());
        }
        let (network, target, cancel) = (input.network, input.target, input.job.cancel);
        let (source, tap) = (network.source()?, target.tap(network)?);
        let each = recorded(network, source, tap, input.input)?;
        let batch = Batch::of(network.batch_of(each)?.min(MOST));
        Ok(Self { network, target, cancel, source, tap, each, batch })
    }

    /// Refuses a single run that keeps `times` as much as a recorded one, and so many copies of the convolutions' kernels, where
    /// there is no memory for it.
    ///
    /// # Errors
    /// How much is missing.
    pub(super) fn must_fit(&self, times: f64, kernels: f64) -> Result<(), MethodError> {
        let engine = &self.network.engine;
        let weights = engine.graph().weights.iter().filter_map(|weight| engine.weight(weight.value));
        let bytes: u64 = weights.filter(|weight| weight.dim() == 4).map(tensor_bytes).sum();
        let kept = (kernels * bytes as f64) as u64;
        self.network.batch_beside(kept, (times * self.each as f64) as u64).map(|_| ())
    }

    /// How many inputs to bring at once.
    pub(super) fn batch(&self) -> usize {
        self.batch.size()
    }

    /// What the target is made of.
    pub(super) fn tap(&self) -> Tap {
        self.tap
    }

    /// The value that inputs are fed to.
    pub(super) fn source(&self) -> ValueId {
        self.source
    }

    /// The target for each of N×C×H×W.
    pub(super) fn values(&self, inputs: &Tensor) -> Result<Vec<f32>, MethodError> {
        let parts = self.in_batches(inputs, &|inputs| {
            let run = self.network.engine.run(&[(self.source, inputs.shallow_clone())], &[self.tap], self.cancel)?;
            numbers(&self.target_of(&run, inputs)?).map_err(MethodError::from)
        })?;
        Ok(parts.concat())
    }

    /// The target's gradient for each of N×C×H×W.
    pub(super) fn gradients(&self, inputs: &Tensor) -> Result<Tensor, MethodError> {
        let parts = self.in_batches(inputs, &|inputs| {
            let given = [(self.source, inputs.shallow_clone())];
            let run = self.network.engine.run_recorded(&given, &[self.tap], &[self.source.into()], self.cancel)?;
            self.gradient_of(&run, inputs)
        })?;
        if let [only] = parts.as_slice() { Ok(only.shallow_clone()) } else { Ok(Tensor::f_cat(&parts, 0)?) }
    }

    /// The target of a run, a number for each input, recorded where the run is.
    pub(super) fn target_of(&self, run: &Taps, inputs: &Tensor) -> Result<Tensor, MethodError> {
        let pictures = inputs.size4()?.0;
        tch::with_grad(|| self.target.of_each(self.network, run.get(self.tap.value)?, pictures))
    }

    /// The gradient of a recorded run's target at the input.
    pub(super) fn gradient_of(&self, run: &Taps, inputs: &Tensor) -> Result<Tensor, MethodError> {
        let target = self.target_of(run, inputs)?;
        if !target.requires_grad() {
            return Err(AttributionError::Independent.into());
        }
        let sum = tch::with_grad(|| target.f_sum(Kind::Float))?;
        let mut gradients = self.network.engine.gradients(&sum, &[run.get(self.source)?], false)?;
        gradients.pop().ok_or_else(|| AttributionError::Independent.into())
    }

    /// Works through the inputs.
    fn in_batches<T>(
        &self,
        inputs: &Tensor,
        work: &dyn Fn(&Tensor) -> Result<T, MethodError>,
    ) -> Result<Vec<T>, MethodError> {
        self.batch.run(inputs.size4()?.0 as usize, self.cancel, |range| {
            let some = inputs.f_narrow(0, range.start as i64, range.len() as i64)?;
            work(&if range.len() > 1 { channels_last(&some)? } else { some })
        })
    }
}

/// About how many bytes a recorded run on the picture takes.
fn recorded(network: &Network, source: ValueId, tap: Tap, picture: &Tensor) -> Result<u64, MethodError> {
    let shapes = network.forward_shapes()?;
    let usual = shapes.get(&source).map_or(1, |shape| shape.iter().product::<i64>()).max(1);
    let each = network.cost(&[source], &[tap], &[source.into()], shapes);
    // The shapes are those of a picture of the usual size.
    Ok((each as f64 * picture.numel() as f64 / usual as f64) as u64)
}
