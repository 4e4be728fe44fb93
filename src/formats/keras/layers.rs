//! One call of one layer, and which of Keras's classes is lowered where.

use super::file::Address;
use super::lower::Lowering;
use super::options::Options;
use super::tensor::Tensor;
use super::{KerasError, activation, convolution, dense, merge, normalization, padding, pooling, shaping};
use crate::model::graph::{Argument, Operator, Scope, SizeOperator, ValueId};

/// More nodes than any network has: a small file can call nested models of nested models without end.
const MOST_NODES: usize = 100_000;

/// A layer that is being lowered.
pub(super) struct Call<'a> {
    pub(super) lowering: &'a mut Lowering,
    pub(super) options: &'a Options,
    /// Path of this call: `inner.conv`, `inner.conv@1` for the second.
    pub(super) path: String,
    /// Where its weights are.
    pub(super) address: Address,
    pub(super) scope: Vec<Scope>,
    /// Weights that this call has asked for.
    pub(super) weights_asked: usize,
}

/// Layers that do something in training only.
const IDENTITIES: &[&str] = &[
    "ActivityRegularization",
    "GaussianNoise",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
];

/// Whether a layer leaves the picture's numbers as they are, up to a border.
pub(super) fn keeps_numbers(class: &str) -> bool {
    IDENTITIES.contains(&class) || class.ends_with("Dropout") || class == "ZeroPadding2D"
}

impl Call<'_> {
    /// Lowers the layer and gives what it gives.
    pub(super) fn lower(&mut self, inputs: &[Tensor]) -> Result<Tensor, KerasError> {
        match &*self.options.class {
            "Add" | "Average" | "Concatenate" | "Maximum" | "Minimum" | "Multiply" | "Subtract" => {
                return merge::lower(self, inputs);
            }
            _ => {}
        }
        let [input] = inputs else {
            return Err(self.options.wrong(format!("it is called with {} tensors, not one", inputs.len())));
        };
        match &*self.options.class {
            "Conv2D" | "Convolution2D" => convolution::full(self, input),
            "DepthwiseConv2D" => convolution::depthwise(self, input),
            "SeparableConv2D" => convolution::separable(self, input),
            "MaxPooling2D" | "AveragePooling2D" => pooling::window(self, input),
            "GlobalMaxPooling2D" | "GlobalAveragePooling2D" => pooling::global(self, input),
            "ZeroPadding2D" => padding::zeros(self, input),
            "BatchNormalization" => normalization::batch(self, input),
            "Normalization" => normalization::fixed(self, input),
            "Rescaling" => normalization::rescaling(self, input),
            "Activation" | "ReLU" | "LeakyReLU" | "ELU" | "Softmax" => activation::layer(self, input),
            "Dropout" | "SpatialDropout2D" | "AlphaDropout" | "GaussianDropout" => self.dropout(input),
            "Flatten" => shaping::flatten(self, input),
            "Reshape" => shaping::reshape(self, input),
            "Dense" => dense::lower(self, input),
            class if IDENTITIES.contains(&class) => self.unary("identity", ("alias", ""), input, []),
            _ => Err(KerasError::UnsupportedLayer { layer: self.path.clone(), class: self.options.class.clone() }),
        }
    }

    /// A node that is switched off: dropout does nothing outside training.
    fn dropout(&mut self, input: &Tensor) -> Result<Tensor, KerasError> {
        let rate = self.options.number("rate")?.filter(|rate| (0.0..=1.0).contains(rate)).unwrap_or(0.0);
        let arguments = [("input", input.value.into()), ("p", Argument::Float(rate)), ("train", Argument::Bool(false))];
        let value = self.node("dropout", ("dropout", ""), arguments)?;
        Ok(Tensor { value, sizes: input.sizes.clone() })
    }

    /// Height, width and the number of channels of an input that must be feature maps.
    pub(super) fn maps(&self, input: &Tensor) -> Result<([Option<i64>; 2], i64), KerasError> {
        match input.maps() {
            Some([height, width, Some(channels)]) => Ok(([height, width], channels)),
            Some(_) => Err(self.options.wrong("the number of channels of its input is not known")),
            None => Err(self.options.wrong(format!(
                "it takes height×width×channels, but gets {} dimensions beside the batch",
                input.sizes.len()
            ))),
        }
    }

    /// Adds a call of one of libtorch's operators, named `<layer>.<word>`.
    pub(super) fn node<'n>(
        &mut self,
        word: &str,
        (operator, overload): (&str, &str),
        arguments: impl IntoIterator<Item = (&'n str, Argument)>,
    ) -> Result<ValueId, KerasError> {
        self.add(word, Operator::aten(operator, overload), arguments)
    }

    /// Adds arithmetic on sizes.
    pub(super) fn size(
        &mut self,
        word: &str,
        operator: SizeOperator,
        arguments: [Argument; 2],
    ) -> Result<ValueId, KerasError> {
        let [first, second] = arguments;
        self.add(word, Operator::Size(operator), [("a", first), ("b", second)])
    }

    /// Adds a call that gives its input's shape; `more` are the arguments after `self`.
    pub(super) fn unary<'n>(
        &mut self,
        word: &str,
        operator: (&str, &str),
        input: &Tensor,
        more: impl IntoIterator<Item = (&'n str, Argument)>,
    ) -> Result<Tensor, KerasError> {
        let arguments = std::iter::once(("self", input.value.into())).chain(more);
        Ok(Tensor { value: self.node(word, operator, arguments)?, sizes: input.sizes.clone() })
    }

    fn add<'n>(
        &mut self,
        word: &str,
        operator: Operator,
        arguments: impl IntoIterator<Item = (&'n str, Argument)>,
    ) -> Result<ValueId, KerasError> {
        if self.lowering.graph.nodes.len() >= MOST_NODES {
            return Err(KerasError::Damaged(format!("it calls more than {MOST_NODES} operators")));
        }
        let name = self.lowering.unique(format!("{}.{word}", self.path));
        Ok(self.lowering.graph.call(&self.scope, &name, operator, arguments))
    }
}
