//! One call of one layer, and which of Keras's classes is lowered where.

use super::arguments::Arguments;
use super::file::Address;
use super::lower::Lowering;
use super::options::Options;
use super::tensor::Tensor;
use super::{
    KerasError, activation, attention, convolution, dense, layer_norm, merge, normalization, operations, padding,
    pooling, resizing, shaping,
};
use crate::model::graph::{Argument, Operator, Scope, SizeOperator, ValueId};

/// More nodes than any network has: a small file can call nested models of nested models without end.
pub(super) const MOST_NODES: usize = 100_000;

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

/// Keras's own layers that are not run here. A class that is none of Keras's is somebody's own, also where the file does not
/// say so.
const OTHERS_OF_KERAS: &[&str] = &[
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AdditiveAttention",
    "AugMix",
    "Bidirectional",
    "CategoryEncoding",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "CuDNNGRU",
    "CuDNNLSTM",
    "Discretization",
    "Embedding",
    "GRU",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "LSTM",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "Masking",
    "MelSpectrogram",
    "Pipeline",
    "RNN",
    "ReversibleEmbedding",
    "STFTSpectrogram",
    "SimpleRNN",
    "Solarization",
    "SpectralNormalization",
    "StringLookup",
    "TextVectorization",
    "TimeDistributed",
    "Wrapper",
];

/// Layers that do something in training only.
const IDENTITIES: &[&str] = &[
    "ActivityRegularization",
    "AutoContrast",
    "CutMix",
    "Equalization",
    "GaussianNoise",
    "MaxNumBoundingBoxes",
    "MixUp",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHeight",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomWidth",
    "RandomZoom",
    "StochasticDepth",
];

/// Whether a layer leaves the picture's numbers as they are, up to a border.
pub(super) fn keeps_numbers(class: &str) -> bool {
    IDENTITIES.contains(&class) || class.ends_with("Dropout") || class == "ZeroPadding2D"
}

