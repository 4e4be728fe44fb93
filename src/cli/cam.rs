//! `layerscope cam`: where in a picture a class comes from.

mod target;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use image::RgbImage;
use serde_json::{Value, json};
use tch::Tensor;

use super::common::{Failure, Format, Given, ModelOptions, OutputOptions, one_input};
use super::methods;
use super::progress::ProgressLine;
use super::report::{model, print_json, print_lines, say_guess};
use super::trust::{self, TrustOptions};
use crate::engine::Cancel;
use crate::methods::cam::fusion::{Fusion, coarsest, fused};
use crate::methods::cam::{Map, MapRequest, Recording, default_layer};
use crate::methods::faithfulness::{self, Explain, Explanation, Measured};
use crate::methods::job::Job;
use crate::methods::registry::{self, Chosen, Kind, Method, Run, Settings};
use crate::methods::target::ClassId;
use crate::methods::{Forward, MethodError, Network, Place};
use crate::model::preprocess::Region;
use crate::picture::ColorMap;
use crate::picture::load::Loaded;
use crate::picture::npy::write_f32;
use crate::picture::overlay::Overlay;
use crate::picture::save::{check_extension, save_picture};
use crate::picture::scale::short;
use crate::picture::trust::beside;
use crate::service::open::fed;
use target::{Asked, TargetOptions};

/// Show where in a picture a class comes from: a class activation map
#[derive(Debug, Args)]
pub(super) struct Cam {
    /// Model file, or `demo`
    #[arg(required_unless_present_any = ["list_methods", "list_metrics"])]
    model: Option<PathBuf>,
    /// Picture or .npy array
    input: Option<PathBuf>,
    #[command(flatten)]
    target: TargetOptions,
    /// Path of a layer with a spatial map; may be repeated, for one map of several layers; without this, the last one
    #[arg(long, value_name = "LAYER")]
    layer: Vec<String>,
    /// How the map is made: see --list-methods
    #[arg(long, value_name = "NAME", default_value = "grad-cam", value_parser = method,
          long_help = methods::help(Kind::Map, "How the map is made:"))]
    method: &'static Method,
    /// A parameter of the method, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print the methods with their formulas, sources and parameters
    #[arg(long)]
    list_methods: bool,
    /// How several layers' maps become one: mean of the maps, each scaled to 0–1, or max of tanh(2 × map)
    #[arg(long, value_name = "HOW", default_value_t)]
    fuse: Fusion,
    /// Average the map over the picture, its mirror image, and both darker and brighter by a tenth
    #[arg(long)]
    smooth: bool,
    /// The first principal component of the weighted channels in place of their sum: --set eigen-smooth=yes
    #[arg(long)]
    eigen_smooth: bool,
    /// Write the map laid over the picture to this picture file; of several classes one for each, with the class's index in its name
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Colour map of the overlay
    #[arg(long, value_name = "NAME", default_value_t = ColorMap::Jet)]
    colormap: ColorMap,
    /// Strength of the overlay, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, value_parser = strength)]
    strength: f32,
    #[command(flatten)]
    trust: TrustOptions,
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

/// What was made for one class.
struct Made {
    asked: Asked,
    /// One for each layer, before ReLU and scaling; none where they were smoothed.
    maps: Vec<Map>,
    /// Of several layers, or smoothed: one of the picture's size.
    whole: Option<Map>,
    /// How far what is shown is to be trusted, where that was asked.
    trusted: Vec<Measured>,
}

impl Made {
    /// What is shown.
    fn shown(&self) -> Option<&Map> {
        self.whole.as_ref().or(self.maps.first())
    }
}

