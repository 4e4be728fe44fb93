//! The methods of a kind as a table, a JSON document, or the help of an option.

use serde_json::{Value, json};

use super::common::{Failure, Format};
use super::report::{print_json, print_lines};
use crate::methods::registry::{self, Chosen, Kind, Method, Parameter, Range};

/// A method with what `--set` sets of it.
pub(super) fn chosen(method: &'static Method, set: &[String]) -> Result<Chosen, Failure> {
    let mut chosen = Chosen::from(method);
    for text in set {
        chosen.set(text).map_err(|error| Failure::Usage(format!("--set: {error}")))?;
    }
    Ok(chosen)
}

/// Prints the methods of a kind, with what can be set.
pub(super) fn list(kind: Kind, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        let methods: Vec<Value> = registry::all(kind).map(document).collect();
        return print_json(&json!({ "methods": methods }));
    }
    let mut lines = Vec::new();
    for method in registry::all(kind) {
        lines.push(format!("{}: {}", method.name, method.summary));
        lines.push(format!("    {}", method.formula));
        lines.push(format!("    {}", method.source));
        let option = match kind {
            Kind::Faithfulness => format!("--trust-set {}.", method.name),
            _ => "--set ".to_owned(),
        };
        lines.extend(method.parameters.iter().map(|parameter| format!("    {option}{}", set(parameter))));
    }
    print_lines(lines)
}

/// The names of a kind's methods with what they show, a line each, for an option's help.
pub(super) fn help(kind: Kind, what: &str) -> String {
    let width = registry::all(kind).map(|method| method.name.len()).max().unwrap_or(0);
    let lines = registry::all(kind).map(|method| format!("  {:<width$}  {}", method.name, method.summary));
    std::iter::once(what.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// `std=0.3 (a number from 0 to 1000): standard deviation of the noise`
fn set(parameter: &Parameter) -> String {
    format!("{}={} ({}): {}", parameter.name, default(parameter.range), parameter.range, parameter.meaning)
}

fn default(range: Range) -> String {
    match range {
        Range::Whole { default, .. } => default.to_string(),
        Range::Real { default, .. } => default.to_string(),
        Range::Choice(words) => words.first().copied().unwrap_or_default().to_owned(),
    }
}

fn document(method: &Method) -> Value {
    let parameters: Vec<Value> = method
        .parameters
        .iter()
        .map(|parameter| {
            let mut entry = json!({ "name": parameter.name, "meaning": parameter.meaning });
            if let Value::Object(fields) = &mut entry {
                match parameter.range {
                    Range::Whole { default, least, most } => {
                        fields.extend([
                            ("default".to_owned(), json!(default)),
                            ("least".to_owned(), json!(least)),
                            ("most".to_owned(), json!(most)),
                        ]);
                    }
                    Range::Real { default, least, most } => {
                        fields.extend([
                            ("default".to_owned(), json!(default)),
                            ("least".to_owned(), json!(least)),
                            ("most".to_owned(), json!(most)),
                        ]);
                    }
                    Range::Choice(words) => {
                        fields.extend([
                            ("default".to_owned(), json!(words.first())),
                            ("choices".to_owned(), json!(words)),
                        ]);
                    }
                }
            }
            entry
        })
        .collect();
    json!({
        "name": method.name,
        "summary": method.summary,
        "formula": method.formula,
        "source": method.source,
        "parameters": parameters,
    })
}
