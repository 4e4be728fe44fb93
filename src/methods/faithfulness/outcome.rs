//! What a metric finds.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::methods::registry::Chosen;

/// A metric with what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The metric, with what is set of it.
    pub metric: Chosen,
    /// What it found, or why it finds nothing in this explanation.
    pub found: Result<Outcome, String>,
}

/// What was found by metric, as a JSON object.
pub fn document(measured: &[Measured]) -> Value {
    measured.iter().map(|one| (one.metric.method().name.to_owned(), one.document())).collect()
}

impl Measured {
    fn document(&self) -> Value {
        let mut fields = Map::from_iter([("settings".to_owned(), self.metric.settings().document())]);
        match &self.found {
            Ok(outcome) => {
                let numbers = outcome.numbers.iter().map(|number| (number.name.replace(' ', "_"), json!(number.value)));
                fields.extend(numbers);
                let curves = outcome.curves.iter().map(|curve| (curve.name.clone(), curve.document()));
                fields.insert("curves".to_owned(), curves.collect());
            }
            Err(reason) => {
                fields.insert("error".to_owned(), json!(reason));
            }
        }
        Value::Object(fields)
    }
}

/// What a metric finds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// What it comes to, the most telling first.
    pub numbers: Vec<Number>,
    /// How it comes to it.
    pub curves: Vec<Curve>,
}

/// A number with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// Its name: `auc`.
    pub name: String,
    /// The number; none where there is none, as the correlation with a map that is the same everywhere.
    pub value: Option<f64>,
}

/// A curve over a share of 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Its name: `map`, `random`.
    pub name: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// A point of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The share, of pixels or of layers.
    pub at: f64,
    /// What was found there.
    pub value: Option<f64>,
    /// What stands there, such as the layer that was randomised last.
    pub label: Option<String>,
}

impl Outcome {
    /// A single number.
    pub(super) fn number(name: &str, value: f64) -> Self {
        Self { numbers: vec![Number::new(name, Some(value))], curves: Vec::new() }
    }

    /// The number of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|number| number.name == name)?.value
    }

    /// The curve of a name.
    pub fn curve(&self, name: &str) -> Option<&Curve> {
        self.curves.iter().find(|curve| curve.name == name)
    }
}

impl Number {
    pub(super) fn new(name: &str, value: Option<f64>) -> Self {
        Self { name: name.to_owned(), value: value.filter(|value| value.is_finite()) }
    }
}

impl Curve {
    fn document(&self) -> Value {
        let point = |point: &Point| match &point.label {
            Some(label) => json!({ "share": point.at, "value": point.value, "layer": label }),
            None => json!({ "share": point.at, "value": point.value }),
        };
        self.points.iter().map(point).collect()
    }

    pub(super) fn of(name: &str, shares: &[f64], values: &[f64]) -> Self {
        let point = |(&at, &value): (&f64, &f64)| Point {
            at,
            value: Some(value).filter(|value| value.is_finite()),
            label: None,
        };
        Self { name: name.to_owned(), points: shares.iter().zip(values).map(point).collect() }
    }
}

/// The area under a curve by the trapezoidal rule.
pub(super) fn area(shares: &[f64], values: &[f64]) -> f64 {
    let pairs = shares.windows(2).zip(values.windows(2));
    pairs.map(|(share, value)| (share[1] - share[0]) * f64::midpoint(value[0], value[1])).sum()
}
