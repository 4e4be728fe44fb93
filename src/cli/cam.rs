//! `layerscope cam`: where in a picture a class comes from.

use std::path::PathBuf;

use clap::Args;
use image::RgbImage;
use serde_json::json;

use super::common::{Failure, Format, Given, ModelOptions, OutputOptions, one_input};
use super::report::{model, print_json, print_lines, say_guess};
use crate::engine::Cancel;
use crate::methods::cam::{Map, MapInput, default_layer};
use crate::methods::job::Job;
use crate::methods::predictions::{self, Prediction};
use crate::methods::registry::{self, Kind, Method, Run, Settings};
use crate::methods::target::{ClassId, Target};
use crate::methods::{Forward, MethodError, Network, Place};
use crate::model::preprocess::Region;
use crate::picture::ColorMap;
use crate::picture::load::Loaded;
use crate::picture::npy::write_f32;
use crate::picture::overlay::{Overlay, fuse};
use crate::picture::save::{check_extension, save_picture};
use crate::service::open::fed;

/// Show where in a picture a class comes from: a class activation map
#[derive(Debug, Args)]
pub(super) struct Cam {
    /// Model file, or `demo`
    model: PathBuf,
    /// Picture or .npy array
    input: Option<PathBuf>,
    /// Index or label of the class; without this, the network's top class
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Path of a layer with a spatial map; may be repeated; without this, the last one
    #[arg(long, value_name = "LAYER")]
    layer: Vec<String>,
    /// How the map is made
    #[arg(long, value_name = "NAME", default_value = "grad-cam", value_parser = method)]
    method: &'static Method,
    /// A parameter of the method, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Write the map laid over the picture to this picture file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Colour map of the overlay
    #[arg(long, value_name = "NAME", default_value_t = ColorMap::Jet)]
    colormap: ColorMap,
    /// Strength of the overlay, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, value_parser = strength)]
    strength: f32,
    #[command(flatten)]
    options: ModelOptions,
    #[command(flatten)]
    output: OutputOptions,
}

fn method(name: &str) -> Result<&'static Method, registry::UnknownMethod> {
    registry::find(Kind::Map, name)
}

fn strength(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("'{text}' is no share between 0 and 1"))
}

impl Cam {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(file) = &self.out {
            check_extension(file)?;
        }
        if self.layer.len() > 1 && self.output.raw.is_some() {
            return Err(Failure::Usage("--raw is the map of one layer: give --layer once".to_owned()));
        }
        let mut settings = Settings::of(self.method);
        for text in &self.set {
            settings.set(text).map_err(|error| Failure::Usage(format!("--set: {error}")))?;
        }
        let given = one_input(self.input.as_deref(), &self.options.opening(Some(&self.model))?)?;
        let network = self.options.network(Some(&self.model))?;
        let named: Vec<Place> = self.layer.iter().map(|layer| network.place(layer)).collect::<Result<_, _>>()?;
        let class = self.class.as_deref().map(|class| network.find_class(class)).transpose()?;
        let (input, seen) =
            fed(&network, &given.loaded).map_err(|reason| Failure::Fed { path: given.path.clone(), reason })?;
        say_guess(&network, &given.loaded);
        let forward = network.forward(&input.f_narrow(0, 0, 1)?, &Cancel::new())?;
        let places = if named.is_empty() { vec![last_map(&network, &forward)?] } else { named };
        let output = forward.get(network.head.output)?;
        let class = match class {
            Some(class) => class,
            None => predictions::top_class(&network, output)?,
        };
        let Run::Map(make) = self.method.run else { unreachable!("a method of another kind than was asked for") };
        let (target, cancel) = (Target::from(class), Cancel::new());
        let job = Job::quiet(&cancel, self.options.seed);
        let maps: Vec<Map> = places
            .iter()
            .map(|place| make(&MapInput::new(&network, &forward, place, &target, None, job), &settings))
            .collect::<Result<_, MethodError>>()?;
        if let (Some(file), [map]) = (&self.output.raw, maps.as_slice()) {
            write_f32(file, &[map.height, map.width], &map.values)?;
        }
        if let Some(file) = &self.out {
            save_picture(file, &self.overlay(&network, &given, seen, &maps)?)?;
        }
        // What a network that ends early gives is no answer, but its channels can be asked about.
        let said = if network.ends_early().is_none() { said_of(&network, output, class)? } else { None };
        self.report(&network, &given.path, &places, &maps, class, said.as_ref())
    }

    /// The map over the part of the picture that the network saw.
    fn overlay(&self, network: &Network, given: &Given, seen: RgbImage, maps: &[Map]) -> Result<RgbImage, Failure> {
        let (picture, region) = match &given.loaded {
            Loaded::Picture(picture) => {
                let geometry = network.input.preprocessing.geometry(picture.width(), picture.height());
                let geometry =
                    geometry.map_err(|error| Failure::Fed { path: given.path.clone(), reason: error.into() })?;
                (picture.clone(), geometry.region())
            }
            Loaded::Array(_) => {
                let region = Region::whole(seen.width(), seen.height());
                (seen, region)
            }
        };
        let overlay = Overlay { colors: self.colormap, strength: self.strength, ..Overlay::default() };
        Ok(match maps {
            [map] => overlay.draw(&picture, &map.values, map.width, region),
            several => {
                let layers: Vec<(&[f32], usize)> =
                    several.iter().map(|map| (map.values.as_slice(), map.width)).collect();
                let (values, width) = fuse(&layers);
                overlay.draw(&picture, &values, width, region)
            }
        })
    }

    fn report(
        &self,
        network: &Network,
        path: &str,
        places: &[Place],
        maps: &[Map],
        class: ClassId,
        said: Option<&Prediction>,
    ) -> Result<(), Failure> {
        let label = network.label(class);
        let summaries = places.iter().zip(maps).map(|(place, map)| {
            let finite = || map.values.iter().copied().filter(|value| value.is_finite());
            (place, map, finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max))
        });
        if self.output.format == Format::Json {
            let layers: Vec<_> = summaries
                .map(|(place, map, min, max)| json!({ "layer": place.name, "height": map.height, "width": map.width, "min": min, "max": max }))
                .collect();
            return print_json(&json!({
                "model": model(network),
                "input": path,
                "method": self.method.name,
                "class": {
                    "index": class.index,
                    "label": label,
                    "negative": class.negative,
                    "score": said.map(|said| said.score),
                    "probability": said.map(|said| said.probability),
                },
                "maps": layers,
            }));
        }
        let probability = said.map(|said| if class.negative { 1.0 - said.probability } else { said.probability });
        let probability = probability.map_or_else(String::new, |share| format!(" ({:.2} %)", share * 100.0));
        let mut lines = vec![format!("{path}: {label}{probability}")];
        lines.extend(summaries.map(|(place, map, min, max)| {
            format!(
                "{} at {}: {}×{}, {min:.4} to {max:.4} before ReLU",
                self.method.name, place.name, map.height, map.width
            )
        }));
        lines.extend(self.out.iter().map(|file| format!("saved {}", file.display())));
        print_lines(lines)
    }
}

fn last_map(network: &Network, forward: &Forward) -> Result<Place, MethodError> {
    let layer = default_layer(network, &|value| forward.shapes().get(&value).cloned());
    network.layer(layer.ok_or(MethodError::NoMapLayer)?)
}

/// What the network says of the class that the map is for.
fn said_of(network: &Network, output: &tch::Tensor, class: ClassId) -> Result<Option<Prediction>, MethodError> {
    let all = predictions::top(network, output, usize::MAX)?;
    Ok(all.into_iter().find(|prediction| prediction.index == class.index))
}
