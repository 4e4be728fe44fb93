//! `layerscope predict`: top classes.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tch::Tensor;

use super::common::{Failure, Format, Given, ModelOptions, OutputOptions, one_input};
use super::report::{model, print_json, print_lines, say_guess, table, value};
use crate::engine::{Cancel, numbers};
use crate::methods::predictions::{self, Prediction};
use crate::methods::target::ClassId;
use crate::methods::{MethodError, Network};
use crate::picture::load::Input;
use crate::picture::npy::write_f32;
use crate::service::open::fed;

/// Print the top classes of pictures
#[derive(Debug, Args)]
pub(super) struct Predict {
    /// Model file, or `demo`
    model: PathBuf,
    /// Pictures, folders of pictures, or .npy arrays
    input: Vec<PathBuf>,
    /// Number of classes
    #[arg(short, value_name = "N", default_value_t = 5)]
    k: usize,
    #[command(flatten)]
    options: ModelOptions,
    #[command(flatten)]
    output: OutputOptions,
}

impl Predict {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opening = self.options.opening(Some(&self.model))?;
        let inputs = Input::resolve(&self.input)?;
        let network = self.options.network(Some(&self.model))?;
        if let Some(reason) = network.ends_early() {
            return Err(MethodError::EndsEarly(reason.to_owned()).into());
        }
        let mut results = Vec::with_capacity(inputs.len());
        let mut outputs = Vec::new();
        if inputs.is_empty() {
            let given = one_input(None, &opening)?;
            self.predict(&network, &given, &mut results, &mut outputs)?;
        }
        for input in inputs {
            let given = Given { path: input.path().display().to_string(), loaded: input.load()? };
            self.predict(&network, &given, &mut results, &mut outputs)?;
        }
        if let Some(file) = &self.output.raw {
            let whole = Tensor::f_cat(&outputs, 0)?;
            let shape: Vec<usize> = whole.size().iter().map(|&size| size as usize).collect();
            write_f32(file, &shape, &numbers(&whole)?)?;
        }
        match self.output.format {
            Format::Json => {
                let result = |(path, predictions): &(String, Vec<Prediction>)| json!({ "input": path, "predictions": value(predictions) });
                let results: Vec<_> = results.iter().map(result).collect();
                print_json(&json!({ "model": model(&network), "results": results }))
            }
            Format::Table => {
                print_lines(results.iter().flat_map(|(path, predictions)| lines(&network, path, predictions)))
            }
        }
    }

    /// Adds the results of every picture of one input: an array may hold a batch.
    fn predict(
        &self,
        network: &Network,
        given: &Given,
        results: &mut Vec<(String, Vec<Prediction>)>,
        outputs: &mut Vec<Tensor>,
    ) -> Result<(), Failure> {
        let (tensor, _) =
            fed(network, &given.loaded).map_err(|reason| Failure::Fed { path: given.path.clone(), reason })?;
        if results.is_empty() {
            say_guess(network, &given.loaded);
        }
        let batch = tensor.size()[0];
        for index in 0..batch {
            let picture = tensor.f_narrow(0, index, 1)?;
            let run =
                network.engine.run(&[(network.source()?, picture)], &[network.head.output.into()], &Cancel::new())?;
            let output = run.get(network.head.output).map_err(MethodError::from)?;
            if results.is_empty() && output.dim() > 2 {
                let channels = output.size()[1];
                super::errors::warn(&format!(
                    "the network ends in maps of {channels} channels: the scores are their means"
                ));
            }
            let path = if batch == 1 { given.path.clone() } else { format!("{}[{index}]", given.path) };
            results.push((path, predictions::top(network, output, self.k)?));
            outputs.push(output.shallow_clone());
        }
        Ok(())
    }
}

fn lines(network: &Network, path: &str, predictions: &[Prediction]) -> Vec<String> {
    let mut rows: Vec<Vec<String>> = predictions
        .iter()
        .map(|prediction| {
            vec![
                prediction.label.clone(),
                prediction.index.to_string(),
                format!("{:.4}", prediction.score),
                format!("{:.2} %", prediction.probability * 100.0),
            ]
        })
        .collect();
    if let ([only], Some(1)) = (predictions, network.classes())
        && network.is_binary(1)
    {
        let absent = network.label(ClassId { index: 0, negative: true });
        rows.push(vec![absent, String::new(), String::new(), format!("{:.2} %", (1.0 - only.probability) * 100.0)]);
    }
    let mut lines = vec![path.to_owned()];
    lines.extend(table(&["class", "index", "score", "probability"], &rows));
    lines.push(String::new());
    lines
}
