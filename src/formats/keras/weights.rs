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
        let name = format!("{}.{shown}", self.address.names.join("."));
        if let Some(&value) = self.lowering.weights.get(&name) {
            return Ok(value);
        }
        let missing = || KerasError::MissingWeight { layer: self.path.clone(), weight: shown.to_owned() };
        let found = self.lowering.file.find(&self.address, names, position)?.ok_or_else(missing)?;
        let array = self.lowering.file.array(&found)?.ok_or_else(missing)?;
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