impl Call<'_> {
    /// Lowers the layer and gives what it gives.
    pub(super) fn lower(&mut self, given: &Arguments<Tensor>) -> Result<Vec<Tensor>, KerasError> {
        if self.options.operation {
            return operations::lower(self, given);
        }
        match &*self.options.class {
            "MultiHeadAttention" | "GroupQueryAttention" => {
                return attention::multi_head(self, given);
            }
            "Attention" => return attention::single(self, given),
            _ => {}
        }
        let inputs = given.inputs();
        Ok(vec![match &*self.options.class {
            "Add" | "Average" | "Concatenate" | "Dot" | "Maximum" | "Minimum" | "Multiply" | "Subtract" => {
                merge::lower(self, &inputs)?
            }
            "CustomScaleLayer" => normalization::scaled_sum(self, &inputs)?,
            _ => match inputs.as_slice() {
                [input] => self.transform(input)?,
                _ if !self.is_known() => return Err(self.unknown()),
                inputs => {
                    return Err(self.options.wrong(format!("it is called with {} tensors, not one", inputs.len())));
                }
            },
        }])
    }

    /// A layer of one tensor.
    fn transform(&mut self, input: &Tensor) -> Result<Tensor, KerasError> {
        let (class, dimensions) = dimensions(&self.options.class);
        match (class, dimensions) {
            ("Conv" | "Convolution", 1..=3) => convolution::full(self, input, dimensions),
            ("DepthwiseConv", 1 | 2) => convolution::depthwise(self, input, dimensions),
            ("SeparableConv" | "SeparableConvolution", 1 | 2) => convolution::separable(self, input, dimensions),
            ("Conv_Transpose" | "Convolution_Transpose", 1..=3) => convolution::transposed(self, input, dimensions),
            ("MaxPooling" | "MaxPool" | "AveragePooling" | "AvgPool", 1..=3) => {
                pooling::window(self, input, dimensions)
            }
            ("GlobalMaxPooling" | "GlobalMaxPool" | "GlobalAveragePooling" | "GlobalAvgPool", 1..=3) => {
                pooling::global(self, input, dimensions)
            }
            ("ZeroPadding" | "Cropping", 1..=3) => padding::layer(self, input, dimensions),
            ("UpSampling", 1..=3) => resizing::up_sampling(self, input, dimensions),
            ("SpatialDropout", 1..=3) => self.dropout(input),
            _ => self.transform_any(input),
        }
    }

    /// A layer whose class does not count dimensions.
    fn transform_any(&mut self, input: &Tensor) -> Result<Tensor, KerasError> {
        match &*self.options.class {
            "Resizing" => resizing::resizing(self, input),
            "CenterCrop" => resizing::center_crop(self, input),
            "BatchNormalization" | "BatchNormalizationV1" | "BatchNormalizationV2" | "SyncBatchNormalization" => {
                normalization::batch(self, input)
            }
            "LayerNormalization" | "RMSNormalization" => layer_norm::layer(self, input),
            "GroupNormalization" => layer_norm::group(self, input),
            "UnitNormalization" => layer_norm::unit(self, input),
            "Normalization" => normalization::fixed(self, input),
            "Rescaling" => normalization::rescaling(self, input),
            "LayerScale" => normalization::layer_scale(self, input),
            "Activation" | "ReLU" | "LeakyReLU" | "ELU" | "PReLU" | "Softmax" | "ThresholdedReLU" => {
                activation::layer(self, input)
            }
            "Dropout" | "AlphaDropout" | "GaussianDropout" => self.dropout(input),
            "Flatten" => shaping::flatten(self, input),
            "Reshape" => shaping::reshape(self, input),
            "Permute" => shaping::permute(self, input),
            "RepeatVector" => shaping::repeat(self, input),
            "Dense" => dense::lower(self, input),
            "EinsumDense" => dense::einsum(self, input),
            class if IDENTITIES.contains(&class) || class == "Identity" => {
                self.unary("identity", ("alias", ""), input, [])
            }
            _ => Err(self.unknown()),
        }
    }

    /// Whether the class takes one tensor and is known.
    fn is_known(&self) -> bool {
        let (_, dimensions) = dimensions(&self.options.class);
        dimensions > 0
            || matches!(&*self.options.class, "Dense" | "Flatten" | "Reshape" | "BatchNormalization" | "Activation")
    }

    /// Why the layer cannot be run: an unknown class.
    fn unknown(&self) -> KerasError {
        let (layer, class) = (self.path.clone(), self.options.class.clone());
        if self.options.foreign || !OTHERS_OF_KERAS.contains(&&*class) {
            KerasError::ForeignLayer { layer, class }
        } else {
            KerasError::UnsupportedLayer { layer, class }
        }
    }

    /// A node that is switched off: dropout does nothing outside training.
    fn dropout(&mut self, input: &Tensor) -> Result<Tensor, KerasError> {
        let rate = self.options.number("rate")?.filter(|rate| (0.0..=1.0).contains(rate)).unwrap_or(0.0);
        let arguments = [("input", input.value.into()), ("p", Argument::Float(rate)), ("train", Argument::Bool(false))];
        let value = self.node("dropout", ("dropout", ""), arguments)?;
        Ok(input.with(value))
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
        Ok(input.with(self.node(word, operator, arguments)?))
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

/// A class without the count of dimensions in it, and the count: `Conv2DTranspose` is `Conv_Transpose` of 2.
pub(super) fn dimensions(class: &str) -> (&str, usize) {
    for (ending, count) in [("1D", 1), ("2D", 2), ("3D", 3)] {
        if let Some(stem) = class.strip_suffix(ending) {
            return (stem, count);
        }
        match class.strip_suffix("Transpose").and_then(|stem| stem.strip_suffix(ending)) {
            Some("Conv") => return ("Conv_Transpose", count),
            Some("Convolution") => return ("Convolution_Transpose", count),
            _ => {}
        }
    }
    (class, 0)
}
