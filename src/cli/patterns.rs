//! `layerscope patterns`: the inputs that maximise a layer's channels.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::common::{ChannelList, Failure, Format, ModelOptions, OutputOptions, class_named};
use super::methods;
use super::progress::ProgressLine;
use super::report::{model, print_json, print_lines, table, value};
use crate::engine::{Cancel, numbers};
use crate::methods::patterns::{Ascent, DIVERSITY_WEIGHT, Diversity, Lane, Objective, Recipe, Subject, size_for};
use crate::methods::registry::{self, Kind, Method, Run};
use crate::methods::{Network, channels};
use crate::picture::grid::{Grid, picture_grid};
use crate::picture::npy::{NpyArray, write_f32};
use crate::picture::save::{check_extension, save_picture};
use crate::service::pattern_cache::{self, PatternCache};

/// Show the pattern that each filter of a layer looks for
///
/// Ctrl-C stops while they grow, with what is there so far; the same command goes on from it.
#[derive(Debug, Args)]
pub(super) struct Patterns {
    /// Model file; without one, the built-in demo
    model: Option<PathBuf>,
    /// Path of a layer or name of a node, as `summary` prints it
    #[arg(long, value_name = "LAYER", required_unless_present_any = ["class", "list_recipes"])]
    layer: Option<String>,
    /// Channels, such as 0-63; without this, the first 64
    #[arg(long, value_name = "LIST", conflicts_with = "class")]
    channels: Option<ChannelList>,
    /// What is to become great: channel, neuron, deep-dream or direction=FILE.npy
    #[arg(long, value_name = "NAME", default_value = "channel", conflicts_with = "class")]
    objective: Wanted,
    /// Index or label of a class whose score is to become great; may be repeated
    #[arg(long, value_name = "CLASS")]
    class: Vec<String>,
    /// Pictures of each channel that shall not look alike (at --layer)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    diversity: Option<u16>,
    /// How they are made: book, lucid or maco; see --list-recipes
    #[arg(long, value_name = "NAME", default_value = "book", value_parser = recipe,
          long_help = methods::help(Kind::Pattern, "How they are made:"))]
    recipe: &'static Method,
    /// A constant of the recipe, as NAME=VALUE; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Print the recipes with their formulas, sources and constants
    #[arg(long)]
    list_recipes: bool,
    /// Side of a pattern in pixels; without this, the recipe's, or what suits the layer
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    size: Option<u16>,
    /// Steps of gradient ascent; without this, the recipe's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    steps: Option<u32>,
    /// Write the grid of patterns to this picture file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Neither look for patterns that were grown before nor keep these
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    options: ModelOptions,
    #[command(flatten)]
    output: OutputOptions,
}

/// What of the layer is to become great.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Channel,
    Neuron,
    DeepDream,
    Direction(PathBuf),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.split_once('=')) {
            ("channel", _) => Ok(Self::Channel),
            ("neuron", _) => Ok(Self::Neuron),
            ("deep-dream", _) => Ok(Self::DeepDream),
            (_, Some(("direction", file))) if !file.is_empty() => Ok(Self::Direction(file.into())),
            _ => Err(format!(
                "there is no objective '{text}': there are channel, neuron, deep-dream and direction=FILE.npy"
            )),
        }
    }
}

fn recipe(name: &str) -> Result<&'static Method, registry::UnknownMethod> {
    registry::find(Kind::Pattern, name)
}

/// How often patterns that grow are kept.
const KEPT_EVERY: Duration = Duration::from_secs(30);

/// What is grown, and how.
struct Plan {
    subject: Subject,
    channels: Vec<usize>,
    size: (usize, usize),
    recipe: Recipe,
}

