//! The attribute `model_config`: layers and how they are joined, in the forms of Keras 2 and Keras 3.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::KerasError;
use super::arguments::{Arguments, Source, given, history};
use super::options::Options;
use crate::model::printable;

/// A layer as the file describes it.
#[derive(Debug)]
pub(super) struct LayerConfig {
    /// Its name and options.
    pub(super) options: Options,
    /// Its name in an archive's weights: its class, numbered among the layers around it (`conv2d_1`).
    pub(super) number: String,
    /// What each call of the layer is made with.
    pub(super) calls: Vec<Arguments<Source>>,
    /// Whether `calls` are written as Keras 2 writes them.
    keras_2: bool,
    /// The layers in it, where it is a model itself.
    pub(super) model: Option<ModelConfig>,
}

/// How the layers of a model are joined.
#[derive(Debug)]
pub(super) enum Joining {
    /// Each takes what the one before it gives.
    Sequential,
    /// By the calls of each layer.
    Functional {
        /// What is fed, in order.
        inputs: Vec<Source>,
        /// What it gives, in order.
        outputs: Vec<Source>,
    },
}

/// A model as the file describes it.
#[derive(Debug)]
pub(super) struct ModelConfig {
    /// Its name.
    pub(super) name: String,
    /// Its layers in the file's order.
    pub(super) layers: Vec<LayerConfig>,
    /// How they are joined.
    pub(super) joining: Joining,
    /// Shape of its input with the batch dimension, where the model itself keeps one.
    build_input_shape: Option<Vec<Option<u64>>>,
}

fn damaged(what: &str) -> KerasError {
    KerasError::Damaged(format!("model_config: {what}"))
}

impl ModelConfig {
    /// Reads the text of `model_config`.
    pub(super) fn parse(text: &str) -> Result<Self, KerasError> {
        let json: Json = serde_json::from_str(text).map_err(|error| damaged(&format!("no valid JSON ({error})")))?;
        let class = json.get("class_name").and_then(Json::as_str).ok_or_else(|| damaged("class_name is missing"))?;
        let config = json.get("config").ok_or_else(|| damaged("config is missing"))?;
        Self::of(class, config)?.ok_or_else(|| KerasError::UnsupportedLayer {
            layer: "the whole model".to_owned(),
            class: printable(class).into_owned(),
        })
    }

    /// `None` when the class is no model that lists its layers.
    fn of(class: &str, config: &Json) -> Result<Option<Self>, KerasError> {
        let sequential = class == "Sequential";
        if !sequential && !matches!(class, "Functional" | "Model") {
            return Ok(None);
        }
        // Keras before 2.2.3 wrote the layers of a Sequential without a name around them.
        let list = config.as_array().or_else(|| config.get("layers")?.as_array());
        let Some(list) = list else { return Ok(None) };
        let mut layers: Vec<_> = list.iter().map(LayerConfig::of).collect::<Result<_, _>>()?;
        let mut used: HashMap<String, usize> = HashMap::new();
        for layer in &mut layers {
            let count = used.entry(layer.number.clone()).or_default();
            if *count > 0 {
                layer.number = format!("{}_{count}", layer.number);
            }
            *count += 1;
        }
        let joining = if sequential {
            Joining::Sequential
        } else {
            let ends = |key: &str| {
                let found = given(config.get(key).unwrap_or(&Json::Null), history).tensors();
                if found.is_empty() { Err(damaged(&format!("{key} is missing"))) } else { Ok(found) }
            };
            let (mut inputs, mut outputs) = (ends("input_layers")?, ends("output_layers")?);
            number_calls_from_zero(&mut layers, inputs.iter_mut().chain(&mut outputs));
            Joining::Functional { inputs, outputs }
        };
        Ok(Some(Self {
            name: config.get("name").and_then(Json::as_str).unwrap_or("sequential").to_owned(),
            layers,
            joining,
            build_input_shape: config.get("build_input_shape").and_then(shape),
        }))
    }

    /// Whether any layer in it works on N×C×H×W.
    pub(super) fn channels_first(&self) -> bool {
        let first = |layer: &LayerConfig| {
            let format = layer.options.get("data_format").and_then(Json::as_str);
            format == Some("channels_first") || layer.model.as_ref().is_some_and(Self::channels_first)
        };
        self.layers.iter().any(first)
    }

    /// Shape of an input with the batch dimension; without one that of a Sequential.
    pub(super) fn input_shape(&self, input: Option<&Source>) -> Option<Vec<Option<u64>>> {
        let first = match input {
            Some(input) => self.layers.iter().find(|layer| input.layer == layer.options.name)?,
            None => self.layers.first()?,
        };
        let own = ["batch_shape", "batch_input_shape"].iter().find_map(|key| shape(first.options.get(key)?));
        let inner = || {
            let model = first.model.as_ref()?;
            match &model.joining {
                Joining::Functional { inputs, .. } => model.input_shape(Some(inputs.first()?)),
                Joining::Sequential => model.input_shape(None),
            }
        };
        own.or_else(inner).or_else(|| self.build_input_shape.clone())
    }
}

