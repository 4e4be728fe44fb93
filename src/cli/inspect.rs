//! `layerscope` without a command: the inspector.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::common::{Failure, ModelOptions};
use super::configured::Interface;
use super::errors;
use super::summary::Summary;
use crate::config::{self, ThemeChoice};
use crate::formats::Demo;
use crate::model::printable::printable_path;
use crate::picture::load::Input;
use crate::picture::{ColorMap, Scale};
use crate::service::{self, open::Opening, pattern_cache, protocol::OpenRequest};
use crate::terminal::Graphics;
use crate::terminal::messages::{Elsewhere, Log};
use crate::terminal::probe::Wish;
use crate::tui::{self, keymap::Keymap};

/// Arguments of the inspector.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub(super) struct Inspect {
    /// Model file; without one, the built-in demo
    model: Option<PathBuf>,
    /// A built-in demo by name: lite0 (EfficientNet-Lite0) or book (the book's cats-and-dogs convnet)
    #[arg(long, value_name = "NAME")]
    demo: Option<Demo>,
    /// Pictures, folders of pictures, or .npy arrays
    input: Vec<PathBuf>,
    /// Compare two models on the same pictures: the first INPUT is the second model
    #[arg(long)]
    compare: bool,
    /// Colours of the interface: a theme, or one for each kind of terminal: light=NAME,dark=NAME
    #[arg(long, value_name = "NAME", default_value = "ansi")]
    theme: ThemeChoice,
    /// How pictures are drawn
    #[arg(long, value_name = "PROTOCOL", default_value = "auto")]
    graphics: Graphics,
    /// Colour map of channels
    #[arg(long, value_name = "NAME", default_value_t = ColorMap::Viridis)]
    colormap: ColorMap,
    /// How a channel's values become colours: per-channel, min-max, layer or signed
    #[arg(long, value_name = "NAME", default_value_t = Scale::PerChannel)]
    scale: Scale,
    /// How much of the heatmap lies over the picture, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.4", value_parser = share)]
    overlay_strength: f32,
    /// Channels with hard edges; false smooths them
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    crisp: bool,
    /// Whether click, wheel, hover and drag do something; selecting text then needs Shift
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set)]
    mouse: bool,
    /// File that `layerscope scan` made of this model: a channel that is zoomed into shows what excites it most
    #[arg(long, value_name = "FILE")]
    scan: Option<PathBuf>,
    /// Where messages go while the inspector has the screen, in place of layerscope/layerscope.log in the state folder
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Neither look for patterns that were grown before nor keep these
    #[arg(long)]
    no_cache: bool,
    /// Print a configuration file with every setting and key, and leave
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    options: ModelOptions,
}

/// What works where the inspector does not.
const WITHOUT_ONE: &str = "the commands summary, predict, activations, patterns and cam do not";

impl Inspect {
    pub(super) fn run(mut self, interface: Interface, notices: Vec<String>) -> Result<(), Failure> {
        if let Some(demo) = self.demo {
            // What stands in the model's place is then the first picture.
            self.input.splice(0..0, self.model.replace(format!("demo:{demo}").into()));
        }
        if self.print_config {
            let text = config::DEFAULT.to_owned() + &Keymap::default().to_toml();
            return Ok(std::io::stdout().write_all(text.as_bytes())?);
        }
        for name in self.theme.names() {
            interface.themes.position(name).map_err(Failure::Usage)?;
        }
        let opening = self.options.opening(self.model.as_deref())?;
        let (other, pictures) = self.second_model()?;
        let mut inputs: Vec<Option<PathBuf>> =
            Input::resolve(pictures)?.iter().map(|input| Some(input.path().to_path_buf())).collect();
        if inputs.is_empty() {
            inputs.push(None);
        }
        if !std::io::stdout().is_terminal() {
            return Summary::of(self.model, self.options).run();
        }
        if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
            return Err(Failure::Usage(format!("TERM is dumb, and the inspector needs a whole screen; {WITHOUT_ONE}")));
        }
        let mut lines = vec![format!("layerscope {}, process {}", env!("CARGO_PKG_VERSION"), std::process::id())];
        lines.extend(notices.iter().cloned());
        let log = Log::new(self.log_file.as_deref(), |name| std::env::var_os(name));
        let elsewhere = Elsewhere::send(&log, &lines).map_err(|reason| {
            Failure::Usage(format!("--log-file {}: {reason}", log.file().map_or_else(String::new, printable_path)))
        })?;
        self.options.apply_threads();
        let pattern_cache = pattern_cache::usual_folder(|name| std::env::var_os(name)).filter(|_| !self.no_cache);
        let request = OpenRequest { opening, other, seed: self.options.seed, pattern_cache };
        let service = service::spawn(request);
        let options = tui::Options {
            inputs,
            themes: interface.themes.themes,
            theme: self.theme,
            keymap: interface.keymap,
            graphics: Wish { graphics: self.graphics, said_by: interface.graphics_said_by },
            colormap: self.colormap,
            scale: self.scale,
            overlay_strength: self.overlay_strength,
            crisp: self.crisp,
            mouse: self.mouse,
            scan: self.scan,
            notices,
        };
        let done = tui::run(options, &service.requests, &service.events).map_err(Failure::from);
        drop(elsewhere);
        service.leave(done.unwrap_or_else(|failure| errors::report(&failure)))
    }

    /// The model that the first is compared with, and the inputs that are pictures.
    fn second_model(&self) -> Result<(Option<Opening>, &[PathBuf]), Failure> {
        match self.input.split_first() {
            _ if !self.compare => Ok((None, &self.input)),
            Some((model, pictures)) => Ok((Some(self.options.opening(Some(model))?), pictures)),
            None => {
                Err(Failure::Usage("--compare wants two models: layerscope MODEL OTHER --compare PICTURE".to_owned()))
            }
        }
    }
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse::<f32>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1".to_owned())
}
