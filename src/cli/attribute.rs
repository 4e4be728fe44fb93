//! `layerscope attribute`: what each number of the input has to do with a class, a channel or a unit.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tch::Tensor;

use super::common::{Failure, Format, ModelOptions, OutputOptions, class_named, one_input};
use super::methods;
use super::report::{model, print_json, print_lines, say_guess};
use super::trust::{self, TrustOptions};
use crate::engine::Cancel;
use crate::methods::attribution::{Attribution, AttributionInput, Reading};
use crate::methods::faithfulness::{self, Explain, Explanation, Measured};
use crate::methods::job::Job;
use crate::methods::registry::{self, Chosen, Kind, Method, Run};
use crate::methods::target::{ClassId, Measure, Region, Target};
use crate::methods::{Network, Place, predictions};
use crate::picture::ColorMap;
use crate::picture::attribution::{AttributionPicture, Sign};
use crate::picture::npy::write_f32;
use crate::picture::save::{check_extension, save_picture};
use crate::picture::trust::beside;
use crate::service::open::fed;

/// Show what each pixel has to do with a class, a channel or a unit: an attribution
#[derive(Debug, Args)]
pub(super) struct Attribute {
    /// Model file, or `demo`
    #[arg(required_unless_present_any = ["list_methods", "list_metrics"])]
    model: Option<PathBuf>,
    /// Picture or .npy array
    input: Option<PathBuf>,
    /// How the attribution is made: see --list-methods
    #[arg(long, value_name = "NAME", value_parser = method,
          required_unless_present_any = ["list_methods", "list_metrics"],
          long_help = methods::help(Kind::Attribution, "How the attribution is made:"))]
    method: Option<&'static Method>,
    /// A parameter of the method, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print the methods with their formulas, sources and parameters
    #[arg(long)]
    list_methods: bool,
    /// Index or label of the class; without this, the network's top class
    #[arg(long, value_name = "CLASS", conflicts_with = "channel")]
    class: Option<String>,
    /// Index or label of a class whose score is taken away
    #[arg(long, value_name = "CLASS", conflicts_with = "channel")]
    against: Option<String>,
    /// Which of the class's numbers: the score before softmax or sigmoid, or the probability; without this, the score,
    /// for rise the probability
    #[arg(long, value_name = "NUMBER", conflicts_with = "channel")]
    measure: Option<Number>,
    /// Layer of --channel, or of the map in guided-grad-cam
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Channel of --layer in place of a class: the mean over its positions
    #[arg(long, value_name = "N", requires = "layer")]
    channel: Option<usize>,
    /// Row and column of one value of the channel, in place of the mean
    #[arg(long, value_name = "ROW,COLUMN", requires = "channel", value_parser = unit)]
    unit: Option<(usize, usize)>,
    /// Write the attribution as a picture to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What of the sign is drawn; without this, what fits the method
    #[arg(long, value_name = "SIGN")]
    sign: Option<Signs>,
    /// Draw over the picture, in grey, in place of alone
    #[arg(long)]
    over: bool,
    /// Colour map of the picture; without this, coolwarm for both signs and grey for one
    #[arg(long, value_name = "NAME")]
    colormap: Option<ColorMap>,
    /// Percent of the sum of all magnitudes that the largest are clipped by
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0, value_parser = percent)]
    outliers: f64,
    #[command(flatten)]
    trust: TrustOptions,
    #[command(flatten)]
    options: ModelOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// Which of a class's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Number {
    Score,
    Probability,
}

/// What of the sign is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Signs {
    Both,
    Absolute,
    Positive,
    Range,
}

fn method(name: &str) -> Result<&'static Method, registry::UnknownMethod> {
    registry::find(Kind::Attribution, name)
}

fn unit(text: &str) -> Result<(usize, usize), String> {
    let parts =
        text.split_once(',').and_then(|(row, column)| Some((row.trim().parse().ok()?, column.trim().parse().ok()?)));
    parts.ok_or_else(|| format!("'{text}' is no position: write ROW,COLUMN"))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|percent| (0.0..100.0).contains(percent));
    number.ok_or_else(|| format!("'{text}' is no percentage from 0 to below 100"))
}

