//! `layerscope summary`: layers, shapes, parameters, multiply–adds.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::common::{Failure, Format, ModelOptions};
use super::report::{model, print_json, print_lines, table, thousands, value};
use crate::model::LayerKind;

/// Print the layers with their output shapes, parameters and multiply–adds
#[derive(Debug, Args)]
pub(super) struct Summary {
    /// Model file; without one, the built-in demo
    model: Option<PathBuf>,
    #[command(flatten)]
    options: ModelOptions,
    /// table or json
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    format: Format,
    /// Only modules, without the operator calls between them
    #[arg(long)]
    modules: bool,
}

impl Summary {
    /// The summary of a model, as `layerscope summary MODEL` prints it.
    pub(super) fn of(model: Option<PathBuf>, options: ModelOptions) -> Self {
        Self { model, options, format: Format::Table, modules: false }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let network = self.options.network(self.model.as_deref())?;
        let summary = network.summary()?;
        let shown: Vec<_> = summary
            .layers
            .iter()
            .zip(&network.layers.layers)
            .filter(|(_, layer)| !self.modules || layer.kind == LayerKind::Module)
            .map(|(row, _)| row)
            .collect();
        if self.format == Format::Json {
            return print_json(
                &json!({ "model": model(&network), "layers": value(&shown), "totals": value(&summary.totals) }),
            );
        }
        let rows: Vec<Vec<String>> = shown
            .iter()
            .map(|row| {
                let sizes = |shape: &Vec<i64>| shape.iter().skip(1).map(i64::to_string).collect::<Vec<_>>().join(", ");
                let unknown = || "–".to_owned();
                vec![
                    format!("{}{}", "  ".repeat(row.depth), row.path),
                    row.type_name.clone(),
                    row.output_shape.as_ref().map_or_else(unknown, |shape| format!("({})", sizes(shape))),
                    thousands(row.parameters),
                    row.macs.map_or_else(unknown, thousands),
                ]
            })
            .collect();
        let mut lines = table(&["layer", "type", "output shape", "parameters", "multiply–adds"], &rows);
        lines.push(String::new());
        let totals = summary.totals;
        lines.push(format!("{} ({}, on {})", network.name, network.format, network.engine.device_name()));
        lines.push(format!(
            "total parameters: {} ({} trainable)",
            thousands(totals.parameters),
            thousands(totals.trainable)
        ));
        lines.push(format!("multiply–adds: {}", thousands(totals.macs)));
        print_lines(lines)
    }
}
