//! From a file name to a network that is ready, and from an input to what the network is fed.

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::engine::{DeviceChoice, EngineError, MemoryLimit, Resources};
use crate::formats::{self, Demo, OpenError};
use crate::methods::{MethodError, Network};
use crate::model::labels::LabelError;
use crate::model::preprocess::PreprocessError;
use crate::model::spec::SpecError;
use crate::model::{InputDescription, InputTensor, Labels, Precision, Preprocessing, Source};
use crate::picture::load::Loaded;

/// The model to open, and what the user says about it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Opening {
    /// The model.
    pub model: ModelChoice,
    /// Where it runs.
    pub device: DeviceChoice,
    /// How much memory may be taken.
    pub memory: MemoryLimit,
    /// The element type that it is run in.
    pub precision: Precision,
    /// What is done to pictures, in place of what the file says or what is guessed.
    pub preprocess: Option<String>,
    /// Name or file of the labels.
    pub labels: Option<String>,
    /// The graph of a checkpoint: the name of a known architecture, or an exported program that lends its own.
    pub architecture: Option<String>,
}

/// Which model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelChoice {
    /// A model file.
    File(PathBuf),
    /// One that the program brings with it.
    Demo(Demo),
}

impl Default for ModelChoice {
    fn default() -> Self {
        Self::Demo(Demo::default())
    }
}

impl ModelChoice {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Demo(_) => None,
        }
    }
}

/// Why a network is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The preprocessing cannot be read.
    #[error("--preprocess: {0}")]
    Preprocess(#[from] SpecError),
    /// The preprocessing feeds another number of channels.
    #[error("--preprocess: order={order} feeds {given} channel(s), but the network takes {wanted}")]
    Channels {
        /// The order that was asked for.
        order: &'static str,
        /// Channels that it feeds.
        given: usize,
        /// Channels that the network takes.
        wanted: usize,
    },
    /// The labels cannot be read.
    #[error("--labels: {0}")]
    Labels(#[from] LabelError),
    /// The device is not there.
    #[error(transparent)]
    Device(EngineError),
    /// The graph cannot be run here.
    #[error("{file}: {reason}")]
    Graph {
        /// The file.
        file: String,
        /// What libtorch lacks.
        reason: MethodError,
    },
}

/// The picture of the built-in demo: Chelsea, by Stéfan van der Walt (CC0).
pub static DEMO_PICTURE: &[u8] = include_bytes!("../../assets/chelsea.png");

/// Opens a model and brings it to its device.
///
/// # Errors
/// One line that names the file or the option.
pub fn network(opening: &Opening) -> Result<Network, NetworkError> {
    let device = opening.device.resolve().map_err(NetworkError::Device)?;
    let mut model = match &opening.model {
        ModelChoice::File(path) => formats::open(path, opening.architecture.as_deref())?,
        ModelChoice::Demo(demo) => formats::demo(*demo)?,
    };
    if let Some(spec) = &opening.preprocess {
        model.input = preprocessed(&model.input, spec)?;
    }
    if let Some(labels) = &opening.labels {
        model.labels = Some(Labels::named(labels)?);
        model.negative_label = None;
    }
    let file = model.name.clone();
    let resources = Resources { device, limit: opening.memory };
    let model = model.in_precision(opening.precision);
    let mut network = Network::load(model, resources).map_err(|reason| NetworkError::Graph { file, reason })?;
    if network.labels.is_none() && network.classes() == Some(1000) {
        network.labels = Some(Labels::imagenet());
    }
    Ok(network)
}

/// An input with the user's own preprocessing.
///
/// # Errors
/// A SPEC that cannot be read, or that feeds another number of channels.
pub fn preprocessed(input: &InputDescription, spec: &str) -> Result<InputDescription, NetworkError> {
    let wanted: Preprocessing = spec.parse()?;
    let (given, channels) = (wanted.order().channels(), input.channels);
    if given != channels {
        return Err(NetworkError::Channels { order: wanted.order().name(), given, wanted: channels });
    }
    Ok(InputDescription { preprocessing: wanted.fitted_to(input.size), source: Source::User, ..input.clone() })
}

/// Why an input cannot be fed.
#[derive(Debug, thiserror::Error)]
pub enum FedError {
    /// The picture cannot be brought to the network's size.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The array is no input of this network.
    #[error(transparent)]
    Shape(#[from] MethodError),
    /// The picture is fed in other channels than the network takes.
    #[error("pictures are fed in {given} channels, but the network takes {wanted} channels")]
    Channels {
        /// Channels that the preprocessing gives.
        given: usize,
        /// Channels that the network takes.
        wanted: usize,
    },
    /// The picture has another size than the network takes, and the preprocessing does not change it.
    #[error(
        "the picture is fed as {given}, but the network takes {wanted} pixels: give --preprocess with resize={wanted}"
    )]
    Size {
        /// Width and height that the preprocessing gives.
        given: String,
        /// Width and height that the network takes.
        wanted: String,
    },
}

/// The input tensor, 1×C×H×W, and what the network sees as a picture. Pictures are preprocessed, arrays fed as they are.
///
/// # Errors
/// When the input does not fit the network.
pub fn fed(network: &Network, loaded: &Loaded) -> Result<(Tensor, RgbImage), FedError> {
    let preprocessing = &network.input.preprocessing;
    match loaded {
        Loaded::Picture(picture) => {
            let input = preprocessing.apply(picture)?;
            if input.channels != network.input.channels {
                return Err(FedError::Channels { given: input.channels, wanted: network.input.channels });
            }
            if let Some((height, width)) = network.input.size.filter(|&size| size != (input.height, input.width)) {
                let given = format!("{}x{}", input.width, input.height);
                return Err(FedError::Size { given, wanted: format!("{width}x{height}") });
            }
            let shape = [1, input.channels as i64, input.height as i64, input.width as i64];
            let tensor = network.engine.tensor(&input.data, &shape).map_err(MethodError::from)?;
            Ok((tensor, preprocessing.view(picture)?))
        }
        Loaded::Array(array) => {
            let tensor = network.input_tensor(&array.data, &array.shape)?;
            let (_, channels, height, width) = tensor.size4().map_err(MethodError::from)?;
            let first = tensor.narrow(0, 0, 1);
            let data = crate::engine::numbers(&first).map_err(MethodError::from)?;
            let input =
                InputTensor { channels: channels as usize, height: height as usize, width: width as usize, data };
            Ok((tensor, preprocessing.undo(&input)))
        }
    }
}
