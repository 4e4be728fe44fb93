//! `layerscope patterns`: the inputs that maximise a layer's channels.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use tch::Tensor;

use super::common::{ChannelList, Failure, Format, ModelOptions, OutputOptions};
use super::report::{model, print_json, print_lines, table};
use crate::engine::{Cancel, numbers};
use crate::methods::patterns::{Ascent, Recipe, pictures, size_for};
use crate::methods::{Network, Place, channels};
use crate::picture::grid::{Grid, picture_grid};
use crate::picture::npy::write_f32;
use crate::picture::save::{check_extension, save_picture};

/// How patterns are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecipeName {
    /// Noise around 128, mean activation, normalised gradient, 40 steps of 1.
    Book,
}

/// Show the pattern that each filter of a layer looks for
#[derive(Debug, Args)]
pub(super) struct Patterns {
    /// Model file; without one, the built-in demo
    model: Option<PathBuf>,
    /// Path of a layer or name of a node, as `summary` prints it
    #[arg(long, value_name = "LAYER")]
    layer: String,
    /// Channels, such as 0-63; without this, the first 64
    #[arg(long, value_name = "LIST")]
    channels: Option<ChannelList>,
    /// How they are made
    #[arg(long, value_name = "NAME", default_value = "book")]
    recipe: RecipeName,
    /// Side of a pattern in pixels; without this, what suits the layer
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    size: Option<u16>,
    /// Steps of gradient ascent
    #[arg(long, value_name = "N", default_value_t = Recipe::BOOK.steps)]
    steps: usize,
    /// Write the grid of patterns to this picture file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    options: ModelOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// Channels that grow together.
const BATCH: usize = 16;

/// A finished set of patterns.
struct Grown {
    images: Tensor,
    activations: Vec<f32>,
}

impl Patterns {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(file) = &self.out {
            check_extension(file)?;
        }
        let network = self.options.network(self.model.as_deref())?;
        let place = network.place(&self.layer)?;
        let shapes = network.forward_shapes()?;
        let shape = shapes.get(&place.tap.value).cloned().unwrap_or_default();
        let layout = network.layout(place.tap.value);
        let count = channels::count(&shape, layout);
        let shown = match &self.channels {
            Some(list) => list.within(&place.name, count)?,
            None => (0..count.min(64)).collect(),
        };
        let size = self.size.map_or_else(|| size_for(&network, &shape, layout), |side| (side.into(), side.into()));
        let grown = self.grow(&network, &place, &shown, size)?;
        if let Some(file) = &self.output.raw {
            let shape: Vec<usize> = grown.images.size().iter().map(|&size| size as usize).collect();
            write_f32(file, &shape, &numbers(&grown.images)?)?;
        }
        if let Some(file) = &self.out {
            let grid = Grid::of_patterns((size.1, size.0));
            save_picture(file, &picture_grid(&pictures(&network, &grown.images)?, &grid, [0; 3]))?;
        }
        if self.output.format == Format::Json {
            let entries: Vec<_> = shown
                .iter()
                .zip(&grown.activations)
                .map(|(channel, activation)| json!({ "channel": channel, "activation": activation }))
                .collect();
            return print_json(&json!({
                "model": model(&network),
                "layer": place.name,
                "recipe": { "name": "book", "steps": self.steps, "step": Recipe::BOOK.step, "epsilon": Recipe::BOOK.epsilon, "seed": self.options.seed },
                "size": [size.0, size.1],
                "patterns": entries,
            }));
        }
        let rows: Vec<Vec<String>> = shown
            .iter()
            .zip(&grown.activations)
            .map(|(channel, activation)| vec![channel.to_string(), format!("{activation:.4}")])
            .collect();
        let mut lines = vec![format!(
            "{}: {} patterns of {}×{} pixels, {} steps",
            place.name,
            shown.len(),
            size.1,
            size.0,
            self.steps
        )];
        lines.extend(table(&["channel", "mean activation"], &rows));
        print_lines(lines)
    }

    fn grow(&self, network: &Network, place: &Place, shown: &[usize], size: (usize, usize)) -> Result<Grown, Failure> {
        let recipe = Recipe { steps: self.steps, ..Recipe::BOOK };
        let mut images = Vec::new();
        let mut activations = Vec::with_capacity(shown.len());
        for (index, batch) in shown.chunks(BATCH).enumerate() {
            let mut ascent =
                Ascent::from_noise(network, place.clone(), batch.to_vec(), size, recipe, self.options.seed)?;
            while !ascent.is_done() {
                ascent.advance(&Cancel::new())?;
                let done = index * BATCH * recipe.steps + ascent.step() * batch.len();
                say_progress(done, shown.len() * recipe.steps);
            }
            images.push(ascent.images().shallow_clone());
            activations.extend_from_slice(ascent.activations());
        }
        Ok(Grown { images: Tensor::f_cat(&images, 0)?, activations })
    }
}

/// A line on stderr that is written over, for whoever watches.
fn say_progress(done: usize, all: usize) {
    let mut stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return;
    }
    let end = if done >= all { "\r\x1b[K" } else { "" };
    // Progress that cannot be shown is no reason to stop.
    let _ = write!(stderr, "\rpatterns: {:3} %{end}", done * 100 / all.max(1)).and_then(|()| stderr.flush());
}
