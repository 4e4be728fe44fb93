//! The table, row by row, and what it comes to.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::case::{Case, Measured, Seconds, TOLERANCE};
use crate::suites::Table;

/// One row.
#[derive(Debug, Serialize)]
struct Row {
    suite: String,
    name: String,
    family: String,
    outcome: Outcome,
    peer: Seconds,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Agrees(Measured),
    Differs(Measured),
    Failed(String),
    Skipped(String),
}

/// All rows so far.
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Suites that could not be worked through.
    broken: Vec<String>,
}

impl Report {
    /// An empty table, whose head is printed unless names are only listed.
    pub(crate) fn new(list: bool) -> Self {
        if !list {
            println!(
                "{:<44} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}",
                "model", "difference", "load s", "run s", "peer's", "run s", "peak MB"
            );
        }
        Self { rows: Vec::new(), broken: Vec::new() }
    }

    /// A case that ran, or tried to.
    pub(crate) fn row(&mut self, suite: &str, case: &Case, result: Result<Measured, String>) {
        let outcome = match result {
            Ok(measured) => {
                print_measured(case, &measured);
                if measured.agrees() { Outcome::Agrees(measured) } else { Outcome::Differs(measured) }
            }
            Err(message) => {
                println!("{:<44} FAILED {message}", case.name);
                Outcome::Failed(message)
            }
        };
        self.push(suite, &case.name, &case.family, outcome, case.peer);
    }

    fn push(&mut self, suite: &str, name: &str, family: &str, outcome: Outcome, peer: Seconds) {
        let (suite, name, family) = (suite.to_owned(), name.to_owned(), family.to_owned());
        self.rows.push(Row { suite, name, family, outcome, peer });
    }
}

impl Table for Report {
    fn failed(&mut self, suite: &str, name: &str, why: &str) {
        println!("{name:<44} FAILED {why}");
        self.push(suite, name, "", Outcome::Failed(why.to_owned()), Seconds::default());
    }

    fn skipped(&mut self, suite: &str, name: &str, why: &str) {
        println!("{name:<44} left out: {why}");
        self.push(suite, name, "", Outcome::Skipped(why.to_owned()), Seconds::default());
    }

    fn broken(&mut self, suite: &Path, why: &str) {
        println!("{}: {why}", suite.display());
        self.broken.push(suite.display().to_string());
    }

    fn summary(&self) {
        let mut suites: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        for row in &self.rows {
            let [agree, ran, skipped, coarser] = suites.entry(&row.suite).or_default();
            match &row.outcome {
                Outcome::Agrees(measured) => {
                    (*agree, *ran) = (*agree + 1, *ran + 1);
                    *coarser += usize::from(measured.agrees_coarsely());
                }
                Outcome::Differs(_) | Outcome::Failed(_) => *ran += 1,
                Outcome::Skipped(_) => *skipped += 1,
            }
        }
        println!();
        for (suite, [agree, ran, skipped, coarser]) in suites {
            let to =
                if coarser > 0 { format!(", {coarser} of them to one step of coarser numbers") } else { String::new() };
            let left = if skipped > 0 { format!(", {skipped} left out") } else { String::new() };
            println!("{suite}: {agree} of {ran} agree to {TOLERANCE:e} relative{to}{left}");
        }
    }

    fn all_agree(&self) -> bool {
        let fine = |row: &Row| matches!(row.outcome, Outcome::Agrees(_) | Outcome::Skipped(_));
        self.broken.is_empty() && self.rows.iter().all(fine)
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        std::fs::write(path, serde_json::to_string_pretty(&self.rows)?)
    }
}

fn print_measured(case: &Case, measured: &Measured) {
    let most = measured.differences.iter().copied().fold(0.0, f64::max);
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}"));
    let mut notes = Vec::new();
    if measured.differences.len() > 1 {
        let each: Vec<String> = measured.differences.iter().map(|difference| format!("{difference:.1e}")).collect();
        notes.push(format!("outputs {}", each.join(" ")));
    }
    if let Some(tolerance) = measured.coarser() {
        notes.push(format!("to {tolerance:.1e}"));
    }
    if measured.not_finite {
        notes.push("the peer's output is not finite".to_owned());
    }
    if !measured.agrees() {
        notes.insert(0, "DIFFERS".to_owned());
    }
    let line = format!(
        "{:<44} {most:>10.1e} {:>8} {:>8} {:>8} {:>8} {:>8} {}",
        case.name,
        seconds(measured.seconds.load),
        seconds(measured.seconds.run),
        seconds(case.peer.load),
        seconds(case.peer.run),
        measured.peak >> 20,
        notes.join(", "),
    );
    println!("{}", line.trim_end());
}
