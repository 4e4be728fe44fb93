//! What several commands take, and what can go wrong with them.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::engine::{DeviceChoice, EngineError, MemoryLimit};
use crate::methods::target::ClassId;
use crate::methods::{MethodError, Network};
use crate::model::Precision;
use crate::model::labels::LabelError;
use crate::picture::load::{Input, LoadError, Loaded, decode_picture};
use crate::picture::npy::NpyError;
use crate::picture::save::SaveError;
use crate::service::open::{self, DEMO_PICTURE, FedError, ModelChoice, NetworkError, Opening};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One JSON document on stdout and nothing else there.
    Json,
}

/// How a model is opened.
#[derive(Debug, Clone, Args)]
pub(super) struct ModelOptions {
    /// Where the network runs: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub(super) device: DeviceChoice,
    /// Names of the classes: `imagenet`, or a file with one label a line or a JSON list
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) labels: Option<String>,
    /// What is done to pictures: imagenet, tf, caffe, unit, raw, or a list such as
    /// resize=256,crop=224,interpolation=bicubic,order=rgb,mean=127:127:127,std=128:128:128
    #[arg(long, value_name = "SPEC")]
    pub(super) preprocess: Option<String>,
    /// Graph of a checkpoint: a known architecture, or an exported program that lends its own
    #[arg(long, value_name = "NAME|FILE.pt2")]
    pub(super) architecture: Option<String>,
    /// Number of processor threads
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) threads: Option<u16>,
    /// Memory that may be taken, of the process or on the GPU: 6GB, 800MiB, a share of what is free such as 50%, or auto
    #[arg(long, value_name = "AMOUNT", default_value = "auto")]
    pub(super) memory_limit: MemoryLimit,
    /// Element type that the network is run in: file, float64, float32, bfloat16 or float16
    #[arg(long, value_name = "TYPE", default_value = "file")]
    pub(super) precision: Precision,
    /// Seed of everything that is random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
}

impl ModelOptions {
    /// What to open.
    pub(super) fn opening(&self, model: Option<&Path>) -> Result<Opening, Failure> {
        Ok(Opening {
            model: model.map_or(Ok(ModelChoice::default()), chosen)?,
            device: self.device,
            memory: self.memory_limit,
            precision: self.precision,
            preprocess: self.preprocess.clone(),
            labels: self.labels.clone(),
            architecture: self.architecture.clone(),
        })
    }

    /// Opens the model.
    pub(super) fn network(&self, model: Option<&Path>) -> Result<Network, Failure> {
        self.apply_threads();
        let network = open::network(&self.opening(model)?)?;
        if let Some(note) = &network.note {
            super::errors::warn(&format!("{}: {note}", network.name));
        }
        Ok(network)
    }

    /// Sets the number of threads, if one is asked for.
    pub(super) fn apply_threads(&self) {
        if let Some(threads) = self.threads {
            tch::set_num_threads(threads.into());
        }
    }
}

/// `demo` and `demo:NAME` are what the program brings with it, unless a file has that name.
fn chosen(model: &Path) -> Result<ModelChoice, Failure> {
    let demo = model.to_str().and_then(|name| name.strip_prefix("demo")).filter(|_| !model.exists());
    match demo.and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }) {
        Some("") => Ok(ModelChoice::default()),
        Some(name) => name.parse().map(ModelChoice::Demo).map_err(Failure::Usage),
        None => Ok(ModelChoice::File(model.to_path_buf())),
    }
}

/// Where results go.
#[derive(Debug, Clone, Args)]
pub(super) struct OutputOptions {
    /// table or json
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub(super) format: Format,
    /// Write the numbers as float32 to this .npy file
    #[arg(long, value_name = "FILE.npy")]
    pub(super) raw: Option<PathBuf>,
}

/// An input with what it holds.
pub(super) struct Given {
    /// As the user wrote it.
    pub(super) path: String,
    /// What it holds.
    pub(super) loaded: Loaded,
}

/// The one input of a command: a picture or an array; the demo has its own.
pub(super) fn one_input(input: Option<&Path>, opening: &Opening) -> Result<Given, Failure> {
    match input {
        None if opening.model.file().is_none() => Ok(Given {
            path: "chelsea.png".to_owned(),
            loaded: Loaded::Picture(decode_picture(DEMO_PICTURE, "the demo's picture")?),
        }),
        None => Err(Failure::Usage("an INPUT is missing: give a picture or a .npy array".to_owned())),
        Some(path) if path.is_dir() => Err(Failure::Usage(format!(
            "{}: this command takes one picture, not a folder",
            crate::model::printable::printable_path(path)
        ))),
        Some(path) => {
            let mut inputs = Input::resolve([path])?;
            let first = if inputs.is_empty() { None } else { Some(inputs.swap_remove(0)) };
            let input = first.ok_or_else(|| Failure::Usage("an INPUT is missing".to_owned()))?;
            Ok(Given { path: input.path().display().to_string(), loaded: input.load()? })
        }
    }
}

/// The class that an option names.
pub(super) fn class_named(network: &Network, option: &'static str, class: &str) -> Result<ClassId, Failure> {
    network.find_class(class).map_err(|reason| Failure::Class { option, reason })
}

/// Channels by number: `3`, `0-63`, `0,4,8-11`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChannelList(Vec<RangeInclusive<usize>>);

impl FromStr for ChannelList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' are no channels: give numbers and ranges such as 0-63 or 3,7,12-15");
        let part = |part: &str| {
            let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            let (first, last) = (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
            if first <= last { Ok(first..=last) } else { Err(wrong()) }
        };
        text.split(',').map(part).collect::<Result<_, _>>().map(Self)
    }
}

impl ChannelList {
    /// The channels, in the order in which they were given.
    ///
    /// # Errors
    /// A channel that the layer does not have.
    pub(super) fn within(&self, layer: &str, count: usize) -> Result<Vec<usize>, MethodError> {
        let last = count.saturating_sub(1);
        if let Some(asked) = self.0.iter().map(|range| *range.end()).find(|&end| end > last) {
            return Err(MethodError::NoSuchChannel { layer: layer.to_owned(), last, asked });
        }
        Ok(self.0.iter().flat_map(Clone::clone).collect())
    }
}

/// Why a command failed: one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Network(Box<NetworkError>),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{path}: {reason}")]
    Fed { path: String, reason: FedError },
    #[error(transparent)]
    Method(#[from] MethodError),
    #[error("{option}: {reason}")]
    Class { option: &'static str, reason: LabelError },
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Array(#[from] NpyError),
    #[error(transparent)]
    Interface(#[from] crate::tui::TuiError),
    #[error("cannot write the result: {0}")]
    Output(#[from] std::io::Error),
    #[error(transparent)]
    Scan(#[from] crate::scan::ScanError),
    #[error("{0}")]
    Stopped(String),
    #[error("{0}")]
    Usage(String),
}

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Self::Network(Box::new(error))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        MethodError::from(error).into()
    }
}

impl From<tch::TchError> for Failure {
    fn from(error: tch::TchError) -> Self {
        MethodError::from(error).into()
    }
}
