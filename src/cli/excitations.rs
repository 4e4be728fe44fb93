//! `layerscope excitations`: what a scan has found.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::common::{ChannelList, Failure, Format};
use super::report::{print_json, print_lines, table};
use crate::methods::excitation::Distribution;
use crate::picture::save::{check_extension, save_picture};
use crate::scan::sheet::sheet;
use crate::scan::{ChannelRows, ExcitationFile, Filter, Header};

/// Show which pictures excite the channels of a layer, from the file of a scan
#[derive(Debug, Args)]
pub(super) struct ExcitationsCommand {
    /// File that `layerscope scan` made
    file: PathBuf,
    /// Layer of the scan; without this, its first
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Channels, such as 0-15; without this, the first 16
    #[arg(long, value_name = "LIST")]
    channels: Option<ChannelList>,
    /// Pictures for a channel; without this, as many as were asked for when it was scanned
    #[arg(short, value_name = "N")]
    k: Option<usize>,
    /// Only pictures that the network takes for this class
    #[arg(long, value_name = "LABEL")]
    class: Option<String>,
    /// Only pictures that show this class
    #[arg(long, value_name = "LABEL")]
    truth: Option<String>,
    /// Only pictures that the network is right about
    #[arg(long, conflicts_with = "wrong")]
    right: bool,
    /// Only pictures that the network is wrong about
    #[arg(long)]
    wrong: bool,
    /// Write a sheet with a row of crops for each channel to this picture file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Side of a crop on the sheet, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 96, value_parser = clap::value_parser!(u16).range(8..=1024))]
    size: u16,
    /// table or json
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
}

impl ExcitationsCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(file) = &self.out {
            check_extension(file)?;
        }
        let file = ExcitationFile::open(&self.file)?;
        let layer = self.layer.as_deref().map_or(Ok(0), |layer| file.layer(layer))?;
        let Some(rows) = file.header().layers.get(layer) else {
            return Err(Failure::Usage(format!("{}: no layers in it", self.file.display())));
        };
        let shown = match &self.channels {
            Some(list) => list.within(&rows.name, rows.channels)?,
            None => (0..rows.channels.min(16)).collect(),
        };
        let right = if self.right { Some(true) } else { self.wrong.then_some(false) };
        let filter = Filter { class: self.class.clone(), truth: self.truth.clone(), right };
        let complete = file.header().complete(&filter);
        let asked = self.k.unwrap_or(file.header().keep.top);
        let most = complete.map_or(asked, |complete| asked.min(complete));
        let note = self.note(file.header(), complete);
        let channels: Vec<ChannelRows> =
            shown.iter().map(|&channel| file.channel(layer, channel, &filter, most)).collect::<Result<_, _>>()?;
        if let Some(out) = &self.out {
            save_picture(out, &sheet(&channels, self.size.into()))?;
        }
        if self.format == Format::Json {
            let entries: Vec<_> =
                shown.iter().zip(&channels).map(|(number, channel)| entry(*number, channel)).collect();
            return print_json(&json!({
                "file": self.file.display().to_string(),
                "model": file.header().model,
                "layer": rows.name,
                "pictures": file.header().tally.pictures,
                "complete": complete.unwrap_or(0),
                "note": note,
                "channels": entries,
            }));
        }
        if let Some(note) = &note {
            super::errors::warn(note);
        }
        let mut lines = vec![format!("{}: {} of {} channels", rows.name, shown.len(), rows.channels)];
        let cells: Vec<Vec<String>> =
            shown.iter().zip(&channels).map(|(number, channel)| line(*number, channel, self.k)).collect();
        lines.extend(table(&["channel", "median", "greatest", "active", "pictures"], &cells));
        lines.extend(self.out.iter().map(|file| format!("saved {}", file.display())));
        print_lines(lines)
    }

    /// What there is to say of pictures that are asked for and that the scan does not vouch for.
    fn note(&self, header: &Header, complete: Option<usize>) -> Option<String> {
        let Some(complete) = complete else {
            let hint = match (&self.class, &self.truth) {
                (Some(_), None) if header.has_truth() => "; --truth lists those that show a class",
                _ if header.keep.per_class == 0 => "; a scan with --per-class keeps some of each class",
                _ => "",
            };
            return Some(format!(
                "the scan keeps only some of these pictures, which may not be those that excite it most{hint}"
            ));
        };
        let asked = self.k.filter(|&asked| asked > complete && header.tally.pictures > complete as u64)?;
        Some(format!(
            "of these the scan vouches for no more than the first {complete} pictures of a channel, not for {asked}"
        ))
    }
}

fn entry(number: usize, channel: &ChannelRows) -> serde_json::Value {
    let pictures: Vec<_> = channel
        .kept
        .iter()
        .map(|kept| {
            let excitation = &kept.excitation;
            let (patch, seen) = (excitation.patch, &excitation.picture);
            json!({
                "picture": seen.path,
                "value": excitation.value,
                "row": excitation.row,
                "column": excitation.column,
                "patch": { "x": patch.x, "y": patch.y, "width": patch.width, "height": patch.height },
                "class": seen.said.as_ref().map(|said| &*said.class),
                "probability": seen.said.as_ref().map(|said| said.probability),
                "truth": seen.truth.as_deref(),
                "right": seen.right,
            })
        })
        .collect();
    let of = &channel.distribution;
    json!({
        "channel": number,
        "pictures": of.pictures,
        "undefined": of.undefined,
        "mean": of.mean(),
        "active": of.active(),
        "minimum": of.range().map(|range| range.0),
        "median": of.quantile(0.5),
        "maximum": of.range().map(|range| range.1),
        "top": pictures,
    })
}

/// Pictures of a channel in the table, unless more are asked for.
const NAMED: usize = 3;

fn line(number: usize, channel: &ChannelRows, k: Option<usize>) -> Vec<String> {
    let of: &Distribution = &channel.distribution;
    let number_or_dash = |value: Option<f32>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let names: Vec<&str> =
        channel.kept.iter().take(k.unwrap_or(NAMED)).map(|kept| kept.excitation.picture.path.as_str()).collect();
    vec![
        number.to_string(),
        number_or_dash(of.quantile(0.5)),
        number_or_dash(of.range().map(|range| range.1)),
        of.active().map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        names.join(" "),
    ]
}
