//! A layer's weights: found in the file, checked against the configuration, viewed as PyTorch has them.

use super::KerasError;
use super::layers::Call;
use super::tensor::Tensor;
use crate::model::graph::{DType, ValueId, Weight, WeightRole};

/// How PyTorch sees an array of Keras's, without moving a number.
pub(super) struct View {
    pub(super) shape: Vec<usize>,
    /// `None` for row-major.
    pub(super) strides: Option<Vec<usize>>,
}

/// Elements to step over for each dimension of a row-major array.
fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at].saturating_mul(shape[at]);
    }
    strides
}

/// An array with its dimensions in another order.
pub(super) fn permuted(shape: &[usize], order: impl IntoIterator<Item = usize>) -> View {
    let strides = row_major(shape);
    let (shape, strides) = order.into_iter().map(|at| (shape[at], strides[at])).unzip();
    View { shape, strides: Some(strides) }
}

/// `rows×columns` as `columns×rows`.
pub(super) fn transposed(shape: [usize; 2]) -> View {
    permuted(&shape, [1, 0])
}

/// A kernel of …×in×out as out×in×….
pub(super) fn kernel(shape: &[usize]) -> View {
    let space = shape.len().saturating_sub(2);
    permuted(shape, [space + 1, space].into_iter().chain(0..space))
}

/// A kernel of …×channels×multiplier as (channels·multiplier)×1×….
pub(super) fn depthwise(shape: &[usize]) -> View {
    let space = shape.len().saturating_sub(2);
    let cell = shape[space..].iter().fold(1_usize, |all, &size| all.saturating_mul(size));
    let mut view = permuted(shape, 0..space);
    view.shape.splice(0..0, [cell, 1]);
    view.strides.get_or_insert_default().splice(0..0, [1, cell]);
    view
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
        self.lowering.arrays.insert(found, value);
        Ok(value)
    }

    /// Shape of the weight that [`Self::weight`] would find next.
    pub(super) fn weight_shape(&mut self, names: &[&str]) -> Result<Vec<usize>, KerasError> {
        let shown = names.first().copied().unwrap_or_default();
        let missing = || KerasError::MissingWeight { layer: self.path.clone(), weight: shown.to_owned() };
        let found = self.lowering.file.find(&self.address, names, self.weights_asked)?.ok_or_else(missing)?;
        let array = self.lowering.file.array(&found)?.ok_or_else(missing)?;
        Ok(array.shape.iter().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect())
    }

    /// Runs `part` as a layer inside this one, with its own weights: `names` are those in an HDF5 file and in an archive.
    pub(super) fn inside<T>(
        &mut self,
        names: [&str; 2],
        part: impl FnOnce(&mut Self) -> Result<T, KerasError>,
    ) -> Result<T, KerasError> {
        self.address.names.push(names[0].to_owned());
        self.address.parts.push(names[1].to_owned());
        let asked = std::mem::take(&mut self.weights_asked);
        let result = part(self);
        self.weights_asked = asked;
        self.address.names.pop();
        self.address.parts.pop();
        result
    }

    /// A constant in the graph's own order of dimensions.
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

    /// The shape, without the batch, in which an array of one number for each step of dimension `axis` of Keras's goes
    /// together with `input`.
    pub(super) fn along(input: &Tensor, axis: usize, length: usize) -> Vec<usize> {
        let mut shape = vec![1; input.sizes.len()];
        if let Some(size) = axis.checked_sub(1).and_then(|at| shape.get_mut(at)) {
            *size = length;
        }
        input.graph_shape(shape)
    }
}
