//! `layerscope activations`: the channels of a layer.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::common::{ChannelList, Failure, Format, ModelOptions, OutputOptions, one_input};
use super::report::{STATISTICS, model, print_json, print_lines, say_guess, statistics_cells, table, value};
use crate::engine::{Cancel, numbers};
use crate::methods::statistics::Statistics;
use crate::methods::{channels, statistics};
use crate::picture::grid::{Grid, channel_grid};
use crate::picture::npy::write_f32;
use crate::picture::save::{check_extension, save_indexed};
use crate::picture::{ColorMap, Range, Scale};
use crate::service::open::fed;

/// Show what a layer makes of a picture: statistics, channel grid, numbers
#[derive(Debug, Args)]
pub(super) struct Activations {
    /// Model file, or `demo`
    model: PathBuf,
    /// Picture or .npy array
    input: Option<PathBuf>,
    /// Path of a layer or name of a node, as `summary` prints it
    #[arg(long, value_name = "LAYER")]
    layer: String,
    /// Channels to show, such as 0-63
    #[arg(long, value_name = "LIST")]
    channels: Option<ChannelList>,
    /// Write the channel grid to this picture file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Colour map of the grid
    #[arg(long, value_name = "NAME", default_value_t = ColorMap::Viridis)]
    colormap: ColorMap,
    /// Scale of the grid: per-channel (the book's), min-max, layer, signed
    #[arg(long, value_name = "NAME", default_value_t = Scale::PerChannel)]
    scale: Scale,
    /// Channels in a row of the grid
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    columns: u16,
    #[command(flatten)]
    options: ModelOptions,
    #[command(flatten)]
    output: OutputOptions,
}

impl Activations {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(file) = &self.out {
            check_extension(file)?;
        }
        let given = one_input(self.input.as_deref(), &self.options.opening(Some(&self.model))?)?;
        let network = self.options.network(Some(&self.model))?;
        let place = network.place(&self.layer)?;
        let (input, _) =
            fed(&network, &given.loaded).map_err(|reason| Failure::Fed { path: given.path.clone(), reason })?;
        say_guess(&network, &given.loaded);
        let (output, grids) = network.output_at(&place, &input, &Cancel::new())?;
        let shape = output.size();
        if let Some(file) = &self.output.raw {
            let written = channels::channels_first(&output, network.layout(place.tap.value))?;
            let sizes: Vec<usize> = written.size().iter().map(|&size| size as usize).collect();
            write_f32(file, &sizes, &numbers(&written)?)?;
        }
        let maps = channels::maps(&output, network.layout(place.tap.value), &grids)?;
        let all = statistics::of_channels(&maps)?;
        let count = channels::count(&shape, network.layout(place.tap.value));
        let shown = match &self.channels {
            Some(list) => list.within(&place.name, count)?,
            None => (0..count).collect(),
        };
        if let Some(file) = &self.out {
            let (_, height, width) = maps.size3()?;
            let cell = tile_size(height as usize, width as usize);
            let range = Range { min: all.layer.min, max: all.layer.max };
            let values = numbers(&maps)?;
            let area = (height * width) as usize;
            let maps: Vec<_> = shown
                .iter()
                .map(|channel| self.scale.apply(&values[channel * area..(channel + 1) * area], width as usize, range))
                .collect();
            let grid = Grid { columns: self.columns.into(), ..Grid::of_channels(cell) };
            save_indexed(file, &channel_grid(&maps, &grid, self.colormap, [0; 3]))?;
        }
        let type_name = place.layer.and_then(|id| network.layers.get(id)).map(|layer| layer.type_name.as_str());
        if self.output.format == Format::Json {
            let with = |about: serde_json::Value, statistics: &Statistics| value(&With { about, statistics });
            let layer = with(json!({ "path": place.name, "type": type_name, "shape": shape }), &all.layer);
            let channel = |&channel: &usize| with(json!({ "channel": channel }), &all.channels[channel]);
            let channels: Vec<_> = shown.iter().map(channel).collect();
            return print_json(
                &json!({ "model": model(&network), "input": given.path, "layer": layer, "channels": channels }),
            );
        }
        let row = |name: String, statistics| [vec![name], statistics_cells(statistics)].concat();
        let mut rows = vec![row("all".to_owned(), &all.layer)];
        rows.extend(shown.iter().map(|&channel| row(channel.to_string(), &all.channels[channel])));
        let head: Vec<&str> = ["channel"].into_iter().chain(STATISTICS).collect();
        let mut lines =
            vec![format!("{} {}  {}", place.name, type_name.unwrap_or("node"), crate::methods::shape(&shape))];
        lines.extend(table(&head, &rows));
        print_lines(lines)
    }
}

/// What something is called, with its statistics beside it.
#[derive(Serialize)]
struct With<'a> {
    #[serde(flatten)]
    about: serde_json::Value,
    #[serde(flatten)]
    statistics: &'a Statistics,
}

/// Small maps are enlarged by whole numbers, so that a tile has about 64 pixels.
fn tile_size(height: usize, width: usize) -> (usize, usize) {
    let factor = (64 / height.max(width).max(1)).max(1);
    (width * factor, height * factor)
}