impl Cam {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.list_methods {
            return methods::list(Kind::Map, self.output.format);
        }
        if let Some(file) = &self.out {
            check_extension(file)?;
        }
        if self.trust.list_metrics {
            return methods::list(Kind::Faithfulness, self.output.format);
        }
        let chosen = self.chosen()?;
        let settings = chosen.settings();
        let metrics = self.trust.asked()?;
        let model = self.model.as_deref();
        let given = one_input(self.input.as_deref(), &self.options.opening(model)?)?;
        let network = self.options.network(model)?;
        let named: Vec<Place> = self.layer.iter().map(|layer| network.place(layer)).collect::<Result<_, _>>()?;
        let classes = self.target.named(&network)?;
        let (input, seen) =
            fed(&network, &given.loaded).map_err(|reason| Failure::Fed { path: given.path.clone(), reason })?;
        say_guess(&network, &given.loaded);
        let forward = network.forward(&input.f_narrow(0, 0, 1)?, &Cancel::new())?;
        let places = if named.is_empty() { vec![last_map(&network, &forward)?] } else { named };
        let asked = self.target.asked(&network, &forward, classes)?;
        let mut made = self.make(&network, &forward, &places, settings, asked)?;
        if !metrics.is_empty() {
            for one in &mut made {
                one.trusted = self.trusted(&metrics, &network, &forward, (&places, settings), one)?;
            }
        }
        if let Some(file) = &self.output.raw {
            write_raw(file, &made)?;
        }
        let mut saved = Vec::new();
        if let Some(file) = &self.out {
            for one in &made {
                let file = if made.len() > 1 { with_class(file, one.asked.class) } else { file.clone() };
                if let Some(map) = one.shown() {
                    let drawn = self.overlay(&network, &given, seen.clone(), map)?;
                    save_picture(&file, &beside(drawn, &one.trusted))?;
                }
                saved.push(file);
            }
        }
        self.report(&network, &given.path, &places, &made, &saved)
    }

    /// The method with all that is set of it.
    fn chosen(&self) -> Result<Chosen, Failure> {
        let mut chosen = methods::chosen(self.method, &self.set)?;
        if self.eigen_smooth {
            chosen.set("eigen-smooth=yes").map_err(|error| Failure::Usage(format!("--eigen-smooth: {error}")))?;
        }
        let has_of = chosen.settings().iter().any(|(name, _)| name == "of");
        if let Some(of) = self.target.of.filter(|_| has_of) {
            let set = chosen.set(&format!("of={}", of.name()));
            set.map_err(|error| Failure::Usage(format!("--of: {error}")))?;
        }
        Ok(chosen)
    }

    fn make(
        &self,
        network: &Network,
        forward: &Forward,
        places: &[Place],
        settings: &Settings,
        asked: Vec<Asked>,
    ) -> Result<Vec<Made>, Failure> {
        let Run::Map(method) = self.method.run else { unreachable!("a map was looked for") };
        let cancel = Cancel::new();
        let line = ProgressLine::new();
        let say = |done: usize, all: usize| line.say(format_args!("cam: {:3} %", done * 100 / all.max(1)));
        let job = Job { progress: &say, ..Job::quiet(&cancel, self.options.seed) };
        // Another class costs one backward pass.
        let mut recordings: Vec<Option<Rc<Recording>>> = vec![None; places.len()];
        let made = asked.into_iter().map(|asked| {
            let request = MapRequest { make: method, settings, places, target: &asked.target, fusion: self.fuse };
            if self.smooth {
                let whole = Some(request.smoothed(network, forward, job)?);
                return Ok(Made { asked, maps: Vec::new(), whole, trusted: Vec::new() });
            }
            let maps = request.maps(network, forward, &mut recordings, job)?;
            let (_, _, height, width) = forward.input.size4()?;
            let whole =
                if maps.len() > 1 { Some(fused(&maps, self.fuse, (height as usize, width as usize))?) } else { None };
            Ok(Made { asked, maps, whole, trusted: Vec::new() })
        });
        made.collect()
    }

    /// How far what is shown is to be trusted.
    fn trusted(
        &self,
        metrics: &[Chosen],
        network: &Network,
        forward: &Forward,
        (places, settings): (&[Place], &Settings),
        made: &Made,
    ) -> Result<Vec<Measured>, Failure> {
        let Run::Map(method) = self.method.run else { unreachable!("a map was looked for") };
        let target = &made.asked.target;
        let request = MapRequest { make: method, settings, places, target, fusion: self.fuse };
        let explain = |network: &Network, picture: &Tensor, job: Job<'_>| {
            Explanation::of_request(&request, self.smooth, network, &network.forward(picture, job.cancel)?, job)
        };
        let (_, _, height, width) = forward.input.size4()?;
        let explanation = match (&made.whole, made.maps.first()) {
            (None, Some(map)) => Explanation::of_map(map, (height as usize, width as usize))?,
            (Some(whole), _) => Explanation::of_whole(whole.clone()),
            (None, None) => return Ok(Vec::new()),
        };
        let cancel = Cancel::new();
        // A random map is as coarse as the coarsest layer's.
        let grid = if made.maps.is_empty() {
            coarsest(&request.maps(network, forward, &mut [], Job::quiet(&cancel, self.options.seed))?)
        } else {
            coarsest(&made.maps)
        };
        let explained: (_, &Explain<'_>, _) = (&explanation, &explain, grid);
        trust::measured(metrics, (network, &forward.input, target), explained, self.options.seed)
    }

    /// The map over the part of the picture that the network saw.
    fn overlay(&self, network: &Network, given: &Given, seen: RgbImage, map: &Map) -> Result<RgbImage, Failure> {
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
        Ok(overlay.draw(&picture, &map.values, map.width, region))
    }

    fn report(
        &self,
        network: &Network,
        path: &str,
        places: &[Place],
        made: &[Made],
        saved: &[PathBuf],
    ) -> Result<(), Failure> {
        if self.output.format == Format::Json {
            let mut document = json!({ "model": model(network), "input": path, "method": self.method.name });
            let results: Vec<Value> = made.iter().map(|one| self.document(places, one)).collect();
            if let Value::Object(fields) = &mut document {
                match <[Value; 1]>::try_from(results) {
                    Ok([Value::Object(only)]) => fields.extend(only),
                    Ok(_) => {}
                    Err(several) => fields.extend([("results".to_owned(), Value::Array(several))]),
                }
            }
            return print_json(&document);
        }
        let mut lines = Vec::new();
        for one in made {
            let Asked { label, against, said, .. } = &one.asked;
            let said = said.map_or_else(String::new, |(_, probability)| format!(" ({:.2} %)", probability * 100.0));
            let against = against.as_ref().map_or_else(String::new, |(_, label)| format!(" against {label}"));
            lines.push(format!("{path}: {label}{said}{against}"));
            for (place, map) in places.iter().zip(&one.maps) {
                let (min, max) = range(map);
                lines.push(format!(
                    "{} at {}: {}×{}, {} to {} before ReLU",
                    self.method.name,
                    place.name,
                    map.height,
                    map.width,
                    short(min),
                    short(max)
                ));
            }
            if let Some(map) = &one.whole {
                let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
                let how = if self.smooth { "smoothed" } else { "fused" };
                lines.push(format!(
                    "{} at {}: {}×{}, {how}",
                    self.method.name,
                    names.join(", "),
                    map.height,
                    map.width
                ));
            }
            lines.extend(trust::lines(&one.trusted));
        }
        lines.extend(saved.iter().map(|file| format!("saved {}", file.display())));
        print_lines(lines)
    }

    /// What one class has in a JSON document.
    fn document(&self, places: &[Place], made: &Made) -> Value {
        let layers: Vec<Value> = places
            .iter()
            .zip(&made.maps)
            .map(|(place, map)| {
                let (min, max) = range(map);
                json!({ "layer": place.name, "height": map.height, "width": map.width, "min": min, "max": max })
            })
            .collect();
        let Asked { class, label, against, said, .. } = &made.asked;
        let mut document = json!({
            "class": {
                "index": class.index,
                "label": label,
                "negative": class.negative,
                "score": said.map(|said| said.0),
                "probability": said.map(|said| said.1),
            },
            "maps": layers,
        });
        if let Value::Object(fields) = &mut document {
            if let Some((class, label)) = against {
                let against = json!({ "index": class.index, "label": label, "negative": class.negative });
                fields.insert("against".to_owned(), against);
            }
            if !made.trusted.is_empty() {
                fields.insert("trust".to_owned(), faithfulness::document(&made.trusted));
            }
            if let Some(map) = &made.whole {
                let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
                let fuse = (places.len() > 1).then(|| self.fuse.to_string());
                let whole = json!({ "layers": names, "fuse": fuse, "smooth": self.smooth, "height": map.height, "width": map.width });
                fields.insert("map".to_owned(), whole);
            }
        }
        document
    }
}

