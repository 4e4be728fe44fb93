//! `layerscope` without a command: the inspector.

use std::path::PathBuf;

use clap::Args;

use super::common::{Failure, ModelOptions};
use super::errors;
use crate::picture::ColorMap;
use crate::picture::load::Input;
use crate::service::{self, open::Opening, protocol::OpenRequest};
use crate::terminal::Graphics;
use crate::tui;

/// Arguments of the inspector.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Model file; without one, the built-in demo
    model: Option<PathBuf>,
    /// Pictures, folders of pictures, or .npy arrays
    input: Vec<PathBuf>,
    /// Compare two models on the same pictures: the first INPUT is the second model
    #[arg(long)]
    compare: bool,
    /// Colours of the interface: the name of a theme
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// How pictures are drawn: auto, kitty, sixel, cells or off
    #[arg(long, value_name = "PROTOCOL", default_value = "auto")]
    graphics: Graphics,
    /// Colour map of channels
    #[arg(long, value_name = "NAME", default_value_t = ColorMap::Viridis)]
    colormap: ColorMap,
    #[command(flatten)]
    options: ModelOptions,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opening = self.options.opening(self.model.as_deref());
        let (other, pictures) = self.second_model()?;
        let mut inputs: Vec<Option<PathBuf>> =
            Input::resolve(pictures)?.iter().map(|input| Some(input.path().to_path_buf())).collect();
        if inputs.is_empty() {
            inputs.push(None);
        }
        self.options.apply_threads();
        let request = OpenRequest { opening, other, seed: self.options.seed };
        let service = service::spawn(request);
        let options = tui::Options { inputs, theme: self.theme, graphics: self.graphics, colormap: self.colormap };
        let done = tui::run(options, &service.requests, &service.events).map_err(Failure::from);
        service.leave(done.unwrap_or_else(|failure| errors::report(&failure)))
    }

    /// The model that the first is compared with, and the inputs that are pictures.
    fn second_model(&self) -> Result<(Option<Opening>, &[PathBuf]), Failure> {
        match self.input.split_first() {
            _ if !self.compare => Ok((None, &self.input)),
            Some((model, pictures)) => Ok((Some(self.options.opening(Some(model))), pictures)),
            None => {
                Err(Failure::Usage("--compare wants two models: layerscope MODEL OTHER --compare PICTURE".to_owned()))
            }
        }
    }
}
