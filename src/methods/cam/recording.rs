//! A run from a layer to a target that remembers how the one came from the other.

use tch::{Kind, Tensor};

use super::{Grid, Map, default_layer_hint};
use crate::engine::{Cancel, numbers, sum_kind};
use crate::methods::target::Target;
use crate::methods::{Forward, MethodError, Network, Place, channels};
use crate::model::graph::{Tap, ValueId};

/// A run that remembers how a value of the graph came from a layer, so that every further target made of that value (another
/// class) costs one backward pass.
#[derive(Debug)]
pub struct Recording {
    place: Place,
    activation: Tensor,
    /// How the activation's tokens lie in the picture.
    grid: Option<Grid>,
    tap: ValueId,
    tapped: Tensor,
    /// About how many bytes the run took.
    cost: u64,
}

impl Recording {
    /// Runs from what `forward` kept beside the layer to `tap`, recording only what leads away from the layer.
    ///
    /// # Errors
    /// When `tap` does not depend on the layer.
    pub fn new(
        network: &Network,
        forward: &Forward,
        place: Place,
        tap: Tap,
        cancel: &Cancel,
    ) -> Result<Self, MethodError> {
        let given = match forward.get(place.tap.value) {
            Ok(_) => forward.beside(network, place.tap.value)?,
            Err(_) => vec![(network.source()?, forward.input.shallow_clone())],
        };
        Self::from_given(network, forward, &given, place, tap, cancel)
    }

    /// Runs from another picture of the same size to `tap`, recording only what leads away from the layer.
    ///
    /// # Errors
    /// As [`Recording::new`].
    pub(super) fn of_picture(
        network: &Network,
        forward: &Forward,
        picture: &Tensor,
        place: Place,
        tap: Tap,
        cancel: &Cancel,
    ) -> Result<Self, MethodError> {
        Self::from_given(network, forward, &[(network.source()?, picture.shallow_clone())], place, tap, cancel)
    }

    fn from_given(
        network: &Network,
        forward: &Forward,
        given: &[(ValueId, Tensor)],
        place: Place,
        tap: Tap,
        cancel: &Cancel,
    ) -> Result<Self, MethodError> {
        let known: Vec<ValueId> = given.iter().map(|(value, _)| *value).collect();
        // Fails where not even one picture fits.
        let cost = network.cost(&known, &[tap], &[place.tap], forward.shapes());
        network.batch_of(cost)?;
        let run = network.engine.run_recorded(given, &[tap], &[place.tap], cancel)?;
        let activation = run.get(place.tap.value)?.shallow_clone();
        let tapped = run.get(tap.value)?.shallow_clone();
        if !tapped.requires_grad() {
            return Err(MethodError::NoGradient(place.name));
        }
        let grid = forward.grids().of_pictures(&activation.size());
        Ok(Self { place, activation, grid, tap: tap.value, tapped, cost })
    }

    /// The value that targets are made of.
    pub fn tap(&self) -> ValueId {
        self.tap
    }

    /// The layer that the recording is of.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// About how many bytes the recording holds: what the run made from the layer on.
    pub fn bytes(&self, network: &Network, forward: &Forward) -> u64 {
        let made = network.dependents(self.place.tap.value);
        made.iter().map(|value| network.engine.value_bytes(*value, forward.shapes())).sum()
    }

    /// The layer's output.
    pub fn activation(&self) -> &Tensor {
        &self.activation
    }

    /// Gradient of the target at the layer, of the layer's shape.
    ///
    /// # Errors
    /// When there is no such class or channel.
    pub fn gradient(&self, network: &Network, target: &Target) -> Result<Tensor, MethodError> {
        let target = tch::with_grad(|| Ok::<_, MethodError>(target.of(network, &self.tapped)?.f_sum(Kind::Float)?))?;
        let mut gradients = network.engine.gradients(&target, &[&self.activation], true)?;
        gradients.pop().ok_or_else(|| MethodError::NoGradient(self.place.name.clone()))
    }