/// H×W; of several classes N×H×W.
fn write_raw(file: &Path, made: &[Made]) -> Result<(), Failure> {
    let maps: Vec<&Map> = made.iter().filter_map(Made::shown).collect();
    let Some(first) = maps.first() else { return Ok(()) };
    let values: Vec<f32> = maps.iter().flat_map(|map| map.values.iter().copied()).collect();
    match maps.len() {
        1 => write_f32(file, &[first.height, first.width], &values)?,
        count => write_f32(file, &[count, first.height, first.width], &values)?,
    }
    Ok(())
}

/// `dog.png` with 243 as `dog.243.png`; an absence has the index of its class.
fn with_class(file: &Path, ClassId { index, negative }: ClassId) -> PathBuf {
    let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
    let absent = if negative { "absent." } else { "" };
    file.with_extension(format!("{index}.{absent}{extension}"))
}

/// The least and the greatest finite value.
fn range(map: &Map) -> (f32, f32) {
    let finite = || map.values.iter().copied().filter(|value| value.is_finite());
    (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max))
}

fn last_map(network: &Network, forward: &Forward) -> Result<Place, MethodError> {
    let layer = default_layer(network, &|value| forward.shapes().get(&value).cloned());
    network.layer(layer.ok_or(MethodError::NoMapLayer)?)
}