impl Patterns {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.list_recipes {
            return methods::list(Kind::Pattern, self.output.format);
        }
        if let Some(file) = &self.out {
            check_extension(file)?;
        }
        let recipe = self.chosen()?;
        let network = self.options.network(self.model.as_deref())?;
        let plan = self.plan(&network, recipe)?;
        let (ascent, stopped) = self.grow(&network, &plan)?;
        let activations = ascent.activations()?;
        if let Some(file) = &self.output.raw {
            let images = ascent.images()?;
            let shape: Vec<usize> = images.size().iter().map(|&size| size as usize).collect();
            write_f32(file, &shape, &numbers(&images)?)?;
        }
        if let Some(file) = &self.out {
            let grid = Grid::of_patterns((plan.size.1, plan.size.0));
            save_picture(file, &picture_grid(&ascent.pictures()?, &grid, [0; 3]))?;
        }
        if stopped {
            super::errors::warn(&format!("stopped after {} of {} steps", ascent.step(), ascent.steps()));
        }
        self.report(&network, &plan, &ascent, &activations)
    }

    /// The recipe with its constants.
    fn chosen(&self) -> Result<Recipe, Failure> {
        let chosen = methods::chosen(self.recipe, &self.set)?;
        let Run::Pattern(recipe) = self.recipe.run else { unreachable!("a recipe was looked for") };
        let recipe = recipe(chosen.settings());
        Ok(self.steps.map_or(recipe, |steps| recipe.with_steps(steps as usize)))
    }

    fn plan(&self, network: &Network, recipe: Recipe) -> Result<Plan, Failure> {
        let place = self.layer.as_deref().map(|layer| network.place(layer)).transpose()?;
        let diversity = match (self.diversity, &place) {
            (Some(pictures), Some(at)) if pictures > 1 => {
                Some(Diversity { pictures: usize::from(pictures), at: at.clone() })
            }
            (Some(pictures), None) if pictures > 1 => {
                let line = "--diversity wants the layer at which pictures are to differ: give --layer as well";
                return Err(Failure::Usage(line.to_owned()));
            }
            _ => None,
        };
        let wanted = self.size.map(|side| (side.into(), side.into()));
        let Some(place) = place.filter(|_| self.class.is_empty()) else {
            let channels = self.class.iter().map(|class| one_class(network, class)).collect::<Result<_, _>>()?;
            let subject = Subject { diversity, ..Subject::classes(network) };
            let size = wanted.unwrap_or_else(|| size_for(network, &[], network.layout(network.head.scores), &recipe));
            return Ok(Plan { subject, channels, size, recipe });
        };
        let shapes = network.forward_shapes()?;
        let shape = shapes.get(&place.tap.value).cloned().unwrap_or_default();
        let layout = network.layout(place.tap.value);
        let count = channels::count(&shape, layout);
        let objective = match &self.objective {
            Wanted::Channel => Objective::Channel,
            Wanted::Neuron => Objective::Neuron,
            Wanted::DeepDream => Objective::DeepDream,
            Wanted::Direction(file) => Objective::Direction(NpyArray::open(file)?.data),
        };
        let channels = match &self.channels {
            Some(list) if objective.is_of_channels() => list.within(&place.name, count)?,
            Some(_) => {
                let line = format!("--channels: the objective {} is of the whole layer", objective.name());
                return Err(Failure::Usage(line));
            }
            None if objective.is_of_channels() => (0..count.min(64)).collect(),
            None => vec![0],
        };
        let size = wanted.unwrap_or_else(|| size_for(network, &shape, layout, &recipe));
        Ok(Plan { subject: Subject { objective, place, diversity }, channels, size, recipe })
    }

    /// Grows the patterns, from where they were left before. Says whether Ctrl-C has stopped it.
    fn grow<'a>(&self, network: &'a Network, plan: &Plan) -> Result<(Ascent<'a>, bool), Failure> {
        let &Plan { ref subject, ref channels, size, recipe } = plan;
        let seed = self.options.seed;
        let cache = self.cache(network)?;
        let growing = pattern_cache::Growing { subject, recipe, size, seed };
        let lanes =
            channels.iter().flat_map(|&channel| (0..subject.pictures()).map(move |copy| Lane { channel, copy }));
        let saved = cache.as_ref().map(|cache| lanes.map(|lane| cache.load(&growing, lane)).collect());
        let mut ascent =
            Ascent::new(network, subject.clone(), channels, size, recipe, seed, saved.unwrap_or_default())?;
        let begun = ascent.step();
        let (stop, cancel) = (stop_at_interrupt()?, Cancel::new());
        let (line, mut kept) = (ProgressLine::new(), Instant::now());
        while !ascent.is_done() && !stop.load(Ordering::Relaxed) {
            ascent.advance(&cancel)?;
            line.say(format_args!("patterns: step {} of {}", ascent.step(), ascent.steps()));
            if let Some(cache) = cache.as_ref().filter(|_| kept.elapsed() > KEPT_EVERY) {
                keep(cache, &growing, &ascent)?;
                kept = Instant::now();
            }
        }
        if let Some(cache) = cache.filter(|_| ascent.step() > begun) {
            keep(&cache, &growing, &ascent)?;
        }
        let stopped = !ascent.is_done();
        Ok((ascent, stopped))
    }

    fn cache(&self, network: &Network) -> Result<Option<PatternCache>, Failure> {
        let folder = pattern_cache::usual_folder(|name| std::env::var_os(name)).filter(|_| !self.no_cache);
        let Some(folder) = folder else { return Ok(None) };
        Ok(PatternCache::new(&folder, &self.options.opening(self.model.as_deref())?, network))
    }

    fn report(&self, network: &Network, plan: &Plan, ascent: &Ascent<'_>, activations: &[f32]) -> Result<(), Failure> {
        let Plan { subject, size, .. } = plan;
        if let Some(note) = asleep(plan, activations) {
            super::errors::warn(&note);
        }
        let label = |lane: &Lane| {
            let class = subject.objective == Objective::Class;
            let labels = network.labels.as_ref().filter(|_| class);
            labels.and_then(|labels| labels.get(lane.channel).map(str::to_owned))
        };
        let grown = ascent.lanes().iter().zip(activations);
        if self.output.format == Format::Json {
            let entries: Vec<_> = grown
                .map(|(lane, activation)| {
                    let mut entry = json!({ "channel": lane.channel, "activation": activation });
                    if subject.pictures() > 1 {
                        entry["picture"] = json!(lane.copy);
                    }
                    if let Some(label) = label(lane) {
                        entry["label"] = json!(label);
                    }
                    entry
                })
                .collect();
            let mut recipe = value(&plan.recipe);
            recipe["seed"] = json!(self.options.seed);
            return print_json(&json!({
                "model": model(network),
                "layer": subject.place.name,
                "objective": subject.objective.name(),
                "diversity": subject.diversity.as_ref().map(|diversity| {
                    json!({ "pictures": diversity.pictures, "layer": diversity.at.name, "weight": DIVERSITY_WEIGHT })
                }),
                "recipe": recipe,
                "size": [size.0, size.1],
                "step": ascent.step(),
                "patterns": entries,
            }));
        }
        let name = |lane: &Lane| match (label(lane), subject.pictures()) {
            (Some(label), _) => format!("{} {label}", lane.channel),
            (None, 1) => lane.channel.to_string(),
            (None, pictures) => format!("{} ({} of {pictures})", lane.channel, lane.copy + 1),
        };
        let rows: Vec<Vec<String>> =
            grown.map(|(lane, activation)| vec![name(lane), format!("{activation:.4}")]).collect();
        let mut lines = vec![
            format!(
                "{}: {} patterns of {}×{} pixels, {} steps",
                subject.place.name,
                rows.len(),
                size.1,
                size.0,
                ascent.step()
            ),
            said(&plan.recipe),
        ];
        let (head, numbers) = match subject.objective {
            Objective::Channel => ("channel", "mean activation"),
            Objective::Neuron => ("channel", "activation"),
            Objective::Class => ("class", "score"),
            Objective::DeepDream => ("layer", "mean square"),
            Objective::Direction(_) => ("direction", "mean product"),
        };
        lines.extend(table(&[head, numbers], &rows));
        print_lines(lines)
    }
}

