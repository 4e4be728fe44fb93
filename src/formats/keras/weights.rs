//! A layer's weights: found by name in the file, checked against the configuration, viewed as PyTorch has them.

use super::KerasError;
use super::layers::Call;
use crate::model::graph::{DType, ValueId, Weight, WeightRole};

/// How PyTorch sees an array of Keras's, without moving a number.
pub(super) struct View {
    pub(super) shape: Vec<usize>,
    /// `None` for row-major.
    pub(super) strides: Option<Vec<usize>>,
}

/// `rows×columns` as `columns×rows`.
pub(super) fn transposed([rows, columns]: [usize; 2]) -> View {
    View { shape: vec![columns, rows], strides: Some(vec![1, columns]) }
}

/// A kernel of height×width×in×out as out×in×height×width.
pub(super) fn kernel([height, width, inputs, outputs]: [usize; 4]) -> View {
    let cell = inputs.saturating_mul(outputs);
    View {
        shape: vec![outputs, inputs, height, width],
        strides: Some(vec![1, outputs, width.saturating_mul(cell), cell]),
    }
}

/// A kernel of height×width×channels×multiplier as (channels·multiplier)×1×height×width.
pub(super) fn depthwise([height, width, channels, multiplier]: [usize; 4]) -> View {
    let cell = channels.saturating_mul(multiplier);
    View { shape: vec![cell, 1, height, width], strides: Some(vec![1, cell, width.saturating_mul(cell), cell]) }
}

/// An array as it is.
pub(super) fn plain(shape: &[usize]) -> View {
    View { shape: shape.to_vec(), strides: None }
}

impl Call<'_> {
    /// A weight of this layer; calls must ask in the order in which Keras makes them.
    ///
    /// `names` are the weight's names in Keras 2 and 3, the one to show first; `shape` is Keras's own.
    pub(super) fn weight(
        &mut self,
        names: &[&str],
        shape: &[usize],
        role: WeightRole,
        view: View,
    ) -> Result<ValueId, KerasError> {
        let position = self.weights_asked;
        self.weights_asked += 1;
        let shown = names.first().copied().unwrap_or_default();
        let name = format!("{}.{shown}", self.own_path.join("."));
        if let Some(&value) = self.lowering.weights.get(&name) {
            return Ok(value);
        }
        let missing = || KerasError::MissingWeight { layer: self.path.clone(), weight: shown.to_owned() };
        let group = self.own_path.first().ok_or_else(missing)?;
        let found =
            find(self.lowering.file.weight_names(group)?, &self.own_path, names, position).ok_or_else(missing)?;
        let array = self.lowering.file.array(group, &found)?;
        if !array.shape.iter().copied().eq(shape.iter().map(|&size| size as u64)) {
            return Err(KerasError::WeightShape {
                layer: self.path.clone(),
                weight: shown.to_owned(),
                expected: shape.to_vec(),
                found: array.shape,
            });
        }
        let data = self.lowering.file.numbers(&array)?;
        let View { shape, strides } = view;
        let value = self.lowering.graph.weight(|value| Weight {
            name: name.clone(),
            value,
            role,
            dtype: DType::Float32,
            shape,
            strides,
            data: data.into(),
        });
        self.lowering.weights.insert(name, value);
        Ok(value)
    }

    /// A constant of one number for each channel of feature maps, or of a vector.
    pub(super) fn constant(&mut self, name: &str, numbers: &[f64], shape: Vec<usize>) -> ValueId {
        let name = format!("{}.{name}", self.path);
        self.lowering.graph.weight(|value| Weight {
            name,
            value,
            role: WeightRole::Constant,
            dtype: DType::Float32,
            shape,
            strides: None,
            data: numbers.iter().flat_map(|&number| (number as f32).to_le_bytes()).collect(),
        })
    }
}

/// The array among `arrays` whose path ends in one of `names` and, before that, in most of the layer's own path.
///
/// A top-level layer's group holds nothing but its own weights; so there the rest of an array's path, which Keras 2 took
/// from TensorFlow's scopes, says nothing, and where no name is known the order counts, as it does for Keras itself.
fn find(arrays: &[String], own_path: &[String], names: &[&str], position: usize) -> Option<String> {
    let agreement = |array: &&String| {
        let mut parts = array.rsplit('/');
        let last = parts.next()?;
        let last = last.split_once(':').map_or(last, |(name, _)| name);
        names.contains(&last).then(|| parts.zip(own_path.iter().rev()).take_while(|(a, b)| a == b).count())
    };
    let needed = usize::from(own_path.len() > 1);
    let best = arrays.iter().filter_map(|array| Some((agreement(&array)?, array)));
    let best = best.filter(|(agreement, _)| *agreement >= needed).reduce(|a, b| if b.0 > a.0 { b } else { a });
    let by_order = || if own_path.len() == 1 { arrays.get(position) } else { None };
    best.map(|(_, array)| array).or_else(by_order).cloned()
}