    /// Gradient of the target at the layer, and the Hessian there times the layer's own output, of the layer's shape; none where
    /// the target is linear in the layer.
    ///
    /// # Errors
    /// As [`Recording::gradient`].
    pub(super) fn curvature(
        &self,
        network: &Network,
        target: &Target,
    ) -> Result<(Tensor, Option<Tensor>), MethodError> {
        let target = tch::with_grad(|| Ok::<_, MethodError>(target.of(network, &self.tapped)?.f_sum(Kind::Float)?))?;
        // A gradient that is derived again remembers as much as the run.
        network.batch_of(self.cost)?;
        let no_gradient = || MethodError::NoGradient(self.place.name.clone());
        let mut gradients = network.engine.gradients_to_derive(&target, &[&self.activation])?;
        let gradient = gradients.pop().ok_or_else(no_gradient)?;
        if !gradient.requires_grad() {
            return Ok((gradient, None));
        }
        let along = tch::with_grad(|| gradient.f_mul(&self.activation.detach())?.f_sum(Kind::Float))?;
        let mut curvatures = network.engine.gradients(&along, &[&self.activation], true)?;
        Ok((gradient.detach(), curvatures.pop().filter(Tensor::defined)))
    }

    /// Activation and gradient as N×C×H×W, tokens on their grid.
    ///
    /// # Errors
    /// When the layer has no spatial map or the target looks at none of it, and as [`Recording::gradient`].
    pub fn maps(&self, network: &Network, target: &Target) -> Result<(Tensor, Tensor), MethodError> {
        // A layer without a map is refused before anything is differentiated.
        let activation = self.spatial(network, &self.activation.detach())?;
        let gradient = self.gradient(network, target)?;
        Ok((activation, self.slope_on_grid(network, &gradient)?))
    }

    /// A tensor of the layer's shape as N×C×H×W, tokens on their grid.
    pub(super) fn spatial(&self, network: &Network, tensor: &Tensor) -> Result<Tensor, MethodError> {
        spatial(network, &self.place, self.grid, tensor)
    }

    /// As [`Recording::spatial`], of a gradient; refused where the target looks at the class token alone.
    pub(super) fn slope_on_grid(&self, network: &Network, gradient: &Tensor) -> Result<Tensor, MethodError> {
        let on_patches = self.spatial(network, gradient)?;
        let reaches = |part: &Tensor| Ok::<_, MethodError>(part.f_count_nonzero(None)?.int64_value(&[]) > 0);
        let has_class_token = gradient.dim() != 4 && self.grid.is_some_and(|grid| grid.extra > 0);
        if has_class_token && !reaches(&on_patches)? && reaches(gradient)? {
            let (layer, hint) = (self.place.name.clone(), default_layer_hint(network));
            return Err(MethodError::NoPatches { layer, hint });
        }
        Ok(on_patches)
    }
}

/// A tensor of the layer's shape as N×C×H×W, tokens on their grid, in what sums are taken in: powers of a gradient in half precision
/// are nothing.
///
/// # Errors
/// When the layer has no spatial map.
pub(super) fn spatial(
    network: &Network,
    place: &Place,
    grid: Option<Grid>,
    tensor: &Tensor,
) -> Result<Tensor, MethodError> {
    let map = match grid {
        _ if tensor.dim() == 4 => channels::channels_first(tensor, network.layout(place.tap.value))?,
        Some(grid) => channels::on_grid(tensor, grid)?,
        None => {
            let (layer, given) = (place.name.clone(), tensor.size());
            return Err(MethodError::NoSpatialMap { layer, given, hint: default_layer_hint(network) });
        }
    };
    Ok(map.f_to_kind(sum_kind(&map))?)
}

/// The first picture's map of N×H×W.
pub(super) fn map(maps: &Tensor) -> Result<Map, MethodError> {
    let map = maps.f_select(0, 0)?;
    let (height, width) = map.size2()?;
    Ok(Map { height: height as usize, width: width as usize, values: numbers(&map)? })
}