impl Attribute {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.trust.list_metrics {
            return methods::list(Kind::Faithfulness, self.output.format);
        }
        let Some(method) = self.method.filter(|_| !self.list_methods) else {
            return methods::list(Kind::Attribution, self.output.format);
        };
        if let Some(file) = &self.out {
            check_extension(file).map_err(|error| Failure::Usage(format!("--out: {error}")))?;
        }
        let Run::Attribution { make, reading } = method.run else {
            unreachable!("a method of another kind than was asked for")
        };
        if self.layer.is_some() && self.channel.is_none() && !method.maps_at_layer() {
            return Err(Failure::Usage("--layer says where a channel is: give --channel too".to_owned()));
        }
        let chosen = methods::chosen(method, &self.set)?;
        let metrics = self.trust.asked()?;
        let given = one_input(self.input.as_deref(), &self.options.opening(self.model.as_deref())?)?;
        let network = self.options.network(self.model.as_deref())?;
        let place = self.layer.as_deref().map(|layer| network.place(layer)).transpose()?;
        let named = |option, class: &Option<String>| {
            class.as_deref().map(|class| class_named(&network, option, class)).transpose()
        };
        let (class, against) = (named("--class", &self.class)?, named("--against", &self.against)?);
        let (input, seen) =
            fed(&network, &given.loaded).map_err(|reason| Failure::Fed { path: given.path.clone(), reason })?;
        say_guess(&network, &given.loaded);
        let input = input.f_narrow(0, 0, 1)?;
        let target = match (self.channel, &place) {
            (Some(channel), Some(place)) => Target::Channel { place: place.clone(), channel, unit: self.unit },
            _ => Target::Class {
                class: match class {
                    Some(class) => class,
                    None => top_class(&network, &input)?,
                },
                against,
                measure: self.measure(method),
                region: Region::Everywhere,
                output: 0,
            },
        };
        let cancel = Cancel::new();
        let mut wanted = AttributionInput::new(&network, &input, &target, Job::quiet(&cancel, self.options.seed));
        wanted.place = place.as_ref();
        let attribution = make(&wanted, chosen.settings())?;
        let explain = |network: &Network, picture: &Tensor, job: Job<'_>| {
            let mut wanted = AttributionInput::new(network, picture, &target, job);
            wanted.place = place.as_ref();
            Ok(Explanation::of_attribution(&make(&wanted, chosen.settings())?, reading))
        };
        let explanation = Explanation::of_attribution(&attribution, reading);
        let explained: (_, &Explain<'_>, _) = (&explanation, &explain, (attribution.height, attribution.width));
        let trusted = trust::measured(&metrics, (&network, &input, &target), explained, self.options.seed)?;
        if let Some(file) = &self.out {
            let (picture, under) = (self.picture(reading), self.over.then_some(&seen));
            let drawn = picture.draw(&attribution.values, attribution.channels, attribution.width, under);
            save_picture(file, &beside(drawn, &trusted))?;
        }
        if let Some(file) = &self.output.raw {
            let (shape, values) = attribution.in_layout(network.input.layout);
            write_f32(file, &shape, &values)?;
        }
        self.report(&network, &given.path, &target, &chosen, (&attribution, &trusted))
    }

    fn measure(&self, method: &Method) -> Measure {
        match self.measure {
            Some(Number::Probability) => Measure::Probability,
            Some(Number::Score) => Measure::Score,
            None => method.usual_measure(),
        }
    }

    fn picture(&self, reading: Reading) -> AttributionPicture {
        let sign = match self.sign {
            Some(Signs::Both) => Sign::Both,
            Some(Signs::Positive) => Sign::Positive,
            Some(Signs::Absolute) => Sign::Absolute,
            Some(Signs::Range) => Sign::Range,
            None => reading.into(),
        };
        let usual = AttributionPicture::of(sign);
        AttributionPicture { colors: self.colormap.unwrap_or(usual.colors), outliers: self.outliers, ..usual }
    }

    fn report(
        &self,
        network: &Network,
        path: &str,
        target: &Target,
        chosen: &Chosen,
        (attribution, trusted): (&Attribution, &[Measured]),
    ) -> Result<(), Failure> {
        let finite = || attribution.values.iter().copied().filter(|value| value.is_finite());
        let (min, max) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
        if self.output.format == Format::Json {
            let mut document = json!({
                "model": model(network),
                "input": path,
                "method": chosen.method().name,
                "settings": chosen.settings().document(),
                "target": target_json(network, target),
                "shape": [attribution.channels, attribution.height, attribution.width],
                "min": min,
                "max": max,
                "sum": attribution.sum(),
                "convergence_delta": attribution.convergence_delta,
            });
            if let (false, Value::Object(fields)) = (trusted.is_empty(), &mut document) {
                fields.insert("trust".to_owned(), faithfulness::document(trusted));
            }
            return print_json(&document);
        }
        let mut lines = vec![
            format!("{path}: {} of {}", chosen.method().name, named(network, target)),
            format!(
                "{}×{}×{}, {min:.4} to {max:.4}, sum {:.4}",
                attribution.channels,
                attribution.height,
                attribution.width,
                attribution.sum()
            ),
        ];
        lines.extend(attribution.convergence_delta.map(|delta| format!("convergence delta {delta:.4}")));
        lines.extend(trust::lines(trusted));
        lines.extend(self.out.iter().map(|file| format!("saved {}", file.display())));
        print_lines(lines)
    }
}

/// The network's top class, from a run to its output alone.
fn top_class(network: &Network, input: &tch::Tensor) -> Result<ClassId, Failure> {
    let given = [(network.source()?, input.shallow_clone())];
    let run = network.engine.run(&given, &[network.head.output.into()], &Cancel::new())?;
    Ok(predictions::top_class(network, run.get(network.head.output)?)?)
}

fn target_json(network: &Network, target: &Target) -> Value {
    let class =
        |class: &ClassId| json!({ "index": class.index, "label": network.label(*class), "negative": class.negative });
    match target {
        Target::Class { class: of, against, measure, .. } => json!({
            "class": class(of),
            "against": against.as_ref().map(class),
            "measure": match measure {
                Measure::Score => "score",
                Measure::Probability => "probability",
            },
        }),
        Target::Channel { place, channel, unit } => {
            json!({ "layer": place.name, "channel": channel, "unit": unit.map(|(row, column)| [row, column]) })
        }
    }
}

/// The target for people.
fn named(network: &Network, target: &Target) -> String {
    match target {
        Target::Class { class, against: None, .. } => network.label(*class),
        Target::Class { class, against: Some(other), .. } => {
            format!("{} against {}", network.label(*class), network.label(*other))
        }
        Target::Channel { place: Place { name, .. }, channel, unit: None } => format!("channel {channel} of {name}"),
        Target::Channel { place: Place { name, .. }, channel, unit: Some((row, column)) } => {
            format!("channel {channel} of {name} at row {row}, column {column}")
        }
    }
}