/// The output of a class.
fn one_class(network: &Network, class: &str) -> Result<usize, Failure> {
    let found = class_named(network, "--class", class)?;
    if found.negative {
        let line = format!("--class: '{class}' is the absence of the network's only class, which has no pattern");
        return Err(Failure::Usage(line));
    }
    Ok(found.index)
}

/// A recipe with its constants in one line.
fn said(recipe: &Recipe) -> String {
    let Value::Object(constants) = value(recipe) else { return String::new() };
    let name = constants.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let rest = constants.iter().filter(|(key, _)| *key != "name").map(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{} {value}", key.replace('_', " "))
    });
    format!("recipe {name}: {}", rest.collect::<Vec<_>>().join(", "))
}

/// Keeps what has grown.
fn keep(cache: &PatternCache, growing: &pattern_cache::Growing<'_>, ascent: &Ascent<'_>) -> Result<(), Failure> {
    for (place, &lane) in ascent.lanes().iter().enumerate() {
        if let Some(saved) = ascent.saved(place)? {
            cache.store(growing, lane, &saved);
        }
    }
    Ok(())
}

/// A flag that the first Ctrl-C raises; the second ends the program.
fn stop_at_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let interrupt = signal_hook::consts::SIGINT;
    signal_hook::flag::register_conditional_shutdown(interrupt, 130, Arc::clone(&flag))?;
    signal_hook::flag::register(interrupt, Arc::clone(&flag))?;
    Ok(flag)
}

/// What there is to say of patterns that are the noise they began with: no gradient comes through a ReLU that lets nothing pass.
fn asleep(plan: &Plan, activations: &[f32]) -> Option<String> {
    let still = activations.iter().filter(|&&activation| activation == 0.0).count();
    if still == 0 || !matches!(plan.recipe, Recipe::Book(_)) {
        return None;
    }
    let all = activations.len();
    Some(format!(
        "{still} of {all} patterns are still noise: nothing passes their ReLU there; --recipe lucid wakes them"
    ))
}
