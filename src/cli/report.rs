//! Results as a JSON document or as a table.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::common::Failure;
use crate::methods::Network;
use crate::methods::statistics::Statistics;
use crate::model::{Layout, Source, printable};
use crate::picture::load::Loaded;

/// The model as every JSON document describes it.
pub(super) fn model(network: &Network) -> Value {
    let input = &network.input;
    json!({
        "name": network.name,
        "format": network.format,
        "device": network.engine.device_name(),
        "note": network.note,
        "input": {
            "channels": input.channels,
            "height": input.size.map(|size| size.0),
            "width": input.size.map(|size| size.1),
            "layout": match input.layout {
                Layout::ChannelsFirst => "NCHW",
                Layout::ChannelsLast => "NHWC",
            },
            "preprocess": input.preprocessing.to_string(),
            "preprocess_source": match &input.source {
                Source::File => "file",
                Source::Architecture => "architecture",
                Source::Guessed(_) => "guessed",
                Source::User => "user",
            },
        },
    })
}

/// Says on stderr what was guessed about pictures, where a person reads it. Arrays are fed as they are.
pub(super) fn say_guess(network: &Network, loaded: &Loaded) {
    if let (Source::Guessed(reason), Loaded::Picture(_)) = (&network.input.source, loaded) {
        super::errors::warn(&format!("{reason} ({}); --preprocess says otherwise", network.input.preprocessing));
    }
}

/// Prints one JSON document. Numbers that JSON does not have (NaN, infinity) are null.
pub(super) fn print_json(document: &Value) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, document).map_err(io::Error::from)?;
    writeln!(stdout)?;
    Ok(())
}

/// Prints lines, without what a stranger's file may hold to steer the terminal.
pub(super) fn print_lines(lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    for line in lines {
        writeln!(stdout, "{}", printable(&line))?;
    }
    Ok(())
}

/// Any serializable value; numbers and texts cannot fail.
pub(super) fn value(item: &impl Serialize) -> Value {
    serde_json::to_value(item).unwrap_or(Value::Null)
}

/// Rows under a head, columns as wide as their widest cell; the first is flush left, the others right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| length(cell));
        cells.chain([length(head[column])]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(index, (cell, width))| {
            if index == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let mut lines = vec![line(head.to_vec()), "─".repeat(total)];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines
}

/// `3,453,121`
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The head of a table of statistics, after the column that names the row.
pub(super) const STATISTICS: [&str; 7] = ["min", "max", "mean", "std", "zeros", "NaN", "Inf"];

/// The cells under [`STATISTICS`].
pub(super) fn statistics_cells(statistics: &Statistics) -> Vec<String> {
    let number = |value: f32| format!("{value:.4}");
    vec![
        number(statistics.min),
        number(statistics.max),
        number(statistics.mean),
        number(statistics.std),
        format!("{:.1} %", statistics.sparsity * 100.0),
        statistics.nan.to_string(),
        statistics.inf.to_string(),
    ]
}