impl LayerConfig {
    fn of(json: &Json) -> Result<Self, KerasError> {
        let class =
            json.get("class_name").and_then(Json::as_str).ok_or_else(|| damaged("a layer has no class_name"))?;
        // The one class whose name in Python is not the one that it is registered by.
        let class = if class == "GroupedQueryAttention" { "GroupQueryAttention" } else { class };
        // HDF5 files name a registered class with its package.
        let known =
            ["Custom>CustomScaleLayer", "Custom>LayerScale", "Custom>StochasticDepth", "Addons>GroupNormalization"];
        let class = if known.contains(&class) { class.rsplit('>').next().unwrap_or(class) } else { class };
        let config = json.get("config").ok_or_else(|| damaged("a layer has no config"))?;
        let name = config.get("name").or_else(|| json.get("name")).and_then(Json::as_str);
        let model = ModelConfig::of(class, config)?;
        let name = name.or(model.as_ref().map(|model| &*model.name)).ok_or_else(|| damaged("a layer has no name"))?;
        let calls = json.get("inbound_nodes").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let entries = if model.is_some() { Map::new() } else { config.as_object().cloned().unwrap_or_default() };
        Ok(Self {
            number: snake_case(match class {
                "GroupQueryAttention" => "GroupedQueryAttention",
                // Archives know a class by its own name alone.
                class => class.rsplit('>').next().unwrap_or(class),
            }),
            options: Options {
                name: printable(name).into_owned(),
                class: printable(class).into_owned(),
                operation: is_operation(json, class),
                foreign: is_foreign(json, class),
                entries,
            },
            calls: calls.iter().map(Arguments::of).collect(),
            keras_2: calls.iter().all(|call| call.get("args").is_none()),
            model,
        })
    }
}

/// Whether a node of the graph is no layer but a function of `keras.ops`, whose classes may have a layer's name.
fn is_operation(json: &Json, class: &str) -> bool {
    let functions = matches!(class, "TFOpLambda" | "SlicingOpLambda");
    if let Some(module) = json.get("module").and_then(Json::as_str) {
        return functions || module.contains(".ops");
    }
    // HDF5 files of Keras 3 have no module; but a layer has a type of its numbers or can be trained, and a function not.
    let calls = json.get("inbound_nodes").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let has = |key: &str| json.get("config").is_some_and(|config| config.get(key).is_some());
    let layer = has("trainable") || (has("dtype") && class != "Cast");
    functions || (!layer && calls.iter().any(|call| call.get("args").is_some()))
}

/// Whether a layer's code is the user's own or another package's.
fn is_foreign(json: &Json, class: &str) -> bool {
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    let module = text("module")
        .is_some_and(|module| !["keras", "tf_keras", "tensorflow"].iter().any(|own| module.starts_with(own)));
    // `package>Class`, as both generations register classes; archives have it beside the class.
    let registered = text("registered_name").is_some_and(|name| name != class);
    matches!(class, "KerasLayer" | "Lambda") || class.contains('>') || module || registered
}

/// A class's name as Keras's archives write it: `Conv2D` is `conv2d`, `PReLU` is `p_re_lu`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().filter(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut name = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let word = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && before.is_some_and(|before| word || before.is_ascii_lowercase()) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// A model counts its making as its call 0, so that the first call by the model around it is number 1: throughout in Keras 2,
/// in `ends` (inputs and outputs) only in Keras 3. Whether a Sequential does so depends on how it was made; it does where
/// there is a call of that number.
fn number_calls_from_zero<'a>(layers: &'a mut [LayerConfig], ends: impl Iterator<Item = &'a mut Source>) {
    let models = layers.iter().filter(|layer| layer.model.is_some());
    let models: HashMap<String, (bool, usize)> = models
        .map(|layer| (layer.options.name.clone(), (layer.options.class == "Sequential", layer.calls.len())))
        .collect();
    let inbound = layers
        .iter_mut()
        .filter(|layer| layer.keras_2)
        .flat_map(|layer| layer.calls.iter_mut().flat_map(Arguments::sources_mut));
    let mut sources: Vec<&mut Source> =
        inbound.chain(ends).filter(|source| models.contains_key(&source.layer)).collect();
    let mut last: HashMap<String, usize> = HashMap::new();
    for source in &sources {
        let last = last.entry(source.layer.clone()).or_default();
        *last = (*last).max(source.call);
    }
    for source in &mut sources {
        let Some(&(sequential, calls)) = models.get(&source.layer) else { continue };
        if !sequential || last.get(&source.layer).is_some_and(|&last| last >= calls) {
            source.call = source.call.saturating_sub(1);
        }
    }
}

fn shape(json: &Json) -> Option<Vec<Option<u64>>> {
    let items = json.as_array()?;
    items.iter().map(|item| if item.is_null() { Some(None) } else { item.as_u64().map(Some) }).collect()
}
